"""Measured collectives: which rows are in scope, predicted beside measured, and the fit of a GPU's constants."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from wafersim.errors import Infeasible
from wafersim.evidence.fits import block_diagonal, correlations, fit_constants, normal_sigma, today
from wafersim.evidence.profile_writer import rewrite_profile
from wafersim.evidence.report import ValidatedRow, ValidationReport, chosen, judged, read_rows
from wafersim.evidence.tables import own_count, shipped
from wafersim.gpu.cluster import device_of
from wafersim.gpu.collectives import node_all_reduce
from wafersim.gpu.machine import Device
from wafersim.inputs.fit import Fit, load_fit, save_fit
from wafersim.inputs.gpu_profile import GpuProfile
from wafersim.inputs.profile_file import load_profile
from wafersim.inputs.resources import kind_of, names
from wafersim.metrics.interval import Uncertainty, uncertainty
from wafersim.simulation.intervals import logs
from wafersim.simulation.replay import NUDGE

Floats = npt.NDArray[np.float64]
GPUS = (  # what a table may call a GPU besides its profile: the first that is found in it
    ("B200", "b200"), ("H200", "h200"), ("H100", "h100-80gb"), ("V100", "v100-32gb"), ("40GB", "a100-40gb"),
    ("A100", "a100-80gb"),
)  # fmt: skip
COLLECTIVES = ("all-reduce", "all-gather", "reduce-scatter")
FITTED = {"a100-80gb": ("a100-80gb", "a100-40gb"), "v100-32gb": ("v100-32gb",)}
FEATURES = ("bytes", "GPUs")
TRANSFER = 0.2  # of a GPU without a trace of its own: latencies of another, bandwidth of its own
START = {
    "collective_bandwidth": 200e9, "pair_bandwidth": 150e9, "collective_latency": 3e-5, "hop_latency": 3e-6, "ramp": 3e-9,
}  # fmt: skip


@dataclass(frozen=True)
class MeasuredCollective:
    """A row of the table: bytes over n GPUs, in seconds. Even rows of the traces judge, odd ones may set constants."""

    id: str
    use: str
    profile: str
    collective: str
    gpus: int
    size: float
    seconds: float


@cache
def measured_collectives() -> tuple[dict[str, MeasuredCollective], dict[str, str]]:
    """(rows in scope, reasons of the others), by id."""
    return rows_of(shipped("collective"))


def rows_of(table: list[dict[str, str]]) -> tuple[dict[str, MeasuredCollective], dict[str, str]]:
    """The rows of the shipped table. The traces have no marks: every second row of a curve judges, the others set constants."""
    rows, skipped = own_rows(table)
    traced = {raw["id"] for raw in table if raw["seconds"]}
    seen: Counter[tuple[str, int]] = Counter()
    for name, row in rows.items():
        use = "shown" if row.profile in ("h200", "b200") else "test"
        if name in traced:
            use = "test" if seen[row.profile, row.gpus] % 2 else "fit"
        seen[row.profile, row.gpus] += 1
        rows[name] = replace(row, use=use)
    return rows, skipped


def own_rows(table: list[dict[str, str]]) -> tuple[dict[str, MeasuredCollective], dict[str, str]]:
    """The rows of a table in these columns; they judge unless they say otherwise."""
    return read_rows(table, _row)


def _row(raw: dict[str, str]) -> MeasuredCollective:
    hardware = profile = raw["hardware"].strip()
    if not raw["bytes"]:
        raise Infeasible("bytes are not stated; it is the collective_bandwidth of the jean-zay profile")
    if not _is_gpu(profile):
        profile = next((name for text, name in GPUS if text in hardware.upper()), profile)
    if not _is_gpu(profile):
        raise Infeasible(
            f"hardware {hardware!r} is no GPU profile; known besides: {', '.join(text for text, _ in GPUS)}"
        )
    collective = re.sub("^all-?reduce", "all-reduce", raw["collective"].strip().lower())
    if "between" in collective:
        raise Infeasible(f"collective {raw['collective']!r}: only those inside a node are predicted")
    if not collective.startswith(COLLECTIVES):
        raise Infeasible(f"collective {raw['collective']!r} is none of {', '.join(COLLECTIVES)}")
    n, size = int(float(raw["n_gpus"] or 0)), float(raw["bytes"])
    if n < 2:
        raise Infeasible(f"n_gpus must be at least 2 (got {raw['n_gpus']!r})")
    if not raw["seconds"] and not raw["busbw_GBps"]:
        raise Infeasible("neither seconds nor busbw_GBps is stated")
    wire = (2.0 if collective.startswith("all-reduce") else 1.0) * (n - 1) / n * size
    seconds = float(raw["seconds"]) if raw["seconds"] else wire / (float(raw["busbw_GBps"]) * 1e9)
    return MeasuredCollective(raw["id"], raw.get("use") or "test", profile, collective, n, size, seconds)


def _is_gpu(profile: str) -> bool:
    return profile in names("hardware") and kind_of(profile) == "gpu"


def predicted(row: MeasuredCollective, device: Device) -> float:
    """Seconds of a row's collective inside one node."""
    if row.collective.startswith("all-reduce"):
        ringed = replace(device, switch_bandwidth=0.0) if "switch" not in row.collective else device
        return float(np.asarray(node_all_reduce(row.size, row.gpus, ringed)))
    # An all-gather or a reduce-scatter is half of an all-reduce.
    return 0.5 * float(np.asarray(node_all_reduce(row.size, row.gpus, replace(device, switch_bandwidth=0.0))))


def validate_collectives(only: str | None = None) -> ValidationReport:
    """Every row in scope; raises WafersimError for an unknown id."""
    return judged(*chosen(*measured_collectives(), only), judge)


def judge(row: MeasuredCollective) -> ValidatedRow:
    """One row."""
    what = f"{row.collective} of {row.size / 2**20:g} MiB on {row.gpus} GPUs"
    seconds = predicted(row, _device(row.profile))
    low, high = _uncertainty(row).bounds(seconds)
    note = "its own bus bandwidth is the profile's" if row.use == "shown" else ""
    return ValidatedRow(
        row.id,
        row.use,
        what,
        seconds,
        row.seconds,
        "s",
        (),
        note,
        group=row.profile,
        set="collective",
        low=low,
        high=high,
    )


def _uncertainty(row: MeasuredCollective) -> Uncertainty:
    names_ = (f"{row.profile}: values.{name}" for name in START)
    elasticities = dict(zip(names_, _elasticities(row, _device(row.profile), list(START)), strict=True))
    said = (f"{row.size:.3g}", str(row.gpus))
    return uncertainty((load_fit("collective"),), elasticities, row.profile, _features(row), said)


def _elasticities(row: MeasuredCollective, device: Device, of: list[str]) -> list[float]:
    """d ln(seconds) / d ln(number)."""
    base = predicted(row, device)
    nudged = (predicted(row, replace(device, **{name: getattr(device, name) * (1.0 + NUDGE)})) for name in of)
    return [float(np.log(each / base) / np.log(1.0 + NUDGE)) for each in nudged]


@cache
def _device(profile: str) -> Device:
    loaded = load_profile(profile)
    assert isinstance(loaded, GpuProfile)
    return device_of(loaded)


@dataclass(frozen=True)
class CollectiveFit:
    """Constants of one GPU with the covariance of their logarithms, and the log ratios of its rows."""

    rows: tuple[MeasuredCollective, ...]
    constants: dict[str, float]
    covariance: Floats
    residuals: dict[str, float]
    spread: float  # what the rows vary beyond what the constants are uncertain by


def fit_collectives(own: Sequence[MeasuredCollective] = ()) -> dict[str, CollectiveFit]:
    """By profile: least squares on log ratios of the `fit` rows and a user's, robust; needs scipy."""
    from scipy.optimize import least_squares

    found = {}
    for profile in FITTED:
        rows = [row for row in measured_collectives()[0].values() if row.profile == profile and row.use == "fit"]
        rows += [row for row in own if row.profile in FITTED[profile]]
        size, n, seconds = (
            np.array([getattr(row, name) for row in rows], float) for name in ("size", "gpus", "seconds")
        )
        device = _device(profile)

        start = {name: value for name, value in START.items() if name != "pair_bandwidth" or not device.rings}
        misfit = _misfit(size, n, seconds, device, list(start))
        solution = least_squares(misfit, np.log(list(start.values())), loss="soft_l1", f_scale=0.05, max_nfev=200)
        values = [float(f"{value:.4g}") for value in np.exp(solution.x)]
        residuals = misfit(np.log(values))
        sigma = normal_sigma(residuals.tolist())
        # A width of a factor of e beforehand keeps what the rows cannot tell apart finite.
        covariance = np.linalg.inv(solution.jac.T @ solution.jac / sigma**2 + np.eye(len(values)))
        ids = [row.id for row in rows]
        changed: dict[str, Any] = dict(zip(start, values, strict=True))
        fitted = replace(device, **changed)
        jacobian = np.array([_elasticities(row, fitted, list(start)) for row in rows])
        known = float(np.median(np.einsum("ri,ij,rj->r", jacobian, covariance, jacobian)))
        found[profile] = CollectiveFit(
            tuple(rows),
            dict(zip(start, values, strict=True)),
            covariance,
            dict(zip(ids, residuals.tolist(), strict=True)),
            round(float(np.sqrt(max(0.0, sigma**2 - known))), 4),
        )
    return found


def as_fit(found: dict[str, CollectiveFit]) -> Fit:
    """The calibration to be kept."""
    covariance = block_diagonal([one.covariance for one in found.values()])
    return Fit(
        set="collective",
        date=today(),
        rows=tuple(name for one in found.values() for name in one.residuals),
        constants=fit_constants(
            [
                (f"{profile}.{name}", value, tuple(f"{other}: values.{name}" for other in FITTED[profile]))
                for profile, one in found.items()
                for name, value in one.constants.items()
            ],
            covariance,
        ),
        correlations=correlations(covariance),
        spread={profile: one.spread for profile, one in found.items()},
        transfer=TRANSFER,
        features=FEATURES,
        behind={profile: tuple(sorted({_features(row) for row in one.rows})) for profile, one in found.items()},
    )


def _features(row: MeasuredCollective) -> tuple[float, ...]:
    return logs(row.size, row.gpus)


def _misfit(size: Floats, n: Floats, seconds: Floats, device: Device, names: list[str]) -> Callable[[Floats], Floats]:
    def log_ratios(logs: Floats) -> Floats:
        changed: dict[str, Any] = dict(zip(names, np.exp(logs).tolist(), strict=True))
        ratios: Floats = np.log(np.asarray(node_all_reduce(size, n, replace(device, **changed))) / seconds)
        return ratios

    return log_ratios


def write_collectives(found: dict[str, CollectiveFit]) -> tuple[Path, ...]:
    """Put the constants into the profiles that share them, the calibration beside; nothing where nothing changed."""
    paths, fit = [], as_fit(found)
    for profile, one in found.items():
        errors = np.sqrt(np.diag(one.covariance)).tolist()
        values: dict[tuple[str, ...], float] = {("values", number): value for number, value in one.constants.items()}
        known = dict(zip(values, errors, strict=True))
        paths += [rewrite_profile(name, values, known, own_count(fit)) for name in FITTED[profile]]
    return (*paths, save_fit(fit))
