"""Run the checks of a library: ``python -m tests.recipes MODULE CAPABILITY ...``; one JSON line for each, marked."""

from __future__ import annotations

import importlib
import json
import sys
import traceback

from tests.recipes import NotSupportedError

MARK = "RECIPE-CHECK "


def checked(module: str, capability: str) -> dict[str, str]:
    """The outcome of one check: yes, no or failed, with its words."""
    try:
        words = getattr(importlib.import_module(f"tests.recipes.{module}"), capability)()
    except NotSupportedError as error:
        return {"capability": capability, "outcome": "no", "words": str(error)}
    except Exception as error:
        traceback.print_exc()
        return {"capability": capability, "outcome": "failed", "words": f"{type(error).__name__}: {error}"}
    return {"capability": capability, "outcome": "yes", "words": words}


if __name__ == "__main__":
    for name in sys.argv[2:]:
        print(f"\n{MARK}{json.dumps(checked(sys.argv[1], name))}", flush=True)
