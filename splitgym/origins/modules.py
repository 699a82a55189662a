"""Where modules come from, their text and what it imports; nothing is imported to find out."""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.metadata
import importlib.util
import os
import pkgutil
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

_STANDARD = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib"))
_INSTALLED = tuple(sysconfig.get_path(name) for name in ("purelib", "platlib"))
PACKAGE = "splitgym"
#: Functions of the standard library that import the module that their first argument names.
CALLS_THAT_IMPORT = frozenset({"import_module", "__import__", "run_module", "_import_module"})


def top_of(module: str) -> str:
    """The top-level package of a module."""
    return module.partition(".")[0]


def is_own(module: str, top: str) -> bool:
    """Whether a module is one's own: not of this package, not standard, and installed only if below ``top``."""
    first = top_of(module)
    if first == PACKAGE:
        return False
    where = _file(first) or next(iter(_folders(first)), "")
    if first in sys.stdlib_module_names and (not where or where.startswith(_STANDARD)):
        return False
    installed = where.startswith(_INSTALLED) or not {"site-packages", "dist-packages"}.isdisjoint(Path(where).parts)
    return not installed or first == top


def version_of(module: str) -> str:
    """Version of an installed top-level package, empty where it has none."""
    first = top_of(module)
    if first == PACKAGE or first in sys.stdlib_module_names:
        return ""
    known = getattr(sys.modules.get(first), "__version__", None)
    try:
        return str(known or importlib.metadata.version(first))
    except importlib.metadata.PackageNotFoundError:
        return ""


def source_of(module: str) -> bytes:
    """Content of a module's file, text or compiled; empty where it has none, as in an interpreter."""
    file = _file(module)
    try:
        return Path(file).read_bytes() if file else b""
    except OSError:  # in an archive
        return b""


def folder_of(module: str) -> str | None:
    """Folder of a module's file, ``None`` where it has none."""
    return os.path.dirname(_file(module)) or None


def imports_of(module: str, source: bytes) -> Iterator[str]:
    """Names that a module's text imports, anywhere in it, with the packages that they are in; some are no modules."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    package = getattr(sys.modules.get(module), "__package__", None) or module.rpartition(".")[0]
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
        if isinstance(node, ast.Call) and _called(node.func) in CALLS_THAT_IMPORT:
            names = _named_by(node)
        if isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            names = [base, *(f"{base}{'' if base.endswith('.') else '.'}{name}" for name in names if name != "*")]
        for name in names:
            if name.startswith("."):
                above = package.rsplit(".", len(name) - len(name.lstrip(".")) - 1)[0]
                name = f"{above}.{name.lstrip('.')}".strip(".")
            parts = name.split(".")
            yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _called(function: ast.expr) -> str:
    return getattr(function, "id", getattr(function, "attr", ""))


def _named_by(call: ast.Call) -> list[str]:
    """Modules that a call imports, as far as its text tells; of a name that is put together all below its beginning."""
    first = next(iter(call.args), None) or next((word.value for word in call.keywords), None)
    begin = first.left if isinstance(first, ast.BinOp) else first
    begin = begin.values[0] if isinstance(begin, ast.JoinedStr) and begin.values else begin
    text = begin.value if isinstance(begin, ast.Constant) and isinstance(begin.value, str) else ""
    return [text] if begin is first else [text, *modules_below(text.rpartition(".")[0])]


def modules_below(package: str) -> list[str]:
    """Dotted names of the modules in a package's folders."""
    where = getattr(sys.modules.get(package), "__path__", None) or _folders(package)
    return [f"{package}.{found.name}" for found in pkgutil.iter_modules(list(where))] if package else []


def _file(module: str) -> str:
    """Path of a module's file, loaded or not; empty where it has none."""
    known = getattr(sys.modules.get(module), "__file__", None)
    if known:
        return os.path.abspath(known)
    first, *parts = module.split(".")
    if not parts:
        spec = _spec(first)
        return spec.origin or "" if spec is not None and spec.has_location else ""
    for folder in _folders(first):
        path = os.path.join(folder, *parts)
        for inside in (path, os.path.join(path, "__init__")):
            for suffix in importlib.machinery.all_suffixes():
                if os.path.isfile(inside + suffix):
                    return inside + suffix
    return ""


def _folders(first: str) -> list[str]:
    """Folders of a top-level package."""
    known = getattr(sys.modules.get(first), "__path__", None)
    spec = None if known is not None else _spec(first)
    return list(known if known is not None else getattr(spec, "submodule_search_locations", None) or ())


def _spec(first: str) -> importlib.machinery.ModuleSpec | None:
    try:
        return importlib.util.find_spec(first) if first and first not in sys.modules else None
    except (ImportError, ValueError):
        return None
