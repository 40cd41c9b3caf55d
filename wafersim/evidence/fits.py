"""What every calibration says of itself: covariances, spreads and dates in the form that intervals read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

import numpy as np
import numpy.typing as npt

from wafersim.inputs.fit import FitConstant
from wafersim.metrics.interval import LEVEL, Z80

Kind = Literal["calibrated", "assumed"]
CALIBRATED: list[Kind] = ["calibrated"]
Floats = npt.NDArray[np.float64]


def today() -> str:
    """The date of a calibration."""
    return datetime.now(UTC).strftime("%Y-%m-%d")


def normal_sigma(errors: Sequence[float]) -> float:
    """The standard deviation of a normal that holds 80 % of the errors: outliers do not set it."""
    return round(float(np.quantile(np.abs(errors), LEVEL)) / Z80, 4)


def correlations(covariance: Floats) -> tuple[tuple[float, ...], ...]:
    """Of a covariance, to four digits: fewer would make some variances negative."""
    errors = np.sqrt(np.diag(covariance))
    return tuple(tuple(np.round(row, 4).tolist()) for row in covariance / np.outer(errors, errors))


def fit_constants(
    named: Sequence[tuple[str, float, tuple[str, ...]]],
    covariance: Floats,
    kinds: Sequence[Kind] | None = None,
) -> tuple[FitConstant, ...]:
    """From (name, value, numbers that it sets) and the covariance of the logarithms."""
    errors = np.sqrt(np.diag(covariance)).tolist()
    of_kind: Sequence[Kind] = kinds or CALIBRATED * len(named)
    return tuple(
        FitConstant(name=name, kind=kind, value=value, standard_error=float(f"{error:.3g}"), sets=sets)
        for (name, value, sets), error, kind in zip(named, errors, of_kind, strict=True)
    )


def block_diagonal(blocks: Sequence[Floats]) -> Floats:
    """Independent covariances as one."""
    size = sum(len(block) for block in blocks)
    out = np.zeros((size, size))
    at = 0
    for block in blocks:
        out[at : at + len(block), at : at + len(block)] = block
        at += len(block)
    return out
