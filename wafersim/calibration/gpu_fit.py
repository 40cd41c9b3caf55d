"""Fit the calibrated constants of GPUs, clusters and training stacks on the rows marked `fit`, all at once.

Least squares on log ratios of the closed-form step time with a Cauchy loss, and on the distance of every constant from what
is known of it beforehand. Deterministic: it starts from the priors.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from importlib.resources import files
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ruamel.yaml import YAML

from wafersim import quantity
from wafersim.evidence.fits import correlations, fit_constants, normal_sigma, today
from wafersim.evidence.gpu_rows import GpuRow, gpu_rows
from wafersim.evidence.profile_writer import rewrite_profile
from wafersim.evidence.tables import own_count
from wafersim.gpu.cluster import cluster_of
from wafersim.gpu.layout import Geometry, Layout, stack
from wafersim.gpu.machine import Cluster
from wafersim.gpu.memory import memory_use
from wafersim.inputs.fit import Fit, save_fit
from wafersim.inputs.machine import OVERRIDABLE, load_gpu_machine, numbers
from wafersim.inputs.profile_file import number_at
from wafersim.inputs.sourced import dimension_of
from wafersim.simulation.intervals import GPU_FEATURES, gpu_features, gpu_group
from wafersim.strategies.gpu_parallel.closed_form import estimate
from wafersim.strategies.gpu_parallel.layouts import resolve

Floats = npt.NDArray[np.float64]
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
class GpuFit:
    """Values in SI units, the covariance of their logarithms, and the log ratios of the rows by id."""

    rows: tuple[GpuRow, ...]
    constants: tuple[Constant, ...]
    values: Floats
    covariance: Floats
    residuals: dict[str, float]


def constants() -> tuple[tuple[Constant, ...], dict[str, float], float]:
    """(constants, weights of groups, scale of the loss) as `gpu_fit.yaml` states them."""
    table = _table()
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


def _table() -> dict[str, Any]:
    path = files("wafersim.evidence") / "data" / "gpu_fit.yaml"
    table: dict[str, Any] = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    return table


class _Group:
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
        layouts = [resolve(job.spec, job.workload.model, job.gpus, job.batch, self.cluster) for job in jobs]
        self.layout: Layout = stack(layouts)
        # Seconds of the published value: the metric is a step time or inversely proportional to one.
        self.seconds = np.array([_seconds(row) for row in rows])

    def with_values(self, found: tuple[Constant, ...], values: Floats) -> Cluster:
        """The cluster with the constants that concern it."""
        changed: dict[str, dict[str, Any]] = {"gpu": {}, "network": {}, "software": {}}
        for constant, value in zip(found, values, strict=True):
            for place in constant.places:
                for part, field, times in self.followers.get(place, ()):
                    changed[part][field] = float(value) * times
        device = replace(self.cluster.device, **changed["gpu"])
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


def _groups(rows: list[GpuRow]) -> list[_Group]:
    by_machine: dict[tuple[str, str], list[GpuRow]] = {}
    for row in rows:
        by_machine.setdefault((row.profile, row.software), []).append(row)
    return [_Group(members) for members in by_machine.values()]


def fit_gpus(rows: list[GpuRow] | None = None, strange: Collection[str] = ()) -> GpuFit:
    """Fit on the rows; needs scipy (the `calibrate` extra). Of constants that only `strange` profiles have, little is known."""
    from scipy.optimize import least_squares

    found, weights, scale = constants()
    found = tuple(_from_others(constant, found, strange) for constant in found)
    rows = fit_rows() if rows is None else rows
    groups = _groups(rows)
    weight = [np.array([weights.get(row.group, weights["own"]) for row in group.rows]) for group in groups]
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
    return GpuFit(tuple(rows), found, values, covariance, _log_ratios(groups, found, values))


def _from_others(constant: Constant, known: tuple[Constant, ...], strange: Collection[str]) -> Constant:
    """A constant as it would be guessed without its profiles: the others' of the same number, within a factor of two."""
    if not set(constant.sets) <= set(strange):
        return constant
    others = [other.prior for other in known if other.number == constant.number and not set(other.sets) <= set(strange)]
    prior = float(np.exp(np.mean(np.log(others)))) if others else constant.prior
    return replace(constant, prior=prior, sigma=max(constant.sigma, GUESSED))


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


def as_fit(found: GpuFit) -> Fit:
    """The calibration to be kept: spread by stack, and what a stack without rows of its own adds."""
    rows = {row.id: row for row in found.rows}
    groups: dict[str, list[str]] = {}
    for name, row in rows.items():
        groups.setdefault(gpu_group(load_gpu_machine(row.profile, row.software), row.gpus), []).append(name)
    usual = normal_sigma(list(found.residuals.values()))
    spread = {
        group: _pooled(normal_sigma([found.residuals[name] for name in members]), len(members), usual)
        for group, members in groups.items()
    }
    families: dict[str, dict[str, float]] = {}
    for name, belongs in STACKS.items():
        inside = [row for row in rows.values() if row.software in belongs]
        others = [row for row in rows.values() if row.software not in belongs]
        of_its_own = {*belongs, *(row.profile for row in inside)} - {row.profile for row in others}
        families[name] = _residuals(fit_gpus(others, of_its_own), inside)
    strange = normal_sigma([error for of_stack in families.values() for error in of_stack.values()])
    behind = {group: sorted({_features(rows[name]) for name in members}) for group, members in groups.items()}
    return Fit(
        set="gpu",
        date=today(),
        rows=tuple(rows),
        constants=fit_constants(
            [(c.name, float(value), c.places) for c, value in zip(found.constants, found.values, strict=True)],
            found.covariance,
        ),
        correlations=correlations(found.covariance),
        spread=spread,
        transfer=round(sqrt(max(0.0, strange**2 - usual**2)), 3),
        widening=dict.fromkeys(groups, float(_table()["widening"])),
        features=GPU_FEATURES,
        behind={group: tuple(members) for group, members in behind.items()},
        families=families,
    )


def _pooled(own: float, rows: int, usual: float) -> float:
    return round(sqrt((rows * own**2 + POOLED * usual**2) / (rows + POOLED)), 4)


def _features(row: GpuRow) -> tuple[float, ...]:
    return gpu_features(row.jobs()[0].workload, row.batch, row.gpus)


def _residuals(found: GpuFit, rows: list[GpuRow]) -> dict[str, float]:
    """ln(predicted / published) step time of rows under the constants of a fit."""
    return {name: round(ratio, 4) for name, ratio in _log_ratios(_groups(rows), found.constants, found.values).items()}


def _log_ratios(groups: list[_Group], found: tuple[Constant, ...], values: Floats) -> dict[str, float]:
    """ln(predicted / published) step time by row."""
    return {
        row.id: ratio
        for group in groups
        for row, ratio in zip(group.rows, group.log_ratios(found, values).tolist(), strict=True)
    }


def write_gpus(fit: GpuFit, kept: Fit) -> tuple[Path, ...]:
    """Put the constants with their standard errors into the profiles; nothing where nothing changed."""
    errors = np.sqrt(np.diag(fit.covariance)).tolist()
    by_profile: dict[str, dict[tuple[str, ...], tuple[float, float]]] = {}
    for constant, value, error in zip(fit.constants, fit.values.tolist(), errors, strict=True):
        for profile in constant.sets:
            by_profile.setdefault(profile, {})["values", constant.number] = value, error
    for profile, size in workspace().items():
        rewrite_profile(profile, {("values", "workspace"): size})
    paths = [
        rewrite_profile(
            profile,
            {path: value for path, (value, _) in found.items()},
            {path: error for path, (_, error) in found.items()},
            own_count(kept),
        )
        for profile, found in sorted(by_profile.items())
    ]
    return (*paths, save_fit(kept))
