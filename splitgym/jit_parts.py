"""Compiled functions inside of compiled functions: typed and lowered once, made machine code only where Python calls.

Numba makes every compiled function callable from Python: two wrappers, an optimised module of its own, machine code.
A kernel calls more than a hundred functions that only other compiled code calls, so that this is more than half of
a first step.  Here such a call takes a *part*: the code of the function, to be linked into the caller's module and
optimised there, once.  The floating-point operations are the same, so results are.

A part of ours counts no references.  Numba adds one to the count of every array that a call takes, and takes it away
behind the call, each by an atomic instruction, which costs more than the formulas do, above all where two threads
count the same array.  Whoever calls a part holds the arrays until it comes back, so there is nothing to count, unless
the part makes arrays or hands some out, or is given some by a part that it calls.
"""

from __future__ import annotations

import contextlib
import dataclasses
import dis
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numba.core import compiler, types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler_lock import global_compiler_lock
from numba.core.errors import NumbaError
from numba.core.registry import CPUDispatcher
from numba.core.typing.templates import make_concrete_template

from splitgym.jit_cache import Cache
from splitgym.jit_patience import PATIENCE

#: Methods of arrays that may make another one.
_METHODS = {name for name in dir(np.ndarray) if callable(getattr(np.ndarray, name))} - {"view"}
#: For each part that is being compiled, innermost last, whether it calls one that hands out arrays.
_GIVEN: list[bool] = []


def makes_arrays(function: Callable) -> bool:
    """Whether a function calls anything by which an array comes to be: of NumPy all but its number types."""
    module: Any = None
    for step in dis.get_instructions(function):
        if step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            own = module is np and not isinstance(getattr(np, step.argval), (type, float))
            if own or step.argval in _METHODS:
                return True
        module = function.__globals__.get(step.argval) if step.opname == "LOAD_GLOBAL" else None
    return False


def _holds_arrays(kind: Any) -> bool:
    """Whether values of a type may hold arrays: all but numbers, records and tuples of them."""
    if isinstance(kind, types.BaseTuple):
        return any(map(_holds_arrays, cast(Any, kind).types))
    return not isinstance(kind, (types.Number, types.Boolean, types.NoneType, types.Record))


class _PartLibrary(JITCodeLibrary):
    """Code that others link into theirs; never machine code by itself."""

    def finalize(self) -> None:
        self._raise_if_finalized()
        for library in dict.fromkeys(self._linking_libraries):
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._final_module.verify()
        self._finalized = True


@dataclasses.dataclass(frozen=True, eq=False)
class _Part:
    """A function with types: known to the target by its identity."""

    signature: Any
    library: _PartLibrary


class Dispatcher(CPUDispatcher):
    """Numba's dispatcher, whose function is a part where compiled code calls it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.counted = makes_arrays(self.py_func)  # whether its parts count references
        self._parts: dict[tuple[Any, ...], _Part] = {}

    def compile(self, sig: Any) -> Any:
        """As Numba's, which loads what is stored; says if it takes long where the code will be stored."""
        with PATIENCE.at_work() if isinstance(cast(Any, self)._cache, Cache) else contextlib.nullcontext():
            return super().compile(sig)

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """As Numba's; the implementation is the part."""
        signature, folded = cast(Any, self)._compiler.fold_argument_types(args, kws)
        part = self._part(tuple(folded))
        name = self.py_func.__name__
        template = make_concrete_template(f"CallTemplate({name})", key=name, signatures=[part.signature])
        return template, signature, folded, {}

    def get_overload(self, sig: Any) -> Any:
        """Key under which the target knows what a call from compiled code does."""
        return self._part(tuple(sig))

    def _part(self, args: tuple[Any, ...]) -> _Part:
        if args not in self._parts:
            with global_compiler_lock, self._compiling_counter:
                self._parts[args] = self._made(args)
        part = self._parts[args]
        if _GIVEN and _holds_arrays(part.signature.return_type):
            _GIVEN[-1] = True
        return part

    def _made(self, args: tuple[Any, ...]) -> _Part:
        _GIVEN.append(False)
        try:
            part = None if self.counted else self._uncounted(args)
            return self._compiled(args, counted=True) if part is None else part
        finally:
            _GIVEN.pop()

    def _uncounted(self, args: tuple[Any, ...]) -> _Part | None:
        """A part that counts no references; None where there is something to count."""
        try:
            part = self._compiled(args, counted=False)
        except NumbaError:  # such as for an array that an operator makes
            return None
        return None if _GIVEN[-1] or _holds_arrays(part.signature.return_type) else part

    def _compiled(self, args: tuple[Any, ...], counted: bool) -> _Part:
        typing, target = self.typingctx, cast(Any, self.targetctx)
        flags: Any = compiler.Flags()
        self.targetdescr.options.parse_as_flags(flags, self.targetoptions)
        flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
        flags.nrt = counted
        library = _PartLibrary(target.codegen(), self.py_func.__qualname__)
        made = compiler.compile_internal(typing, target, library, self.py_func, args, None, flags, {})
        part = _Part(made.signature, library)
        target.insert_user_function(part, made.fndesc, [library])
        PATIENCE.look()
        return part
