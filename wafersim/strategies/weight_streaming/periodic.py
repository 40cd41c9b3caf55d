"""The periodic state of a plan: run steps until x(k + c) = x(k) + p for every task; the step time is p / c."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from wafersim.strategies.weight_streaming.plan import WeightStreamingPlan
from wafersim.strategies.weight_streaming.processes import Reference
from wafersim.timeline.timeline import Timeline

LONGEST_CYCLE = 4
MOST_STEPS = 24


@dataclass(frozen=True)
class PeriodicStep:
    """One step of the periodic state. `exact` is False when no period was found and the last steps were averaged."""

    timeline: Timeline
    step_ticks: Fraction
    cycle: int
    steps_simulated: int
    exact: bool


def run_to_period(plan: WeightStreamingPlan) -> PeriodicStep:
    """Simulate with the SimPy reference until the full state repeats.

    A step's tasks depend on at most `reach` earlier steps (a credit may come from that far back), so the shift has to
    hold over that many consecutive steps before it is the period.
    """
    reference = Reference(plan)
    steps: list[Timeline] = []
    reach = _reach(plan)
    while len(steps) < MOST_STEPS:
        steps.append(reference.run_step())
        for cycle in range(1, LONGEST_CYCLE + 1):
            if len(steps) < cycle + reach:
                break
            shifts = [_shift(steps[-1 - back - cycle], steps[-1 - back]) for back in range(reach)]
            if shifts[0] is not None and all(shift == shifts[0] for shift in shifts):
                return PeriodicStep(steps[-1], Fraction(shifts[0], cycle), cycle, len(steps), True)
    ends = [int(step.end.max()) for step in steps[-1 - LONGEST_CYCLE :]]
    return PeriodicStep(steps[-1], Fraction(ends[-1] - ends[0], LONGEST_CYCLE), LONGEST_CYCLE, len(steps), False)


def _shift(earlier: Timeline, later: Timeline) -> int | None:
    """The one number of ticks by which every task moved, or None."""
    shift = later.start - earlier.start
    return int(shift[0]) if np.all(shift == shift[0]) else None


def _reach(plan: WeightStreamingPlan) -> int:
    streamed = plan.micro_batches * sum(plan.layers[k.layer].chunks for k in plan.kernels if k.streams)
    drained = plan.micro_batches * sum(plan.layers[k.layer].chunks for k in plan.kernels if k.drains)
    return 1 + max(plan.weight_credits // max(1, streamed), plan.drain_credits // max(1, drained))
