"""Fit the wafer's constants on the CS-2 and CS-3 rows, say how well they are known, then one speed factor per older release.

Three constants minimise the log ratios of predicted to published throughput over the rows marked `fit` (release R2), squared
as long as they are small; each older release then gets the one factor that meets its single row. Runs of one job repeat each
other and count as one. Numbers that the rows cannot tell keep their value; their width enters the covariance beside the fitted
ones. Everything goes through `simulate`, as users do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp, expm1, log, sqrt
from typing import Any, Literal

import numpy as np

from wafersim import quantity
from wafersim.calibration.record import Change, Found, correlations, fit_constants, rounded, today
from wafersim.calibration.robust import (
    Floats,
    Loss,
    Prior,
    Problem,
    covariance,
    leave_out,
    widening,
)
from wafersim.evidence.sets.wafer import throughput_rows
from wafersim.evidence.sets.wafer_row import WaferRow
from wafersim.evidence.tables import read_data
from wafersim.inputs.fit import Fit, LeftOut
from wafersim.inputs.machine import WAFER_PARTS, numbers
from wafersim.inputs.sourced import dimension_of
from wafersim.metrics.interval import LEVEL, Z80
from wafersim.simulation import Replay, step_seconds
from wafersim.strategies.registry import strategy_of
from wafersim.strategies.weight_streaming.features import NAMES
from wafersim.strategies.weight_streaming.features import values as features_of

LOSS = Loss("soft_l1", 0.1)  # a row may be wrong, a user's above all
STEPS = {"step": 0.02, "x_tolerance": 1e-5}  # ticks and whole sub-batches make small steps blind


@dataclass(frozen=True)
class Constant:
    """One number: fitted from `start`, or assumed; `sigma` is the width of what is known of its logarithm."""

    name: str
    kind: Literal["calibrated", "assumed"]
    start: float
    sigma: float
    sets: tuple[str, ...]


@dataclass(frozen=True)
class Declared:
    """What `wafer_fit.yaml` states: constants, what is left out together, the widening of intervals at least."""

    constants: tuple[Constant, ...]
    families: Mapping[str, Sequence[str]]
    generations: Mapping[str, Sequence[str]]  # what the rows of the first have to predict of the second
    widening: float

    @property
    def fitted(self) -> tuple[Constant, ...]:
        """Those that rows set."""
        return tuple(constant for constant in self.constants if constant.kind == "calibrated")


@dataclass(frozen=True)
class JobsFit:
    """Constants that some jobs give, and the standard deviation of those around them."""

    constants: Mapping[str, float]
    spread: float


def declared(own: Sequence[WaferRow] = ()) -> Declared:
    """As the file states it; rows of a user are a family of their own."""
    table = read_data("wafer_fit.yaml")
    out = []
    for name, entry in table["constants"].items():
        part = next(p for p in WAFER_PARTS if name in WAFER_PARTS[p].model_fields)
        dimension = dimension_of(WAFER_PARTS[part].model_fields[name]).name
        start = quantity.parse(entry["start"], dimension) if "start" in entry else float("nan")
        out.append(Constant(name, entry["kind"], start, float(entry["sigma"]), tuple(entry["sets"])))
    families = table["families"] | ({"own rows": [row.id for row in own]} if own else {})
    newer = [row.id for row in own if row.group != "cs2"]
    generations = {name: [*members, *newer] for name, members in table["generations"].items()}
    return Declared(tuple(out), families, generations, float(table["widening"]))


def fit_rows() -> list[WaferRow]:
    """Rows marked `fit`."""
    return [row for row in throughput_rows().values() if row.use == "fit"]


def fit_wafer(own: Sequence[WaferRow] = ()) -> Found:
    """Fit on the rows of the table, and on a user's besides."""
    said, rows = declared(own), [*fit_rows(), *own]
    solution = problem_of(rows, said.fitted).solve(**STEPS)
    constants = {c.name: rounded(v, 4) for c, v in zip(said.fitted, np.exp(solution.x).tolist(), strict=True)}
    errors = np.array([_log_ratio(row, constants) for row in rows])
    spread = spread_of(errors, weights_of(rows), len(said.fitted))
    elasticities = elasticities_of(rows, constants, said.constants)
    known = covariance_of(elasticities, rows, spread, said.constants)
    features: Floats = np.array([_features(row) for row in rows], np.float64)
    left_out, inflation = _jobs_left_out(rows, said, elasticities)
    families, further = _families_left_out(rows, said, elasticities, features)
    of_group = sorted({row.group for row in rows})
    fit = Fit(
        set="wafer",
        date=today(),
        rows=tuple(row.id for row in rows),
        constants=fit_constants(
            [
                (c.name, constants.get(c.name, _value_of(c, rows[0])), tuple(f"{p}: values.{c.name}" for p in c.sets))
                for c in said.constants
            ],
            known,
            [c.kind for c in said.constants],
        ),
        correlations=correlations(known),
        inflation=inflation,
        spread=dict.fromkeys(of_group, rounded(spread, 3)),
        transfer=rounded(_rms(families[next(iter(said.generations))].values()), 3),
        widening=dict.fromkeys(of_group, rounded(max(further, said.widening), 3)),
        features=NAMES,
        behind={group: tuple(sorted({_features(row) for row in rows if row.group == group})) for group in of_group},
        left_out=left_out,
        families=families,
    )
    releases = {
        row.software: rounded(_release_factor(row, constants), 4)
        for row in throughput_rows().values()
        if row.use == "release"
    }
    in_sample = {row.id: expm1(error) for row, error in zip(rows, errors.tolist(), strict=True)}
    return Found(fit, _changes(fit, said, releases), in_sample, _details(fit, said, releases, in_sample))


def _details(fit: Fit, said: Declared, releases: Mapping[str, float], errors: Mapping[str, float]) -> str:
    lines = [f"release {name}: {value:.4g} of R2's speed (one row)" for name, value in releases.items()]
    lines += [
        f"{row}: {error:+.1%} in sample, {expm1(fit.left_out[row].error):+.1%} left out"
        for row, error in errors.items()
    ]
    for name, rows in fit.families.items():
        how = "on" if name in said.generations else "without"
        lines.append(f"{how} {name}: " + ", ".join(f"{row} {expm1(e):+.1%}" for row, e in rows.items()))
    return "\n".join(lines)


def _changes(fit: Fit, said: Declared, releases: Mapping[str, float]) -> tuple[Change, ...]:
    """The constants in every profile that has them, the releases in the first."""
    fitted = [constant for constant in fit.constants if constant.kind == "calibrated"]
    systems = said.fitted[0].sets
    changes = [
        Change(profile, ("values", constant.name), constant.value, constant.standard_error)
        for profile in systems
        for constant in fitted
    ]
    return (*changes, *(Change(systems[0], ("releases", name), value) for name, value in releases.items()))


def _job(row: WaferRow) -> tuple[str, str, int, str]:
    """What two rows share that repeat each other: machine, model and micro-batch; not the batch."""
    return row.group, row.called, row.micro_batch, row.software


def weights_of(rows: Sequence[WaferRow]) -> Floats:
    """Square roots of what each row counts: all the repeats of a job count as one."""
    repeats = Counter(_job(row) for row in rows)
    return np.array([repeats[_job(row)] ** -0.5 for row in rows])


def spread_of(errors: Floats, weights: Floats, fitted: int) -> float:
    """Standard deviation of jobs around their predictions."""
    return sqrt(float(((weights * errors) ** 2).sum()) / max(1.0, float((weights**2).sum()) - fitted))


def problem_of(rows: Sequence[WaferRow], fitted: Sequence[Constant]) -> Problem:
    """Log ratios of jobs by the logarithms of the constants; where the rows do not tell, those that they start from."""
    weights, start = weights_of(rows), np.log([constant.start for constant in fitted])

    def log_ratios(logs: Floats) -> Floats:
        constants = dict(zip([c.name for c in fitted], np.exp(logs).tolist(), strict=True))
        ratios: Floats = weights * [_log_ratio(row, constants) for row in rows]
        return ratios

    return Problem(log_ratios, start, LOSS, prior=Prior(start, np.array([constant.sigma for constant in fitted])))


def _log_ratio(row: WaferRow, constants: Mapping[str, float]) -> float:
    return log(row.batch / step_seconds(row.job(constants)) / row.published)


def elasticities_of(rows: Sequence[WaferRow], constants: Mapping[str, float], of: Sequence[Constant]) -> Floats:
    """d ln(throughput) / d ln(constant) by row and constant."""
    out = []
    for row in rows:
        job = row.job(constants)
        replay = Replay(job, strategy_of(job.kind).choose(job))
        paths = {path.partition(".")[2]: path for path, _, _ in numbers(job.machine)}
        paths["latency"] = "memoryx.latency"
        found = replay.elasticities([paths[constant.name] for constant in of])
        out.append([-found[paths[constant.name]] for constant in of])
    return np.array(out)


def _value_of(constant: Constant, row: WaferRow) -> float:
    machine = row.job().machine
    return next(number.value for path, number, _ in numbers(machine) if path.partition(".")[2] == constant.name)


def covariance_of(elasticities: Floats, rows: Sequence[WaferRow], spread: float, of: Sequence[Constant]) -> Floats:
    """Of the logarithms of all constants, given the rows and what was known before."""
    weighed = elasticities * weights_of(rows)[:, None] / spread
    return covariance(weighed, np.array([constant.sigma for constant in of]))


def _features(row: WaferRow) -> tuple[float, ...]:
    return features_of(row.workload, row.micro_batch, row.systems)


def _fitted(rows: Sequence[WaferRow], fitted: Sequence[Constant]) -> JobsFit:
    x = problem_of(rows, fitted).solve(**STEPS).x
    constants = dict(zip([c.name for c in fitted], np.exp(x).tolist(), strict=True))
    errors = np.array([_log_ratio(row, constants) for row in rows])
    return JobsFit(constants, spread_of(errors, weights_of(rows), len(fitted)))


def _jobs_left_out(rows: Sequence[WaferRow], said: Declared, elasticities: Floats) -> tuple[dict[str, LeftOut], float]:
    """Every row predicted by the constants that the other jobs give, with its interval; and what intervals are multiplied by.

    With so few rows the covariance alone is too sure of itself: the factor is the one with which intervals from the other
    jobs hold 80 % of those left out. The interval of a row left out has the factor that the other jobs ask for.
    """
    jobs = [_job(row) for row in rows]
    parts = {str(job): np.array([each == job for each in jobs]) for job in dict.fromkeys(jobs)}
    errors, halves = np.zeros(len(rows)), np.zeros(len(rows))
    for out in leave_out(rows, parts, lambda kept: _fitted(kept, said.fitted)):
        known = covariance_of(elasticities[~out.inside], out.kept, out.found.spread, said.constants)
        for at in np.flatnonzero(out.inside).tolist():
            e = elasticities[at]
            halves[at] = Z80 * sqrt(float(e @ known @ e) + out.found.spread**2)
            errors[at] = _log_ratio(rows[at], out.found.constants)
    ratios, weights = np.abs(errors) / halves, weights_of(rows) ** 2
    left_out = {}
    for row, error, half in zip(rows, errors.tolist(), halves.tolist(), strict=True):
        others = np.array([job != _job(row) for job in jobs])
        factor = _factor(ratios[others], weights[others])
        left_out[row.id] = LeftOut(error=round(error, 4), half_width=round(factor * half, 4))
    return left_out, rounded(_factor(ratios, weights), 3)


def _factor(ratios: Floats, weights: Floats) -> float:
    """The least factor, at least 1, with which half-widths hold 80 % of the weight of errors given as multiples of them."""
    order = np.argsort(ratios)
    held = np.cumsum(weights[order]) / weights.sum()
    return max(1.0, float(ratios[order][np.searchsorted(held, LEVEL - 1e-9)]))


def _families_left_out(
    rows: Sequence[WaferRow], said: Declared, elasticities: Floats, features: Floats
) -> tuple[dict[str, dict[str, float]], float]:
    """({what was left out: {row: error}}, standard deviation per e-fold of distance that errors of families show)."""
    parts = {
        name: np.array([row.id in members for row in rows])
        for name, members in {**said.families, **said.generations}.items()
    }
    found: dict[str, dict[str, float]] = {}
    errors, variances, distances = [], [], []
    for out in leave_out(rows, parts, lambda kept: _fitted(kept, said.fitted)):
        inside = np.flatnonzero(out.inside).tolist()
        found[out.name] = {rows[at].id: round(_log_ratio(rows[at], out.found.constants), 4) for at in inside}
        if out.name in said.generations:
            continue
        known = covariance_of(elasticities[~out.inside], out.kept, out.found.spread, said.constants)
        for at in inside:
            errors.append(found[out.name][rows[at].id])
            variances.append(float(elasticities[at] @ known @ elasticities[at]) + out.found.spread**2)
            distances.append(float(np.sqrt(((features[~out.inside] - features[at]) ** 2).sum(axis=1)).min()))
    return found, widening(errors, variances, distances)


def _rms(errors: Any) -> float:
    return sqrt(float(np.mean(np.square(list(errors)))))


def _release_factor(row: WaferRow, constants: Mapping[str, float]) -> float:
    """The speed at which a release meets its row: throughput is close to linear in it, so one step does."""
    return exp(-_log_ratio(replace(row, software="R2"), constants))


def refused(row: WaferRow) -> str | None:
    """Why a user's row can set nothing."""
    if row.software != "R2":
        return f"release {row.software} has one factor, which its published row sets"
    fitted = {profile for one in declared().fitted for profile in one.sets}
    return None if row.group in fitted else f"the constants of {row.group} are not fitted, only of {', '.join(fitted)}"
