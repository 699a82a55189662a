"""Environment ids: how they are made of a world's own one, and where the module is named in them."""

from __future__ import annotations

import re
from typing import Any

#: Ending of an id -> the action encoding that it fixes, since an id is a text and can carry no argument.
ID_ENCODINGS = {"Box": "box", "Discrete": "discrete", "Dict": "dict"}
#: How Gymnasium writes the module to be imported before the id; what worker processes need.
_MODULE = "splitgym:"


def ids_of(env_id: str, *, vector: bool) -> dict[str, dict[str, Any]]:
    """Every id under which Gymnasium knows an environment -> the arguments that it fixes.

    Args:
        env_id: the plain one, ``NAME-vN``.
        vector: it has a vector reward, too.
    """
    name, _, version = env_id.rpartition("-v")
    ids = {env_id: {}} | {f"{name}{ending}-v{version}": {"action": a} for ending, a in ID_ENCODINGS.items()}
    if not vector:
        return ids
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()
    return ids | {f"mo-{words}-v{version}": {"reward": "vector"}}


def class_name_of(env_id: str) -> str:
    """Name of the environment's class: ``SplitInferenceEnv`` for ``SplitInference-v0``; later versions say so."""
    name, _, version = env_id.rpartition("-v")
    return f"{name}{'' if version == '0' else f'V{version}'}Env"


def plain_id(env_id: str) -> str:
    """An id without ``splitgym:`` before it."""
    return env_id.removeprefix(_MODULE)
