"""Plans of one shape that are solved together have the ticks that each has by itself."""

from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.properties.plans import plans
from wafersim.strategies import run, together
from wafersim.strategies.run import PeriodicStep, run_to_period
from wafersim.strategies.weight_streaming.periodic import Runs
from wafersim.strategies.weight_streaming.plan import PlanLayer, UpdateUnit, WeightStreamingPlan
from wafersim.timeline.timeline import KEY

OFTEN = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


def with_other_ticks(plan: WeightStreamingPlan, random: Random) -> WeightStreamingPlan:
    """The same shape, every duration a little or much longer or shorter; what is 0 may become more and the other way round."""
    longer = random.choice([(0,), (0, 0, 1), (0, 1, 2, -1), (0, 7, 30, -30)])

    def other(ticks: int) -> int:
        return max(0, ticks + random.choice(longer))

    def others(row: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(map(other, row))

    def layer(of: PlanLayer) -> PlanLayer:
        links = ("send", "down", "ingress", "egress", "up", "root", "accumulate", "read")
        return replace(of, **{f"{name}_ticks": others(getattr(of, f"{name}_ticks")) for name in links})

    inputs = others(plan.input_ticks) if any(plan.input_ticks) else plan.input_ticks
    return replace(
        plan,
        layers=tuple(map(layer, plan.layers)),
        compute_ticks=tuple(tuple(map(others, size)) for size in plan.compute_ticks),
        input_ticks=inputs if any(inputs) else plan.input_ticks,
        fetch_ticks=tuple(map(others, plan.fetch_ticks)),
        latencies=type(plan.latencies)(*others(tuple(vars(plan.latencies).values()))),
        updates=tuple(UpdateUnit(unit.layers, other(unit.ticks)) for unit in plan.updates),
        reduction_tail=other(plan.reduction_tail) or 1 if plan.reduction_tail else 0,
    )


def by_itself(plan: WeightStreamingPlan) -> PeriodicStep[WeightStreamingPlan]:
    run.remembered.cache_clear()
    return run_to_period(Runs(), plan)


def same(one: PeriodicStep[Any], other: PeriodicStep[Any]) -> None:
    for name in ("step_ticks", "cycle", "steps_simulated", "exact", "engine", "reason"):
        assert getattr(one, name) == getattr(other, name), name
    assert all(map(np.array_equal, one.ends, other.ends))
    for name in (*KEY, "start", "end"):
        assert np.array_equal(getattr(one.timeline, name), getattr(other.timeline, name)), name


@OFTEN
@given(plans(), st.randoms(use_true_random=False), st.integers(1, 20))
def test_plans_solved_together_have_the_ticks_of_each(plan: WeightStreamingPlan, random: Random, count: int) -> None:
    several = [replace(plan, jitter=None)]
    several += [with_other_ticks(several[0], random) for _ in range(count)]
    alone = [by_itself(each) for each in several]
    run.remembered.cache_clear()
    together.run_together(Runs(), several)
    for each, expected in zip(several, alone, strict=True):
        assert run.remembered.knows(Runs(), Runs().fold(each).plan, expected.engine) or len(set(several)) == 1
        same(expected, run_to_period(Runs(), each))
