"""The engines share no lowering and agree on every start and end tick, by canonical key, of every plan."""

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.properties.plans import plans
from wafersim.engine.event_queue import EventQueue
from wafersim.engine.longest_path import LongestPath
from wafersim.strategies.weight_streaming.graph import lower
from wafersim.strategies.weight_streaming.plan import WeightStreamingPlan
from wafersim.strategies.weight_streaming.processes import Reference
from wafersim.timeline.timeline import KEY, Timeline

STEPS = 3
EXAMPLES = int(os.environ.get("WAFERSIM_EXAMPLES", "300"))
SLOW = {"max_examples": 50_000, "deadline": None, "suppress_health_check": list(HealthCheck)}
FAST = SLOW | {"max_examples": EXAMPLES}


def assert_equal(one: Timeline, other: Timeline) -> None:
    for name in (*KEY, "start", "end"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


def agree(plan: WeightStreamingPlan) -> None:
    reference, lowered = Reference(plan), lower(plan)
    engines = [EventQueue(lowered.graph, lowered.lags, lambda _, step: lowered.durations(step)).next_step]
    if not plan.arrival_order:
        path = LongestPath(lowered.graph, lowered.lags)
        steps = iter(range(STEPS))
        engines.append(lambda: path.next_step(lowered.durations(next(steps))))
    for step in range(STEPS):
        expected = reference.run_step()
        for engine in engines:
            assert_equal(expected, lowered.timeline(engine(), step, lowered.durations(step)))


@settings(**FAST)
@given(plans())
def test_engines_agree_on_every_tick(plan: WeightStreamingPlan) -> None:
    agree(plan)


@pytest.mark.slow
@settings(**SLOW)
@given(plans())
def test_engines_agree_on_many_more_plans(plan: WeightStreamingPlan) -> None:
    agree(plan)
