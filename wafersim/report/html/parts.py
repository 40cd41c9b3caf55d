"""What a page is made of: sections of parts, each of which names the template that shows it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, ClassVar, Protocol

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
BROKEN = 20  # characters of a line of a name beside a bar
ADDRESS = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:)\]]|\barXiv:\d{4}\.\d{4,5}", re.IGNORECASE)


class Part(Protocol):
    """Something that a page shows."""

    @property
    def template(self) -> str:
        """The file of `templates` that shows it, as `part`."""
        ...


@dataclass(frozen=True)
class Table:
    """Rows under heads, as text. The first column says what a row is; `numeric` columns are set to the right."""

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: frozenset[int] = frozenset()
    folded: bool = False  # behind a line that opens it
    template: ClassVar[str] = "table.html"


@dataclass(frozen=True)
class Chart:
    """A drawing by plotly: its traces and layout as plotly reads them, a sentence that says what is seen, the same numbers."""

    id: str
    summary: str
    traces: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any]
    table: Table
    template: ClassVar[str] = "chart.html"


@dataclass(frozen=True)
class Lines:
    """Sentences, one under the other; with a `caption` behind a line that opens them."""

    lines: Sequence[str]
    caption: str = ""
    template: ClassVar[str] = "lines.html"


@dataclass(frozen=True)
class Text:
    """A text as it is, such as a file, behind a line that opens it."""

    caption: str
    text: str
    template: ClassVar[str] = "text.html"


@dataclass(frozen=True)
class Section:
    """Parts under a heading, and a sentence that says what they show."""

    id: str
    title: str
    lead: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Page:
    """A report: the answer as a sentence and as its first screen is on a wide and on a narrow terminal, then its sections."""

    title: str
    wide: str
    narrow: str
    sections: Sequence[Section]
    says: str = ""  # the answer as a sentence
    words: Lines | None = None  # its words explained


def plain(text: object) -> str:
    """Text in which control characters and those that turn its direction are seen, as \\x1b is, instead of doing anything."""
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), str(text))


def drawn(text: object) -> str:
    """Text as plotly shows it letter by letter: what it would read as markup is written out."""
    return escape(plain(text), quote=False)


def category(name: str, chips: str) -> str:
    """A name and its chips beside a bar, broken where they would leave little room for bars."""
    return "<br>".join([*map(drawn, textwrap.wrap(plain(name), BROKEN) or [""]), drawn(chips)])


def pieces(text: str) -> list[tuple[str, str | None]]:
    """(text, address) of what an address in it divides it into; None where there is none."""
    found: list[tuple[str, str | None]] = []
    end = 0
    for address in ADDRESS.finditer(text):
        found.append((text[end : address.start()], None))
        said = address[0]
        found.append((said, said if said[:4].lower() == "http" else f"https://arxiv.org/abs/{said[6:]}"))
        end = address.end()
    return [piece for piece in (*found, (text[end:], None)) if piece[0]]
