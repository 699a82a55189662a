"""What the site takes from the code: reference pages, notebooks, and the lines that a comment asks for.

A comment ``<!-- generated: KIND ARGUMENT -->`` in a page is replaced by what :data:`KINDS` makes of the argument,
before the page is read.  ``reference/`` and ``notebooks/`` are written anew at every build and are not kept in Git.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import gymnasium as gym
from sphinx.application import Sphinx

from splitgym.bench import kept_page
from splitgym.cli.listing import catalogue
from splitgym.fields import markdown_table
from splitgym.policy import POLICIES, load_baselines

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
#: Public modules in the order of the reference; a name that two of them hold is described in the first.
MODULES = (
    "splitgym",
    "splitgym.evaluation",
    "splitgym.scenarios",
    "splitgym.traces",
    "splitgym.profiles",
    "splitgym.testing",
    "splitgym.policy",
    "splitgym.envs.single",
    "splitgym.envs.vector",
    "splitgym.envs.parallel",
    "splitgym.wrappers",
    "splitgym.worlds.world",
    "splitgym.fields",
    "splitgym.encodings",
    "splitgym.baselines.enachi",
    "splitgym.placement.branchy",
    "splitgym.placement.instance",
    "splitgym.placement.generate",
    "splitgym.placement.fin",
    "splitgym.placement.exact",
)
_COMMENT = re.compile(r"^<!-- generated: ([\w-]+)(?: (\S+))? -->$", re.MULTILINE)
#: The command of a training, or above what it prints up to ``<!-- end -->``: on the site it is seen.
_TABLE = re.compile(
    r"^<!-- \$ (splitgym train [^\n]*|[^\n]*(?= -->\n(?:(?!<!-- ).)*?^<!-- end -->)) -->\n",
    re.MULTILINE | re.DOTALL,
)


# ---------------------------------------------------------------- lines of pages
def named(kind: str) -> str:
    """A table of everything registered of one kind of ``splitgym list``: ``policies of SplitInference-v0``."""
    return markdown_table(
        ("name", "what it is"),
        ((f"`{n}`", text) for n, text in catalogue()[kind.replace("_", " ")].items()),
    )


def environment(env_id: str) -> str:
    """The page of an environment without its title: the docstring of its class."""
    return (gym.make(env_id).unwrapped.__doc__ or "").partition("\n\n")[2]


def policies(env_id: str) -> str:
    """The policies of an environment."""
    return named(f"policies of {env_id}")


KINDS: dict[str, Callable[[str], str]] = {
    "environment": environment,
    "list": named,
    "policies": policies,
}


def replaced(text: str) -> str:
    """A page with everything that its comments ask for, and with the commands of its tables."""
    text = _TABLE.sub(r"```\n$ \1\n```\n\n", text)
    return _COMMENT.sub(lambda found: KINDS[found[1]](found[2] or ""), text)


# ---------------------------------------------------------------- pages
def present() -> list[str]:
    """The public modules that there are."""
    return [name for name in MODULES if importlib.util.find_spec(name)]


def public(module: ModuleType) -> list[str]:
    """Public names of a module: its ``__all__``, or else what it defines."""
    if hasattr(module, "__all__"):
        return sorted(module.__all__, key=str.lower)
    here = ((n, t) for n, t in vars(module).items() if inspect.isclass(t) or inspect.isroutine(t))
    return [n for n, t in here if not n.startswith("_") and t.__module__ == module.__name__]


def _directive(place: str, thing: object) -> str:
    """The directive that takes the docstring of a public thing."""
    if inspect.isclass(thing):
        return f".. autoclass:: {place}\n   :members:\n"
    return f".. auto{'function' if inspect.isroutine(thing) else 'data'}:: {place}\n"


def _members(name: str, seen: dict[int, str]) -> Iterator[str]:
    """Directives for the public names of a module; ``seen`` knows which object stands where already."""
    module = importlib.import_module(name)
    elsewhere = []
    for member in public(module):
        thing = getattr(module, member)
        if id(thing) in seen:
            elsewhere.append(f":py:obj:`{seen[id(thing)]}`")
            continue
        if inspect.isclass(thing) or inspect.isroutine(thing):
            seen[id(thing)] = f"{name}.{member}"
        yield _directive(f"{name}.{member}", thing)
    if elsewhere:
        yield "Also here: " + ", ".join(elsewhere) + ".\n"


def _policies(seen: dict[int, str]) -> Iterator[str]:
    """A section for every policy: its class, or where that is described."""
    load_baselines()
    for name in POLICIES:
        kind = POLICIES[name]
        place = f"{kind.__module__}.{kind.__qualname__}"
        known = seen.get(id(kind))
        text = f"See :py:obj:`{known}`." if known else f".. autoclass:: {place}"
        yield f"## {name}\n\n```{{eval-rst}}\n{text}\n```\n"


def reference() -> Iterator[tuple[str, str]]:
    """(name, text) of the pages of the reference."""
    seen: dict[int, str] = {}
    entries = "\n".join([*present(), "policies"])
    head = "# Reference\n\nThe public names, from their docstrings."
    yield "index.md", f"{head}\n\n```{{toctree}}\n{entries}\n```\n"
    for name in present():
        text = (inspect.getdoc(importlib.import_module(name)) or "").strip()
        members = "\n".join(_members(name, seen))
        yield f"{name}.md", f"# `{name}`\n\n```{{eval-rst}}\n{text}\n\n{members}\n```\n"
    head = "# Policies\n\nArguments, and what is ours beyond a published method."
    yield "policies.md", "\n".join([head, "", *_policies(seen)])


def _write(path: Path, content: bytes) -> None:
    """Write a file if that changes it, since the builder goes by times."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_bytes() != content:
        path.write_bytes(content)


def write_pages() -> None:
    """Write ``reference/`` and ``notebooks/``, and remove what is no longer made."""
    made = {DOCS / "reference" / name: text.encode() for name, text in reference()}
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    made |= {DOCS / "notebooks" / path.name: path.read_bytes() for path in notebooks}
    for folder in ("reference", "notebooks"):
        for path in (DOCS / folder).glob("*.*"):
            if path not in made:
                path.unlink()
    for path, content in made.items():
        _write(path, content)


def write_rates(app: Sphinx, error: Exception | None) -> None:
    """The newest run of ``splitgym bench`` that is kept, as a page beside those of the site."""
    if error is None and app.builder.format == "html":
        (Path(app.outdir) / "bench.html").write_text(kept_page(), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("builder-inited", lambda _: write_pages())
    app.connect("source-read", lambda _, name, source: source.__setitem__(0, replaced(source[0])))
    app.connect("build-finished", write_rates)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
