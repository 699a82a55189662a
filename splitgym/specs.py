"""Commands and policies as they are typed: read from a command line, and written so that they can be pasted."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from splitgym import plugins
from splitgym.toml import read_pairs, value_text

#: Parts between commas; brackets and quotes hold together.
_PART = re.compile(r"""(?:"(?:\\.|[^"\\])*"|'[^']*'|\[[^\]]*\]|\{[^}]*\}|[^,])+""")


def command_line(*words: Any) -> str:
    """``splitgym`` with its arguments, quoted for a shell: what is printed can be pasted.

    The plug-ins that were given to this process are given again.
    """
    return shlex.join(["splitgym", *map(str, words), *plugins.options(plugins.loaded())])


def parts_of(text: str) -> list[str]:
    """The parts of a text between its commas, without spaces around them; those in quotes and brackets part nothing."""
    return [part for part in map(str.strip, _PART.findall(text)) if part]


def parameters_of(given: str, where: str) -> dict[str, Any]:
    """``"eta=0.8,front='a,b.json'"`` -> ``{"eta": 0.8, "front": "a,b.json"}``; ``ValueError`` for anything else."""
    pairs = parts_of(given)
    if any("=" not in pair for pair in pairs) and pairs[0].count("="):
        wrong = next(pair for pair in pairs if "=" not in pair)
        raise ValueError(f"{where} needs KEY=VALUE, got {wrong!r}; put a value with a comma in quotes")
    return read_pairs(pairs, where)


def policy_spec(name: str, parameters: Mapping[str, Any]) -> str:
    """A policy with parameters as one word that :func:`parameters_of` reads back."""
    pairs = [pair_of(key, value) for key, value in parameters.items()]
    return f"{name}:{','.join(pairs)}" if pairs else name


def pair_of(key: str, value: Any) -> str:
    """``key=value`` as one of the parts that :func:`parts_of` finds."""
    return f"{key}={_value(value)}"


def _value(value: Any) -> str:
    """Bare where it is read back as it is, else as TOML."""
    if not isinstance(value, str):
        return value_text(value)
    bare = parts_of(f"x={value}")
    return value if len(bare) == 1 and read_pairs(bare, "value") == {"x": value} else value_text(value)
