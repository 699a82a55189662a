"""What a store or a run remembers of the plug-ins with which it was made: words, of which nothing is ever run."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from splitgym import plugins
from splitgym.names import check_text
from splitgym.origins import source_digest
from splitgym.quoting import shown


@dataclasses.dataclass(frozen=True)
class Source:
    """A plug-in as it is remembered: path, module or distribution, and the digest of its source (16 hex digits).

    ``registers`` is what it registered, in words, joined by ", ".
    """

    given: str
    kind: str
    digest: str
    registers: str

    @property
    def words(self) -> str:
        """For people: what it is and what it registers."""
        return f"{self.given} ({self.kind}, source {self.digest}): {self.registers or 'registers nothing'}"


def sources() -> list[Source]:
    """The plug-ins of this process."""
    return [Source(p.given, p.kind, source_digest(p.module), ", ".join(p.added)) for p in plugins.loaded()]


def tables(remembered: Iterable[Source]) -> list[dict[str, str]]:
    """As tables for JSON, which :func:`read` reads."""
    return [dataclasses.asdict(source) for source in remembered]


def read(tables: Any, where: str) -> list[Source]:
    """Sources from tables of a file that may be a stranger's.  Raises ``ValueError`` for anything else."""
    names = [field.name for field in dataclasses.fields(Source)]
    if not isinstance(tables, list) or not all(isinstance(t, Mapping) and sorted(t) == sorted(names) for t in tables):
        raise ValueError(f"{where} must be tables with {', '.join(names)}, got {shown(tables)}")
    return [Source(**{name: check_text(f"{where}.{name}", str(table[name])) for name in names}) for table in tables]


def missing(remembered: Iterable[Source]) -> list[Source]:
    """Those whose names nobody has registered in this process, be it from another place."""
    here = {what for plugin in plugins.loaded() for what in plugin.added}
    return [source for source in remembered if source.registers and not set(source.registers.split(", ")) <= here]


def advice(remembered: Iterable[Source]) -> str:
    """What to say beside an error: plug-ins that are missing, with the option that loads them, or that have changed."""
    known = list(remembered)
    absent = missing(known)
    texts = []
    if absent:
        texts.append(
            f"; it was made with plug-ins that are not loaded here: {', '.join(shown(s.given) for s in absent)}. If "
            f"you trust their code, add: {shlex.join(plugins.options(absent))}"
        )
    here = {plugin.given: plugin.digest for plugin in sources()} if known else {}
    changed = [s.given for s in known if here.get(s.given, s.digest) != s.digest]
    if changed:
        texts.append(f"; plug-ins have other code now: {', '.join(map(shown, changed))}")
    return "".join(texts)
