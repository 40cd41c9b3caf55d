"""The whole runs of jobs that share a cluster."""

from __future__ import annotations

from collections.abc import Callable

from wafersim.inputs.jobs import Jobs
from wafersim.simulation import simulate
from wafersim.training_run.build import units_of
from wafersim.training_run.family import Family, family_of


def pack(jobs: Jobs, runs: int, seed: int, progress: Callable[[str], None] = lambda _: None) -> Family:
    """Each job's step predicted, then all runs together. Raises Infeasible with the reason."""
    found = []
    for name, experiment in jobs.experiments.items():
        found.append((experiment, simulate(experiment)))
        progress(name)
    systems = units_of(found[0][1].kind, jobs.units)
    return family_of(list(jobs.experiments), found, systems, jobs.spec.shared.backfill, runs, seed)
