"""Digest of all that can be reached from a class, a function or a value."""

from __future__ import annotations

import copyreg
import hashlib
import importlib
import itertools
import pickle
import sys
import threading
import types
from collections import deque
from pathlib import PurePath
from typing import Any

from splitgym.named_files import beside, mentioned_digest
from splitgym.origins.code import Used, by_name, content, state_of, wrapped
from splitgym.origins.modules import folder_of, imports_of, is_own, modules_below, source_of, version_of

#: What a class holds without deciding by it.
_BOOKKEEPING = (
    *("__abstractmethods__", "__annotate__", "__annotate_func__", "__annotations__", "__dict__", "__doc__"),
    *("__firstlineno__", "__module__", "__orig_bases__", "__parameters__", "__qualname__", "__static_attributes__"),
    *("__weakref__", "_abc_impl"),
)
_PLAIN = (type(None), type(...), type(NotImplemented), bool, int, float, complex, str, bytes)
_LOCKS = (type(threading.Lock()), type(threading.RLock()))


class UnknowableError(Exception):
    """Something that could not be recognised in another process."""


class Walk:
    """Digest of everything that can be reached; what may be met again has the number of its first time."""

    def __init__(self, top: str) -> None:
        self.total, self.top = hashlib.sha256(), top
        self.numbers: dict[int, int] = {}
        self.met: list[Any] = []  # kept alive, so that an id is one object's
        self.waiting: deque[Any] = deque()
        self.sources: dict[str, bytes] = {}
        self.seen: set[tuple[str, tuple[str, ...]]] = set()
        self.heirs = False  # whether some code asks a class for its subclasses

    def digest(self, thing: Any) -> str:
        self.value(thing)
        families: list[type] = []  # whose subclasses nothing has named yet
        while self.waiting or (self.heirs and families):
            if not self.waiting:
                self.value(type.__subclasses__(families.pop(0)))
                continue
            later = self.waiting.popleft()
            families += [later] if isinstance(later, type) else []
            self._class(later) if isinstance(later, type) else self._function(later)
        self.put(*sorted(set(self.sources.values())))
        return self.total.hexdigest()

    def put(self, *parts: Any) -> None:
        for part in parts:
            content = part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogatepass")
            self.total.update(f"{len(content)}:".encode() + content)

    # ---------------------------------------------------------------- values
    def value(self, value: Any) -> None:
        """Anything that code refers to."""
        if type(value) in _PLAIN or isinstance(value, PurePath):
            text = value if isinstance(value, bytes) else hex(value) if type(value) is int else repr(value)
            self.put(type(value).__name__, text)
            self.put(mentioned_digest(value))
        elif isinstance(value, types.ModuleType):
            self.module(value, ())
        elif isinstance(value, (type, types.FunctionType)):
            self._definition(value)
        elif isinstance(value, types.CodeType):
            self._code(value)
        elif type(value) in (tuple, frozenset, set):
            parts = list(value) if isinstance(value, tuple) else sorted(map(self._alone, value))
            self.put(type(value).__name__, len(parts))
            for part in parts:
                self.value(part)
        elif not self._again(value):
            self._holder(value)

    def _alone(self, member: Any) -> str:
        """Digest of a member of a set, which has no place of its own."""
        return Walk(self.top).digest(member)

    def _again(self, value: Any) -> bool:
        """Whether it was met before; puts its number."""
        known = id(value) in self.numbers
        self.put("met", self.numbers.setdefault(id(value), len(self.numbers)))
        if not known:
            self.met.append(value)
        return known

    def _holder(self, value: Any) -> None:
        """What holds other values."""
        self.put(type(value).__name__)
        if type(value) in (dict, types.MappingProxyType):
            inner: Any = [part for pair in value.items() for part in pair]
        elif type(value) is list:
            inner = value
        elif isinstance(value, _LOCKS):
            inner = ()
        else:
            inner = wrapped(value)
            inner = self._copied(value) if inner is None else inner
        self.put(len(inner))
        for part in inner:
            self.value(part)

    def _copied(self, value: Any) -> list[Any]:
        """What a copy of any other object would be made of."""
        try:
            by = copyreg.dispatch_table.get(type(value))
            parts = by(value) if by is not None else value.__reduce_ex__(4)
        except Exception as error:  # whatever an object that cannot be copied raises
            kind = f"{type(value).__module__}.{type(value).__qualname__}"
            raise UnknowableError(f"it refers to an object of {kind}, which cannot be known again: {error}") from error
        more = state_of(value) if is_own(type(value).__module__, self.top) else []
        if isinstance(parts, str):
            return self._global(value, parts, more)
        items: list[Any] = [None if part is None else list(part) for part in parts[3:5]]
        return [*map(by_name, parts[:3]), *items, *more]

    def _global(self, value: Any, name: str, state: list[Any]) -> list[Any]:
        """What says of itself only the name of a global, which may not be its own."""
        try:
            home = pickle.whichmodule(value, name)  # pyright: ignore[reportAttributeAccessIssue]
        except Exception:  # it asks every module that is loaded, and some raise whatever they like
            home = "__main__"  # its own answer where it finds none
        found = _found(home, name) is value
        if not found and not state:
            kind = f"{type(value).__module__}.{type(value).__qualname__}"
            raise UnknowableError(f"it refers to {name!r}, of which {kind} tells nothing but this name")
        covered = found and not is_own(home, self.top)
        return [_name(home, name), *([type(value), *state] if state and not covered else [])]

    # ---------------------------------------------------------------- definitions
    def _definition(self, thing: Any) -> None:
        """A class or function: by name where that is covered by a version, else to be looked into later."""
        home = thing.__module__ if isinstance(thing, type) else thing.__globals__.get("__name__")
        home = home if isinstance(home, str) else ""
        if not is_own(home, self.top) and _found(home, thing.__qualname__) is thing:
            self.put(*_name(home, thing.__qualname__))
            self._strangers(thing, home)
        elif not self._again(thing):
            self.waiting.append(thing)

    def _strangers(self, thing: Any, home: str) -> None:
        """What was put at run time into an installed class, or a base of one: functions of other modules."""
        for cls in thing.__mro__ if isinstance(thing, type) else ():
            for name, member in sorted(vars(cls).items()):
                function = member if isinstance(member, types.FunctionType) else (wrapped(member) or (None,))[0]
                of = function.__globals__.get("__name__") if isinstance(function, types.FunctionType) else None
                if of == "__main__" or (of is not None and is_own(str(of), self.top)):
                    self.put(name)
                    self.value(member)

    def _class(self, cls: type) -> None:
        self.put("class", cls.__qualname__)
        said = said_of(cls)
        members = {"identity": said} if said else {k: v for k, v in vars(cls).items() if k not in _BOOKKEEPING}
        if not said:
            self.read_source(cls.__module__)
        with beside(folder_of(cls.__module__)):
            for part in (*cls.__bases__, type(cls), *itertools.chain(*sorted(members.items()))):
                self.value(part)

    def _function(self, function: types.FunctionType) -> None:
        name = function.__globals__.get("__name__")
        self.put("function")
        self.read_source(name)
        with beside(folder_of(name if isinstance(name, str) else "")):
            self._parts(function)

    def _parts(self, function: types.FunctionType) -> None:
        self._code(function.__code__)
        for part in (function.__defaults__, function.__kwdefaults__, vars(function)):
            self.value(by_name(part))
        for cell in function.__closure__ or ():
            self.value(content(cell))
        used = Used(function.__code__)
        self.heirs |= "__subclasses__" in used.attributes
        every = [name for name in function.__globals__ if not name.startswith("__")] if used.any_global else []
        for name in sorted({*used.globals, *every}):
            if name in function.__globals__:
                self._member(name, function.__globals__[name], used.attributes)
        for name in used.modules:
            if is_own(name, self.top):
                self._member(name, _imported(name), used.attributes)
        if used.named is not None:
            self._imported_by_text(used, function.__globals__.get("__package__") or "")

    def _imported_by_text(self, used: Used, package: str) -> None:
        """Modules whose names stand in the code as texts, or begin as these do."""
        names = [f"{package}{text}" if text.startswith(".") else text for text in used.named or ()]
        names += [below for name in names if name.endswith(".") for below in modules_below(name.rstrip("."))]
        found = [name for name in names if name in sys.modules or source_of(name)]
        if not found:
            raise UnknowableError("it imports a module whose name does not stand in its code")
        for name in found:  # nothing is imported here: the text may mean something else
            if not is_own(name, self.top):
                self.put(*_name(name, ""))
            elif source_of(name):
                self.read_source(name)
            else:
                self.module(sys.modules[name], used.attributes)

    def _code(self, code: types.CodeType) -> None:
        counts = (code.co_flags, code.co_argcount, code.co_kwonlyargcount, code.co_posonlyargcount)
        names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
        self.value((code.co_code, code.co_exceptiontable, counts, names, code.co_consts))

    # ---------------------------------------------------------------- modules
    def module(self, module: types.ModuleType, attributes: tuple[str, ...]) -> None:
        """A module: one's own by its text and by those of its ``attributes`` that it has."""
        if not is_own(module.__name__, self.top):
            self.put(*_name(module.__name__, ""))
        elif (module.__name__, attributes) not in self.seen:
            self.seen.add((module.__name__, attributes))
            self.put("module")
            self.read_source(module.__name__)
            for attribute in attributes:
                if attribute in vars(module):
                    self._member(attribute, vars(module)[attribute], attributes)

    def _member(self, name: str, value: Any, attributes: tuple[str, ...]) -> None:
        self.put(name)
        self.module(value, attributes) if isinstance(value, types.ModuleType) else self.value(value)

    def read_source(self, name: Any) -> None:
        """Keep the text of a module of one's own, and of those that it imports."""
        waiting = [name if isinstance(name, str) else ""]
        while waiting:
            name = waiting.pop()
            if name not in self.sources and is_own(name, self.top):
                self.sources[name] = source_of(name)
                waiting += imports_of(name, self.sources[name])


def said_of(thing: Any) -> str:
    """What a class or function says of itself; a class that inherits from it has to say it anew."""
    said = getattr(thing, "__dict__", {}).get("identity", "")
    return said if isinstance(said, str) else ""


def _name(module: str, name: str) -> tuple[str, ...]:
    """Something that a version covers."""
    return "name", module, name, version_of(module)


def _found(module: str, name: str) -> Any:
    """What a module has below a dotted name, or ``None``."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _imported(name: str) -> Any:
    """A module that a function imports when it is called; ``None`` if that fails, as it will then."""
    try:
        return importlib.import_module(name)
    except Exception:  # whatever its code raises
        return None
