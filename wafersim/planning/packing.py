"""The whole runs of jobs that share a cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wafersim.inputs.experiment import Experiment
from wafersim.inputs.jobs import Jobs
from wafersim.inputs.sweep import Point
from wafersim.planning.sweep import PointResult
from wafersim.simulation import jobs_of, simulate_run
from wafersim.training_run.build import units_of
from wafersim.training_run.family import Family, family_of


@dataclass(frozen=True)
class Packing:
    """The runs of all jobs, and by the name of each its step as a point, which knows no scaling efficiency."""

    family: Family
    points: dict[str, PointResult]


def points_of(
    experiments: dict[str, Experiment], progress: Callable[[str], None] = lambda _: None
) -> dict[str, PointResult]:
    """The step of each job. Raises Infeasible with the reason."""
    found = dict[str, PointResult]()
    for name, experiment in experiments.items():
        found[name] = PointResult(Point({}, experiment), simulate_run(jobs_of(experiment)), None).light()
        progress(name)
    return found


def pack(jobs: Jobs, runs: int, seed: int, progress: Callable[[str], None] = lambda _: None) -> Packing:
    """Each job's step predicted, then all runs together. Raises Infeasible with the reason."""
    points = points_of(jobs.experiments, progress)
    found = [(one.point.experiment, one.simulated.prediction) for one in points.values() if one.simulated is not None]
    systems = units_of(found[0][1].kind, jobs.units)
    family = family_of(list(points), found, systems, jobs.spec.shared.backfill, runs, seed)
    return Packing(family, points)
