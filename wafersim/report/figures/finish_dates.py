"""When a run is done: the chance of having ended by each day, by chance alone and with what is not known, and the deadline."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from wafersim.numbers import DAY, SPELLED, duration, unit_of
from wafersim.report.colours import FIRST, MATCHED
from wafersim.report.figures.sheet import PAGE, Words, inches, sheet
from wafersim.report.figures.style import lighter, quiet
from wafersim.strategies import palette

SMALL = 8.0  # points
TALL = 2.5  # inches
REST = 0.01  # of the runs, at either end, for which the axis is not stretched
SURE = 0.9


@dataclass(frozen=True)
class Finishes:
    """Ends of simulated runs in seconds from the beginning: with chance alone, and with parameters drawn for each run.

    `start` is the first day, if dates are to be told; `deadline_s` is from the beginning.
    """

    chance_s: NDArray[np.float64]
    all_s: NDArray[np.float64]
    start: datetime.date | None = None
    deadline_s: float | None = None

    def by(self, seconds: float) -> float:
        """Chance that the run is done by then."""
        return float(np.mean(self.all_s <= seconds))

    def told(self, seconds: float, year: bool = False) -> str:
        """A date, or the time from the beginning where no first day is known."""
        if self.start is None:
            return duration(seconds)
        try:
            day = self.start + datetime.timedelta(seconds=seconds)
        except OverflowError:
            day = datetime.date.max
        return f"{day.day} {day:%B %Y}" if year else f"{day.day} {day:%b}"


def finish_figure(finishes: Finishes, name: str, path: Path, width: float = PAGE) -> None:
    """Steps up from 0 to 100 % of the runs; the middle 80 % with all that is not known is shaded."""
    ends = np.sort(finishes.all_s)
    low, high = _reach(finishes)
    unit, size = unit_of(high / 2)
    foot = 0.6 if _dated(finishes, low, high) else 0.45
    with sheet(path, width, TALL + foot + 0.1, _words(finishes, name)) as page:
        axes = page.axes(0.65, width - 0.2, foot, TALL)
        for values, colour, line in ((ends, MATCHED, 1.8), (np.sort(finishes.chance_s), FIRST, 1.4)):
            heights = 100 * np.arange(1, len(values) + 1) / len(values)
            axes.step([low, *values, high], [0, *heights, 100], where="post", color=colour, linewidth=line)
        axes.axvspan(*np.quantile(ends, (0.1, 0.9)), color=lighter(MATCHED, 0.8), zorder=0, linewidth=0)
        if finishes.deadline_s is not None:
            axes.axvline(finishes.deadline_s, color=palette.RED, linewidth=1.4, linestyle=(0, (4, 2)))
        axes.set_ylim(0, 100)
        axes.set_yticks([0, 10, 25, 50, 75, 90, 100])
        axes.set_xlim(low, high)
        _ticks(axes, finishes, (low, high), size, width)
        axes.set_xlabel(f"{SPELLED[unit]} from the beginning", fontsize=SMALL)
        axes.set_ylabel("chance that it is done, %", fontsize=SMALL)
        axes.tick_params(labelsize=SMALL)
        quiet(axes, "both")


def _reach(finishes: Finishes) -> tuple[float, float]:
    """Where the axis begins and ends: nearly all runs, the deadline, and a little room."""
    both = np.concatenate([finishes.chance_s, finishes.all_s])
    low, high = (float(end) for end in np.quantile(both, (REST, 1 - REST)))
    if finishes.deadline_s is not None:
        low, high = min(low, finishes.deadline_s), max(high, finishes.deadline_s)
    room = 0.05 * (high - low) or 0.01 * high
    return max(0.0, low - room), high + room


def _ticks(axes: Any, finishes: Finishes, reach: tuple[float, float], size: float, width: float) -> None:
    """Round numbers of the unit, with the date below where the first day is known."""
    low, high = reach
    dated = _dated(finishes, low, high)
    room = inches("30 Sep  ", SMALL) if dated else inches("1,000  ", SMALL)
    least = low + (high - low) * room / (width - 0.85) / 2  # so that the first does not touch the other axis
    steps = _round_steps(least / size, high / size, max(2, int((width - 0.85) / room)))
    labels = [f"{step:,.10g}" + (f"\n{finishes.told(step * size)}" if dated else "") for step in steps]
    axes.set_xticks([step * size for step in steps], labels)


def _dated(finishes: Finishes, low: float, high: float) -> bool:
    """Whether dates tell the ends apart."""
    return finishes.start is not None and high - low > 3 * DAY


def _round_steps(low: float, high: float, most: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten within the reach, at most so many."""
    least = (high - low) / most
    power = 10.0 ** np.floor(np.log10(least))
    step = next(float(factor * power) for factor in (1, 2, 5, 10) if factor * power >= least)
    return [float(round(k * step, 10)) for k in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]


def _words(finishes: Finishes, name: str) -> Words:
    ends = [float(end) for end in np.quantile(finishes.all_s, (SURE, 0.5))]
    if int(ends[0] / DAY) > int(ends[1] / DAY) and finishes.start is not None:
        sure, middle = (f"by {finishes.told(end, year=True)}" for end in ends)
    else:  # a date would not tell them apart
        sure, middle = (f"within {duration(end)}" for end in ends)
    finding = f"{name}: done {sure} with {100 * SURE:.0f} %, {middle} with 50 %"
    if finishes.deadline_s is not None:
        finding += f"; the deadline is met with {_percent(finishes.by(finishes.deadline_s))}"
    widths = [np.diff(np.quantile(values, (0.1, 0.9)))[0] for values in (finishes.chance_s, finishes.all_s)]
    said = f"{len(finishes.all_s):,} simulated runs; the middle 80 % span {duration(widths[1])}"
    said += f", {duration(widths[0]) if widths[0] >= 1 else 'less than a second'} by chance alone"
    if finishes.start is not None:
        said += f"; begins on {finishes.told(0.0, year=True)}"
    handles: list[Any] = [
        Line2D([], [], color=MATCHED, linewidth=1.8, label="chance and what is not known"),
        Line2D([], [], color=FIRST, linewidth=1.4, label="chance alone"),
        Patch(color=lighter(MATCHED, 0.8), linewidth=0, label="the middle 80 %"),
    ]
    if finishes.deadline_s is not None:
        label = f"deadline, {finishes.told(finishes.deadline_s, year=True)}"
        handles.append(Line2D([], [], color=palette.RED, linewidth=1.4, linestyle=(0, (4, 2)), label=label))
    return Words(finding, said, handles)


def _percent(share: float) -> str:
    """Never 0 or 100 %: so many runs show no more than they do."""
    return "less than 1 %" if share < 0.01 else "more than 99 %" if share > 0.99 else f"{100 * share:.0f} %"
