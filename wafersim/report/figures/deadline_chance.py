"""How sure a deadline is for what is spent: each candidate's share of runs in time against its cost, the best of each budget."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.lines import Line2D

from wafersim import numbers
from wafersim.planning.curves import Stair, surest_by_budget
from wafersim.planning.planned import Planned
from wafersim.planning.whole_run import Whole
from wafersim.report.figures.front import FOOT, LEFT, RIGHT, SMALL, stepped
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
    within,
)  # fmt: skip
from wafersim.report.figures.reach import reach
from wafersim.report.figures.sheet import PAGE, Words, sheet
from wafersim.report.figures.style import quiet


def chance_figure(found: Planned, path: Path, width: float = PAGE) -> None:
    """Medians of cost, lines for the 80 % ranges of those on the curve; the goal's share and budget dashed.

    A deadline must be given, and something must have a price.
    """
    goal, marks = found.goal, Marks(found.wholes)
    priced = [whole for whole in found.wholes if whole.usd is not None]
    stairs = surest_by_budget(priced, goal)
    assert stairs and goal.within_days is not None
    unit, size = _unit(priced)
    tall = min(3.4, 0.45 * width + 0.6)
    with sheet(path, width, tall + FOOT + 0.1, _words(found, stairs, marks, priced)) as page:
        axes = page.axes(LEFT, width - RIGHT, FOOT, tall)
        best = [one.whole for one in stairs]
        places = [_place(whole, goal.within_days, size) for whole in priced]
        for whole, place in zip(priced, places, strict=True):
            mark, on = marks.of(whole), any(whole is one for one in best)
            axes.plot(*place, mark.shape, color=mark.colour, markersize=6 if on else 4, alpha=1.0 if on else FAINT,
                      zorder=4 if on else 3, clip_on=False, gid="on the curve" if on else "faint")  # fmt: skip
        ranges = []
        for one in stairs:
            spread = one.whole.duration.cost_usd
            assert spread is not None
            ranges += [spread.low / size, spread.high / size]
            axes.plot(ranges[-2:], [100 * one.value] * 2, color=marks.of(one.whole).colour, linewidth=1.0, alpha=0.7,
                      clip_on=False, zorder=2, gid="range")  # fmt: skip
        end = max(*(x for x, _ in places), *ranges)
        curve = [(one.at / size, 100 * one.value) for one in stairs]
        axes.plot(
            *zip(*curve, (end, curve[-1][1]), strict=True), drawstyle="steps-post", clip_on=False, gid="surest", **CURVE
        )
        axes.axhline(100 * goal.sure, gid="sure", **DEADLINE)
        if goal.budget is not None:
            axes.axvline(goal.budget / size, gid="budget", **BUDGET)
        limits = [] if goal.budget is None else [goal.budget / size]
        reach(axes, "x", [*(x for x, _ in places), *ranges, *limits], width - LEFT - RIGHT, SMALL)
        axes.set_ylim(0, 100)
        axes.set_yticks(range(0, 101, 20))
        named = [(*_place(whole, goal.within_days, size), whole.label) for whole in _named(stairs, goal.sure)]
        spans = [
            [(ranges[at], y), (ranges[at + 1], y)] for at, (_, y) in zip(range(0, len(ranges), 2), curve, strict=True)
        ]
        label_points(page, axes, named, places, [stepped(curve), *spans], SMALL)
        axes.set_xlabel(f"cost of the whole run, {unit}", fontsize=SMALL)
        axes.set_ylabel(f"runs within {within(goal)}, %", fontsize=SMALL)
        axes.tick_params(labelsize=SMALL)
        quiet(axes, "both")


def _place(whole: Whole, days: float, size: float) -> tuple[float, float]:
    return (whole.usd or 0.0) / size, 100 * whole.share_within(days, None)


def _unit(priced: Sequence[Whole]) -> tuple[str, float]:
    costs = sorted(whole.usd for whole in priced if whole.usd is not None)
    return numbers.scale(costs[len(costs) // 2], numbers.DOLLARS)


def _named(stairs: Sequence[Stair], sure: float) -> list[Whole]:
    """The first that is sure enough, then both ends."""
    enough = [one for one in stairs if one.value >= sure][:1]
    return list({id(one.whole): one.whole for one in [*enough, stairs[0], stairs[-1]]}.values())


def _words(found: Planned, stairs: Sequence[Stair], marks: Marks, priced: Sequence[Whole]) -> Words:
    goal = found.goal
    enough = next((one for one in stairs if one.value >= goal.sure), stairs[-1])
    finding = f"{enough.whole.label} for {numbers.amount(enough.at, 'USD')}: {numbers.percent(enough.value)} of runs"
    finding += f" within {within(goal)}"
    if stairs[-1] is not enough:
        finding += f"; {stairs[-1].whole.label} for {numbers.amount(stairs[-1].at, 'USD')}:"
        finding += f" {numbers.percent(stairs[-1].value)}"
    more = [f"{len(priced)} candidates by their median cost; the curve: the surest of them for each budget"]
    left_out = unpriced(found)
    more += [f"left out, since no price is known: {', '.join(left_out)}"] if left_out else []
    handles: list[Any] = [
        *marks.handles(priced),
        Line2D([], [], label="the surest", **CURVE),
        range_handle(),
        Line2D([], [], label=f"asked, {numbers.percent(goal.sure)}", **DEADLINE),
        *limit_handles(found, deadline=False),
    ]
    return Words(finding, circumstances(found, *more), handles)
