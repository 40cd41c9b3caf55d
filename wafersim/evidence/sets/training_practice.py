"""How much longer whole runs take than the fastest split of their stack: one constant, set by runs whose split is not stated.

ln(published / simulated) of those runs has a mean, the gap, and a spread. The gap is what people leave behind who do not run the
fastest split on a tuned stack, with all that a step of a benchmark leaves out. The spread stands for the errors of their steps,
too: only what a step is less certain than theirs is added to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import hypot, sqrt
from statistics import fmean, stdev
from typing import Any

from wafersim.evidence.tables import read_data
from wafersim.metrics.interval import t_quantile


@dataclass(frozen=True)
class Residual:
    """ln(published / simulated) of a run, and the standard deviation of its step's logarithm."""

    error: float
    sigma: float


@dataclass(frozen=True)
class Practice:
    """Mean and spread of the residuals of `runs` runs, and the usual standard deviation of their steps."""

    gap: float
    spread: float
    sigma: float
    runs: int

    def half_width(self, sigma: float) -> float:
        """Of the 80 % interval of the logarithm of a run whose step has some standard deviation."""
        beyond = sqrt(max(0.0, sigma**2 - self.sigma**2))
        return t_quantile(self.runs - 1) * hypot(self.spread * sqrt(1.0 + 1.0 / self.runs), beyond)


def practice_of(residuals: Mapping[str, Residual], without: str = "") -> Practice:
    """Of runs by id, all but one."""
    kept = [one for name, one in residuals.items() if name != without]
    errors = [one.error for one in kept]
    return Practice(fmean(errors), stdev(errors), fmean([one.sigma for one in kept]), len(kept))


@cache
def residuals() -> Mapping[str, Residual]:
    """Of the runs that set the gap, as committed."""
    table: dict[str, dict[str, Any]] = read_data("training_practice.yaml")["runs"]
    return {name: Residual(**one) for name, one in table.items()}
