"""How far jobs scatter around a fit, within a family of models and between families, by restricted likelihood.

Log ratios of jobs are y = J x + b_family + e with x the constants' errors (normal of known widths beforehand), b normal of
standard deviation `between`, e of `within`. The restricted likelihood of the two (Patterson and Thompson 1971)

    -2 ln L = ln |V| + y' V^-1 y,      V = within^2 I + between^2 Z Z' + J W J'

counts what the constants took away from the residuals. With few families its maximum is often at between = 0, which nobody
believes: both get a log-normal prior that is stated, and what is reported is the mean of the variances under the posterior,
not its peak, so that what the rows leave open stays in the widths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, sqrt

import numpy as np

from wafersim.calibration.robust import Floats
from wafersim.metrics.interval import t_quantile

GRID = 41  # points of each standard deviation
SPAN = 3.5  # of the prior's widths, on each side of its middle


@dataclass(frozen=True)
class Scatter:
    """What is known of a standard deviation beforehand: its middle, and the standard deviation of its logarithm."""

    middle: float
    width: float

    @property
    def grid(self) -> Floats:
        """Values worth asking, evenly in the logarithm."""
        steps: Floats = np.linspace(-SPAN, SPAN, GRID)
        return self.middle * np.exp(self.width * steps)

    def log_prior(self, values: Floats) -> Floats:
        """Up to a constant, on that grid."""
        out: Floats = -0.5 * np.square(np.log(values / self.middle) / self.width)
        return out


@dataclass(frozen=True)
class Components:
    """Standard deviations of jobs within a family and of families, and the covariance of the constants under them."""

    within: float
    between: float
    covariance: Floats
    families: int
    jobs: int

    @property
    def degrees(self) -> int:
        """Of freedom of Student's t: a width that n families show is known as n - 1 differences say."""
        return max(1, self.families - 1)

    @property
    def degrees_of_total(self) -> int:
        """Of freedom of the sum of both variances, of which one may be known far better (Satterthwaite 1946)."""
        parts = ((self.within, self.jobs - self.families), (self.between, self.families - 1))
        return max(1, int(self.total**4 / sum(size**4 / max(1, degrees) for size, degrees in parts)))

    @property
    def total(self) -> float:
        """Standard deviation of a job of a new family around the fit, its constants apart."""
        return hypot(self.within, self.between)

    def half_width(self, elasticities: Floats) -> float:
        """Of the 80 % interval of a job's log ratio, from the jobs that the components come from."""
        constants = float(elasticities @ self.covariance @ elasticities)
        return t_quantile(self.degrees) * sqrt(constants + self.within**2 + self.between**2)


def components(
    residuals: Floats, jacobian: Floats, families: Sequence[str], widths: Floats, within: Scatter, between: Scatter
) -> Components:
    """Of log ratios of jobs (one each, its repeats averaged), by the family that each belongs to.

    `jacobian` is d residual / d ln(constant), `widths` the standard deviations of what is known of the constants beforehand.
    """
    names = list(dict.fromkeys(families))
    member = np.array([[float(family == name) for name in names] for family in families])
    within_grid, between_grid = within.grid, between.grid
    columns = np.hstack([member, jacobian * widths])
    axes = np.linalg.qr(columns)[0]  # all that families and constants move: elsewhere jobs scatter by `within` alone
    along, inside_axes = axes.T @ residuals, axes.T @ columns
    elsewhere = (len(residuals) - len(along), max(0.0, float(residuals @ residuals - along @ along)))
    size = np.ones(columns.shape[1])
    scores = np.empty((GRID, GRID))
    for at, b in enumerate(between_grid):
        size[: len(names)] = b
        scores[:, at] = _scores(along, within_grid, inside_axes * size, *elsewhere)
    scores += within.log_prior(within_grid)[:, None] + between.log_prior(between_grid)[None, :]
    weights = np.exp(scores - scores.max())
    weights /= weights.sum()
    inside = sqrt(float(weights.sum(axis=1) @ np.square(within_grid)))
    outside = sqrt(float(weights.sum(axis=0) @ np.square(between_grid)))
    inverse = np.linalg.inv(inside**2 * np.eye(len(residuals)) + outside**2 * (member @ member.T))
    precision = jacobian.T @ inverse @ jacobian + np.diag(widths**-2.0)
    return Components(inside, outside, np.asarray(np.linalg.inv(precision), np.float64), len(names), len(residuals))


def together(parts: Sequence[Components], widths: Floats) -> Floats:
    """Covariance of constants that several sets of jobs tell of, each under components of its own.

    Every part's covariance holds what is known beforehand (`widths`); their precisions add up, that one once.
    """
    beforehand = np.diag(widths**-2.0)
    told = np.sum([np.linalg.inv(part.covariance) - beforehand for part in parts], axis=0)
    return np.asarray(np.linalg.inv(beforehand + told), np.float64)


def _scores(along: Floats, within: Floats, factor: Floats, others: int, left: float) -> Floats:
    """Logarithm of the restricted likelihood for each `within`, the rest of the variance being factor factor'.

    Besides, in `others` directions whose squares sum to `left`, there is no such rest.
    """
    vectors, roots, _ = np.linalg.svd(factor, full_matrices=False)
    squares = np.square(vectors.T @ along)
    v = np.square(within)[:, None] + np.square(roots)
    here = -0.5 * (np.log(v) + squares / v).sum(axis=1)
    out: Floats = here - others * np.log(within) - 0.5 * left / np.square(within)
    return out
