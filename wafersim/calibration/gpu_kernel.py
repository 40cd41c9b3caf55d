"""Rates of a GPU's products and of its fused attention, from single kernels: two problems for every GPU that has been measured.

The loss of products is Cauchy's: short ones run up to a third faster than long ones, before the power limit is reached, and a
training step runs under it all the time.
"""

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
from wafersim.calibration.robust import Floats, Loss, Problem, covariance, leave_out, standard_errors
from wafersim.evidence.sets.gpu_kernel import (
    CONSTANTS,
    FEATURES,
    MeasuredGpuKernel,
    gpu_device,
    kernel_software,
    published_rows,
)
from wafersim.inputs.fit import Fit
from wafersim.inputs.profile_file import load_profile

FITTED = ("b200", "a100-pcie")
PARTS = {"products": ("matmul", "group_matmul"), "attention": ("sdp_fwd", "sdp_bwd")}
TRANSFER = 0.3  # of a GPU that nobody has measured: B200 reaches 0.5 of its peak where A100 reaches 0.8
LOSSES = {"products": Loss("cauchy", 0.05), "attention": Loss("soft_l1", 0.1)}
START = {
    "gemm_efficiency": 0.6, "gemm_backward": 2.0, "operand_share": 0.5, "group_share": 0.5, "group_latency": 2e-6,
    "flash_share": 1.0,
    "flash_tail": 1e4, "wide_heads": 1.0, "flash_backward_share": 1.0, "flash_backward_tail": 1e4, "wide_heads_backward": 1.0,
}  # fmt: skip


@dataclass(frozen=True)
class PartFit:
    """Constants of one GPU's products, or of its attention, with the covariance of their logarithms."""

    profile: str
    rows: tuple[MeasuredGpuKernel, ...]
    constants: Mapping[str, float]
    covariance: Floats
    residuals: Mapping[str, float]


def parts(own: Sequence[MeasuredGpuKernel] = ()) -> dict[tuple[str, str], list[MeasuredGpuKernel]]:
    """The rows that set constants, and a user's, by GPU and part."""
    rows = [*(row for row in published_rows().measured.values() if row.use == "fit"), *own]
    return {
        (profile, part): [row for row in rows if row.profile == profile and row.op in ops]
        for profile in FITTED
        for part, ops in PARTS.items()
    }


def names_of(rows: Sequence[MeasuredGpuKernel]) -> list[str]:
    """The constants of their GPU that rows of a part depend on; one that a GPU does not state costs it nothing that shows."""
    values = load_profile(rows[0].profile).values
    named = dict.fromkeys(name for row in rows for name in CONSTANTS[row.op])
    return [name for name in named if getattr(values, name) is not None]


def problem_of(rows: Sequence[MeasuredGpuKernel]) -> Problem:
    """Log ratios of rows of one part and GPU by the logarithms of its constants."""
    names, device, software = names_of(rows), gpu_device(rows[0].profile), kernel_software()
    measured = np.array([row.published for row in rows])
    part = next(part for part, ops in PARTS.items() if rows[0].op in ops)

    def log_ratios(logs: Floats) -> Floats:
        changed: dict[str, Any] = dict(zip(names, np.exp(logs).tolist(), strict=True))
        other = replace(device, **changed)
        ratios: Floats = np.log(np.array([row.seconds(other, software) for row in rows]) / measured)
        return ratios

    return Problem(log_ratios, np.log([START[name] for name in names]), LOSSES[part])


def _fitted(rows: Sequence[MeasuredGpuKernel]) -> PartFit:
    profile, names, problem = rows[0].profile, names_of(rows), problem_of(rows)
    found = problem.solve()
    constants = {name: rounded(value, 4) for name, value in zip(names, np.exp(found.x).tolist(), strict=True)}
    residuals = problem.residuals(np.log(list(constants.values())))
    changed: dict[str, Any] = dict(constants)
    there = replace(gpu_device(profile), **changed)
    jacobian = np.array([row.elasticities(there, names) for row in rows])
    # A width of a factor of e beforehand keeps what the rows cannot tell apart finite.
    known = covariance(jacobian / normal_sigma(residuals.tolist()), np.ones(len(names)))
    by_row = dict(zip([row.id for row in rows], residuals.tolist(), strict=True))
    return PartFit(profile, tuple(rows), constants, known, by_row)


def family(row: MeasuredGpuKernel) -> str:
    """What runs the same weights, whatever its stage and tokens; heads alike for attention."""
    if row.op == "matmul":
        weights = (row.m, row.n) if row.stage == "bwd_grad_w" else (row.k, row.n)
        return f"{row.op} {sorted(weights)}"
    return f"{row.op} {row.groups} {row.heads} {row.query}"


def left_out(rows: Sequence[MeasuredGpuKernel], folds: int = 8) -> dict[str, float]:
    """{row: ln(predicted / measured) without its family}; an eighth of the families is left out at a time."""
    names = sorted({family(row) for row in rows})
    fold = {name: number % folds for number, name in enumerate(names)}
    inside = {str(each): np.array([fold[family(row)] == each for row in rows]) for each in range(folds)}
    software, out = kernel_software(), {}
    for part in leave_out(rows, {name: mask for name, mask in inside.items() if mask.any()}, _fitted):
        changed: dict[str, Any] = dict(part.found.constants)
        device = replace(gpu_device(part.found.profile), **changed)
        for at in np.flatnonzero(part.inside).tolist():
            out[rows[at].id] = float(np.log(rows[at].seconds(device, software) / rows[at].published))
    return out


def _spreads(one: PartFit) -> dict[str, float]:
    """Of the rows of each group whose family is left out."""
    errors = left_out(one.rows)
    groups = dict.fromkeys(row.group for row in one.rows)
    return {group: normal_sigma([errors[row.id] for row in one.rows if row.group == group]) for group in groups}


def fit_gpu_kernels(own: Sequence[MeasuredGpuKernel] = ()) -> Found:
    """One fit for the products and one for the attention of every GPU that has been measured."""
    found = [_fitted(rows) for rows in parts(own).values()]
    rows = [row for one in found for row in one.rows]
    known = block_diagonal([one.covariance for one in found])
    fit = Fit(
        set="gpu-kernel",
        date=today(),
        rows=tuple(name for one in found for name in one.residuals),
        constants=fit_constants(
            [
                (f"{one.profile}.{name}", value, (f"{one.profile}: values.{name}",))
                for one in found
                for name, value in one.constants.items()
            ],
            known,
        ),
        correlations=correlations(known),
        spread={group: sigma for one in found for group, sigma in _spreads(one).items()},
        transfer=TRANSFER,
        features=FEATURES,
        behind={
            group: tuple(sorted({row.features for row in rows if row.group == group}))
            for group in dict.fromkeys(row.group for row in rows)
        },
    )
    changes = [
        Change(one.profile, ("values", name), value, error)
        for one in found
        for (name, value), error in zip(one.constants.items(), standard_errors(one.covariance).tolist(), strict=True)
    ]
    errors = {name: expm1(ratio) for one in found for name, ratio in one.residuals.items()}
    return Found(fit, tuple(changes), errors)


def refused(row: MeasuredGpuKernel) -> str | None:
    """Why a user's row can set nothing."""
    return None if row.profile in FITTED else f"constants are fitted for {', '.join(FITTED)} (got {row.profile})"
