"""A file with jobs as it can be read again anywhere: every job with all its fields, every default written out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wafersim.inputs.experiment import Experiment
from wafersim.inputs.jobs import Jobs, JobSet, JobSpec, SharedSpec


def resolved_jobs(jobs: Jobs) -> dict[str, Any]:
    """Plain values of such a file. Models and profiles of one's own stand in it as they were read."""
    spec, on_gpus = jobs.spec, next(iter(jobs.experiments.values())).system.on_gpus
    return {
        "name": spec.name,
        "title": spec.title or spec.name,
        "shared": {"gpus" if on_gpus else "systems": jobs.units, "backfill": spec.shared.backfill},
        "jobs": [{"name": name, "fields": _fields(one)} for name, one in jobs.experiments.items()],
        "said": [one.model_dump(mode="json", exclude_none=True) for one in spec.said],
    }


def jobs_beside(named: Sequence[tuple[str, Experiment]], title: str) -> Jobs:
    """Experiments beside each other, each of a name of its own, as a file with jobs has them."""
    found = dict(named)
    units = sum(one.system.count for one in found.values())
    on_gpus = named[0][1].system.on_gpus
    shared = SharedSpec(gpus=units) if on_gpus else SharedSpec(systems=units)
    called = "-and-".join(found)[:80].rstrip("-_.")
    spec = JobSet(name=called, title=title, shared=shared, jobs=[JobSpec(experiment=name) for name in found])
    return Jobs(spec, found, units)


def _fields(experiment: Experiment) -> dict[str, Any]:
    fields: dict[str, Any] = experiment.model_dump(mode="json", exclude_none=True)
    return {name: value for name, value in fields.items() if name != "sweep"}
