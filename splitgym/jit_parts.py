"""Compiled functions inside of compiled functions: typed and lowered once, made machine code only where Python calls.

Numba makes every compiled function callable from Python: two wrappers, an optimised module of its own, machine code.
A kernel calls more than a hundred functions that only other compiled code calls, so that this is more than half of
a first step.  Here such a call takes a *part*: the code of the function, to be linked into the caller's module and
optimised there, once.  The floating-point operations are the same, so results are.
"""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any, cast

from numba.core import compiler
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import CPUDispatcher
from numba.core.typing.templates import make_concrete_template

from splitgym.jit_cache import Cache
from splitgym.jit_patience import PATIENCE


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
            self._parts[args] = self._made(args)
        return self._parts[args]

    def _made(self, args: tuple[Any, ...]) -> _Part:
        types, target = self.typingctx, cast(Any, self.targetctx)
        flags: Any = compiler.Flags()
        self.targetdescr.options.parse_as_flags(flags, self.targetoptions)
        flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
        with global_compiler_lock, self._compiling_counter:
            library = _PartLibrary(target.codegen(), self.py_func.__qualname__)
            made = compiler.compile_internal(types, target, library, self.py_func, args, None, flags, {})
        part = _Part(made.signature, library)
        target.insert_user_function(part, made.fndesc, [library])
        PATIENCE.look()
        return part
