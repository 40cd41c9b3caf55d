"""Bandwidths and latencies of a GPU's collectives inside a node, from measured all-reduces by rings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import expm1
from typing import Any

import numpy as np

from wafersim.calibration.record import (
    Change,
    Found,
    block_diagonal,
    correlations,
    fit_constants,
    normal_sigma,
    rounded,
    today,
)
from wafersim.calibration.robust import Floats, Loss, Problem, covariance, standard_errors
from wafersim.evidence.sets.collective import FEATURES, MeasuredCollective, gpu_device, published_rows
from wafersim.gpu.collectives import node_all_reduce
from wafersim.inputs.fit import Fit

FITTED = {"a100-80gb": ("a100-80gb", "a100-40gb"), "v100-32gb": ("v100-32gb",)}
TRANSFER = 0.2  # of a GPU without a trace of its own: latencies of another, bandwidth of its own
LOSS = Loss("soft_l1", 0.05)
START = {
    "collective_bandwidth": 200e9, "pair_bandwidth": 150e9, "collective_latency": 3e-5, "hop_latency": 3e-6, "ramp": 3e-9,
}  # fmt: skip


@dataclass(frozen=True)
class DeviceFit:
    """Constants of one GPU with the covariance of their logarithms, and the log ratios of its rows."""

    rows: tuple[MeasuredCollective, ...]
    constants: Mapping[str, float]
    covariance: Floats
    residuals: Mapping[str, float]
    spread: float  # what the rows vary beyond what the constants are uncertain by


def rows_of(profile: str, own: Sequence[MeasuredCollective] = ()) -> tuple[MeasuredCollective, ...]:
    """The rows that set a GPU's constants, and a user's."""
    rows = [row for row in published_rows().measured.values() if row.profile == profile and row.use == "fit"]
    return (*rows, *(row for row in own if row.profile in FITTED[profile]))


def problem_of(profile: str, rows: Sequence[MeasuredCollective]) -> Problem:
    """Log ratios by the logarithms of the constants that the GPU has."""
    size, n, seconds = (np.array([getattr(row, name) for row in rows], float) for name in ("size", "gpus", "published"))
    device = gpu_device(profile)
    names = names_of(profile)

    def log_ratios(logs: Floats) -> Floats:
        changed: dict[str, Any] = dict(zip(names, np.exp(logs).tolist(), strict=True))
        ratios: Floats = np.log(np.asarray(node_all_reduce(size, n, replace(device, **changed))) / seconds)
        return ratios

    return Problem(log_ratios, np.log([START[name] for name in names]), LOSS)


def names_of(profile: str) -> list[str]:
    """The constants of a GPU: one without rings has no bandwidth of pairs."""
    return [name for name in START if name != "pair_bandwidth" or not gpu_device(profile).rings]


def _fitted(profile: str, rows: tuple[MeasuredCollective, ...]) -> DeviceFit:
    problem, names = problem_of(profile, rows), names_of(profile)
    solution = problem.solve()
    constants = {name: rounded(value, 4) for name, value in zip(names, np.exp(solution.x).tolist(), strict=True)}
    residuals = problem.residuals(np.log(list(constants.values())))
    sigma = normal_sigma(residuals.tolist())
    # A width of a factor of e beforehand keeps what the rows cannot tell apart finite.
    known = covariance(solution.jacobian * LOSS.scale / sigma, np.ones(len(names)))
    changed: dict[str, Any] = dict(constants)
    device = replace(gpu_device(profile), **changed)
    jacobian = np.array([row.elasticities(device, names) for row in rows])
    told = float(np.median(np.einsum("ri,ij,rj->r", jacobian, known, jacobian)))
    by_row = dict(zip([row.id for row in rows], residuals.tolist(), strict=True))
    return DeviceFit(rows, constants, known, by_row, round(float(np.sqrt(max(0.0, sigma**2 - told))), 4))


def fit_collectives(own: Sequence[MeasuredCollective] = ()) -> Found:
    """One fit for every GPU with a trace of its own."""
    found = {profile: _fitted(profile, rows_of(profile, own)) for profile in FITTED}
    known = block_diagonal([one.covariance for one in found.values()])
    fit = Fit(
        set="collective",
        date=today(),
        rows=tuple(name for one in found.values() for name in one.residuals),
        constants=fit_constants(
            [
                (f"{profile}.{name}", value, tuple(f"{other}: values.{name}" for other in FITTED[profile]))
                for profile, one in found.items()
                for name, value in one.constants.items()
            ],
            known,
        ),
        correlations=correlations(known),
        spread={profile: one.spread for profile, one in found.items()},
        transfer=TRANSFER,
        features=FEATURES,
        behind={profile: tuple(sorted({row.features for row in one.rows})) for profile, one in found.items()},
    )
    changes = [
        Change(sharing, ("values", name), value, error)
        for profile, one in found.items()
        for sharing in FITTED[profile]
        for (name, value), error in zip(one.constants.items(), standard_errors(one.covariance).tolist(), strict=True)
    ]
    errors = {name: expm1(ratio) for one in found.values() for name, ratio in one.residuals.items()}
    return Found(fit, tuple(changes), errors)


def refused(row: MeasuredCollective) -> str | None:
    """Why a user's row can set nothing."""
    if not row.collective.startswith("all-reduce") or "switch" in row.collective:
        return f"constants are fitted on all-reduces by rings (got {row.collective})"
    shared = [profile for profiles in FITTED.values() for profile in profiles]
    return None if row.profile in shared else f"constants are fitted for {', '.join(shared)} (got {row.profile})"
