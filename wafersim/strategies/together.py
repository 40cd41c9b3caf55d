"""Plans of one shape run to their periodic state together, so that those who ask for them one by one find them.

The first of a shape runs by itself, on the engine that applies; in the order in which its tasks ended the others are solved
at once, columns of ticks beside each other. A plan of which that is not the order runs by itself, too, and shows its own. What
is found is what `run_to_period` finds, to the tick: this only remembers it sooner.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from wafersim.engine.graph import Ints
from wafersim.engine.schedule import LANES, Schedule, as_served, in_any_order, solve
from wafersim.strategies import run
from wafersim.strategies.lowering import Lowered
from wafersim.strategies.run import Lowers, PeriodicStep
from wafersim.strategies.steps import LoweredSteps, choose_engine

FURTHER = 3  # steps that are simulated to see what competes with the last one that counts
FEWEST_SERVED = 3  # plans for which it pays to look at how another one's first-come servers go on
MOST_ORDERS = 2  # of one shape that are kept
MOST_TASKS = 10_000  # of a step that is solved beside others: larger ones gain little, and take memory by their number


class TooFew(Exception):
    """A schedule ends before a run of it repeats."""


class SolvedSteps(LoweredSteps):
    """Steps that were solved beside others, one after the other."""

    def __init__(self, lowered: Lowered, ends: Ints) -> None:
        self.lowered, self.reach = lowered, lowered.graph.reach
        self._ends = iter(ends)

    def next_step(self) -> Ints:
        """Ends of the tasks of the next step; raises TooFew where it was not solved."""
        ends: Ints | None = next(self._ends, None)
        if ends is None:
            raise TooFew
        return ends


def run_together(strategy: Lowers[Any], plans: Iterable[Any]) -> None:
    """Run plans that are likely to be asked for; those that never repeat or are very large are left to who asks for them."""
    shapes: dict[int, list[tuple[Any, Lowered]]] = defaultdict(list)
    folded = dict.fromkeys(strategy.fold(plan).plan for plan in plans if plan.repeats)
    for plan in folded:
        if strategy.tally(plan).tasks <= MOST_TASKS and not run.remembered.knows(strategy, plan, _engine(plan)):
            lowered = strategy.lower(plan)
            shapes[id(lowered.tasks)].append((plan, lowered))
    for alike in shapes.values():
        if len(alike) > 1:
            _of_one_shape(strategy, alike)


def _of_one_shape(strategy: Lowers[Any], alike: Sequence[tuple[Any, Lowered]]) -> None:
    """Try the orders that are known of a shape; a plan whose order is none of them shows one more."""
    orders = alike[0][1].tasks.orders
    left = list(alike)
    for order in list(orders):
        left = _in_order(strategy, order, left)
    while left:
        (plan, lowered), *left = left
        found = run.remembered(strategy, plan, _engine(plan))
        if len(left) < (FEWEST_SERVED if plan.arrival_order else 1):
            continue
        shown = _order_of(lowered, plan, found)
        if shown is not None:
            orders[:] = [shown, *orders][:MOST_ORDERS]
            left = _in_order(strategy, shown, left)


def _order_of(lowered: Lowered, plan: Any, found: PeriodicStep[Any]) -> Schedule | None:
    """The schedule of a plan's steps up to its period; None where no other plan could follow it."""
    tasks, steps = lowered.tasks, found.steps_simulated
    if not plan.arrival_order:
        return in_any_order(tasks.graph, tasks.waits, steps)
    again = LoweredSteps(lowered, "queue")
    ends = [again.next_step() for _ in range(steps + FURTHER)]
    return as_served(tasks.graph, tasks.waits, ends, lowered.durations(), steps)


def _in_order(
    strategy: Lowers[Any], order: Schedule, plans: Sequence[tuple[Any, Lowered]]
) -> list[tuple[Any, Lowered]]:
    """Solve plans by a schedule and remember them; those that have another order are left."""
    left = []
    for start in range(0, len(plans), LANES):
        some = plans[start : start + LANES]
        ends, fits = solve(
            order, np.stack([each.durations() for _, each in some]), np.stack([each.lags for _, each in some])
        )
        for (plan, lowered), own, fit in zip(some, ends, fits.tolist(), strict=True):
            found = _settled(plan, lowered, own) if fit else None
            if found is None:
                left.append((plan, lowered))
            else:
                run.remembered.remember(found, strategy, plan, _engine(plan))
    return left


def _settled(plan: Any, lowered: Lowered, ends: Ints) -> PeriodicStep[Any] | None:
    """The periodic state of a plan whose steps are solved; None where they are too few to repeat."""
    try:
        return run.settle(plan, SolvedSteps(lowered, ends), _engine(plan), "")
    except TooFew:
        return None


def _engine(plan: Any) -> str:
    """The one that would run it by itself."""
    name, _ = choose_engine(plan.arrival_order, "auto")
    return name
