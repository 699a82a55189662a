"""C that is compiled on the spot: the header of the package's record types, the compiler, the calls."""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from splitgym.bench.measuring import NotMeasured

_TYPES = {"f8": "double", "f4": "float", "i8": "int64_t", "u8": "uint64_t", "b1": "_Bool"}
_COMPILERS = ("cc", "gcc", "clang")


def header(records: Mapping[str, np.dtype]) -> str:
    """Declarations of aligned record types as C structs of the same layout, which the C compiler checks."""
    lines = ["#include <stddef.h>", "#include <stdint.h>"]
    for name, dtype in records.items():
        lines.append(f"struct {name} {{ {_members(dtype)} }};")
        lines.append(f'_Static_assert(sizeof(struct {name}) == {dtype.itemsize}, "size of {name}");')
        for field, (_, offset, *_) in (dtype.fields or {}).items():
            lines.append(f'_Static_assert(offsetof(struct {name}, {field}) == {offset}, "place of {name}.{field}");')
    return "\n".join(lines) + "\n"


def _members(dtype: np.dtype) -> str:
    parts = []
    for name, (kind, *_) in (dtype.fields or {}).items():
        base, shape = kind.subdtype or (kind, ())
        text = f"struct {{ {_members(base)} }}" if base.fields else _TYPES[base.str[1:]]
        parts.append(f"{text} {name}" + "".join(f"[{count}]" for count in shape) + ";")
    return " ".join(parts)


def compiler() -> list[str]:
    """Command of the C compiler: that of the environment variable CC, else the first of the usual names.

    Raises ``NotMeasured`` where there is none.
    """
    named = os.environ.get("CC", "")
    for command in [shlex.split(named)] if named else [[name] for name in _COMPILERS]:
        if command and shutil.which(command[0]):
            return command
    tried = f"CC={named}" if named else ", ".join(_COMPILERS)
    raise NotMeasured(f"no C compiler is found (tried {tried}): install one, such as gcc, or name it in CC")


def build(source: Path, out: Path, flags: Sequence[str]) -> Path:
    """Compile one file of C into the program ``out``, beside which it finds its headers.

    Raises ``NotMeasured`` with the compiler's first complaint where that fails.
    """
    _call(["-std=gnu11", *flags, f"-I{out.parent}", str(source), "-o", str(out), "-lm"], source)
    return out


def build_library(source: Path, out: Path, flags: Sequence[str]) -> Path:
    """As :func:`build`, into a library that this process may load.

    It is linked by a command of its own, without ``flags``: linked with ``-ffast-math``, it would take the subnormal
    numbers from the whole process as soon as it is loaded.
    """
    code = out.with_suffix(".o")
    _call(["-std=gnu11", *flags, "-fPIC", f"-I{out.parent}", "-c", str(source), "-o", str(code)], source)
    _call(["-shared", str(code), "-o", str(out), "-lm"], source)
    return out


def _call(arguments: Sequence[str], source: Path) -> None:
    command = compiler()
    run = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    if run.returncode:
        why = next((line for line in run.stderr.splitlines() if "error" in line), f"exit status {run.returncode}")
        raise NotMeasured(f"{shlex.join(command[:1])} does not compile {source.name}: {why}")


def address(array: np.ndarray) -> ctypes.c_void_p:
    """Where the numbers of a contiguous array lie, for a call of C."""
    return ctypes.c_void_p(array.ctypes.data)
