"""Values and names from outside, shortened for messages: one line, whatever was given."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

#: What commands a terminal, or turns what it shows around.
_COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
#: Vowels that are read as consonants ("user", "unit"); what is read letter by letter; abbreviations read as words.
_CONSONANT = re.compile(r"us[aeu]|uni(?![mn])|uti|ufunc|eu|one")
_LETTERS = ("SQL", "npy", "npz")
_WORDS = frozenset({"NUL", "MAC", "SAC", "FIN", "RAM"})
#: Most characters of a message about something from outside.
MOST = 480


class _Short(reprlib.Repr):
    """``repr`` that looks at a small part of a value only."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother, self.maxlong = 3, 100, 100, 40

    def repr_int(self, x: int, level: int) -> str:
        if abs(x).bit_length() > 1000:  # Python writes no longer ones in full
            return f"a whole number of {x.bit_length()} bits"
        return super().repr_int(x, level)

    def repr_bytes(self, x: bytes, level: int) -> str:
        return repr(x) if len(x) <= 24 else f"{x[:24]!r}... ({len(x)} bytes)"


_SHORT = _Short()


def shown(value: Any) -> str:
    """``repr(value)`` on one line, its middle left out where it is long or deep."""
    return cut(" ".join(_SHORT.repr(value).split()), 120)


def an(noun: str) -> str:
    """A noun, or what begins with one, with its article: "an agent", "a user", "an RL agent"."""
    word = re.split(r"\W", noun, maxsplit=1)[0]
    if (word.isupper() and len(word) < 4 and word not in _WORDS) or word.startswith(_LETTERS):
        vowel = word[0].upper() in "AEFHILMNORSX"
    else:
        vowel = word.startswith("hour") or (word[:1].lower() in tuple("aeiou") and not _CONSONANT.match(word.lower()))
    return f"an {noun}" if vowel else f"a {noun}"


def capital(text: str) -> str:
    """``text`` with a capital letter at its beginning; abbreviations keep theirs, which ``str.capitalize`` lowers."""
    return text[:1].upper() + text[1:]


def exact(value: Any) -> str:
    """A number with few digits where these say it all, else with all of its digits: for limits, which must be met."""
    text = f"{value:g}"
    return text if float(text) == value else str(value)


def listed(names: Iterable[Any], most: int = 200) -> str:
    """Names with commas between them: as many as have room, then how many there are."""
    texts = [cut(str(name), 60) for name in names]
    whole, length = [], 0
    for text in texts:
        length += len(text) + 2
        if length > most and whole:
            return f"{', '.join(whole)}, ... ({len(texts)} in all)"
        whole.append(text)
    return ", ".join(whole)


def cut(text: str, most: int = MOST) -> str:
    """``text`` with at most ``most`` characters: its begin, and some of its end."""
    if len(text) <= most:
        return text
    tail = most // 4
    return f"{text[: most - tail - 5]} ... {text[len(text) - tail :]}"


def tamed(text: str) -> str:
    """``text`` that a terminal only shows: what would command it is written out."""
    return _COMMANDS.sub(lambda found: repr(found[0])[1:-1], text)


def where(path: str | Path) -> str:
    """A path for messages; of a very long one the end, on one line."""
    text = str(path)
    text = text if text.isprintable() else repr(text)
    return text if len(text) <= 160 else f"...{text[-157:]}"
