"""Cycle counts in the loops of measured kernels, by wafer and family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import expm1, log

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
from wafersim.calibration.robust import (
    Floats,
    Loss,
    Problem,
    covariance,
    leave_out,
    standard_errors,
    widening,
)
from wafersim.evidence.sets.kernel import FEATURES, MeasuredKernel, published_rows
from wafersim.inputs.fit import Fit
from wafersim.wafer.measured_kernels import counts

TRANSFER = 0.2  # of a loop that nobody has measured
LOSS = Loss("soft_l1", 0.02)
AXES = ("p", "m", "k", "n")


@dataclass(frozen=True)
class Loop:
    """A family of kernels on one wafer: `{family} ({profile})`."""

    profile: str
    family: str

    @property
    def group(self) -> str:
        """As rows are reported."""
        return f"{self.family} ({self.profile})"


@dataclass(frozen=True)
class LoopFit:
    """Cycle counts of one loop with the covariance of their logarithms, and the log ratios of its rows."""

    rows: tuple[MeasuredKernel, ...]
    constants: Mapping[str, float]
    covariance: Floats
    residuals: Mapping[str, float]


def loops(own: Sequence[MeasuredKernel] = ()) -> dict[Loop, list[MeasuredKernel]]:
    """The rows marked `fit` and a user's, by loop."""
    rows = [*(row for row in published_rows().measured.values() if row.use == "fit"), *own]
    keys = sorted({(row.profile, row.family) for row in rows})
    return {Loop(*key): [row for row in rows if (row.profile, row.family) == key] for key in keys}


@dataclass(frozen=True)
class LinearProblem:
    """Relative errors of rows, linear in the cycle counts: design @ counts - target. Columns are scaled to length 1."""

    names: tuple[str, ...]
    design: Floats
    target: Floats

    @property
    def size(self) -> Floats:
        """Lengths of the columns, which differ by many orders of magnitude."""
        return np.asarray(np.linalg.norm(self.design, axis=0), np.float64)

    @property
    def robust(self) -> Problem:
        """By the cycle counts times `size`, from plain least squares on."""
        scaled = self.design / self.size
        start = np.asarray(np.linalg.lstsq(scaled, self.target, rcond=None)[0], np.float64)
        return Problem(lambda x: scaled @ x - self.target, start, LOSS)

    def solved(self) -> Floats:
        """The cycle counts; of those that the rows cannot tell apart the smallest, in lengths of their weighed columns."""
        found = self.robust.solve(x_tolerance=1e-15, tolerance=1e-15).x / self.size
        weighed = self.design * np.sqrt(LOSS.slope(self.design @ found - self.target))[:, None]
        size = np.linalg.norm(weighed, axis=0)
        return np.asarray(np.linalg.lstsq(weighed / size, weighed @ found, rcond=None)[0] / size, np.float64)


def problem_of(rows: Sequence[MeasuredKernel]) -> LinearProblem:
    """Of the rows of one loop."""
    names = tuple(counts(rows[0].form, rows[0].shape)[0])
    terms = [counts(row.form, row.shape) for row in rows]
    measured = np.array([row.published for row in rows])
    design = np.array([[term[name] for name in names] for term, _ in terms]) / measured[:, None]
    return LinearProblem(names, design, 1.0 - np.array([known for _, known in terms]) / measured)


def _fitted(rows: Sequence[MeasuredKernel]) -> LoopFit:
    """The loop's counts by a fit of relative errors."""
    problem = problem_of(rows)
    solution = problem.solved()
    constants = {name: rounded(value, 4) for name, value in zip(problem.names, solution.tolist(), strict=True)}
    residuals = {row.id: _log_ratio(row, constants) for row in rows}
    shares = problem.design * solution  # of each constant in a row's cycles: d ln(cycles) / d ln(constant)
    known = covariance(shares / normal_sigma(list(residuals.values())), np.ones(len(constants)))
    return LoopFit(tuple(rows), constants, known, residuals)


def _log_ratio(row: MeasuredKernel, constants: Mapping[str, float]) -> float:
    return log(row.cycles(constants) / row.published)


def _widening(rows: Sequence[MeasuredKernel]) -> float:
    """Standard deviation per e-fold of distance that the rows of the largest grid and of the largest tiles show, left out."""
    largest = {}
    for axis in AXES:
        sizes = [getattr(row.shape, axis) for row in rows]
        inside = np.array(sizes) == max(sizes)
        if len(set(sizes)) >= 3 and np.count_nonzero(~inside) >= 6:
            largest[axis] = inside
    errors, known, distances = [], [], []
    for out in leave_out(rows, largest, _fitted):
        near = np.array([row.features for row in out.kept])
        spread = normal_sigma(list(out.found.residuals.values()))
        for at in np.flatnonzero(out.inside).tolist():
            e = rows[at].shares(out.found.constants)
            errors.append(_log_ratio(rows[at], out.found.constants))
            known.append(float(e @ out.found.covariance @ e) + spread**2)
            distances.append(float(np.sqrt(((near - np.array(rows[at].features)) ** 2).sum(axis=1).min())))
    return round(widening(errors, known, distances), 4)


def fit_kernels(own: Sequence[MeasuredKernel] = ()) -> Found:
    """One fit for every loop that has rows. A kernel's features are its grid and its tile."""
    found = {loop: _fitted(rows) for loop, rows in loops(own).items()}
    for loop, one in found.items():
        assert min(one.constants.values()) >= 0, (
            f"{loop.group}: a negative constant is a wrong mechanism: {one.constants}"
        )
    known = block_diagonal([one.covariance for one in found.values()])
    fit = Fit(
        set="kernel",
        date=today(),
        rows=tuple(name for one in found.values() for name in one.residuals),
        constants=fit_constants(
            [
                (f"{loop.profile} {loop.family}.{name}", value, (f"{loop.profile}: kernel_code.{loop.family}.{name}",))
                for loop, one in found.items()
                for name, value in one.constants.items()
            ],
            known,
        ),
        correlations=correlations(known),
        spread={loop.group: normal_sigma(list(one.residuals.values())) for loop, one in found.items()},
        transfer=TRANSFER,
        widening={loop.group: _widening(one.rows) for loop, one in found.items()},
        features=FEATURES,
        behind={loop.group: tuple(sorted({row.features for row in one.rows})) for loop, one in found.items()},
    )
    changes = [
        Change(loop.profile, ("kernel_code", loop.family, name), value, error)
        for loop, one in found.items()
        for (name, value), error in zip(one.constants.items(), standard_errors(one.covariance).tolist(), strict=True)
    ]
    errors = {name: expm1(ratio) for one in found.values() for name, ratio in one.residuals.items()}
    return Found(fit, tuple(changes), errors)


def refused(row: MeasuredKernel) -> str | None:
    """Why a user's row can set nothing."""
    return None if row.owner == row.profile else f"{row.profile} has no {row.family} constants to be fitted"
