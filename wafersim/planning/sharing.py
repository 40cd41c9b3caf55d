"""Several experiments on one cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wafersim.errors import Infeasible, WafersimError
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.machine import load_machine
from wafersim.simulation import simulate_wafers
from wafersim.strategies.weight_streaming.shared import share
from wafersim.timeline.clock import to_seconds


@dataclass(frozen=True)
class Job:
    """One of the jobs: its step alone and beside the others, in seconds."""

    name: str
    model: str
    n_systems: int
    alone_s: float
    together_s: float
    slowdown: float
    steps: int


def share_cluster(experiments: Sequence[Experiment], check: bool = False) -> list[Job]:
    """Each job's slowdown. Raises WafersimError for sweeps, for machines that differ, and for too many systems."""
    if len(experiments) < 2:
        raise WafersimError("share needs two experiments or more")
    for experiment in experiments:
        if experiment.system.on_gpus:
            raise WafersimError(
                f"{experiment.name}: jobs share MemoryX; {experiment.system.profile_name} is a cluster of GPUs"
            )
        if experiment.sweep:
            raise WafersimError(f"{experiment.name}: a job on a shared cluster is one point, without a sweep")
    systems = [experiment.system for experiment in experiments]
    for other in systems[1:]:
        if (other.profile, other.overrides) != (systems[0].profile, systems[0].overrides):
            raise WafersimError(
                f"jobs share one cluster: {systems[0].profile_name} and {other.profile_name} (or their overrides) differ"
            )
    machine = load_machine(systems[0].profile, systems[0].overrides)
    total, limit = sum(each.count for each in systems), int(machine.swarmx.values.max_systems.value)
    if machine.cluster is not None:
        limit = min(limit, int(machine.cluster.values.systems.value))
    if total > limit:
        raise Infeasible(f"the jobs ask for {total} systems; {machine.name} has {limit}")
    found = [simulate_wafers(experiment) for experiment in experiments]
    shared = share([each.planned.plan for each in found], check)
    return [
        Job(
            experiment.name,
            experiment.model_name,
            experiment.system.count,
            to_seconds(each.alone_ticks),
            to_seconds(each.together_ticks),
            each.slowdown,
            each.steps,
        )
        for experiment, each in zip(experiments, shared, strict=True)
    ]
