"""Parallelism over GPUs, as a strategy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import nan

import numpy as np

from wafersim.errors import WafersimError
from wafersim.gpu.layout import Layout
from wafersim.gpu.machine import Cluster, Column
from wafersim.gpu.machines import on_each
from wafersim.gpu.memory import memory_use
from wafersim.inputs.machine import AnyMachine
from wafersim.strategies.gpu_parallel.account import account
from wafersim.strategies.gpu_parallel.choice import (
    Choice,
    Prospects,
    again,
    bound,
    choose,
    clips,
    cluster_of_job,
    clusters_of,
    clusters_of_job,
    estimate,
    look_ahead,
)
from wafersim.strategies.gpu_parallel.closed_form import estimate as closed_form
from wafersim.strategies.gpu_parallel.features import features
from wafersim.strategies.gpu_parallel.periodic import PeriodicStep, Runs, run_to_period
from wafersim.strategies.gpu_parallel.plan import GpuPlan
from wafersim.strategies.gpu_parallel.planner import build_gpu_plan, build_gpu_plans
from wafersim.strategies.gpu_parallel.words import WORDS
from wafersim.strategies.job import Job
from wafersim.strategies.strategy import Account, Features, SharedJob, Slack
from wafersim.timeline.clock import to_seconds


class GpuParallel(Runs):
    """Data, tensor, pipeline, context and expert parallelism with sharded states: the split asked for, or the fastest."""

    kind = "gpu-parallel"
    words = WORDS
    simulates_seconds = False
    scales_from_one = False

    def choose(self, job: Job, told: bool = True) -> Choice:
        """The layout."""
        return choose(job, told)

    def prospects(self, job: Job) -> Prospects:
        """All splits: which are simulated is found on the way."""
        return Prospects(job)

    def look_ahead(self, prospects: Sequence[Prospects]) -> None:
        """Search on many machines at once."""
        look_ahead(prospects)

    def again(self, job: Job, choice: Choice) -> Choice:
        """The same split: a run keeps it while its batch grows."""
        return again(job, choice)

    def plan(self, job: Job, choice: Choice) -> GpuPlan:
        """The step of one pipeline, which stands for all."""
        cluster = cluster_of_job(job, clusters_of(job.machine))
        tied = job.workload.model.tied_embeddings
        return build_gpu_plan(choice.geometry, choice.layout, cluster, choice.schedule, clips(job), tied)

    def account(self, job: Job, choice: Choice, periodic: PeriodicStep) -> Account:
        """Parts, what binds, memory of the fullest GPU."""
        return account(job, choice, periodic)

    def features(self, job: Job, choice: Choice) -> Features:
        """Its place among measured jobs on GPUs."""
        return features(job, choice)

    def seconds(self, job: Job, choice: Choice, machines: Sequence[AnyMachine]) -> list[float]:
        """By the closed form, on all machines at once."""
        found = on_each(partial(closed_form, choice.geometry), [choice.layout], clusters_of_job(job, machines))
        return [float(seconds) for seconds in found[:, 0]]

    def simulated(self, job: Job, choice: Choice, machines: Sequence[AnyMachine]) -> list[float]:
        """Of plans whose durations are worked out for all machines at once."""
        clusters, tied = clusters_of_job(job, machines), job.workload.model.tied_embeddings
        plans = build_gpu_plans(choice.geometry, choice.layout, clusters, choice.schedule, clips(job), tied)
        return [nan if plan is None else to_seconds(float(run_to_period(plan).step_ticks)) for plan in plans]

    def rivals(self, job: Job, choice: Choice, machines: Sequence[AnyMachine]) -> list[list[float]]:
        """Of the fastest splits of a search, by the closed form, on each machine."""
        if choice.found is None:
            return []
        layouts = [one.layout for one in choice.found.best]
        rows: list[list[float]] = on_each(
            partial(closed_form, choice.geometry), layouts, clusters_of_job(job, machines)
        ).tolist()
        return rows

    def estimate(self, job: Job) -> float:
        """The fastest split by the closed form."""
        return estimate(job)

    def bound(self, job: Job) -> float:
        """The least lower bound of all splits that fit."""
        return bound(job)

    def slacks(self, periodic: PeriodicStep) -> list[Slack]:
        """Not worked out for a pipeline."""
        return []

    def fits(self, job: Job, choice: Choice, machines: Sequence[AnyMachine]) -> list[tuple[float, ...]]:
        """Parts of the fullest GPU's memory, what there is of it, whether so many GPUs are installed."""

        def parts(layout: Layout, cluster: Cluster) -> Column:
            use = memory_use(choice.geometry, layout, cluster, choice.schedule)
            return np.stack(np.broadcast_arrays(*vars(use).values()))

        clusters = clusters_of_job(job, machines)
        uses = on_each(parts, [choice.layout], clusters)[..., 0].T.tolist()
        there = [machine.most is None or job.count <= machine.most for machine in machines]
        each = zip(uses, clusters, there, strict=True)
        return [(*use, float(cluster.device.memory), installed) for use, cluster, installed in each]

    def share(self, jobs: Sequence[Job], check: bool) -> list[SharedJob]:
        """GPUs are a job's own, and so are their links."""
        raise WafersimError("jobs share MemoryX, which a cluster of GPUs has none of")
