"""Several experiments on one cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wafersim.errors import Infeasible, WafersimError
from wafersim.inputs.experiment import Experiment
from wafersim.simulation import job_of
from wafersim.strategies.registry import strategy_of
from wafersim.timeline.clock import to_seconds


@dataclass(frozen=True)
class Shared:
    """One of the jobs: its step alone and beside the others, in seconds."""

    name: str
    model: str
    n_systems: int
    alone_s: float
    together_s: float
    slowdown: float
    steps: int


def share_cluster(named: Sequence[tuple[str, Experiment]], check: bool = False) -> list[Shared]:
    """Each job's slowdown, of (its name, its experiment). Raises WafersimError for sweeps, for machines that differ, and for too
    many systems."""
    experiments = [experiment for _, experiment in named]
    if len(experiments) < 2:
        raise WafersimError("share needs two experiments or more, or a file with `jobs` (such as cerebras_gpt_family)")
    for experiment in experiments:
        if experiment.sweep:
            raise WafersimError(f"{experiment.name}: a job on a shared cluster is one point, without a sweep")
    jobs = [job_of(experiment) for experiment in experiments]
    first = jobs[0]
    for job in jobs[1:]:
        if (job.machine, job.kind) != (first.machine, first.kind):
            raise WafersimError(
                f"jobs share one cluster: {first.machine.name} and {job.machine.name} (or their overrides) differ"
            )
    total, most = sum(job.count for job in jobs), first.machine.most
    if most is not None and total > most:
        raise Infeasible(f"the jobs ask for {total} systems; {first.machine.name} has {most}")
    strategy = strategy_of(first.kind)
    found = strategy.share(jobs, check)
    return [
        Shared(
            name,
            job.workload.model.name,
            job.count,
            to_seconds(each.alone_ticks),
            to_seconds(each.together_ticks),
            each.slowdown,
            each.steps,
        )
        for (name, _), job, each in zip(named, jobs, found, strict=True)
    ]
