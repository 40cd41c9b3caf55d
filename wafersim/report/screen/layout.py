"""How a first screen is laid out: columns that give way where it is narrow, labelled sentences, 24 lines."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from wafersim.report.console import say
from wafersim.report.run_directory import REPORT

LINES = 24
WIDTH = 80  # of what is piped
NARROWEST = 40
GUTTER = 12  # columns of a sentence's label
GAP = 2
UNBROKEN = "\N{NO-BREAK SPACE}"  # inside what stays on one line; printed as a space
TOGETHER = re.compile(r"='[^']*'|\d (?:[kMBTx%]|USD/h)(?!\w)")  # a quoted value, a number and its unit


@dataclass(frozen=True)
class Column:
    """A column of a table. Where the screen is narrow the highest `gives_way` goes first; 0 stays."""

    head: str
    cells: tuple[str, ...]
    gives_way: int = 0
    left: bool = False

    @property
    def width(self) -> int:
        """Characters of its widest cell."""
        return max(map(len, (self.head, *self.cells)))

    def lines(self) -> list[str]:
        """Head and cells, padded."""
        pad = str.ljust if self.left else str.rjust
        return [pad(text, self.width) for text in (self.head, *self.cells)]


def fits(columns: Sequence[Column], width: int) -> bool:
    """Whether no column has to give way."""
    return sum(column.width + GAP for column in columns if any(column.cells)) - GAP <= width


def table(columns: Sequence[Column], width: int) -> list[str]:
    """Head and rows of the columns that fit; what is said nowhere (no cell at all) takes no room.

    Names that leave no room for what is said of them lose their middle.
    """
    kept = _kept(columns, width)
    if not fits(kept, width) and columns[0].left:
        names = tuple(abridged(cell, max(NARROWEST, width // 2)) for cell in columns[0].cells)
        kept = _kept([replace(columns[0], cells=names), *columns[1:]], width)
    rows = zip(*(column.lines() for column in kept), strict=True)
    return [clipped((" " * GAP).join(row).rstrip(), width) for row in rows]


def _kept(columns: Sequence[Column], width: int) -> list[Column]:
    kept = [column for column in columns if any(column.cells)]
    while not fits(kept, width) and any(column.gives_way for column in kept):
        kept.remove(max(kept, key=lambda column: column.gives_way))
    return kept


def sentence(label: str, items: Sequence[str], width: int, most: int = 2, separator: str = ", ") -> list[str]:
    """A label and what it says of the answer, in at most so many lines; items for which there is no room are counted.

    A narrow screen has two at least: commands, which people copy, are not cut.
    """
    most = most if width >= 2 * NARROWEST else max(most, 2)
    gutter = GUTTER if width >= 2 * NARROWEST else 0
    for count in range(len(items), 0, -1):
        left_out = len(items) - count
        text = separator.join([*items[:count], *([f"{left_out} more"] if left_out else [])])
        lines = _wrapped(label, text, width, gutter)
        if len(lines) <= most or count == 1:
            return [*lines[: most - 1], clipped(lines[most - 1] + "...", width, "...")] if len(lines) > most else lines
    return []


def first_that_fits(
    label: str, wordings: Sequence[Sequence[str]], width: int, most: int = 2, separator: str = ", "
) -> list[str]:
    """A sentence in the first of some wordings that leaves nothing out, else in the last."""
    gutter = GUTTER if width >= 2 * NARROWEST else 0
    whole = (items for items in wordings if len(_wrapped(label, separator.join(items), width, gutter)) <= most)
    return sentence(label, next(whole, wordings[-1]), width, most, separator)


def whole(label: str, path: str, what: str, width: int) -> str:
    """A line with a path, which people copy: where there is no room it loses `what` it is, and is never cut."""
    wordings = (label.ljust(GUTTER) + what + path, f"{label}: {path}", path)
    return next((line for line in wordings if len(line) <= width), wordings[1])


def written(directory: Path, what: str, report: bool, width: int) -> str:
    """Where a directory with `what` stands; of one with a report the report, which is what is opened."""
    if report:
        return whole("Written", f"{directory}/{REPORT}", f"{what} beside ", width)
    return whole("Written", f"{directory}/", f"{what}: ", width)


def _wrapped(label: str, text: str, width: int, gutter: int) -> list[str]:
    text = TOGETHER.sub(lambda found: found[0].replace(" ", UNBROKEN), text)
    if not gutter:
        lines = textwrap.wrap(f"{label}: {text}", width, break_on_hyphens=False)
    else:
        body = textwrap.wrap(text, width - gutter, break_on_hyphens=False)
        lines = [(" " * gutter if index else label.ljust(gutter)) + line for index, line in enumerate(body)]
    return [line.replace(UNBROKEN, " ").rstrip() for line in lines]


def titled(title: str, took: float, width: int) -> str:
    """The first line of a screen: what was asked, on one line, and how long the answer took."""
    seconds = f"{took:.1f} s"
    room = width - len(seconds) - GAP
    return f"{clipped(' '.join(title.split()), room):{room}}  {seconds}"


def cut(rows: list[str], room: int, unseen: int = 0) -> list[str]:
    """As many lines as there is room for; the last one says how many are left out, beside those `unseen` before."""
    if len(rows) + unseen <= room:
        return rows
    return [*rows[: room - 1], f"and {len(rows) + unseen - room + 1:,} more: --all"]


def abridged(name: str, width: int, mark: str = "~") -> str:
    """A name that is too long loses its middle: what is alike begins alike, and differs at the end."""
    if len(name) <= width:
        return name
    tail = (width - len(mark)) // 2
    return name[: width - len(mark) - tail] + mark + name[-tail:]


def clipped(line: str, width: int, mark: str = "~") -> str:
    """A line that goes on beyond the screen ends in a mark."""
    return line if len(line) <= width else line[: width - len(mark)].rstrip() + mark


def width_of(console: Console) -> int:
    """Of the terminal, and 80 where there is none."""
    return max(NARROWEST, console.width) if console.is_terminal else WIDTH


def show(console: Console, lines: Sequence[str]) -> None:
    """Print the lines of a screen; on a terminal its first one stands out."""
    for index, line in enumerate(lines):
        if index == 0 and console.is_terminal:
            console.print(line, style="bold", markup=False, highlight=False, overflow="ignore", crop=False)
        else:
            say(console, line)
