"""Fit the calibrated constants of GPUs, clusters and training stacks on the rows marked `fit`, all at once.

Least squares on log ratios of the closed-form step time with a Cauchy loss, and on the distance of every constant from what
is known of it beforehand. Deterministic: it starts from the priors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ruamel.yaml import YAML

from wafersim import quantity
from wafersim.gpu.cluster import cluster_of
from wafersim.gpu.layout import Geometry, Layout, stack
from wafersim.gpu.machine import Cluster
from wafersim.gpu.memory import memory_use
from wafersim.spec.machine import OVERRIDABLE, load_gpu_machine
from wafersim.spec.sourced import dimension_of
from wafersim.strategies.gpu_parallel.closed_form import estimate
from wafersim.strategies.gpu_parallel.layouts import resolve
from wafersim.validation.gpu_rows import GpuRow, gpu_rows
from wafersim.validation.profile_writer import rewrite_profile

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Constant:
    """One number to fit: what is known of it, and the profiles that it sets."""

    name: str
    number: str
    dimension: str
    prior: float
    sigma: float
    sets: tuple[str, ...]


@dataclass(frozen=True)
class GpuFit:
    """Values in SI units, the covariance of their logarithms, and the log ratios of the rows by id."""

    constants: tuple[Constant, ...]
    values: Floats
    covariance: Floats
    residuals: dict[str, float]
    groups: dict[str, str]  # row -> group

    def __str__(self) -> str:
        errors = np.sqrt(np.diag(self.covariance))
        return "\n".join(
            f"{constant.name:32} {quantity.format(value, constant.dimension):>14}  +- {100 * error:.1f} %"
            for constant, value, error in zip(self.constants, self.values, errors, strict=True)
        )


def constants() -> tuple[tuple[Constant, ...], dict[str, float], float]:
    """(constants, weights of groups, scale of the loss) as `gpu_fit.yaml` states them."""
    path = files("wafersim.validation") / "data" / "gpu_fit.yaml"
    table: dict[str, Any] = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    out = []
    for name, entry in table["constants"].items():
        number = name.split(".")[1]
        part = next(p for p in ("gpu", "network", "software") if number in OVERRIDABLE[p].model_fields)
        if number == "collective_bandwidth":
            part = "network"
        dimension = dimension_of(OVERRIDABLE[part].model_fields[number]).name
        prior = quantity.parse(entry["prior"], dimension)
        out.append(Constant(name, number, dimension, prior, float(entry["sigma"]), tuple(entry["sets"])))
    return tuple(out), table["weights"], float(table["scale"])


class _Group:
    """Rows of one cluster and software as columns."""

    def __init__(self, rows: list[GpuRow]) -> None:
        self.rows = rows
        machine = load_gpu_machine(rows[0].profile, rows[0].software)
        self.cluster = cluster_of(machine)
        self.names = {"device": machine.gpu.name, "network": machine.network.name, "software": machine.software.name}
        jobs = [row.jobs()[0] for row in rows]
        self.geometry: Geometry = stack([Geometry.of(job.workload) for job in jobs])
        layouts = [resolve(job.spec, job.workload.model, job.gpus, job.batch, self.cluster) for job in jobs]
        self.layout: Layout = stack(layouts)
        # Seconds of the published value: the metric is a step time or inversely proportional to one.
        self.seconds = np.array([_seconds(row) for row in rows])

    def with_values(self, found: tuple[Constant, ...], values: Floats) -> Cluster:
        """The cluster with the constants that concern it."""
        changed: dict[str, dict[str, Any]] = {"device": {}, "network": {}, "software": {}}
        for constant, value in zip(found, values, strict=True):
            for part, name in self.names.items():
                if name in constant.sets:
                    changed[part][constant.number] = float(value)
        device = replace(self.cluster.device, **changed["device"])
        network = replace(self.cluster.network, **changed["network"])
        return Cluster(device, network, replace(self.cluster.software, **changed["software"]))

    def log_ratios(self, found: tuple[Constant, ...], values: Floats) -> Floats:
        """log(predicted / published) step time by row."""
        predicted = np.asarray(estimate(self.geometry, self.layout, self.with_values(found, values)))
        ratios: Floats = np.log(predicted / self.seconds)
        return ratios


def _seconds(row: GpuRow) -> float:
    if row.metric == "iteration_time":
        return row.published
    return row.value(1.0) / row.published


def fit_rows() -> list[GpuRow]:
    """Rows marked `fit`."""
    return [row for row in gpu_rows()[0].values() if row.use == "fit"]


def fit_gpus(rows: list[GpuRow] | None = None) -> GpuFit:
    """Fit on the rows; needs scipy (the `calibrate` extra)."""
    from scipy.optimize import least_squares

    found, weights, scale = constants()
    by_machine: dict[tuple[str, str], list[GpuRow]] = {}
    for row in rows if rows is not None else fit_rows():
        by_machine.setdefault((row.profile, row.software), []).append(row)
    groups = [_Group(members) for members in by_machine.values()]
    weight = [np.array([weights[row.group] for row in group.rows]) for group in groups]
    prior, sigma = np.array([c.prior for c in found]), np.array([c.sigma for c in found])

    def misfit(logs: Floats) -> Floats:
        values = np.exp(logs)
        parts = []
        for group, w in zip(groups, weight, strict=True):
            ratio = group.log_ratios(found, values) / scale
            parts.append(w * np.sign(ratio) * np.sqrt(np.log1p(ratio * ratio)))
        return np.concatenate([*parts, (logs - np.log(prior)) / sigma])

    solution = least_squares(misfit, np.log(prior), max_nfev=100)
    values = np.array([float(f"{value:.4g}") for value in np.exp(solution.x)])
    covariance = np.linalg.inv(solution.jac.T @ solution.jac)
    residuals, of_group = {}, {}
    for group in groups:
        for row, ratio in zip(group.rows, group.log_ratios(found, values).tolist(), strict=True):
            residuals[row.id], of_group[row.id] = ratio, row.group
    return GpuFit(found, values, covariance, residuals, of_group)


def workspace(rows: list[GpuRow] | None = None) -> dict[str, float]:
    """{software: bytes}: the median of what GPUs were seen to use beyond the model's terms and `usable_memory`."""
    beyond: dict[str, list[float]] = {}
    for row in rows if rows is not None else fit_rows():
        if row.memory is not None:
            job, cluster = row.jobs()[0], cluster_of(load_gpu_machine(row.profile, row.software))
            layout = resolve(job.spec, job.workload.model, job.gpus, job.batch, cluster)
            bare = replace(cluster, software=replace(cluster.software, workspace=0.0))
            used = float(np.max(memory_use(Geometry.of(job.workload), layout, bare, job.optimizer).total))
            beyond.setdefault(row.software, []).append(row.memory - used - lost_memory(row.profile))
    return {software: float(np.median(sizes)) for software, sizes in beyond.items()}


def lost_memory(profile: str) -> float:
    """Bytes of a GPU that `usable_memory` leaves out, which nvidia-smi counts as used."""
    values = load_gpu_machine(profile).gpu.values
    return values.memory.value * (1.0 - values.usable_memory.value)


def write_gpus(fit: GpuFit) -> tuple[Path, ...]:
    """Put the constants with their standard errors into the profiles; nothing where nothing changed."""
    errors = np.sqrt(np.diag(fit.covariance)).tolist()
    by_profile: dict[str, dict[tuple[str, ...], tuple[float, float]]] = {}
    for constant, value, error in zip(fit.constants, fit.values.tolist(), errors, strict=True):
        for profile in constant.sets:
            by_profile.setdefault(profile, {})["values", constant.number] = value, error
    for profile, size in workspace().items():
        rewrite_profile(profile, {("values", "workspace"): size})
    return tuple(
        rewrite_profile(
            profile,
            {path: value for path, (value, _) in numbers.items()},
            {path: error for path, (_, error) in numbers.items()},
        )
        for profile, numbers in sorted(by_profile.items())
    )
