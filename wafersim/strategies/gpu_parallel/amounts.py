"""What the tasks of a step on GPUs do: their FLOPs, the bytes they move in memory and those they send, on one GPU of a stage.

A plan's ticks are seconds of cost functions. The same plan made on a meter in place of the machine has FLOPs, or bytes, where it
had ticks, and is lowered to the same tasks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from wafersim.engine.graph import Ints
from wafersim.gpu.meters import FLOPS, meters
from wafersim.strategies.gpu_parallel.choice import Choice, clips, cluster_of_job, clusters_of
from wafersim.strategies.gpu_parallel.graph import lower
from wafersim.strategies.gpu_parallel.plan import GpuPlan
from wafersim.strategies.gpu_parallel.planner import build_gpu_plan
from wafersim.strategies.job import Job


@dataclass(frozen=True)
class Amounts:
    """Of every task, in the order of a timeline's rows; where experts are not evenly used, of the busiest GPU."""

    flops: Ints  # of products, with what is recomputed
    memory: Ints  # bytes
    sent: Ints  # bytes: of a piece of work its tensor-, context- and expert-parallel collectives


def amounts(job: Job, choice: Choice, plan: GpuPlan) -> Amounts:
    """Of the plan that was made for a job and a choice."""
    cluster, tied = cluster_of_job(job, clusters_of(job.machine)), job.workload.model.tied_embeddings
    one = replace(choice.layout, micro_batches=1)  # whose counts are no step that the clock has to hold
    counted = (
        build_gpu_plan(choice.geometry, one, meter, choice.schedule, clips(job), tied) for meter in meters(cluster)
    )
    flops, memory, sent = (
        _ticks(replace(each, micro_batches=plan.micro_batches, ports=plan.ports)) for each in counted
    )
    return Amounts(FLOPS * flops, memory, sent)


def _ticks(plan: GpuPlan) -> Ints:
    """Of every task."""
    lowered = lower(plan)
    tasks = lowered.timeline(np.zeros(lowered.graph.tasks, np.int64), 0)
    return tasks.end - tasks.start
