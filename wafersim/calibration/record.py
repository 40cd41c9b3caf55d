"""What every calibration finds: numbers to be written, covariances and spreads in the form that intervals read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np

from wafersim.calibration.robust import Floats, standard_errors
from wafersim.inputs.fit import LEVEL, Z80, Fit, FitConstant

Kind = Literal["calibrated", "assumed"]
CALIBRATED: list[Kind] = ["calibrated"]


@dataclass(frozen=True)
class Change:
    """A number of a profile as it was found: its path of keys, its value in SI units, the standard error of its logarithm."""

    profile: str
    path: tuple[str, ...]
    value: float
    standard_error: float | None = None


@dataclass(frozen=True)
class Found:
    """What a fit gives, in the terms that all kinds share; `errors` are predicted / published - 1 by row."""

    fit: Fit
    changes: tuple[Change, ...]
    errors: Mapping[str, float]
    details: str = ""  # what only this kind has to say


def today() -> str:
    """The date of a calibration."""
    return datetime.now(UTC).strftime("%Y-%m-%d")


def rounded(value: float, digits: int) -> float:
    """`value` with so many significant digits."""
    return float(f"{value:.{digits}g}")


def normal_sigma(errors: Sequence[float]) -> float:
    """The standard deviation of a normal that holds 80 % of the errors: outliers do not set it."""
    return round(float(np.quantile(np.abs(errors), LEVEL)) / Z80, 4)


def correlations(covariance: Floats) -> tuple[tuple[float, ...], ...]:
    """Of a covariance, to four digits: fewer would make some variances negative."""
    errors = standard_errors(covariance)
    return tuple(tuple(np.round(row, 4).tolist()) for row in covariance / np.outer(errors, errors))


def fit_constants(
    named: Sequence[tuple[str, float, tuple[str, ...]]],
    covariance: Floats,
    kinds: Sequence[Kind] | None = None,
) -> tuple[FitConstant, ...]:
    """From (name, value, numbers that it sets) and the covariance of the logarithms."""
    errors = standard_errors(covariance).tolist()
    of_kind: Sequence[Kind] = kinds or CALIBRATED * len(named)
    return tuple(
        FitConstant(name=name, kind=kind, value=value, standard_error=rounded(error, 3), sets=sets)
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
