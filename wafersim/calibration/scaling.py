"""Fit what a step of n systems has and that of one has not: the exposed tail of the reduction, on measured ratios.

A step of n systems is taken as the simulated one without a tail plus (a + b parameters) log2 n. The logarithm of a ratio scatters
around that by Student's t with four degrees of freedom, since single published points are off by 2 to 6 % while most lie within
half a percent; the most likely a, b and scatter are found together, a and b log-normal around what was known beforehand. Other
laws are held against it by their likelihood and by the errors of models left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import expm1, lgamma, log, pi, sqrt
from statistics import NormalDist

import numpy as np

from wafersim.calibration.record import Change, fit_constants, rounded
from wafersim.calibration.robust import Floats, standard_errors
from wafersim.evidence.sets.wafer import scaling_rows
from wafersim.evidence.sets.wafer_ratio import ScalingRow
from wafersim.evidence.sets.wafer_row import NO_CHANGE
from wafersim.inputs.fit import FitConstant

NAMES = ("reduction_tail", "reduction_tail_per_parameter")
WRITTEN_TO = "swarmx-cs2"  # the others are like it
SETS = ("swarmx-cs2", "swarmx-cs2-1to2", "swarmx-cs3")
BEFOREHAND = (8e-3, 7e-12)  # s, s per parameter: an earlier estimate, on rows of which some are not in the table
WIDTH = 1.0  # of the logarithms: within a factor of e
FREEDOM = 4.0
SCATTER = 0.007  # where the search starts
STEP = 1e-3  # of logarithms, for second derivatives
FAN_OUT = 4  # of the nodes that "levels of the tree" supposes


@dataclass(frozen=True)
class Steps:
    """What a law is held against: measured ratios beside simulated steps without a tail, row by row."""

    rows: tuple[ScalingRow, ...]
    one: Floats
    many: Floats

    @cached_property
    def systems(self) -> Floats:
        """Of each row."""
        return np.array([float(row.job.systems) for row in self.rows])

    @cached_property
    def parameters(self) -> Floats:
        """Of each row's model."""
        return np.array([float(row.job.workload.parameters) for row in self.rows])

    @cached_property
    def _of_a_second(self) -> Floats:
        """Predicted over measured ratios where steps of all systems take a second."""
        return np.array([row.predicted(one, 1.0) / row.published for row, one in zip(self.rows, self.one, strict=True)])

    def errors(self, many: Floats) -> Floats:
        """Logarithms of predicted over measured ratios where the steps of all systems take `many` seconds."""
        out: Floats = np.log(self._of_a_second / many)
        return out

    def only(self, keep: Callable[[ScalingRow], bool]) -> Steps:
        """Of some rows."""
        mask = np.array([keep(row) for row in self.rows])
        return Steps(tuple(row for row in self.rows if keep(row)), self.one[mask], self.many[mask])


@dataclass(frozen=True)
class Law:
    """Seconds of a step of n systems by its constants, and the values from which these are sought."""

    name: str
    start: tuple[float, ...]
    many: Callable[[Steps, Sequence[float]], Floats]


@dataclass(frozen=True)
class Compared:
    """A law at its most likely constants, no prior: how likely it makes the rows, and how far models left out are off."""

    constants: tuple[float, ...]
    log_likelihood: float
    left_out_median: float
    left_out_rms: float


@dataclass(frozen=True)
class ScalingFit:
    """The constants by name with the covariance of their logarithms; errors are predicted / measured - 1 by row."""

    rows: tuple[ScalingRow, ...]
    values: Mapping[str, float]
    covariance: Floats
    scatter: float
    errors: Mapping[str, float]
    left_out: Mapping[str, float]  # by the rows of other models
    laws: Mapping[str, Compared]

    @property
    def spread(self) -> float:
        """Standard deviation of a ratio's logarithm that models left out show: of the form and of single points."""
        return rounded(sqrt(float(np.mean(np.square(np.log1p(list(self.left_out.values())))))), 3)

    @property
    def constants(self) -> tuple[FitConstant, ...]:
        """As a calibration keeps them."""
        named = [(name, value, tuple(f"{p}: values.{name}" for p in SETS)) for name, value in self.values.items()]
        return fit_constants(named, self.covariance)

    @property
    def changes(self) -> tuple[Change, ...]:
        """As profiles have them."""
        errors = standard_errors(self.covariance).tolist()
        named = zip(self.values.items(), errors, strict=True)
        return tuple(Change(WRITTEN_TO, ("values", name), value, error) for (name, value), error in named)

    def __str__(self) -> str:
        errors = standard_errors(self.covariance)
        lines = [
            f"{n}: {v:.4g} s, standard error {e:.0%}" for (n, v), e in zip(self.values.items(), errors, strict=True)
        ]
        lines.append(f"scatter of a ratio {self.scatter:.2%} (Student's t, {FREEDOM:g} degrees of freedom)")
        lines += [
            f"{row}: {error:+.1%} in sample, {self.left_out[row]:+.1%} left out" for row, error in self.errors.items()
        ]
        lines += [
            f"{name}: constants {', '.join(f'{c:.3g}' for c in law.constants) or 'none'}; log-likelihood "
            f"{law.log_likelihood:.1f}; left out by model {law.left_out_median:.2%} median, {law.left_out_rms:.2%} rms"
            for name, law in self.laws.items()
        ]
        return "\n".join(lines)


def fit_scaling(rows: Sequence[ScalingRow] | None = None, constants: Mapping[str, float] = NO_CHANGE) -> ScalingFit:
    """Fit on the shipped ratios, or on others, around step times under these constants of the wafer. Needs scipy.

    Without a row the tail is what was known beforehand, and as wide.
    """
    steps = simulated(fit_rows() if rows is None else rows, constants)
    if not steps.rows:
        return ScalingFit((), dict(zip(NAMES, BEFOREHAND, strict=True)), np.eye(2) * WIDTH**2, SCATTER, {}, {}, {})
    law = TAIL
    found = _most_likely(law, steps, prior=True)
    values = dict(zip(NAMES, (rounded(v, 4) for v in np.exp(found[:-1]).tolist()), strict=True))
    series = dict.fromkeys(row.series for row in steps.rows)
    refits = np.array([_most_likely(law, steps.only(lambda r, out=out: r.series != out), True)[:-1] for out in series])  # type: ignore[misc]
    jackknife = (len(refits) - 1) * np.cov(refits.T, bias=True)  # of what shares a run on one system
    curvature = np.linalg.inv(_hessian(law, steps, found))[:-1, :-1]
    wider = jackknife if np.trace(jackknife) > np.trace(curvature) else curvature
    return ScalingFit(
        rows=steps.rows,
        values=values,
        covariance=np.asarray(wider, np.float64),
        scatter=rounded(float(np.exp(found[-1])), 3),
        errors=_by_row(steps, steps.errors(law.many(steps, list(values.values())))),
        left_out=_by_row(steps, _left_out(law, steps, prior=True)),
        laws={each.name: _compared(each, steps) for each in LAWS},
    )


def fit_rows() -> list[ScalingRow]:
    """Ratios marked `fit`."""
    return [row for row in scaling_rows().values() if row.use == "fit"]


def simulated(rows: Sequence[ScalingRow], constants: Mapping[str, float] = NO_CHANGE) -> Steps:
    """Every row's step of one system and of all, without a tail."""
    bare = {**constants, **dict.fromkeys(NAMES, 0.0)}
    pairs = np.array([row.seconds(bare) for row in rows]).reshape(-1, 2)
    return Steps(tuple(rows), pairs[:, 0], pairs[:, 1])


def _most_likely(law: Law, steps: Steps, prior: bool) -> Floats:
    """Logarithms of the constants and of the scatter."""
    from scipy.optimize import minimize

    start = np.log([*law.start, SCATTER])
    options = {"xatol": 1e-5, "fatol": 1e-8, "maxiter": 20_000, "maxfev": 20_000}
    for _ in range(3):  # again from where it stopped: a simplex may collapse early
        start = minimize(lambda logs: _cost(law, steps, logs, prior), start, method="Nelder-Mead", options=options).x
    return np.asarray(start, np.float64)


def _cost(law: Law, steps: Steps, logs: Floats, prior: bool) -> float:
    constants, scatter = np.exp(logs[:-1]).tolist(), float(np.exp(logs[-1]))
    known = float(np.sum(((logs[:-1] - np.log(law.start)) / WIDTH) ** 2)) / 2 if prior else 0.0
    return known - _log_likelihood(steps.errors(law.many(steps, constants)), scatter)


def _log_likelihood(errors: Floats, scatter: float) -> float:
    of_one = lgamma((FREEDOM + 1) / 2) - lgamma(FREEDOM / 2) - log(FREEDOM * pi) / 2 - log(scatter)
    return len(errors) * of_one - (FREEDOM + 1) / 2 * float(np.log1p((errors / scatter) ** 2 / FREEDOM).sum())


def _hessian(law: Law, steps: Steps, at: Floats) -> Floats:
    """Second derivatives of the cost by logarithms, central."""
    moves = np.eye(len(at)) * STEP

    def cost(*by: Floats) -> float:
        return _cost(law, steps, at + sum(by), prior=True)

    return np.array(
        [[(cost(i, j) - cost(i, -j) - cost(-i, j) + cost(-i, -j)) / (2 * STEP) ** 2 for j in moves] for i in moves]
    )


def _left_out(law: Law, steps: Steps, prior: bool) -> Floats:
    """Errors of every row by the constants that the rows of other models give."""
    out = np.zeros(len(steps.rows))
    for family in dict.fromkeys(row.family for row in steps.rows):
        found = _most_likely(law, steps.only(lambda row, out=family: row.family != out), prior)  # type: ignore[misc]
        inside = np.array([row.family == family for row in steps.rows])
        out[inside] = steps.errors(law.many(steps, np.exp(found[:-1]).tolist()))[inside]
    return out


def _compared(law: Law, steps: Steps) -> Compared:
    found = _most_likely(law, steps, prior=False)
    off = np.abs(np.expm1(_left_out(law, steps, prior=False)))
    constants = tuple(rounded(each, 3) for each in np.exp(found[:-1]).tolist())
    likely = -_cost(law, steps, found, prior=False)
    return Compared(constants, round(likely, 2), float(np.median(off)), float(np.sqrt(np.mean(off**2))))


def _by_row(steps: Steps, errors: Floats) -> dict[str, float]:
    return {row.id: rounded(expm1(error), 4) for row, error in zip(steps.rows, errors.tolist(), strict=True)}


def _tail(grows: Callable[[Floats], Floats]) -> Callable[[Steps, Sequence[float]], Floats]:
    """A base and a part per parameter, times what grows with the systems."""

    def many(steps: Steps, constants: Sequence[float]) -> Floats:
        return steps.many + (constants[0] + constants[1] * steps.parameters) * grows(steps.systems)

    return many


def _slowest(steps: Steps, constants: Sequence[float]) -> Floats:
    """The slowest of n systems with paces log-normal around one another, by Blom's score as in `plan.Jitter`."""
    scores = np.array([NormalDist().inv_cdf((n - 1 + 0.625) / (n + 0.25)) for n in steps.systems.tolist()])
    return steps.many * np.exp(constants[0] * scores - constants[0] ** 2 / 2)


TAIL = Law("tail by log2 n", BEFOREHAND, _tail(np.log2))
LAWS = (
    TAIL,
    Law("tail per parameter alone, by log2 n", BEFOREHAND[1:], lambda s, c: TAIL.many(s, [0.0, *c])),
    Law("tail by levels of a 1:4 tree", BEFOREHAND, _tail(lambda n: np.ceil(np.log(n) / np.log(FAN_OUT) - 1e-9))),
    Law("tail of any number of systems", BEFOREHAND, _tail(np.ones_like)),
    Law("spread between systems", (0.016,), _slowest),
    Law("linear scaling", (), lambda steps, _: steps.many),
)
