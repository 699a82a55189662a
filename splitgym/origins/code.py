"""What functions and the usual wrappers around them refer to."""

from __future__ import annotations

import dis
import functools
import re
import sys
import types
from typing import Any

from splitgym.origins.modules import CALLS_THAT_IMPORT

#: Whoever calls one of these reaches what no name in the code tells: any global, any attribute, any module.
_ANY_GLOBAL = frozenset({"eval", "exec", "globals", "vars", "locals"})
_ANY_ATTRIBUTE = frozenset({"getattr", "attrgetter", "methodcaller", "vars", "__dict__", "eval", "exec"})
_DOTTED = re.compile(r"\.*\w[\w.]*", re.ASCII)


class Used:
    """Names that a code refers to, those of its inner functions included: globals, attributes, imported modules.

    ``any_global``: it may read all globals; ``named``: texts of which it makes names of modules, ``None`` if it makes
    none.  Where it looks attributes up by texts, the texts in it count as attributes.
    """

    def __init__(self, code: types.CodeType) -> None:
        found: tuple[set[str], set[str], set[str]] = (set(), set(), set())
        texts: set[str] = set()
        waiting = [code]
        while waiting:
            code = waiting.pop()
            waiting += [const for const in code.co_consts if isinstance(const, types.CodeType)]
            texts |= {const for const in code.co_consts if isinstance(const, str) and _DOTTED.fullmatch(const)}
            for step in dis.get_instructions(code):
                if step.opname == "IMPORT_NAME":
                    found[2].add(step.argval)
                elif "ATTR" in step.opname or step.opname in ("LOAD_METHOD", "IMPORT_FROM"):
                    found[1].add(step.argval)
                elif step.opname.endswith(("_NAME", "_GLOBAL", "_GLOBALS")):
                    found[0].add(step.argval)
        names = found[0] | found[1]
        self.any_global = not _ANY_GLOBAL.isdisjoint(names)
        self.named = None if CALLS_THAT_IMPORT.isdisjoint(names) else tuple(sorted(texts))
        if not _ANY_ATTRIBUTE.isdisjoint(names):
            found[1].update(texts)
        self.globals, self.attributes, self.modules = (tuple(sorted(names)) for names in found)


def by_name(value: Any) -> Any:
    """A table whose keys are names, in their order: the order in which attributes were set decides nothing."""
    named = type(value) is dict and all(type(key) is str for key in value)
    return dict(sorted(value.items())) if named else value


def wrapped(value: Any) -> tuple[Any, ...] | None:
    """What the usual wrappers of functions hold; ``None`` for anything else."""
    if isinstance(value, property):
        return value.fget, value.fset, value.fdel
    if isinstance(value, (staticmethod, classmethod)):
        return (value.__func__,)
    if isinstance(value, types.MethodType):
        return value.__func__, value.__self__
    if isinstance(value, functools.cached_property):
        return (value.func,)
    if isinstance(value, (types.MemberDescriptorType, types.GetSetDescriptorType)):
        return (value.__name__,)
    if isinstance(value, functools._lru_cache_wrapper):
        return (getattr(value, "__wrapped__", None),)
    if isinstance(getattr(value, "py_func", None), types.FunctionType):  # compiled by Numba
        return value.py_func, by_name(getattr(value, "targetoptions", None))
    if type(value).__module__ == "torch.storage":  # what tensors hold; a copy of it has a random number in it
        content = sys.modules["torch"].empty(0, dtype=sys.modules["torch"].uint8)
        return str(getattr(value, "dtype", "")), content.set_(value.untyped().cpu()).numpy().tobytes()
    return None


def content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def state_of(value: Any) -> list[Any]:
    """Attributes of an object that says itself what copies of it are made of: what these leave out may decide, too."""
    ways = ("__reduce_ex__", "__reduce__", "__getstate__")
    if all(getattr(type(value), way) is getattr(object, way) for way in ways if hasattr(object, way)):
        return []
    members = [member for cls in type(value).__mro__ for member in vars(cls).values()]
    slots = [member.__name__ for member in members if isinstance(member, types.MemberDescriptorType)]
    return [by_name(getattr(value, "__dict__", None)), *(getattr(value, slot, None) for slot in sorted(slots))]
