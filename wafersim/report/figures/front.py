"""The front of a plan: days against dollars of every candidate, those that nothing beats in both, and its knees."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.lines import Line2D

from wafersim import numbers
from wafersim.planning.knees import knees
from wafersim.planning.planned import Planned
from wafersim.planning.whole_run import Whole
from wafersim.report.figures.near_labels import label_points
from wafersim.report.figures.plan_marks import (
    BUDGET,
    CURVE,
    DEADLINE,
    FAINT,
    Marks,
    circumstances,
    limit_handles,
    range_handle,
    unpriced,
)  # fmt: skip
from wafersim.report.figures.reach import reach, time_unit
from wafersim.report.figures.sheet import PAGE, Target, Words, sheet
from wafersim.report.figures.style import GREY, quiet
from wafersim.report.screen.plan import in_short
from wafersim.training_run.duration import Spread

SMALL = 8.0  # points
LEFT, RIGHT, FOOT = 0.72, 0.15, 0.48  # inches around the axes


@dataclass(frozen=True)
class Against:
    """What times are set against: dollars, or energy where nothing has a price; and the unit of times, in days."""

    times: str
    each: float
    name: str
    unit: str
    size: float
    spread: Callable[[Whole], Spread | None]


def against(found: Planned) -> Against:
    """Dollars where the front has them."""
    priced = any(whole.usd is not None for whole in found.front)
    values = [value for whole in found.front if (value := whole.usd if priced else whole.joules) is not None]
    limit = found.goal.within_days
    times, each = time_unit([*(whole.days for whole in found.wholes), *([] if limit is None else [limit])])
    unit, size = numbers.scale(sorted(values)[len(values) // 2], numbers.DOLLARS if priced else numbers.JOULES)
    if priced:
        return Against(times, each, "cost", unit, size, lambda whole: whole.duration.cost_usd)
    return Against(times, each, "energy", unit, size, lambda whole: whole.duration.energy_j)


def front_figure(found: Planned, path: Target, width: float = PAGE) -> None:
    """Medians, lines for 80 % ranges of the front, the goal's limits dashed; candidates off the front are faint.

    Named are both ends, the answer, and the knees. Candidates without a price are left out where others have one.
    """
    of, marks, front = against(found), Marks(found.wholes), found.front
    drawn = [whole for whole in found.wholes if of.spread(whole) is not None]
    rest = [whole for whole in drawn if not any(whole is one for one in front)]
    tall = min(3.8, 0.5 * width + 0.6)
    with sheet(path, width, tall + FOOT + 0.1, _words(found, of, marks, drawn)) as page:
        axes = page.axes(LEFT, width - RIGHT, FOOT, tall)
        for whole in rest:
            mark = marks.of(whole)
            axes.plot(
                *_place(whole, of), mark.shape, color=mark.colour, markersize=4, alpha=FAINT, zorder=3, gid="faint"
            )
        crosses = [(_range(whole, of), marks.of(whole)) for whole in front]
        for cross, mark in crosses:
            for line in cross:
                axes.plot(*zip(*line, strict=True), color=mark.colour, linewidth=1.0, alpha=0.7, zorder=2, gid="range")
        steps = [_place(whole, of) for whole in front]
        axes.plot(*zip(*steps, strict=True), drawstyle="steps-post", zorder=3, gid="front", **CURVE)
        for whole in front:
            mark = marks.of(whole)
            axes.plot(*_place(whole, of), mark.shape, color=mark.colour, markersize=6, zorder=4, gid="on the front")
        _limits(axes, found, of)
        _reach(axes, found, drawn, of, width - LEFT - RIGHT, tall)
        named = [(*_place(whole, of), whole.label) for whole in told(found, of)]
        lines = [stepped(steps), *(line for cross, _ in crosses for line in cross)]
        label_points(page, axes, named, [_place(whole, of) for whole in drawn], lines, SMALL)
        axes.set_xlabel(f"{of.times} of the whole run", fontsize=SMALL)
        axes.set_ylabel(f"{of.name}, {of.unit}", fontsize=SMALL)
        axes.tick_params(labelsize=SMALL)
        quiet(axes, "both")


def told(found: Planned, of: Against) -> list[Whole]:
    """What is named on the front: the answer and both ends, then its knees, from the deepest."""
    front = found.front
    bends = [front[place] for place in knees([_place(whole, of) for whole in front])]
    ends = [front[0], front[-1]] if front else []
    answer = [whole for whole in front if whole is found.answer]
    return list({id(whole): whole for whole in [*answer, *ends, *bends]}.values())


def _place(whole: Whole, of: Against) -> tuple[float, float]:
    spread = of.spread(whole)
    assert spread is not None
    return whole.days / of.each, spread.median / of.size


def stepped(line: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """With the corners of a line that goes on level until the next point."""
    found = list(line[:1])
    for (_, before), (x, y) in itertools.pairwise(line):
        found += [(x, before), (x, y)]
    return found


def _range(whole: Whole, of: Against) -> list[list[tuple[float, float]]]:
    """The lines of both 80 % ranges."""
    (time, value), spread, elapsed = _place(whole, of), of.spread(whole), whole.duration.elapsed
    assert spread is not None
    low, high = (end / numbers.DAY / of.each for end in (elapsed.low, elapsed.high))
    return [[(low, value), (high, value)], [(time, spread.low / of.size), (time, spread.high / of.size)]]


def _limits(axes: Any, found: Planned, of: Against) -> None:
    goal = found.goal
    if goal.within_days is not None:
        axes.axvline(goal.within_days / of.each, gid="deadline", **DEADLINE)
    if goal.budget is not None and of.name == "cost":
        axes.axhline(goal.budget / of.size, gid="budget", **BUDGET)


def _reach(axes: Any, found: Planned, drawn: Sequence[Whole], of: Against, across: float, tall: float) -> None:
    """Over all medians, the ranges of the front, and the limits."""
    goal, places = found.goal, [_place(whole, of) for whole in drawn]
    spreads = [spread for whole in found.front if (spread := of.spread(whole)) is not None]
    days = [days for days, _ in places]
    ends = [end for one in found.front for end in (one.duration.elapsed.low, one.duration.elapsed.high)]
    days += [end / numbers.DAY / of.each for end in ends]
    values = [value for _, value in places] + [end / of.size for one in spreads for end in (one.low, one.high)]
    days += [] if goal.within_days is None else [goal.within_days / of.each]
    values += [] if goal.budget is None or of.name != "cost" else [goal.budget / of.size]
    reach(axes, "x", days, across, SMALL)
    reach(axes, "y", values, tall, SMALL)


def _words(found: Planned, of: Against, marks: Marks, drawn: Sequence[Whole]) -> Words:
    front = found.front
    last = "the cheapest" if of.name == "cost" else "the least energy"
    if len(front) == 1:
        finding = f"{in_short(front[0])}: the fastest and {last}"
    else:
        finding = f"The fastest: {in_short(front[0])}; {last}: {in_short(front[-1])}"
    left_out = unpriced(found) if of.name == "cost" else []
    more = [f"medians of {len(drawn)} candidates, {len(front)} of them on the front"]
    more += [f"left out, since no price is known: {', '.join(left_out)}"] if left_out else []
    more += ["energy instead of cost, since no price is known"] if of.name == "energy" else []
    handles: list[Any] = marks.handles(drawn)
    handles.append(Line2D([], [], label="the front", **CURVE))
    if len(drawn) > len(front):
        handles.append(
            Line2D([], [], linestyle="none", marker="o", color=GREY, alpha=FAINT, markersize=4, label="off the front")
        )
    handles += [range_handle(), *limit_handles(found, budget=of.name == "cost")]
    return Words(finding, circumstances(found, *more), handles)
