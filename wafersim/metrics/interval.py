"""How far off a prediction may be: the calibration's covariance, the spread of its rows, and the distance from them.

The logarithm of a step time is taken as normal, or as Student's t where the rows are of few families, with
  variance = inflation^2 (e' C e + spread^2) + between^2 + transfer^2 + (widening distance)^2 + sum (beyond excess)^2,
elasticities e and covariance C of the constants, the spread of the rows around them and of their families, what a group or a
device without rows adds, the distance from the nearest row, and for each feature the excess over what any row has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import atan, cos, exp, hypot, pi, sin, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from wafersim.inputs.fit import LEVEL, Z80, Fit

Floats = npt.NDArray[np.float64]
NUDGE = 0.01  # of a number, by which elasticities are taken
T80 = 1.6377443536962102  # as Z80, of Student's t with three degrees of freedom


@dataclass(frozen=True)
class Outside:
    """A measure of a case that lies beyond what was measured, `low` to `high`; without numbers, a group without rows."""

    measure: str
    value: float | None = None
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        if self.value is None or self.low is None or self.high is None:
            return self.measure
        spans = " to ".join(dict.fromkeys((_said(self.low), _said(self.high))))
        return f"{_said(self.value)} {self.measure} (measured: {spans})"

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the sentence that they make."""
        return {**vars(self), "text": str(self)}


def _said(value: float) -> str:
    return f"{value:.3g}" if value < 1e4 else f"{value:.2e}"


@dataclass(frozen=True)
class Uncertainty:
    """Standard deviations of the logarithm of a step time by cause, and the loadings that say which constants they share."""

    constants: float
    spread: float
    transfer: float
    distance: float
    loadings: Mapping[str, float]  # "set.constant" -> elasticity of the step time
    outside: tuple[Outside, ...] = ()  # how the case lies outside what was measured
    quantile: float = Z80  # standard deviations on each side that hold 80 %

    @property
    def sigma(self) -> float:
        """All of it."""
        return hypot(self.constants, self.spread, self.transfer, self.distance)

    @property
    def half_width(self) -> float:
        """Of the 80 % interval of the logarithm."""
        return self.quantile * self.sigma

    def bounds(self, value: float) -> tuple[float, float]:
        """The 80 % interval of a time whose prediction is `value`."""
        return value * exp(-self.half_width), value * exp(self.half_width)

    def beside(self, error: float) -> Uncertainty:
        """Of the time x something that errs by itself, such as power: `error` is the standard error of its logarithm."""
        return replace(self, spread=hypot(self.spread, error * Z80 / self.quantile))

    def to_json(self) -> dict[str, Any]:
        """Plain values; a step time lies in its interval with probability `level`."""
        parts = {name: getattr(self, name) for name in ("constants", "spread", "transfer", "distance")}
        return {
            "level": LEVEL,
            "half_width": self.half_width,
            **parts,
            "outside": [one.to_json() for one in self.outside],
        }


def covariance(fit: Fit) -> np.ndarray:
    """Of the logarithms of a calibration's constants."""
    errors = np.array([constant.standard_error for constant in fit.constants])
    return np.asarray(fit.correlations) * np.outer(errors, errors) if len(errors) else np.zeros((0, 0))


def loadings(fit: Fit, elasticities: Mapping[str, float]) -> np.ndarray:
    """Elasticity of each constant of a calibration: the sum over the numbers that it sets, given by "profile: path"."""
    return np.array([sum(elasticities.get(number, 0.0) for number in constant.sets) for constant in fit.constants])


def uncertainty(
    fits: Sequence[Fit],
    elasticities: Mapping[str, float],
    group: str,
    features: Sequence[float],
    extra: float = 0.0,
    device: str = "",
) -> Uncertainty:
    """Of a case whose rows, if there are any, are those of `group` in the first calibration.

    `extra` is a standard deviation that belongs to the case alone, such as a release's factor that one row has set; `device` is
    the chip, where the calibration says which have rows.
    """
    fit = fits[0]
    variance = 0.0
    loaded: dict[str, float] = {}
    for each in fits:
        e = loadings(each, elasticities)
        variance += each.inflation**2 * max(0.0, float(e @ covariance(each) @ e))
        loaded |= {f"{each.set}.{c.name}": float(v) for c, v in zip(each.constants, e, strict=True) if v}
    own = group in fit.behind
    apart = _apart(fit, group, features)
    strange = bool(fit.devices) and device not in fit.devices
    unmeasured = [f"of {group}"] * (not own) + [f"on {device}"] * strange
    outside = (*(Outside(f"no measured run {of}") for of in unmeasured), *apart.outside)
    spread = fit.inflation * fit.spread.get(group, max(fit.spread.values()))
    between = fit.between.get(group, max(fit.between.values(), default=0.0))
    transfer = hypot(0.0 if own else fit.transfer, fit.new_device if strange else 0.0)
    spread = hypot(spread, between, apart.spread, extra)
    return Uncertainty(sqrt(variance), spread, transfer, apart.distance, loaded, outside, _quantile(fit, group))


def _quantile(fit: Fit, group: str) -> float:
    """Standard deviations on each side that hold 80 %: of a group's families, or of the groups that were left out."""
    few = min(fit.degrees.values(), default=None) if fit.transfer_degrees is None else fit.transfer_degrees
    degrees = fit.degrees.get(group, few)
    return Z80 if degrees is None else t_quantile(degrees)


@dataclass(frozen=True)
class _Apart:
    """How far a case lies from the rows: standard deviations, and what lies outside."""

    distance: float = 0.0
    spread: float = 0.0  # of ratios that it leans on
    outside: tuple[Outside, ...] = ()


def _apart(fit: Fit, group: str, features: Sequence[float]) -> _Apart:
    """From rows of the group, if there are any, else from all; along the feature of measured ratios, from their rows."""
    rows = np.array(fit.behind.get(group) or [row for of in fit.behind.values() for row in of])
    if not len(rows):
        return _Apart()
    case = dict(zip(fit.features, features, strict=True))
    ratios = fit.ratios if fit.ratios is not None and group in fit.ratios.behind else None
    axes = [at for at, name in enumerate(fit.features) if ratios is None or name != ratios.feature]
    names = [fit.features[at] for at in axes]
    place = np.array([features[at] for at in axes])
    nearest = fit.widening_of(group) * float(np.sqrt(((rows[:, axes] - place) ** 2).sum(axis=1)).min())
    excess = _excesses(rows[:, axes], place, names, fit.beyond)
    outside = _outside(rows[:, axes], place, names)
    if ratios is None or case[ratios.feature] <= 0.0:  # a ratio is to one of what the feature counts
        return _Apart(hypot(nearest, *excess), 0.0, outside)
    of_ratio = np.array(ratios.behind[group])
    of_ratio = np.concatenate(
        [of_ratio, of_ratio * [name != ratios.feature for name in ratios.features]]
    )  # and that one
    at = np.array([case[name] for name in ratios.features])
    excess += _excesses(of_ratio, at, ratios.features, ratios.beyond)
    said = [name if name == ratios.feature else f"{name} on several {ratios.feature}" for name in ratios.features]
    return _Apart(hypot(nearest, *excess), ratios.spread, (*outside, *_outside(of_ratio, at, said)))


def _excesses(rows: Floats, place: Floats, names: Sequence[str], beyond: Mapping[str, float]) -> list[float]:
    """Standard deviations for what lies beyond every row, feature by feature."""
    excess = np.maximum(0.0, np.maximum(rows.min(axis=0) - place, place - rows.max(axis=0)))
    return [beyond.get(name, 0.0) * each for name, each in zip(names, excess.tolist(), strict=True)]


def _outside(rows: Floats, place: Floats, names: Sequence[str]) -> tuple[Outside, ...]:
    """The features that lie beyond every row, with the range that the rows have."""
    out = []
    for name, value, low, high in zip(
        names, place.tolist(), rows.min(axis=0).tolist(), rows.max(axis=0).tolist(), strict=True
    ):
        if not low - 1e-6 <= value <= high + 1e-6:
            out.append(Outside(name, *map(_unlogged, (value, low, high))))
    return tuple(out)


def _unlogged(value: float) -> float:
    """What a logarithm of four decimals is of, in the digits that it knows: 16, not 16.00022."""
    return float(f"{exp(value):.4g}")


def probability_less(mine: tuple[float, Uncertainty], theirs: tuple[float, Uncertainty], fits: Sequence[Fit]) -> float:
    """That a step (or a run, or a bill) of the first value is smaller than the second's; shared constants cancel."""
    (a, of_a), (b, of_b) = mine, theirs
    variance = 0.0
    for fit in fits:
        names = [f"{fit.set}.{constant.name}" for constant in fit.constants]
        e = np.array([of_a.loadings.get(name, 0.0) - of_b.loadings.get(name, 0.0) for name in names])
        variance += fit.inflation**2 * max(0.0, float(e @ covariance(fit) @ e))
    # A side whose width is that of a t counts with the normal of the same 80 % interval.
    scales = [(u.quantile / Z80) ** 2 for u in (of_a, of_b)]
    variance = max(scales) * variance
    variance += sum(
        s * (u.spread**2 + u.transfer**2 + u.distance**2) for s, u in zip(scales, (of_a, of_b), strict=True)
    )
    return _below(float(np.log(b / a)) / sqrt(variance)) if variance else float(a < b)


def _below(z: float) -> float:
    """Student's t with three degrees of freedom that has the normal's 80 % interval.

    Errors of published runs lie beyond two standard deviations 13 % of the time, not 5 %: a normal would be too sure of itself.
    """
    t = z * T80 / Z80
    return 0.5 + (atan(t / sqrt(3.0)) + (t / sqrt(3.0)) / (1.0 + t * t / 3.0)) / pi


def t_below(t: float, degrees: int) -> float:
    """Probability that Student's t of some degrees of freedom is below `t`: the finite series of Abramowitz and Stegun 26.7."""
    angle = atan(t / sqrt(degrees))
    term, total = (cos(angle), cos(angle)) if degrees % 2 else (1.0, 1.0)
    for k in range(2 + degrees % 2, degrees - 1, 2):
        term *= (k - 1) / k * cos(angle) ** 2
        total += term
    if degrees == 1:
        return 0.5 + angle / pi
    if degrees % 2:
        return 0.5 + (angle + sin(angle) * total) / pi
    return 0.5 + 0.5 * sin(angle) * total


@lru_cache(maxsize=64)
def t_quantile(degrees: int) -> float:
    """The value that holds 80 % between itself and its negative."""
    low, high = 0.0, 4.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if t_below(middle, degrees) < 0.5 + 0.5 * LEVEL else (low, middle)
    return 0.5 * (low + high)
