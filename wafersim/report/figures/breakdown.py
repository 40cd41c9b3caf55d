"""Where a step goes, per line of a sweep: shares of the step, and beside them what is not work on a scale of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.patches import Patch

from wafersim.report.figures.series import named_lines
from wafersim.report.figures.sheet import PAGE, Target, Words, broken, inches, sheet, widest
from wafersim.report.figures.style import ink_on, quiet
from wafersim.report.words import Row, counted, seconds
from wafersim.strategies.registry import words_of
from wafersim.strategies.words import Part

SMALL = 8.0  # points
SHOWN = 5e-4  # of a step: what is less has no place in the legend
NAMES = 0.3  # of the width: longer names are broken
LEAST = 2.6  # inches that both panels keep, however long the names are
BAR, GAP = 0.30, 0.35  # inches a bar takes; between the panels


@dataclass(frozen=True)
class Segment:
    """A part of a step and its share, in percent."""

    part: Part
    share: float


def breakdown_figure(rows: Sequence[Row], path: Target, width: float = PAGE) -> None:
    """One bar per line of the sweep, at its largest cluster.

    At the right all that is not chips' work again, so that a bar of 98 % work does not hide what could be had.
    """
    lines = [line for line in named_lines(rows) if line.ran]
    labels, row_height = broken([line.name for line in lines], max(1.2, NAMES * width), SMALL)
    bars = list(zip(labels, (line.ran[-1] for line in lines), strict=True))
    times = [seconds(row["step_time_s"]) for _, row in bars]
    names, end = 0.2 + widest([name for name, _ in bars], SMALL), 0.15 + widest(times, SMALL)
    last = 0.15 + inches("99.9 %", SMALL)
    width = max(width, names + LEAST + end + GAP + last)
    panels = width - names - end - GAP - last
    middle = names + 0.55 * panels
    tall = max(BAR, row_height) * len(bars)
    body = 0.5 + tall + 0.1
    everything = [_segments(row) for _, row in bars]
    words = Words(_finding(everything, bars), _circumstances(bars), _legend(everything))
    with sheet(path, width, body, words) as page:
        whole = page.axes(names, middle, 0.5, tall)
        rest = page.axes(middle + end + GAP, width - last, 0.5, tall)
        waits = [[one for one in segments if not one.part.working] for segments in everything]
        most = max(0.1, *(sum(one.share for one in each) for each in waits))
        for y, (each, waiting) in enumerate(zip(everything, waits, strict=True)):
            _bar(whole, y, each, 100 / (middle - names))
            _bar(rest, y, waiting, 1.02 * most / (width - last - middle - end - GAP))
            whole.text(101.5, y, times[y], va="center", fontsize=SMALL)
            lost = sum(one.share for one in waiting)
            rest.text(lost + 0.02 * most, y, _percent(lost), va="center", fontsize=SMALL)
        whole.set_yticks(range(len(bars)), [name for name, _ in bars], fontsize=SMALL)
        rest.set_yticks([])
        whole.set_xlim(0, 100)
        rest.set_xlim(0, 1.02 * most)
        whole.set_xticks([0, 25, 50, 75, 100] if middle - names > 1.6 else [0, 50, 100])
        rest.locator_params(axis="x", nbins=max(1, int((width - last - middle - end - GAP) / 0.55)))
        for axes, said in ((whole, "share of the step, %"), (rest, "all but work, %")):
            axes.set_ylim(len(bars) - 0.5, -0.5)
            axes.set_xlabel(said, fontsize=SMALL)
            axes.tick_params(axis="x", labelsize=SMALL)
            quiet(axes)


def _segments(row: Row) -> list[Segment]:
    parts = words_of(row["kind"]).parts
    return [Segment(part, 100 * row["breakdown"][part.key] / row["step_time_s"]) for part in parts]


def _bar(axes: Any, y: int, segments: Sequence[Segment], percent_an_inch: float) -> None:
    """Segments from the left; a share is written where it fits."""
    left = 0.0
    for one in segments:
        axes.barh(y, one.share, left=left, color=one.part.colour, height=0.72, edgecolor="white", linewidth=0.6)
        text = _percent(one.share)
        if one.share / percent_an_inch > inches(text, SMALL) + 0.06:
            ink = ink_on(one.part.colour)
            axes.text(left + one.share / 2, y, text, ha="center", va="center", color=ink, fontsize=SMALL)
        left += one.share


def _percent(share: float) -> str:
    return f"{share:.0f} %" if share >= 9.95 else f"{share:.1f} %"


def _legend(everything: Sequence[Sequence[Segment]]) -> list[Any]:
    """Parts that take something, in the order of the bars."""
    used = {one.part.label for segments in everything for one in segments if one.share > 100 * SHOWN}
    found = {one.part.label: one.part.colour for segments in everything for one in segments if one.part.label in used}
    return [Patch(color=colour, label=label) for label, colour in found.items()]


def _circumstances(bars: Sequence[tuple[str, Row]]) -> str:
    ranked = sorted((row for _, row in bars), key=lambda row: (row["n_systems"], row["kind"]))
    counts = list(dict.fromkeys(map(counted, ranked)))
    on = " / ".join(counts) if len(counts) < 4 else f"{ranked[0]['n_systems']:,} to {counts[-1]}"
    return f"one periodic step on {on}; step time beside the bars"


def _finding(everything: Sequence[Sequence[Segment]], bars: Sequence[tuple[str, Row]]) -> str:
    shares = [sum(one.share for one in segments if one.part.working) for segments in everything]
    low, high = min(shares), max(shares)
    span = f"{low:.0f} %" if f"{low:.0f}" == f"{high:.0f}" else f"{low:.0f} to {high:.0f} %"
    who = {words_of(row["kind"]).works for _, row in bars}
    return f"{who.pop() if len(who) == 1 else 'Chips work'} during {span} of a step"
