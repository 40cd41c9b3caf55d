"""What `calibrate --set gpu` fits and how: constants with what is known of them beforehand, rows as columns, log ratios.

Log ratios of the closed-form step time with a Cauchy loss, and the distance of every constant from what is known of it
beforehand. Deterministic: it starts from the priors.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wafersim import quantity
from wafersim.calibration.record import rounded
from wafersim.calibration.robust import Floats, Loss, Prior, Problem
from wafersim.calibration.variance import Scatter
from wafersim.errors import Infeasible
from wafersim.evidence.sets.gpu import published_rows
from wafersim.evidence.sets.gpu_row import GpuRow
from wafersim.evidence.tables import read_data
from wafersim.gpu.cluster import cluster_of
from wafersim.gpu.layout import Geometry, Layout, stack
from wafersim.gpu.machine import Cluster
from wafersim.inputs.machine import OVERRIDABLE, load_gpu_machine, numbers
from wafersim.inputs.profile_file import number_at
from wafersim.inputs.sourced import dimension_of
from wafersim.inputs.strategy import GpuParallelSpec
from wafersim.strategies.gpu_parallel.closed_form import estimate
from wafersim.strategies.gpu_parallel.layouts import resolve
from wafersim.strategies.job import Job

TOLERANCE = 1e-7  # of the misfit and of constants' logarithms: they are kept to four figures
STEP = 1e-4  # of a constant's logarithm, by which its elasticity is taken


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
    """What `gpu_fit.yaml` states: the constants, what rows count by group, the loss, what is known of scatter and widening."""

    constants: tuple[Constant, ...]
    weights: Mapping[str, float]
    loss: Loss
    within: Scatter
    between: Scatter
    beyond: Mapping[str, float]  # by the name of a feature
    widening: float
    guessed: float  # width of a constant that is taken from other stacks


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
    within, between = (
        Scatter(float(table["scatter"][which]["middle"]), float(table["scatter"][which]["width"]))
        for which in ("within", "between")
    )
    return Declared(
        tuple(out), table["weights"], Loss("cauchy", float(table["scale"])), within, between, table["beyond"],
        float(table["widening"]), float(table["guessed"]),
    )  # fmt: skip


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
            base = number_at(origin).value
            times = number.value / base if number.like and base else 1.0
            self.followers.setdefault(origin, []).append((part, field, times))
        jobs = [row.jobs()[0] for row in rows]
        self.geometry: Geometry = stack([Geometry.of(job.workload) for job in jobs])
        layouts = [layout_of(job, self.cluster) for job in jobs]
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
        return self._log_ratios(self.with_values(found, values))

    def _log_ratios(self, cluster: Cluster) -> Floats:
        ratios: Floats = np.log(np.asarray(estimate(self.geometry, self.layout, cluster)) / self.seconds)
        return ratios

    def hosts(self, found: Sequence[Constant], values: Floats) -> Floats:
        """d ln(step time) / d ln(all launches) by row."""
        cluster = self.with_values(found, values)
        slower = replace(cluster.software, host_factor=cluster.software.host_factor * float(np.exp(STEP)))
        return (self._log_ratios(replace(cluster, software=slower)) - self._log_ratios(cluster)) / STEP


def layout_of(job: Job, cluster: Cluster) -> Layout:
    """How a row's job is split."""
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
        return ratios_of(self.groups, self.constants, values)

    def elasticities(self, values: Floats) -> Floats:
        """d ln(step time) / d ln(constant) by row and constant."""
        return elasticities_of(self.groups, self.constants, values)


@dataclass(frozen=True)
class StackFit:
    """The problem, and the values in SI units that solve it."""

    problem: StackProblem
    values: Floats

    @property
    def constants(self) -> tuple[Constant, ...]:
        """Those of the problem."""
        return self.problem.constants


def fit_rows() -> list[GpuRow]:
    """Rows marked `fit` whose split can be said."""
    return [row for row in published_rows().measured.values() if row.use == "fit" and _can_run(row)]


def _can_run(row: GpuRow) -> bool:
    try:
        layout_of(row.jobs()[0], cluster_of(load_gpu_machine(row.profile, row.software)))
    except Infeasible:
        return False
    return True


def groups_of(rows: Sequence[GpuRow]) -> tuple[Group, ...]:
    """By cluster and software."""
    by_machine: dict[tuple[str, str], list[GpuRow]] = {}
    for row in rows:
        by_machine.setdefault((row.profile, row.software), []).append(row)
    return tuple(Group(members) for members in by_machine.values())


def ratios_of(groups: Sequence[Group], constants: Sequence[Constant], values: Floats) -> dict[str, float]:
    """ln(predicted / published) step time by row."""
    return {
        row.id: ratio
        for group in groups
        for row, ratio in zip(group.rows, group.log_ratios(constants, values).tolist(), strict=True)
    }


def elasticities_of(
    groups: Sequence[Group], constants: Sequence[Constant], values: Floats, one_sided: bool = False
) -> Floats:
    """d ln(step time) / d ln(constant) by row and constant; a column costs only the groups that its constant concerns.

    From both sides, or from one, which is half the work and enough for a solver.
    """
    out = []
    for group in groups:
        columns = np.zeros((len(group.rows), len(constants)))
        here = group.log_ratios(constants, values) if one_sided else None
        for at, constant in enumerate(constants):
            if set(constant.places) & set(group.followers):
                nudge = np.exp(STEP * np.eye(len(values))[at])
                above = group.log_ratios(constants, values * nudge)
                below, steps = (group.log_ratios(constants, values / nudge), 2.0) if here is None else (here, 1.0)
                columns[:, at] = (above - below) / (steps * STEP)
        out.append(columns)
    return np.concatenate(out)


def problem_of(rows: Sequence[GpuRow], strange: Collection[str] = ()) -> StackProblem:
    """The fit to some rows. Of constants that only `strange` profiles have, little is known."""
    said = declared()
    constants = tuple(_from_others(constant, said, strange) for constant in said.constants)
    groups = groups_of(rows)
    weights = np.array([said.weights.get(row.group, said.weights["own"]) for group in groups for row in group.rows])
    prior = Prior(np.log([c.prior for c in constants]), np.array([c.sigma for c in constants]))

    def log_ratios(logs: Floats) -> Floats:
        values = np.exp(logs)
        return np.concatenate([group.log_ratios(constants, values) for group in groups])

    def slopes(logs: Floats) -> Floats:
        return elasticities_of(groups, constants, np.exp(logs), one_sided=True)

    return StackProblem(groups, constants, Problem(log_ratios, prior.centre, said.loss, weights, prior, slopes))


def fit_stacks(rows: Sequence[GpuRow], strange: Collection[str] = ()) -> StackFit:
    """The constants of some rows."""
    problem = problem_of(rows, strange)
    solution = problem.robust.solve(x_tolerance=TOLERANCE, tolerance=TOLERANCE)
    return StackFit(problem, np.array([rounded(value, 4) for value in np.exp(solution.x).tolist()]))


def _from_others(constant: Constant, said: Declared, strange: Collection[str]) -> Constant:
    """A constant as it would be guessed without its profiles: the others' of the same number, within a factor of two."""
    if not set(constant.sets) <= set(strange):
        return constant
    known = [other.prior for other in said.constants
             if other.number == constant.number and not set(other.sets) <= set(strange)]  # fmt: skip
    prior = float(np.exp(np.mean(np.log(known)))) if known else constant.prior
    return replace(constant, prior=prior, sigma=max(constant.sigma, said.guessed))
