"""Jobs that share the systems of one cluster: a file with `jobs`, a list of experiments, beside what they have in common."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from wafersim.errors import Fault, InputFaults, WafersimError, shortened
from wafersim.inputs.experiment import SLUG, Experiment, with_kind
from wafersim.inputs.faults import problems, validated
from wafersim.inputs.filling import filled
from wafersim.inputs.loader import load_experiment, locate
from wafersim.inputs.machine import load_any
from wafersim.inputs.references import References
from wafersim.inputs.sourced import Frozen
from wafersim.inputs.sweep import put
from wafersim.inputs.yaml_file import Path_, YamlFile, dotted, read_yaml

MOST_JOBS = 1000
OWN = ("name", "title", "shared", "jobs", "said")  # fields of such a file; the others are of an experiment


class SharedSpec(Frozen):
    """The systems that the jobs share, and who begins when."""

    systems: Annotated[int, Field(ge=1, le=100_000, strict=True)] | None = Field(
        default=None, description="Wafer-scale systems of all jobs together; those of the cluster if left out."
    )
    gpus: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] | None = Field(
        default=None, description="The same in GPUs."
    )
    backfill: Annotated[bool, Field(strict=True)] = Field(
        default=True,
        description="Whether a job that fits begins before an earlier one of the list that does not yet.",
    )

    @model_validator(mode="after")
    def _one_kind(self) -> SharedSpec:
        if self.systems is not None and self.gpus is not None:
            raise ValueError("give systems or gpus, not both")
        return self


class SaidSpec(Frozen):
    """What is published of the time that a job, or all of them, took: words beside the prediction, never fitted."""

    job: str | None = Field(default=None, description="The job by its name; all of them if left out.")
    words: Annotated[str, Field(min_length=1, max_length=200)] = Field(description="What is said, in words.")
    source: Annotated[str, Field(min_length=3)] = Field(description="Where it is published.")


class JobSpec(Frozen):
    """One job: an experiment by name or path, with fields over its own, or fields over those that all have in common."""

    name: Annotated[str, Field(pattern=SLUG, max_length=80)] | None = Field(
        default=None, description="The experiment's name, or of fields the model's, if left out."
    )
    experiment: str | None = Field(default=None, description="An experiment file, or the name of a shipped one.")
    fields: dict[str, Any] = Field(default_factory=dict, description="Fields of an experiment, over the others.")

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        """A name alone is an experiment; a mapping without the fields of a job is those of an experiment."""
        if isinstance(value, str):
            return {"experiment": value}
        if isinstance(value, dict) and not {"experiment", "fields"} & set(value):
            own = {"name": value["name"]} if "name" in value else {}
            return {**own, "fields": {key: item for key, item in value.items() if key != "name"}}
        return value

    @model_validator(mode="after")
    def _says_something(self) -> JobSpec:
        if self.experiment is None and not self.fields:
            raise ValueError("needs an experiment or fields, such as model: cerebras-gpt-111m")
        return self


class JobSet(Frozen):
    """What the user wrote of the jobs; what they have in common are fields of an experiment beside these."""

    name: Annotated[str, Field(pattern=SLUG, max_length=80)] = Field(
        description="What it is called, and how other files name it."
    )
    title: str | None = Field(default=None, description="A line for people.")
    shared: SharedSpec = Field(default=SharedSpec(), description="The cluster that jobs share.")
    jobs: Annotated[list[JobSpec], Field(min_length=1, max_length=MOST_JOBS)] = Field(
        description="Experiments by name, or fields, in the order in which they come."
    )
    said: list[SaidSpec] = Field(default_factory=list, description="What is published of how long they took.")


@dataclass(frozen=True)
class Jobs:
    """Experiments by the name of their job, in the order of the list, and the units (wafers or GPUs) that they share."""

    spec: JobSet
    experiments: dict[str, Experiment]
    units: int


ADAPTER: TypeAdapter[JobSet] = TypeAdapter(JobSet)


def has_jobs(name: str | Path) -> bool:
    """Whether a path or a shipped name is a file with jobs. Raises InputFaults where it is no file."""
    return "jobs" in read_yaml(locate(name)).values


def experiments_of(names: Sequence[str]) -> list[tuple[str, Experiment]]:
    """(name of the job, experiment) by names or paths; a file with jobs stands for all of them. One that is called as an earlier
    one gets a number."""
    found = dict[str, Experiment]()
    for name in names:
        one = load_jobs(name).experiments if has_jobs(name) else {(alone := load_experiment(name)).name: alone}
        for called, experiment in one.items():
            free = (f"{called}-{number}" for number in count(2))
            found[called if called not in found else next(other for other in free if other not in found)] = experiment
    return list(found.items())


def load_jobs(name: str | Path) -> Jobs:
    """Raises InputFaults: of a job's experiment, of systems that are not there, of clusters that differ, line by line."""
    path = locate(name)
    file = read_yaml(path)
    if "jobs" not in file.values:
        raise InputFaults([Fault(str(name), None, "", f"has no jobs; `wafersim run {name}` runs an experiment")])
    own = {key: value for key, value in file.values.items() if key in OWN}
    common = {key: value for key, value in file.values.items() if key not in OWN}
    unknown = [key for key in common if key not in Experiment.model_fields or key == "sweep"]
    if unknown:
        said = (
            "is no field of jobs or of an experiment"
            if unknown[0] != "sweep"
            else "a job is one point, without a sweep"
        )
        raise InputFaults([file.fault((unknown[0],), said)])
    spec: JobSet = validated(ADAPTER, YamlFile(file.name, own, file.lines))
    experiments = dict[str, Experiment]()
    for place, job in enumerate(spec.jobs):
        experiment = _experiment(file, path.parent, common, spec, place)
        if experiment.sweep:
            raise InputFaults([file.fault(("jobs", place), "a job is one point, without a sweep")])
        called = job.name or (experiment.model_name if job.experiment is None else experiment.name)
        if called in experiments:
            raise InputFaults([file.fault(("jobs", place), f"there is another job called {called!r}; give one a name")])
        experiments[called] = experiment
    for place, one in enumerate(spec.said):
        if one.job is not None and one.job not in experiments:
            known = ", ".join(list(experiments)[:8])
            raise InputFaults([file.fault(("said", place, "job"), f"no job is called {one.job!r}; there are {known}")])
    return Jobs(spec, experiments, _units(file, spec, list(experiments.values())))


def _experiment(file: YamlFile, beside: Path, common: dict[str, Any], spec: JobSet, place: int) -> Experiment:
    """The experiment of one job."""
    job, at = spec.jobs[place], file.fault(("jobs", place), "")
    references = References(file, beside)
    own = references.settled(job.fields, (), ("jobs", place))
    if job.experiment is not None:
        loaded = load_experiment(job.experiment, beside=beside)
        if not own and not references.faults:
            return loaded
        values: dict[str, Any] = loaded.model_dump(mode="json", exclude_none=True)
    else:
        values = {"name": job.name or spec.name, **copy.deepcopy(references.settled(common, (), ()))}
    if references.faults:
        raise InputFaults(references.faults)
    for key, value in own.items():
        put(values, key, value)
    values = filled(with_kind(values), references.settings)
    try:
        return Experiment.model_validate(values)
    except ValidationError as error:
        found = problems(error, values, TypeAdapter(Experiment))
        called = job.name or shortened(job.experiment or own.get("model", f"job {place}")).strip("'")
        raise InputFaults([_fault(file, at.line, called, path, problem) for path, problem in found]) from None


def _fault(file: YamlFile, line: int | None, called: str, path: Path_, problem: str) -> Fault:
    """A fault of a job's experiment, at the line where the job begins."""
    return Fault(file.name, line, dotted(path), problem, called)


def _units(file: YamlFile, spec: JobSet, experiments: list[Experiment]) -> int:
    """What they share. Raises InputFaults where they run on several clusters, or one of them needs more."""
    first, shared = experiments[0].system, spec.shared
    for place, experiment in enumerate(experiments):
        system = experiment.system
        if (system.profile, system.overrides, system.on_gpus) != (first.profile, first.overrides, first.on_gpus):
            problem = (
                f"jobs share one cluster: {first.profile_name} and {system.profile_name} (or their overrides) differ"
            )
            raise InputFaults([file.fault(("jobs", place), problem)])
    wanted, given = ("gpus", shared.systems) if first.on_gpus else ("systems", shared.gpus)
    if given is not None:
        raise InputFaults([file.fault(("shared",), f"{first.profile_name}: give {wanted}")])
    try:
        most = load_any(first.profile, first.software, first.overrides).most
    except WafersimError as wrong:
        raise InputFaults([file.fault(("system",), str(wrong))]) from None
    units = shared.gpus if first.on_gpus else shared.systems
    if units is None and most is None:
        problem = f"{first.profile_name} may be of any size: say how many {wanted} the jobs share"
        raise InputFaults([file.fault(("shared",), problem)])
    if units is not None and most is not None and units > most:
        raise InputFaults([file.fault(("shared", wanted), f"{first.profile_name} has {most}, not {units}")])
    units = units or most or 0
    for place, experiment in enumerate(experiments):
        phases = experiment.training.phases or []
        needed = max([experiment.system.count, *(phase.gpus or phase.systems or 0 for phase in phases)])
        if needed > units:
            raise InputFaults([file.fault(("jobs", place), f"needs {needed} {wanted} of the {units} that are shared")])
    return units
