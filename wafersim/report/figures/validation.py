"""Predicted against published: a row of panels a set, with the error on its own scale and bands of 5, 10 and 20 %."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from wafersim.evidence.kinds import kinds
from wafersim.report.colours import LINES
from wafersim.report.figures.sheet import PAGE, Sheet, Words, sheet, widest
from wafersim.report.figures.style import GREY, INK, MARKERS, quiet
from wafersim.report.words import Row
from wafersim.strategies.palette import BLUE

BANDS = ((0.20, "#eef1f3"), (0.10, "#dde3e7"), (0.05, "#c6d0d7"))
MOST_SHOWN = 40  # percent; larger errors stand at the edge
NARROW = 6.0  # inches: below that errors alone, in one colour
SMALL, TINY = 8.0, 6.5  # points
TALL, FEET, HEAD = 1.0, 0.42, 0.22  # inches of a panel where sheets are narrow, below it and above it
LEFT = 0.62  # inches of the errors' ticks


@dataclass(frozen=True)
class Judged:
    """The rows of a set that judge it: published and predicted, and the group of each."""

    title: str
    published: npt.NDArray[np.float64]
    predicted: npt.NDArray[np.float64]
    groups: tuple[str, ...]

    @property
    def errors(self) -> npt.NDArray[np.float64]:
        """In percent of what is published."""
        errors: npt.NDArray[np.float64] = 100 * (self.predicted / self.published - 1)
        return errors

    @property
    def within(self) -> float:
        """Percent of rows within 10 %."""
        return float(100 * np.mean(np.abs(self.errors) <= 10))

    @property
    def names(self) -> list[str]:
        """Groups in their order."""
        return list(dict.fromkeys(self.groups))


def validation_figure(rows: Sequence[Row], path: Path, width: float = PAGE) -> None:
    """Test rows of every set; of wafers those that set its constants, each predicted without its job.

    In one column of a paper (3.5 inches) the errors alone; from 6 inches on predicted against measured beside them.
    """
    judged = [_judged(rows, each.name, each.shown, each.title) for each in kinds() if _any(rows, each.name)]
    groups = max((len(each.names) for each in judged), default=1) if width >= NARROW else 1
    tall = max(TALL, 0.125 * groups) if width >= NARROW else TALL
    body = len(judged) * (FEET + tall + HEAD)
    left_out = (
        "; rows that set constants alone are predicted without them" if any(row["left_out"] for row in rows) else ""
    )
    shares = ", ".join(f"{each.title.partition(':')[0]} {each.within:.0f} %" for each in judged)
    words = Words(
        f"Within 10 % of what was measured: {shares}",
        f"bands: 5, 10 and 20 %; at the edge: errors beyond {MOST_SHOWN} %{left_out}",
    )
    with sheet(path, width, body, words) as page:
        for index, each in enumerate(judged):
            bottom = body - (index + 1) * (FEET + tall + HEAD) + FEET
            page.text(LEFT, bottom + tall + 0.05, f"{each.title}, {len(each.groups)} rows", fontsize=SMALL, color=GREY)
            if width < NARROW:
                _errors(page.axes(LEFT, width - 0.28, bottom, tall), each, plain=True)
            else:
                _row(page, each, bottom, tall, width)


def _row(page: Sheet, each: Judged, bottom: float, tall: float, width: float) -> None:
    """Predicted against measured, the errors, and what the groups are called."""
    named = width - 0.35 - widest(each.names, TINY)
    square = page.axes(LEFT, LEFT + tall, bottom, tall)
    errors = page.axes(2 * LEFT + tall + 0.05, named, bottom, tall)
    _against(square, each)
    _errors(errors, each, plain=False)
    for index, name in enumerate(each.names):
        y = bottom + tall - 0.06 - 0.12 * index
        page.text(named + 0.25, y, name, fontsize=TINY, va="center", color=INK)
        marker, colour = _shape(index)
        place = (named + 0.16) / page.width, (page.foot + y) / page.height
        errors.plot(
            *place,
            marker,
            color=colour,
            markersize=3.5,
            transform=page.figure.transFigure,
            clip_on=False,
            markeredgewidth=0,
        )


def _against(axes: Any, each: Judged) -> None:
    low = 0.6 * min(each.published.min(), each.predicted.min())
    high = 1.6 * max(each.published.max(), each.predicted.max())
    axes.plot([low, high], [low, high], color=GREY, linewidth=0.8)
    for index, name in enumerate(each.names):
        mine = np.array([group == name for group in each.groups])
        marker, colour = _shape(index)
        axes.plot(
            each.published[mine],
            each.predicted[mine],
            marker,
            color=colour,
            markersize=3,
            markeredgewidth=0,
            linestyle="none",
        )
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    _decades(axes, low, high, 3)
    axes.yaxis.set_major_locator(LogLocator(numticks=4))
    axes.yaxis.set_major_formatter(FuncFormatter(_said))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylabel("predicted", fontsize=SMALL, labelpad=1)


def _errors(axes: Any, each: Judged, plain: bool) -> None:
    for share, colour in BANDS:
        axes.axhspan(-100 * share, 100 * share, color=colour, linewidth=0)
    shown = np.clip(each.errors, -MOST_SHOWN, MOST_SHOWN)
    beyond = np.abs(each.errors) > MOST_SHOWN
    for index, name in enumerate(each.names):
        mine = np.array([group == name for group in each.groups])
        marker, colour = (MARKERS[0], BLUE) if plain else _shape(index)
        points = {"color": colour, "markersize": 3, "markeredgewidth": 0, "linestyle": "none", "alpha": 0.8}
        axes.plot(each.published[mine & ~beyond], shown[mine & ~beyond], marker=marker, **points)
        for arrow, out in (("^", mine & beyond & (shown > 0)), ("v", mine & beyond & (shown < 0))):
            axes.plot(each.published[out], shown[out], marker=arrow, **{**points, "markersize": 5})
    _decades(axes, 0.6 * each.published.min(), 1.6 * each.published.max(), 6)
    axes.set_ylim(-MOST_SHOWN - 3, MOST_SHOWN + 3)
    axes.set_yticks([-40, -20, 0, 20, 40])
    axes.set_ylabel("error, %", fontsize=SMALL, labelpad=1)


def _decades(axes: Any, low: float, high: float, ticks: int) -> None:
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(LogLocator(numticks=ticks + 1))
    axes.xaxis.set_major_formatter(FuncFormatter(_said))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("measured", fontsize=SMALL, labelpad=1)
    axes.tick_params(labelsize=SMALL, pad=2)
    quiet(axes, "both")


def _said(value: float, _: Any) -> str:
    """A power of ten as people say it: 0.01, 100, 10 k, 1 M."""
    for letter, size in (("G", 1e9), ("M", 1e6), ("k", 1e4)):
        if value >= size * 0.999:
            return f"{value / (1e3 if letter == 'k' else size):,.0f} {letter}"
    return f"{value:,.0f}" if value >= 1 else f"{value:.6f}".rstrip("0") if value >= 1e-4 else f"{value * 1e6:g} µ"


def _shape(index: int) -> tuple[str, str]:
    """(marker, colour) of a group: both change, so that more groups than colours can be told apart."""
    return MARKERS[index % (len(MARKERS) - 1)], LINES[index % len(LINES)]


def _any(rows: Sequence[Row], name: str) -> bool:
    return any(row["set"] == name for row in rows)


def _judged(rows: Sequence[Row], name: str, shown: str, title: str) -> Judged:
    mine = [row for row in rows if row["set"] == name]
    judges = [row for row in mine if row["use"] == shown] or mine
    return Judged(
        title,
        np.array([row["published"] for row in judges], dtype=np.float64),
        np.array([row["left_out"][0] if row["left_out"] else row["predicted"] for row in judges], dtype=np.float64),
        tuple(row["group"] for row in judges),
    )
