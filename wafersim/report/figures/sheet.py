"""A sheet: a title that says the finding, panels placed in inches, a legend at the foot; all as wide as asked, words never cut.

Text is measured before anything is drawn: the title and the circumstances below it are broken into as many lines as they
need, the legend into as many rows, and the sheet grows in height by them. Panels are told apart from that: their inches are
counted upwards from the top of the legend.
"""

from __future__ import annotations

import warnings
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from wafersim.report.figures.style import GREY, INK, RC

COLUMN, PAGE, SLIDE = 3.5, 7.2, 12.0
"""Inches: one column of a paper, a page of text, a slide."""
EDGE = 0.12  # inches that stay empty around everything
LINE = 1.3  # height of a line over its points
HANDLE = 0.42  # inches of a legend's handle with its gap
HINTED = 1.03  # pixels round letters up
BETWEEN = 0.2  # inches between columns of a legend


class Drawn(Figure):
    """A figure that no window and no backend knows of, which a notebook shows as it is."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        FigureCanvasAgg(self)

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        with any_letter():
            self.savefig(buffer, format="png")
        return buffer.getvalue()


class Kept:
    """Where a figure goes that is looked at instead of written."""

    figure: Drawn


Target = Path | Kept


@dataclass(frozen=True)
class Sheet:
    """An open figure; `body` is the height of its panels, `foot` what the legend takes below them, all in inches."""

    figure: Figure
    width: float
    height: float
    body: float
    foot: float

    def axes(self, left: float, right: float, bottom: float, height: float, **more: Any) -> Any:
        """Axes from `left` to `right` inches of the sheet, `bottom` inches above the legend."""
        place = (
            left / self.width,
            (self.foot + bottom) / self.height,
            (right - left) / self.width,
            height / self.height,
        )
        return self.figure.add_axes(place, **more)

    def text(self, x: float, y: float, words: str, **more: Any) -> Any:
        """Words at inches from the left and above the legend."""
        return self.figure.text(x / self.width, (self.foot + y) / self.height, words, **more)


@dataclass(frozen=True)
class Words:
    """What stands around the panels: the finding, the circumstances, and the handles of a legend."""

    finding: str
    circumstances: str
    handles: Sequence[Any] = ()


@contextmanager
def any_letter() -> Iterator[None]:
    """No word of letters that the font has not: a box is drawn, and tables beside the figure have the name."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield


@contextmanager
def sheet(path: Target, width: float, body: float, words: Words) -> Iterator[Sheet]:
    """A sheet that is written when the block ends well, the suffix of the path says how, or kept."""
    large, small = (12.5, 9.0) if width > 6 else (9.5, 7.5)
    finding = wrapped(words.finding, width - 2 * EDGE, large, bold=True)
    circumstances = wrapped(words.circumstances, width - 2 * EDGE, small)
    columns, rows = _columns([handle.get_label() for handle in words.handles], width - 2 * EDGE, 8.0)
    foot = rows * 8.0 * 1.55 / 72 + (EDGE if rows else 0.04)
    top = EDGE + (len(finding) * large + len(circumstances) * small) * LINE / 72 + 0.1
    height = top + body + foot
    with rc_context(RC):
        drawn = Drawn(figsize=(width, height), dpi=160, facecolor="white")
        down = EDGE
        for lines, size, weight, ink in (
            (finding, large, "bold", INK),
            (circumstances, small, "normal", GREY),
        ):
            for line in lines:
                place = EDGE / width, 1 - down / height
                drawn.text(*place, line, fontsize=size, va="top", fontweight=weight, color=ink)
                down += size * LINE / 72
        if rows:
            drawn.legend(
                handles=words.handles, loc="lower center", ncol=columns, frameon=False, fontsize=8, borderpad=0.1,
                bbox_to_anchor=(0.5, 0.04 / height), borderaxespad=0.0, handlelength=1.6, handletextpad=0.6,
                columnspacing=BETWEEN * 72 / 8, labelspacing=0.35,
            )  # fmt: skip
        yield Sheet(drawn, width, height, body, foot)
        if isinstance(path, Kept):
            path.figure = drawn
        else:
            with any_letter():
                drawn.savefig(path, metadata=NO_DATE.get(path.suffix.lower(), {}))


NO_DATE: dict[str, dict[str, Any]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
"""The same rows give the same file."""


@lru_cache(maxsize=4096)
def inches(text: str, size: float = 9.0, bold: bool = False) -> float:
    """The width of a line of text."""
    font = FontProperties(family=RC["font.family"], size=size, weight="bold" if bold else "normal")
    with any_letter():
        across, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return HINTED * float(across) / 72


def widest(texts: Sequence[str], size: float = 9.0) -> float:
    """The width of the widest of some lines."""
    return max((inches(line, size) for text in texts for line in text.split("\n")), default=0.0)


def wrapped(text: str, width: float, size: float = 9.0, bold: bool = False) -> list[str]:
    """A text in lines no wider than that; a single word that is wider is broken, never cut. `90 %` is one word."""
    lines, words = list[str](), list[str]()
    for word in text.split():
        if word.startswith("%") and words:
            words[-1] += f" {word}"
        else:
            words.append(word)
    for word in words:
        if lines and inches(f"{lines[-1]} {word}", size, bold) <= width:
            lines[-1] += f" {word}"
            continue
        while inches(word, size, bold) > width:
            fits = max(1, bisect_left(range(1, len(word)), True, key=lambda n: inches(word[:n], size, bold) > width))
            lines.append(word[:fits])
            word = word[fits:]
        lines.append(word)
    return lines


def broken(labels: Sequence[str], width: float, size: float) -> tuple[list[str], float]:
    """(labels in lines no wider than that, inches that the tallest takes with the space to the next)."""
    found = ["\n".join(line for text in label.split("\n") for line in wrapped(text, width, size)) for label in labels]
    return found, (max(label.count("\n") for label in found) + 1.15) * size * 1.2 / 72


def _columns(labels: Sequence[str], width: float, size: float) -> tuple[int, int]:
    """(columns, rows) of a legend: as many columns as fit. It is filled column by column."""
    for columns in range(len(labels), 0, -1):
        base, more = divmod(len(labels), columns)
        taken, total = 0, 0.0
        for column in range(columns):
            count = base + (column < more)
            total += HANDLE + widest(labels[taken : taken + count], size) + BETWEEN
            taken += count
        if total - BETWEEN <= width or columns == 1:
            return columns, base + (more > 0)
    return 1, 0
