"""Tables for people: framed by ``rich`` where it is installed, in plain text elsewhere, or as Markdown.

Whoever makes a table makes a :class:`Table`; how it looks is decided here.  A narrow terminal gets it in parts below
each other, everything else as wide as it is.
"""

from __future__ import annotations

import copy
import dataclasses
import io
import re
import shutil
import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from typing import Any, TextIO

from gymnasium.error import DependencyNotInstalled

from splitgym.extras import need
from splitgym.quoting import tamed

#: Wider than any table.
_ENDLESS = 10_000
Spell = Callable[[str], str]


class Styled(str):
    """Words with a style of ``rich``, such as "bold", for terminals that have it."""

    style: str = ""

    def __new__(cls, words: str, style: str) -> Styled:
        """The words; they stay a text."""
        made = super().__new__(cls, words)
        made.style = style
        return made


@dataclasses.dataclass
class Column:
    """A column: its heading, its cells, and whether its words may be wrapped."""

    header: str
    justify: str = "left"
    style: str = ""
    no_wrap: bool = False
    min_width: int = 0
    cells: list[str] = dataclasses.field(default_factory=list)

    @property
    def widest(self) -> int:
        """Columns of a terminal that the longest line takes."""
        return max(self.min_width, *(_width(line) for line in self._lines()))

    @property
    def least(self) -> int:
        """Columns of a terminal without which a word or a figure is cut."""
        if self.no_wrap:
            return self.widest
        return max(self.min_width, *(_width(word) for line in self._lines() for word in line.split() or [""]))

    def _lines(self) -> list[str]:
        return [line for text in (self.header, *self.cells) for line in text.split("\n")]


class Shown:
    """Base of what has :meth:`parts`: it is a renderable of ``rich``, and ``str`` of it is a text."""

    def parts(self, width: int, spell: Spell = tamed) -> Iterator[Table | str]:
        """Lines and tables that fit ``width`` columns of a terminal, from above to below, in words as they are shown.

        Nothing that ``spell`` returns may command a terminal.
        """
        raise NotImplementedError

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        yield from _framed(self.parts(options.max_width))

    def __rich_measure__(self, console: Any, options: Any) -> Any:
        return need("rich.measure", "report").Measurement(1, min(_widest(self, tamed), options.max_width))

    def __str__(self) -> str:
        return text(self)


class Table(Shown):
    """Columns of cells, with a title above and a caption below.

    Args:
        title, caption: words, perhaps in several lines.
        caption_justify: where the caption stands: "center" or "left".
        min_width: of the whole table.
        listed: no frame and no headings, the title on the left: a list of names and what they are.
    """

    def __init__(
        self,
        *,
        title: str = "",
        caption: str = "",
        caption_justify: str = "center",
        min_width: int = 0,
        listed: bool = False,
    ) -> None:
        self.title, self.caption, self.caption_justify = title, caption, caption_justify
        self.min_width, self.listed = min_width, listed
        self.columns: list[Column] = []
        self.sections: set[int] = set()

    def add_column(
        self, header: str, *, justify: str = "left", style: str = "", no_wrap: bool = False, min_width: int = 0
    ) -> None:
        """Add a column; only prose may be wrapped."""
        self.columns.append(Column(header, justify, style, no_wrap, min_width))

    def add_row(self, *cells: str) -> None:
        """Add a cell to every column; those that are not given stay empty."""
        for column, cell in zip(self.columns, [*cells, *[""] * (len(self.columns) - len(cells))], strict=True):
            column.cells.append(cell)

    def add_section(self) -> None:
        """Draw a line below the rows so far."""
        self.sections.add(self.count)

    @property
    def count(self) -> int:
        """Number of rows."""
        return len(self.columns[0].cells) if self.columns else 0

    def width(self, *, least: bool = False) -> int:
        """Columns of a terminal that it takes with its frame; with ``least``, those without which a word is cut."""
        needed = sum(3 + (column.least if least else column.widest) for column in self.columns) + 1
        return needed if least else max(needed, self.min_width)

    def spelt(self, spell: Spell) -> Table:
        """The same table in words as they are shown."""
        other = copy.copy(self)
        other.title, other.caption = _spelt(self.title, spell), _spelt(self.caption, spell)
        other.columns = [
            dataclasses.replace(c, header=spell(c.header), cells=[_spelt(cell, spell) for cell in c.cells])
            for c in self.columns
        ]
        return other

    def parts(self, width: int, spell: Spell = tamed) -> Iterator[Table | str]:
        """The table, or several below each other that fit: each begins with the first column."""
        yield from self.spelt(spell)._folded(width)

    def _folded(self, width: int) -> Iterator[Table | str]:
        if self.listed and self.title:
            yield self.title
        if self.width(least=True) <= width:
            yield self._part(range(len(self.columns)), self.title * (not self.listed), self.caption)
            return
        groups = [[0]]
        for place in range(1, len(self.columns)):
            if len(groups[-1]) > 1 and self._part([*groups[-1], place]).width(least=True) > width:
                groups.append([0])
            groups[-1].append(place)
        for place, group in enumerate(groups):
            first, last = place == 0 and not self.listed, place == len(groups) - 1
            yield self._part(group, self.title if first else "", self.caption if last else "")

    def _part(self, places: Iterable[int], title: str = "", caption: str = "") -> Table:
        """A table of some of the columns."""
        part = copy.copy(self)
        part.title, part.caption = title, caption
        part.columns = [self.columns[place] for place in places]
        return part


# -------------------------------------------------------------------- for the eye
def text(table: Shown, stream: TextIO | None = None, spell: Spell = tamed) -> str:
    """A table as text, whatever is installed.

    Args:
        stream: where it will be printed: a terminal gets parts that fit and colours; all else, and ``None``, the table
            as wide as it needs to be.
        spell: how words are shown; nothing in them may command a terminal.
    """
    try:
        console_type = need("rich.console", "report").Console
    except DependencyNotInstalled:
        width = shutil.get_terminal_size().columns if stream is not None and stream.isatty() else _ENDLESS
        return "\n".join(line for part in table.parts(width, spell) for line in _plain(part, width))
    options: dict[str, Any] = {"file": stream or io.StringIO(), "markup": False, "emoji": False}
    options |= {"color_system": None, "force_terminal": False} if stream is None else {}
    console = console_type(**options)
    if not console.is_terminal:
        console = console_type(width=max(80, _widest(table, spell)), **options)
    with console.capture() as captured:  # a console of its own would end the process where nobody reads
        for part in _framed(table.parts(console.width, spell)):
            console.print(part)
    return captured.get().rstrip("\n")


def _spelt(words: str, spell: Spell) -> str:
    return Styled(spell(words), words.style) if isinstance(words, Styled) else spell(words)


def _widest(table: Shown, spell: Spell) -> int:
    """Columns of a terminal in which no line of a table is wrapped, titles aside."""
    return max(_width(part) if isinstance(part, str) else part.width() for part in table.parts(_ENDLESS, spell))


def _framed(parts: Iterable[Table | str]) -> Iterator[Any]:
    """The parts of a table as ``rich`` shows them."""
    rich_text, rich_table = need("rich.text", "report").Text, need("rich.table", "report").Table

    def words(plain: str, style: str = "") -> Any:  # brackets in it are no markup
        return rich_text(plain, getattr(plain, "style", style))

    for part in parts:
        if isinstance(part, str):
            yield words(part)
            continue
        look = {"box": None, "show_header": False, "padding": (0, 1, 0, 2)} if part.listed else {}
        framed = rich_table(caption_justify=part.caption_justify, min_width=part.min_width or None, **look)
        framed.title = words(part.title, "table.title") if part.title else None
        framed.caption = words(part.caption, "table.caption") if part.caption else None
        for column in part.columns:
            how = {"justify": column.justify, "style": column.style, "no_wrap": column.no_wrap}
            framed.add_column(words(column.header), min_width=column.min_width or None, **how)
        for i, cells in enumerate(zip(*(column.cells for column in part.columns), strict=True), 1):
            framed.add_row(*map(words, cells), end_section=i in part.sections)
        yield framed


def _plain(part: Table | str, width: int) -> Iterator[str]:
    """The lines of a part without ``rich``: columns two blanks apart, a line below the headings."""
    if isinstance(part, str):
        yield from _wrapped(part, width)
        return
    columns, widths = part.columns, [column.widest for column in part.columns]
    for place in [i for i, column in enumerate(columns) if not column.no_wrap]:
        widths[place] -= min(widths[place] - columns[place].least, max(0, sum(widths) + 2 * len(widths) - width))
    if part.title:
        yield from (*_wrapped(part.title, width), "")
    rule = "  ".join("-" * count for count in widths)
    if not part.listed:
        yield from (*_row(columns, [column.header for column in columns], widths), rule)
    for i in range(part.count):
        lines = _row(columns, [column.cells[i] for column in columns], widths)
        yield from (f"  {line}" if part.listed else line for line in lines)
        if i + 1 in part.sections and i + 1 < part.count:
            yield rule
    if part.caption:
        yield from ("", *_wrapped(part.caption, width))


def _row(columns: Sequence[Column], cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    """The lines of a row, as many as its highest cell has."""
    split = [
        cell.split("\n") if column.no_wrap else _wrapped(cell, wide)
        for column, cell, wide in zip(columns, cells, widths, strict=True)
    ]
    lines = []
    for i in range(max(map(len, split))):
        words = [own[i] if i < len(own) else "" for own in split]
        padded = [
            blank + word if column.justify == "right" else word + blank
            for column, word, wide in zip(columns, words, widths, strict=True)
            for blank in [" " * (wide - _width(word))]
        ]
        lines.append("  ".join(padded).rstrip())
    return lines


def _wrapped(words: str, width: int) -> list[str]:
    return [part for line in words.split("\n") for part in textwrap.wrap(line, max(width, 1)) or [""]]


def _width(line: str) -> int:
    """Columns of a terminal that a line takes: signs of East Asia take two, accents none."""
    if line.isascii():
        return len(line)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


# -------------------------------------------------------------------- HTML, for notebooks
def html(table: Shown) -> str:
    """A table as HTML: each part with its title above and its caption below."""
    found = []
    for part in table.parts(_ENDLESS):
        if isinstance(part, str):
            found.append(f"<p>{_html(part)}</p>")
            continue
        columns = part.columns
        heads = "".join(f"<th>{_html(column.header)}</th>" for column in columns)
        rows = zip(*(column.cells for column in columns), strict=True)
        body = "".join("<tr>" + "".join(f"<td>{_html(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        titles = [f"<p>{_html(words)}</p>" if words else "" for words in (part.title, part.caption)]
        found.append(f"{titles[0]}<table><tr>{heads}</tr>{body}</table>{titles[1]}")
    return "".join(found)


def _html(words: str) -> str:
    return escape(tamed(words)).replace("\n", "<br>")


# -------------------------------------------------------------------- Markdown
def markdown(table: Any) -> str:
    """A table, or what has such :attr:`tables`, as Markdown: title, table, caption."""
    parts = [_markdown(part) for part in getattr(table, "tables", [table])]
    heads, notes = ([getattr(table, name)] if hasattr(table, name) else [] for name in ("heading", "notes"))
    return "\n".join([*(f"{lines(head)}\n" for head in heads), *parts, *(lines(note) for note in notes if note)])


def _markdown(table: Table) -> str:
    columns = table.columns
    rows = [[column.header for column in columns], *zip(*(column.cells for column in columns), strict=True)]
    marks = ["---:" if column.justify == "right" else ":---" for column in columns]
    cells = [" | ".join(escaped(str(cell)) for cell in row) for row in rows]
    grid = [f"| {row} |" for row in (cells[0], " | ".join(marks), *cells[1:])]
    title, caption = ([lines(str(words))] if words else [] for words in (table.title, table.caption))
    return "\n\n".join([*title, "\n".join(grid), *caption]) + "\n"


def lines(words: str | Iterable[str]) -> str:
    """Lines of text, each as it is in Markdown."""
    plain = map(escaped, words.splitlines() if isinstance(words, str) else words)
    return "\n".join(re.sub(r"^(?=[*+#>-])", r"\\", line) for line in plain)  # no item, heading or quotation


def escaped(words: str) -> str:
    """Text as it is in Markdown, which reads HTML, code, mathematics and links as well."""
    plain = re.sub(r"[\\`|$]|(?<=\])\(", r"\\\g<0>", tamed(words.strip("\n")))
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace("\n", "<br>")
