"""Calibrated constants of GPUs, clusters and training stacks, from the rows marked `fit`, all at once.

Log ratios of the closed-form step time with a Cauchy loss, and the distance of every constant from what is known of it
beforehand. Deterministic: it starts from the priors.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import expm1, sqrt
from typing import Any

import numpy as np

from wafersim import quantity
from wafersim.calibration.record import Change, Found, correlations, fit_constants, normal_sigma, rounded, today
from wafersim.calibration.robust import (
    Floats,
    Loss,
    Prior,
    Problem,
    covariance,
    leave_out,
    standard_errors,
)
from wafersim.evidence.sets.gpu import published_rows
from wafersim.evidence.sets.gpu_row import GpuRow
from wafersim.evidence.tables import read_data
from wafersim.gpu.cluster import cluster_of
from wafersim.gpu.layout import Geometry, Layout, stack
from wafersim.gpu.machine import Cluster
from wafersim.gpu.memory import memory_use
from wafersim.inputs.fit import Fit
from wafersim.inputs.machine import OVERRIDABLE, load_gpu_machine, numbers
from wafersim.inputs.profile_file import number_at
from wafersim.inputs.sourced import dimension_of
from wafersim.inputs.strategy import GpuParallelSpec
from wafersim.strategies.gpu_parallel.closed_form import estimate
from wafersim.strategies.gpu_parallel.features import NAMES, group_of, values
from wafersim.strategies.gpu_parallel.layouts import resolve
from wafersim.strategies.job import Job

STACKS = {  # left out one at a time
    "Megatron-DeepSpeed of vTrain": ("megatron-deepspeed",),
    "Megatron-DeepSpeed of BLOOM": tuple(f"megatron-deepspeed-bloom{release}" for release in ("", "-early", "-bf16")),
    "llm-foundry": ("llm-foundry-bf16", "llm-foundry-amp", "llm-foundry-amp-h100"),
}
GUESSED = 0.7  # sigma of the logarithm of a constant that is taken from other stacks
POOLED = 3  # rows' worth of all rows' spread in that of a group: a few rows that happen to agree say little


@dataclass(frozen=True)
class Constant:
    """One number to fit: what is known of it, and the profiles that it sets."""

    name: str
    number: str
    dimension: str
    prior: float
    sigma: float
    sets: tuple[str, ...]

    @property
    def places(self) -> tuple[str, ...]:
        """The numbers that it sets, as "profile: values.name"."""
        return tuple(f"{profile}: values.{self.number}" for profile in self.sets)


@dataclass(frozen=True)
class Declared:
    """What `gpu_fit.yaml` states: the constants, what rows count by group, the loss, the widening of intervals."""

    constants: tuple[Constant, ...]
    weights: Mapping[str, float]
    loss: Loss
    widening: float


def declared() -> Declared:
    """As the file states it."""
    table = read_data("gpu_fit.yaml")
    out = []
    for name, entry in table["constants"].items():
        number = name.split(".")[1]
        part = next(p for p in ("gpu", "network", "software") if number in OVERRIDABLE[p].model_fields)
        if number == "collective_bandwidth":
            part = "network"
        dimension = dimension_of(OVERRIDABLE[part].model_fields[number]).name
        prior = quantity.parse(entry["prior"], dimension)
        out.append(Constant(name, number, dimension, prior, float(entry["sigma"]), tuple(entry["sets"])))
    return Declared(tuple(out), table["weights"], Loss("cauchy", float(table["scale"])), float(table["widening"]))


class Group:
    """Rows of one cluster and software as columns."""

    def __init__(self, rows: list[GpuRow]) -> None:
        self.rows = rows
        machine = load_gpu_machine(rows[0].profile, rows[0].software)
        self.cluster = cluster_of(machine)
        # "profile: values.name" -> (part, field, multiple) of the numbers that follow it, by themselves or by a `like`.
        self.followers: dict[str, list[tuple[str, str, float]]] = {}
        for path, number, origin in numbers(machine):
            part, _, field = path.partition(".")
            times = number.value / number_at(origin).value if number.like else 1.0
            self.followers.setdefault(origin, []).append((part, field, times))
        jobs = [row.jobs()[0] for row in rows]
        self.geometry: Geometry = stack([Geometry.of(job.workload) for job in jobs])
        layouts = [_layout(job, self.cluster) for job in jobs]
        self.layout: Layout = stack(layouts)
        self.seconds = np.array([row.seconds for row in rows])

    def with_values(self, found: Sequence[Constant], values: Floats) -> Cluster:
        """The cluster with the constants that concern it."""
        changed: dict[str, dict[str, Any]] = {"gpu": {}, "network": {}, "software": {}}
        for constant, value in zip(found, values, strict=True):
            for place in constant.places:
                for part, field, times in self.followers.get(place, ()):
                    changed[part][field] = float(value) * times
        device = replace(self.cluster.device, **changed["gpu"])
        network = replace(self.cluster.network, **changed["network"])
        return Cluster(device, network, replace(self.cluster.software, **changed["software"]))

    def log_ratios(self, found: Sequence[Constant], values: Floats) -> Floats:
        """log(predicted / published) step time by row."""
        predicted = np.asarray(estimate(self.geometry, self.layout, self.with_values(found, values)))
        ratios: Floats = np.log(predicted / self.seconds)
        return ratios


def _layout(job: Job, cluster: Cluster) -> Layout:
    assert isinstance(job.strategy, GpuParallelSpec)
    return resolve(job.strategy, job.workload.model, job.count, job.training.batch, cluster)


@dataclass(frozen=True)
class StackProblem:
    """Rows by cluster and software, the constants that are sought, and the fit of these to those."""

    groups: tuple[Group, ...]
    constants: tuple[Constant, ...]
    robust: Problem

    def ratios(self, values: Floats) -> dict[str, float]:
        """ln(predicted / published) step time by row."""
        return _ratios(self.groups, self.constants, values)


@dataclass(frozen=True)
class StackFit:
    """Values in SI units, the covariance of their logarithms, and the log ratios of the rows by id."""

    constants: tuple[Constant, ...]
    values: Floats
    covariance: Floats
    residuals: Mapping[str, float]


def fit_rows() -> list[GpuRow]:
    """Rows marked `fit`."""
    return [row for row in published_rows().measured.values() if row.use == "fit"]


def _groups(rows: Sequence[GpuRow]) -> tuple[Group, ...]:
    by_machine: dict[tuple[str, str], list[GpuRow]] = {}
    for row in rows:
        by_machine.setdefault((row.profile, row.software), []).append(row)
    return tuple(Group(members) for members in by_machine.values())


def _ratios(groups: Sequence[Group], constants: Sequence[Constant], values: Floats) -> dict[str, float]:
    return {
        row.id: ratio
        for group in groups
        for row, ratio in zip(group.rows, group.log_ratios(constants, values).tolist(), strict=True)
    }


def problem_of(rows: Sequence[GpuRow], strange: Collection[str] = ()) -> StackProblem:
    """The fit to some rows. Of constants that only `strange` profiles have, little is known."""
    said = declared()
    constants = tuple(_from_others(constant, said.constants, strange) for constant in said.constants)
    groups = _groups(rows)
    weights = np.array([said.weights.get(row.group, said.weights["own"]) for group in groups for row in group.rows])
    prior = Prior(np.log([c.prior for c in constants]), np.array([c.sigma for c in constants]))

    def log_ratios(logs: Floats) -> Floats:
        values = np.exp(logs)
        return np.concatenate([group.log_ratios(constants, values) for group in groups])

    return StackProblem(groups, constants, Problem(log_ratios, prior.centre, said.loss, weights, prior))


def fit_stacks(rows: Sequence[GpuRow], strange: Collection[str] = ()) -> StackFit:
    """The constants of some rows."""
    problem = problem_of(rows, strange)
    solution = problem.robust.solve()
    values = np.array([rounded(value, 4) for value in np.exp(solution.x).tolist()])
    known = covariance(solution.jacobian, np.array([c.sigma for c in problem.constants]))
    return StackFit(problem.constants, values, known, problem.ratios(values))


def _from_others(constant: Constant, known: tuple[Constant, ...], strange: Collection[str]) -> Constant:
    """A constant as it would be guessed without its profiles: the others' of the same number, within a factor of two."""
    if not set(constant.sets) <= set(strange):
        return constant
    others = [other.prior for other in known if other.number == constant.number and not set(other.sets) <= set(strange)]
    prior = float(np.exp(np.mean(np.log(others)))) if others else constant.prior
    return replace(constant, prior=prior, sigma=max(constant.sigma, GUESSED))


def workspace(rows: Sequence[GpuRow]) -> dict[str, float]:
    """{software: bytes}: the median of what GPUs were seen to use beyond the model's terms and `usable_memory`."""
    beyond: dict[str, list[float]] = {}
    for row in rows:
        if row.memory is not None:
            job, cluster = row.jobs()[0], cluster_of(load_gpu_machine(row.profile, row.software))
            layout = _layout(job, cluster)
            bare = replace(cluster, software=replace(cluster.software, workspace=0.0))
            used = float(np.max(memory_use(Geometry.of(job.workload), layout, bare, job.training.optimizer).total))
            beyond.setdefault(row.software, []).append(row.memory - used - lost_memory(row.profile))
    return {software: float(np.median(sizes)) for software, sizes in beyond.items()}


def lost_memory(profile: str) -> float:
    """Bytes of a GPU that `usable_memory` leaves out, which nvidia-smi counts as used."""
    values = load_gpu_machine(profile).gpu.values
    return values.memory.value * (1.0 - values.usable_memory.value)


def _stacks_left_out(rows: Sequence[GpuRow]) -> dict[str, dict[str, float]]:
    """{stack: ln(predicted / published) of its rows} without any of them, and without what only it has."""
    families: dict[str, dict[str, float]] = {}
    for name, belongs in STACKS.items():
        inside = np.array([row.software in belongs for row in rows])
        mine = [row for row in rows if row.software in belongs]
        of_its_own = {*belongs, *(row.profile for row in mine)} - {
            row.profile for row in rows if row.software not in belongs
        }
        for out in leave_out(rows, {name: inside}, partial(fit_stacks, strange=of_its_own)):
            ratios = _ratios(_groups(mine), out.found.constants, out.found.values)
            families[name] = {row: round(ratio, 4) for row, ratio in ratios.items()}
    return families


def fit_gpus(own: Sequence[GpuRow] = ()) -> Found:
    """Constants, spread by stack, and what a stack without rows of its own adds."""
    rows = [*fit_rows(), *own]
    found = fit_stacks(rows)
    groups = grouped(rows)
    usual = normal_sigma(list(found.residuals.values()))
    families = _stacks_left_out(rows)
    strange = normal_sigma([error for of_stack in families.values() for error in of_stack.values()])
    fit = Fit(
        set="gpu",
        date=today(),
        rows=tuple(row.id for row in rows),
        constants=fit_constants(
            [(c.name, float(value), c.places) for c, value in zip(found.constants, found.values, strict=True)],
            found.covariance,
        ),
        correlations=correlations(found.covariance),
        spread=spreads(groups, found.residuals),
        transfer=round(sqrt(max(0.0, strange**2 - usual**2)), 3),
        widening=dict.fromkeys(groups, declared().widening),
        features=NAMES,
        behind={group: tuple(sorted({features_of(row) for row in members})) for group, members in groups.items()},
        families=families,
    )
    changes = [
        Change(profile, ("values", constant.number), value, error)
        for constant, value, error in zip(
            found.constants, found.values.tolist(), standard_errors(found.covariance).tolist(), strict=True
        )
        for profile in constant.sets
    ]
    changes += [Change(software, ("values", "workspace"), size) for software, size in workspace(fit_rows()).items()]
    return Found(fit, tuple(changes), {row.id: _error(row, found.residuals[row.id]) for row in rows})


def grouped(rows: Sequence[GpuRow]) -> dict[str, list[GpuRow]]:
    """By training stack and cluster, on one node and on several: what shares its errors."""
    groups: dict[str, list[GpuRow]] = {}
    for row in rows:
        groups.setdefault(group_of(load_gpu_machine(row.profile, row.software), row.gpus), []).append(row)
    return groups


def spreads(groups: Mapping[str, Sequence[GpuRow]], residuals: Mapping[str, float]) -> dict[str, float]:
    """Standard deviation of the rows of each group, pooled with that of all."""
    usual = normal_sigma(list(residuals.values()))
    out = {}
    for group, members in groups.items():
        own, rows = normal_sigma([residuals[row.id] for row in members]), len(members)
        out[group] = round(sqrt((rows * own**2 + POOLED * usual**2) / (rows + POOLED)), 4)
    return out


def _error(row: GpuRow, log_ratio: float) -> float:
    """Of the value as it is stated: a rate is too low where the time is too high."""
    return expm1(log_ratio if row.metric == "iteration_time" else -log_ratio)


def features_of(row: GpuRow) -> tuple[float, ...]:
    """Logarithms of `NAMES`."""
    return values(row.jobs()[0].workload, row.batch, row.gpus)


def refused(row: GpuRow) -> str | None:
    """Why a user's row can set nothing."""
    if row.options:
        return f"{', '.join(row.options)} not stated"
    machine = load_gpu_machine(row.profile, row.software)
    fitted = {place for constant in declared().constants for place in constant.places}
    if not any(origin in fitted for _, _, origin in numbers(machine)):
        return f"no number of {row.profile} with {row.software} is fitted"
    return None
