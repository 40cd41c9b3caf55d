"""What candidates' whole runs say of every deadline and every budget: the cheapest for each, and how sure one can be for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from wafersim.inputs.goal import GoalSpec
from wafersim.numbers import DAY
from wafersim.planning.whole_run import Whole


@dataclass(frozen=True)
class Stair:
    """From `at` on (days of a deadline, dollars of a budget) nothing is better than `whole`, which has the value `value`."""

    at: float
    value: float
    whole: Whole


def surely_within(whole: Whole, goal: GoalSpec) -> float | None:
    """The shortest deadline in days that enough runs keep, within the budget; None where budget or power is not kept to."""
    if goal.power is not None and whole.watts > goal.power:
        return None
    ends, costs = whole.duration.ends_s, whole.duration.costs_usd
    needed = math.ceil(goal.sure * len(ends) - 1e-9)  # 0.7 * 10 is a little more than 7
    kept = ends if goal.budget is None or costs is None else ends[costs <= goal.budget]
    return float(np.sort(kept)[needed - 1]) / DAY if len(kept) >= needed else None


def cheapest_by_deadline(wholes: Iterable[Whole], goal: GoalSpec) -> list[Stair]:
    """The cheapest candidate for each deadline, by its median dollars, from the shortest on; what has no price is left out."""
    able = [
        Stair(days, whole.usd, whole)
        for whole in wholes
        if whole.usd is not None and (days := surely_within(whole, goal)) is not None
    ]
    return _best(able, lambda one: one.value)


def surest_by_budget(wholes: Iterable[Whole], goal: GoalSpec) -> list[Stair]:
    """The largest share of runs that end in time for each budget, which the median dollars have to keep, from the least on."""
    days = goal.within_days
    able = [
        Stair(whole.usd, whole.share_within(days, None), whole)
        for whole in wholes
        if whole.usd is not None and (goal.power is None or whole.watts <= goal.power)
    ]
    return _best(able, lambda one: -one.value)


def _best(able: list[Stair], rank: Callable[[Stair], float]) -> list[Stair]:
    """Those that nothing before them equals."""
    found: list[Stair] = []
    for one in sorted(able, key=lambda one: (one.at, rank(one))):
        if not found or rank(one) < rank(found[-1]):
            found.append(one)
    return found
