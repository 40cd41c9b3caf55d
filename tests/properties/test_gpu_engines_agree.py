"""The GPU reference and the lowered engines share nothing but the plan and agree on every tick."""

import pytest
from hypothesis import given, settings

from tests.properties.gpu_plans import gpu_plans
from tests.properties.test_engines_agree import EXAMPLES, FAST, SLOW, STEPS, assert_equal
from wafersim.engine.event_queue import EventQueue
from wafersim.engine.longest_path import LongestPath
from wafersim.strategies.gpu_parallel.graph import lower
from wafersim.strategies.gpu_parallel.plan import GpuPlan
from wafersim.strategies.gpu_parallel.processes import Reference


def agree(plan: GpuPlan) -> None:
    reference, lowered = Reference(plan), lower(plan)
    path = LongestPath(lowered.graph, lowered.lags)
    queue = EventQueue(lowered.graph, lowered.lags, lambda _, step: lowered.durations(step))
    for step in range(STEPS):
        expected, durations = reference.run_step(), lowered.durations(step)
        for ends in (path.next_step(durations), queue.next_step()):
            assert_equal(expected, lowered.timeline(ends, step))


@settings(**FAST | {"max_examples": EXAMPLES // 2})
@given(gpu_plans())
def test_engines_agree_on_every_tick(plan: GpuPlan) -> None:
    agree(plan)


@pytest.mark.slow
@settings(**SLOW)
@given(gpu_plans())
def test_engines_agree_on_many_more_plans(plan: GpuPlan) -> None:
    agree(plan)
