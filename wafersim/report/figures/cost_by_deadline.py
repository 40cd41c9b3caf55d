"""What a deadline costs: for each one the cheapest candidate that keeps it surely enough, with the range of its cost."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from wafersim import numbers
from wafersim.planning.curves import Stair, cheapest_by_deadline
from wafersim.planning.planned import Planned
from wafersim.report.figures.front import FOOT, LEFT, RIGHT, SMALL, stepped
from wafersim.report.figures.near_labels import label_points
from wafersim.report.figures.plan_marks import (
    BUDGET,
    CURVE,
    DEADLINE,
    Marks,
    circumstances,
    limit_handles,
    unpriced,
    within,
)  # fmt: skip
from wafersim.report.figures.reach import reach, time_unit
from wafersim.report.figures.sheet import PAGE, Words, sheet
from wafersim.report.figures.style import GREY, quiet, ring

BEYOND = 1.5  # times the goal's deadline, or the last step, to which the curve is drawn: what the search looks for
BAND = 0.2


def cost_figure(found: Planned, path: Path, width: float = PAGE) -> None:
    """A step down wherever a longer deadline lets something cheaper in; shaded: the 80 % range of the cost of that candidate.

    Of all candidates with whole runs; rings are the deadlines for which the plan was searched through.
    """
    stairs, marks = stairs_of(found), Marks(found.wholes)
    assert stairs, "nothing has a price and meets a deadline"
    unit, size = _unit(stairs)
    times, each = time_unit([_last(found, stairs)])
    tall = min(3.4, 0.45 * width + 0.6)
    with sheet(path, width, tall + FOOT + 0.1, _words(found, stairs, marks)) as page:
        axes = page.axes(LEFT, width - RIGHT, FOOT, tall)
        ends = [at / each for at in (*(one.at for one in stairs), _last(found, stairs))]
        spreads = [spread for one in stairs if (spread := one.whole.duration.cost_usd) is not None]
        low, high = ([getattr(one, end) / size for one in spreads] for end in ("low", "high"))
        axes.fill_between(ends, [*low, low[-1]], [*high, high[-1]], step="post", color=GREY, alpha=BAND, linewidth=0,
                          gid="range")  # fmt: skip
        values = [one.value / size for one in stairs]
        axes.plot(ends, [*values, values[-1]], drawstyle="steps-post", zorder=3, gid="cheapest", **CURVE)
        for one in stairs:
            mark = marks.of(one.whole)
            axes.plot(
                one.at / each, one.value / size, mark.shape, color=mark.colour, markersize=6, zorder=4, gid="step"
            )
        searched = _searched(found, stairs)
        axes.plot(
            [at / each for at, _ in searched], [usd / size for _, usd in searched], zorder=5, gid="searched", **ring()
        )
        goal = found.goal
        if goal.within_days is not None:
            axes.axvline(goal.within_days / each, gid="deadline", **DEADLINE)
        if goal.budget is not None:
            axes.axhline(goal.budget / size, gid="budget", **BUDGET)
        limits = [] if goal.budget is None else [goal.budget / size]
        reach(axes, "x", ends, width - LEFT - RIGHT, SMALL)
        reach(axes, "y", [*low, *high, *limits], tall, SMALL)
        line = [(one.at / each, one.value / size) for one in stairs]
        named = [(one.at / each, one.value / size, one.whole.label) for one in _named(found, stairs, width)]
        label_points(page, axes, named, line, [stepped([*line, (ends[-1], line[-1][1])])], SMALL)
        axes.set_xlabel(f"deadline in {times}, kept by {numbers.percent(goal.sure)} of the runs", fontsize=SMALL)
        axes.set_ylabel(f"cost, {unit}", fontsize=SMALL)
        axes.tick_params(labelsize=SMALL)
        quiet(axes, "both")


def stairs_of(found: Planned) -> list[Stair]:
    """The cheapest for each deadline that is drawn; none where nothing has a price."""
    days, stairs = found.goal.within_days, cheapest_by_deadline(found.wholes, found.goal)
    return stairs if days is None else [one for one in stairs if one.at <= BEYOND * days]


def _last(found: Planned, stairs: Sequence[Stair]) -> float:
    """Where the curve ends: no deadline beyond was searched for."""
    days = found.goal.within_days
    return 1.1 * stairs[-1].at if days is None else BEYOND * days


def _unit(stairs: Sequence[Stair]) -> tuple[str, float]:
    return numbers.scale(stairs[len(stairs) // 2].value, numbers.DOLLARS)


def _searched(found: Planned, stairs: Sequence[Stair]) -> list[tuple[float, float]]:
    """(days, dollars) of the goal's deadline and of those that the plan tells beside it."""
    answer, days, changes = found.answer, found.goal.within_days, found.changes
    if answer is None or answer.usd is None or days is None or changes is None:
        return []
    also = [(one.days, one.answer.usd) for one in changes.deadlines if one.answer is not None and one.answer.usd]
    return sorted([(days, answer.usd), *also])


def _named(found: Planned, stairs: Sequence[Stair], width: float) -> list[Stair]:
    """That of the goal and both ends first, then what changes the hardware, then the rest, as far as there is room."""
    ends = [_at_the_goal(found, stairs), stairs[-1], stairs[0]]
    turns = [
        one
        for before, one in itertools.pairwise(stairs)
        if one.whole.candidate.hardware is not before.whole.candidate.hardware
    ]
    order = list({id(one): one for one in [*ends, *turns, *stairs]}.values())
    return order[: max(3, int(width * 0.9))]


def _at_the_goal(found: Planned, stairs: Sequence[Stair]) -> Stair:
    """What the goal's deadline costs; the last without one, the first where nothing keeps it."""
    days = found.goal.within_days
    return next((one for one in reversed(stairs) if days is None or one.at <= days), stairs[0])


def _words(found: Planned, stairs: Sequence[Stair], marks: Marks) -> Words:
    first, last = stairs[0], _at_the_goal(found, stairs)
    when = f"Within {within(found.goal)}" if within(found.goal) else "Without a deadline"
    finding = f"{when} the cheapest is {last.whole.label}"
    finding += f" for {numbers.amount(last.value, 'USD')}"
    if first.at < last.at:
        finding += f", within {numbers.duration(first.at * numbers.DAY)} it is {first.whole.label}"
        finding += f" for {numbers.amount(first.value, 'USD')}"
    more = ["the cheapest with whole runs, by its median; away from the rings there may be a cheaper one"]
    if not _searched(found, stairs):
        more = ["the cheapest with whole runs, by its median"]
    left_out = unpriced(found)
    more += [f"left out, since no price is known: {', '.join(left_out)}"] if left_out else []
    handles: list[Any] = [
        *marks.handles([one.whole for one in stairs]),
        Line2D([], [], label="the cheapest", **CURVE),
        Patch(color=GREY, alpha=BAND, linewidth=0, label="80 % range of its cost"),
    ]
    if _searched(found, stairs):
        handles.append(Line2D([], [], label="the plan's answers, exact", **ring()))
    return Words(finding, circumstances(found, *more), [*handles, *limit_handles(found)])
