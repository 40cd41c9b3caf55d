"""One robust least-squares fit for every calibration, how well it knows what it found, and what it says of rows left out.

Minimised is 1/2 sum_i w_i^2 rho(z_i) + 1/2 sum_j ((x_j - centre_j) / width_j)^2 with z = (residual / scale)^2. A loss rho grows
slower than z, so that a row that is wrong does not set the constants. Needs scipy (the `calibrate` extra) to solve.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Generic, Literal, TypeVar

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
R = TypeVar("R")
F = TypeVar("F")


@dataclass(frozen=True)
class Loss:
    """Soft-L1, rho = 2 (sqrt(1 + z) - 1), or Cauchy, rho = ln(1 + z), beyond residuals of about `scale`.

    Soft-L1 is convex and its second derivative says how much a row still tells. Cauchy's is negative beyond its scale, where a
    solver would drop the row altogether: the square root of the loss is handed to it as the residual instead.
    """

    shape: Literal["soft_l1", "cauchy"]
    scale: float

    def rho(self, z: Floats) -> Floats:
        """The loss of squared residuals in units of the scale."""
        return 2.0 * (np.sqrt(1.0 + z) - 1.0) if self.shape == "soft_l1" else np.log1p(z)

    def slope(self, residuals: Floats) -> Floats:
        """d rho / dz: what a residual counts for beside one that is small."""
        z = np.square(residuals / self.scale)
        return (1.0 + z) ** (-0.5 if self.shape == "soft_l1" else -1.0)

    def handed(self, residuals: Floats) -> Floats:
        """What the solver squares, or for soft-L1 weighs by itself."""
        r = residuals / self.scale
        return r if self.shape == "soft_l1" else np.sign(r) * np.sqrt(self.rho(r * r))

    def steepness(self, residuals: Floats) -> Floats:
        """d handed / d residual."""
        if self.shape == "soft_l1":
            return np.full_like(residuals, 1.0 / self.scale)
        z = np.square(residuals / self.scale)
        falling = np.divide(z, np.log1p(z), out=np.ones_like(z), where=z > 1e-12)  # its limit is 1
        return np.sqrt(falling) / (1.0 + z) / self.scale

    @property
    def solver(self) -> str:
        """What the solver does with it."""
        return "soft_l1" if self.shape == "soft_l1" else "linear"


@dataclass(frozen=True)
class Prior:
    """What is known of the parameters beforehand: normal around `centre`. Under soft-L1 it counts by the same loss as a row."""

    centre: Floats
    width: Floats


@dataclass(frozen=True)
class Solution:
    """Parameters at the minimum, and the Jacobian of the rows there in units of the loss's scale, weighed by the loss."""

    x: Floats
    jacobian: Floats


@dataclass(frozen=True)
class Problem:
    """Residuals of rows by parameters, what each row counts beside the loss, and what is known beforehand."""

    residuals: Callable[[Floats], Floats]
    start: Floats
    loss: Loss
    weights: Floats | float = 1.0
    prior: Prior | None = None
    slopes: Callable[[Floats], Floats] | None = (
        None  # d residual / d parameter, where that is cheaper than one after the other
    )

    def handed(self, x: Floats) -> Floats:
        """What the solver squares, rows first, then the distances from what is known beforehand."""
        rows = self.weights * self.loss.handed(self.residuals(x))
        return rows if self.prior is None else np.concatenate([rows, (x - self.prior.centre) / self.prior.width])

    def handed_slopes(self, x: Floats) -> Floats:
        """d handed / d parameter, by `slopes`."""
        assert self.slopes is not None
        rows: Floats = (self.weights * self.loss.steepness(self.residuals(x)))[:, None] * self.slopes(x)
        return rows if self.prior is None else np.concatenate([rows, np.diag(1.0 / self.prior.width)])

    def cost(self, x: Floats) -> float:
        """What is minimised."""
        f = self.handed(x)
        return 0.5 * float(np.sum(self.loss.rho(f * f) if self.loss.solver == "soft_l1" else f * f))

    def solve(self, step: float | None = None, x_tolerance: float = 1e-8, tolerance: float = 1e-8) -> Solution:
        """From the start; `step` is the relative one of derivatives where the residuals are not smooth."""
        from scipy.optimize import least_squares

        found = least_squares(
            self.handed, self.start, jac="2-point" if self.slopes is None else self.handed_slopes, loss=self.loss.solver,
            diff_step=step, xtol=x_tolerance, ftol=tolerance, gtol=tolerance, max_nfev=200,
        )  # fmt: skip
        rows = len(found.jac) if self.prior is None else len(found.jac) - len(self.start)
        return Solution(np.asarray(found.x, np.float64), np.asarray(found.jac[:rows], np.float64))


def covariance(jacobian: Floats, widths: Floats) -> Floats:
    """Of parameters that rows tell by their Jacobian (in standard deviations of a row), normal of these widths beforehand."""
    return np.asarray(np.linalg.inv(jacobian.T @ jacobian + np.diag(widths**-2.0)), np.float64)


def standard_errors(of: Floats) -> Floats:
    """Of a covariance."""
    return np.sqrt(np.diag(of))


@dataclass(frozen=True)
class LeftOut(Generic[R, F]):
    """What the rows that are kept give, for those that are `inside` the part that is left out."""

    name: str
    inside: Mask
    kept: Sequence[R]
    found: F


def leave_out(rows: Sequence[R], parts: Mapping[str, Mask], fit: Callable[[Sequence[R]], F]) -> Iterator[LeftOut[R, F]]:
    """One part of the rows after the other, with the fit of all the others."""
    for name, inside in parts.items():
        kept = [row for row, out in zip(rows, inside.tolist(), strict=True) if not out]
        yield LeftOut(name, inside, kept, fit(kept))


def without_each(
    residuals: Floats, jacobian: Floats, counts: Floats, widths: Floats, parts: Mapping[str, Mask]
) -> dict[str, Floats]:
    """{part: residuals of its rows under the constants that all others give}, by one step of least squares from the solution.

    `jacobian` is d residual / d parameter there, `counts` what the square of a row's residual counts for (the loss's slope at it
    included), `widths` those of what is known of the parameters beforehand. A refit for each part would take as long as the fit.
    """
    pulls = counts[:, None] * jacobian
    all_of_them = jacobian.T @ pulls + np.diag(widths**-2.0)
    found = {}
    for name, inside in parts.items():
        of, y = jacobian[inside], residuals[inside]
        step = np.linalg.solve(all_of_them - of.T @ pulls[inside], pulls[inside].T @ y)
        found[name] = np.asarray(y + of @ step, np.float64)
    return found


def widening(errors: Sequence[float], known: Sequence[float], distances: Sequence[float]) -> float:
    """Standard deviation per unit of distance that errors of rows left out show beyond the variances that are known of them."""
    away = float(np.sum(np.square(distances)))
    return sqrt(max(0.0, float(np.sum(np.square(errors) - np.asarray(known))) / away)) if away else 0.0
