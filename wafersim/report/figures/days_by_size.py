"""Days of the whole run against wafers or GPUs, a line for each hardware, with the goal's deadline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from wafersim import numbers
from wafersim.planning.planned import Planned
from wafersim.planning.whole_run import Whole
from wafersim.report.figures.front import FOOT, LEFT, RIGHT, SMALL
from wafersim.report.figures.plan_marks import DEADLINE, Mark, Marks, circumstances, limit_handles
from wafersim.report.figures.reach import reach, time_unit
from wafersim.report.figures.sheet import PAGE, Target, Words, sheet
from wafersim.report.figures.style import GREY, quiet
from wafersim.report.screen.plan import in_short

BAND = 0.18
FAR = 3.0  # times beyond the medians and the deadline: what a range reaches further is cut off


def size_figure(found: Planned, path: Target, width: float = PAGE) -> None:
    """Medians of the candidates with whole runs, shaded 80 % ranges; hollow is what does not meet the goal surely enough."""
    goal, marks = found.goal, Marks(found.wholes)
    lines = _lines(found.wholes)
    times, each = time_unit(
        [*(whole.days for whole in found.wholes), *([] if goal.within_days is None else [goal.within_days])]
    )
    tall = min(3.6, 0.48 * width + 0.6)
    with sheet(path, width, tall + FOOT + 0.1, _words(found, marks)) as page:
        axes = page.axes(LEFT, width - RIGHT, FOOT, tall)
        limits = [] if goal.within_days is None else [goal.within_days / each]
        medians = [whole.days / each for whole in found.wholes] + limits
        ends = [end for line in lines for end in _draw(axes, line, marks.of(line[0]), found, each)]
        ends = [min(max(end, min(medians) / FAR), max(medians) * FAR) for end in ends]
        if limits:
            axes.axhline(limits[0], gid="deadline", **DEADLINE)
        counts = [float(whole.chips) for whole in found.wholes]
        reach(axes, "x", counts, width - LEFT - RIGHT, SMALL, doubling=True)
        reach(axes, "y", [*ends, *medians], tall, SMALL)
        axes.set_xlabel(_chips(lines), fontsize=SMALL)
        axes.set_ylabel(f"{times} of the whole run", fontsize=SMALL)
        axes.tick_params(labelsize=SMALL)
        quiet(axes, "both")


def _lines(wholes: Sequence[Whole]) -> list[list[Whole]]:
    """By hardware, and where it may have more spares than its operation by that, each by rising size."""
    lines: dict[tuple[int, bool], list[Whole]] = {}
    for whole in wholes:
        lines.setdefault((id(whole.candidate.hardware), whole.candidate.spares is None), []).append(whole)
    return list(lines.values())


def _draw(axes: Any, line: Sequence[Whole], mark: Mark, found: Planned, each: float) -> list[float]:
    """Ends of the ranges along a line, in a unit of so many days."""
    counts = [whole.chips for whole in line]
    low, high = ([getattr(one.duration.elapsed, end) / numbers.DAY / each for one in line] for end in ("low", "high"))
    if len(line) > 1:
        axes.fill_between(counts, low, high, color=mark.colour, alpha=BAND, linewidth=0, gid="range")
    else:
        axes.plot(counts * 2, [*low, *high], color=mark.colour, linewidth=1.0, alpha=0.7, gid="range")
    axes.plot(counts, [whole.days / each for whole in line], color=mark.colour, linewidth=1.4, gid=mark.name)
    for whole in line:
        axes.plot(
            whole.chips, whole.days / each, mark.shape, color=mark.colour, markersize=5,
            markerfacecolor=mark.colour if meets(whole, found) else "white", zorder=4, gid="candidate",
        )  # fmt: skip
    return [*low, *high]


def meets(whole: Whole, found: Planned) -> bool:
    """Whether a candidate keeps to the goal in enough runs, and to the power."""
    goal = found.goal
    return whole.met >= goal.sure and (goal.power is None or whole.watts <= goal.power)


def _chips(lines: Sequence[Sequence[Whole]]) -> str:
    kinds = {line[0].prediction.kind for line in lines}
    many = "wafers or GPUs" if len(kinds) > 1 else "wafers" if kinds == {"wafer"} else "GPUs"
    return f"{many}, spares included"


def _words(found: Planned, marks: Marks) -> Words:
    good = [whole for whole in found.wholes if meets(whole, found)]
    fewest = min(good or found.wholes, key=lambda whole: whole.chips)
    finding = f"{in_short(fewest)}: the fewest chips that meet the goal" if good else "Nothing meets the goal"
    handles: list[Any] = [
        *marks.handles(found.wholes),
        Patch(color=GREY, alpha=0.3, linewidth=0, label="80 % range"),
    ]
    if len(good) < len(found.wholes):
        hollow: Any = {"marker": "o", "markerfacecolor": "white", "color": GREY, "markersize": 5, "linestyle": "none"}
        handles.append(Line2D([], [], label="does not meet the goal", **hollow))
    more = f"medians of {len(found.wholes)} candidates with whole runs: sizes that may be the best in something"
    return Words(finding, circumstances(found, more), [*handles, *limit_handles(found, budget=False)])
