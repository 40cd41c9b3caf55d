"""The engines share no lowering and agree on every start and end tick, by canonical key, of every plan."""

import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.properties.plans import plans
from wafersim.engine.event_queue import EventQueue
from wafersim.engine.graph import join
from wafersim.engine.longest_path import LongestPath
from wafersim.strategies.weight_streaming.graph import lower
from wafersim.strategies.weight_streaming.plan import UpdateUnit, WeightStreamingPlan
from wafersim.strategies.weight_streaming.processes import Reference
from wafersim.timeline.timeline import KEY, Timeline

STEPS = 3
EXAMPLES = int(os.environ.get("WAFERSIM_EXAMPLES", "500"))
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
            assert_equal(expected, lowered.timeline(engine(), step))


@settings(**FAST)
@given(plans())
def test_engines_agree_on_every_tick(plan: WeightStreamingPlan) -> None:
    agree(plan)


@pytest.mark.slow
@settings(**SLOW)
@given(plans())
def test_engines_agree_on_many_more_plans(plan: WeightStreamingPlan) -> None:
    agree(plan)


def taking_time(plan: WeightStreamingPlan) -> WeightStreamingPlan:
    """A job whose step takes no tick would end infinitely many of them while the other one waits."""
    return replace(plan, updates=tuple(UpdateUnit(unit.layers, unit.ticks + 1) for unit in plan.updates))


@settings(**FAST | {"max_examples": EXAMPLES // 3})
@given(plans([("memory", "ports"), ("ingress", "egress", "memory", "ports")]), plans([("memory", "ports")]))
def test_two_jobs_on_one_memoryx_agree(one: WeightStreamingPlan, other: WeightStreamingPlan) -> None:
    one, other = taking_time(one), taking_time(other)
    jobs = [lower(one), lower(other, number=1, links_before=2 * one.systems)]
    reference = Reference(one, other)
    graph, lags = join([(job.graph, job.lags) for job in jobs])
    queue = EventQueue(graph, lags, lambda job, step: jobs[job].durations(step))
    for step in range(STEPS):
        for job, lowered in enumerate(jobs):
            ends = queue.next_step(job)
            assert_equal(reference.run_step(job), lowered.timeline(ends, step))
