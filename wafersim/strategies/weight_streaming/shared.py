"""Several jobs on one cluster: systems and trees of their own, MemoryX's memory and ports in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np

from wafersim.engine.event_queue import EventQueue
from wafersim.engine.graph import Ints, join
from wafersim.errors import WafersimError
from wafersim.strategies.strategy import SharedJob
from wafersim.strategies.tally import check_tally
from wafersim.strategies.weight_streaming.graph import lower
from wafersim.strategies.weight_streaming.periodic import run_to_period
from wafersim.strategies.weight_streaming.plan import WeightStreamingPlan
from wafersim.strategies.weight_streaming.processes import Reference
from wafersim.strategies.weight_streaming.symmetry import fold
from wafersim.strategies.weight_streaming.tally import tally

SLOWEST_STEPS = 12  # of the job with the longest step; the others take as many as fit beside them
MOST_STEPS = 4000
WARM_UP = 4  # a quarter of the steps is not counted


def share(plans: Sequence[WeightStreamingPlan], check: bool = False) -> list[SharedJob]:
    """Run jobs side by side, first come first served at what they share; `check` compares every tick with SimPy.

    Jobs do not keep in step, so no period is looked for: steps are averaged over the same stretch of time. A job alone
    runs under the same order of service. Raises WafersimError when `check` finds a difference, TooManyTasks for more than are
    simulated.
    """
    jobs = [fold(_on_shared_memoryx(plan)).plan for plan in plans]
    check_tally(*map(tally, jobs), each="; of the largest of the jobs")
    alone = [float(run_to_period(job, reductions=False).step_ticks) for job in jobs]
    counts = [min(MOST_STEPS, round(SLOWEST_STEPS * max(alone) / own)) for own in alone]
    links = [0, *accumulate(2 * job.systems for job in jobs)]
    lowered = [lower(job, number, links[number]) for number, job in enumerate(jobs)]
    graph, lags = join([(each.graph, each.lags) for each in lowered])
    queue = EventQueue(graph, lags, lambda job, step: lowered[job].durations(step))
    reference = Reference(*jobs) if check else None
    out = []
    for number, (count, own) in enumerate(zip(counts, alone, strict=True)):
        ends = np.empty(count, np.int64)
        for step in range(count):
            tasks = queue.next_step(number)
            ends[step] = tasks.max()
            if reference is not None:
                expected = reference.run_step(number)
                _same(lowered[number].timeline(tasks, step).end, expected.end, number)
        first = count // WARM_UP
        together = float(ends[-1] - ends[first]) / (count - 1 - first)
        out.append(SharedJob(own, together, count - 1 - first))
    return out


def _same(found: Ints, expected: Ints, job: int) -> None:
    if not np.array_equal(found, expected):
        raise WafersimError(f"engines disagree on job {job + 1} at tick {expected[found != expected].min()}")


def _on_shared_memoryx(plan: WeightStreamingPlan) -> WeightStreamingPlan:
    order = dict.fromkeys((*plan.arrival_order, "memory", "ports"))
    return replace(plan, arrival_order=tuple(order))
