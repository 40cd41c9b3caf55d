"""Fit the wafer's constants on the CS-2 and CS-3 rows, say how well they are known, then one speed factor per older release.

Four constants and the speed of R2.0 minimise the log ratios of predicted to published rates over the rows marked `fit`, squared
as long as they are small; releases before R2.0 then get the factor that meets their rows. Runs of one job repeat each other and
count as one, and n jobs of one family as sqrt(n). Numbers that the rows cannot tell keep their value; their width enters the
covariance beside the fitted ones. Steps are those of the simulation, in closed form between two looks at it (`wafer_steps.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp, expm1, sqrt
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
from wafersim.calibration.wafer_steps import Step, log_ratios, steps_of, worst
from wafersim.evidence.sets.wafer import throughput_rows
from wafersim.evidence.sets.wafer_row import WaferRow
from wafersim.evidence.tables import read_data
from wafersim.inputs.fit import Fit, LeftOut
from wafersim.inputs.machine import REFERENCE_RELEASE, WAFER_PARTS, numbers
from wafersim.inputs.sourced import dimension_of
from wafersim.metrics.interval import LEVEL, Z80
from wafersim.simulation import Replay
from wafersim.strategies.registry import strategy_of
from wafersim.strategies.weight_streaming.features import NAMES
from wafersim.strategies.weight_streaming.features import values as features_of

LOSS = Loss("soft_l1", 0.1)  # a row may be wrong, a user's above all
STEPS = {"step": 1e-3, "x_tolerance": 1e-6}
CLOSE = 2e-3  # that the closed form may differ from the simulation where a fit ends
RELEASE = "releases."


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
    sizes: Mapping[str, Sequence[str]]
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
        start = quantity.parse(entry["start"], _dimension(name)) if "start" in entry else float("nan")
        out.append(Constant(name, entry["kind"], start, float(entry["sigma"]), tuple(entry["sets"])))
    families = table["families"] | ({"own rows": [row.id for row in own]} if own else {})
    sizes: dict[str, Sequence[str]] = table["sizes"]
    newer = [row.id for row in own if row.group != "cs2"]
    generations = {name: [*members, *newer] for name, members in table["generations"].items()}
    return Declared(tuple(out), families, sizes, generations, float(table["widening"]))


def _dimension(name: str) -> Any:
    if name.startswith(RELEASE):
        return "count"
    part = next(p for p in WAFER_PARTS if name in WAFER_PARTS[p].model_fields)
    return dimension_of(WAFER_PARTS[part].model_fields[name]).name


def _place(name: str, profile: str) -> str:
    return f"{profile}: {name}" if name.startswith(RELEASE) else f"{profile}: values.{name}"


def fit_rows() -> list[WaferRow]:
    """Rows marked `fit`."""
    return [row for row in throughput_rows().values() if row.use == "fit"]


def fit_wafer(own: Sequence[WaferRow] = ()) -> Found:
    """Fit on the rows of the table, and on a user's besides."""
    said, rows = declared(own), [*fit_rows(), *own]
    constants, steps = _converged(rows, said)
    errors = log_ratios(rows, steps, constants)
    weights = weights_of(rows, said)
    spread = spread_of(errors, weights, len(said.fitted))
    elasticities = elasticities_of(rows, constants, said.constants)
    known = covariance_of(elasticities, weights, spread, said.constants)
    features: Floats = np.array([_features(row) for row in rows], np.float64)
    left_out, inflation = _jobs_left_out(rows, steps, said, elasticities)
    families, further = _families_left_out(rows, steps, said, elasticities, features)
    of_group = sorted({row.group for row in rows})
    fit = Fit(
        set="wafer",
        date=today(),
        rows=tuple(row.id for row in rows),
        constants=fit_constants(
            [
                (c.name, constants.get(c.name) or _value_of(c, rows[0]), tuple(_place(c.name, p) for p in c.sets))
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
    releases = _release_factors(constants)
    in_sample = {row.id: expm1(error) for row, error in zip(rows, errors.tolist(), strict=True)}
    return Found(fit, _changes(fit, said, releases), in_sample, _details(fit, said, releases, in_sample, rows))


def _converged(rows: Sequence[WaferRow], said: Declared) -> tuple[dict[str, float], dict[str, Step]]:
    """Constants of all rows, and steps that are the simulation's there."""
    constants = {one.name: one.start for one in said.fitted}
    for _ in range(4):
        steps = steps_of(rows, constants)
        x = problem_of(rows, said, steps).solve(**STEPS).x
        constants = {c.name: rounded(v, 4) for c, v in zip(said.fitted, np.exp(x).tolist(), strict=True)}
        if worst(steps, constants) < CLOSE / 10:
            break
    assert worst(steps, constants) < CLOSE, "the closed form has not met the simulation"
    return constants, steps


def _details(
    fit: Fit, said: Declared, releases: Mapping[str, float], errors: Mapping[str, float], rows: Sequence[WaferRow]
) -> str:
    lines = [f"release {name}: {value:.4g} of {REFERENCE_RELEASE}'s speed" for name, value in releases.items()]
    lines += [
        f"{row}: {error:+.1%} in sample, {expm1(fit.left_out[row].error):+.1%} left out"
        for row, error in errors.items()
    ]
    for name, left in fit.families.items():
        how = "on" if name in said.generations else "without"
        lines.append(f"{how} {name}: " + ", ".join(f"{row} {expm1(e):+.1%}" for row, e in left.items()))
    jobs = [(row, _job(row)) for row in rows]
    sample = _by_job(jobs, errors)
    lines.append(f"jobs in sample: {_summary(sample)}")
    for what, of in (("families", said.families), ("sizes", said.sizes)):
        found = {row: expm1(e) for name in of for row, e in fit.families.get(name, {}).items()}
        lines.append(f"jobs left out by {what}: {_summary(_by_job(jobs, found))}")
    return "\n".join(lines)


def _by_job(jobs: Sequence[tuple[WaferRow, tuple[Any, ...]]], errors: Mapping[str, float]) -> list[float]:
    """Mean error of each job that has one."""
    found: dict[tuple[Any, ...], list[float]] = {}
    for row, job in jobs:
        if row.id in errors:
            found.setdefault(job, []).append(errors[row.id])
    return [sum(each) / len(each) for each in found.values()]


def _summary(errors: Sequence[float]) -> str:
    size = np.abs(errors)
    return f"median {np.median(size):.1%}, max {size.max():.1%}, rms {_rms(errors):.1%} of {len(errors)}"


def _changes(fit: Fit, said: Declared, releases: Mapping[str, float]) -> tuple[Change, ...]:
    """The constants in every profile that has them, the releases in the first."""
    sets = {one.name: one.sets for one in said.fitted}
    changes = [
        Change(profile, _path(constant.name), constant.value, constant.standard_error)
        for constant in fit.constants
        if constant.kind == "calibrated"
        for profile in sets[constant.name]
    ]
    first = said.fitted[0].sets[0]
    return (*changes, *(Change(first, ("releases", name), value) for name, value in releases.items()))


def _path(name: str) -> tuple[str, str]:
    return ("releases", name.removeprefix(RELEASE)) if name.startswith(RELEASE) else ("values", name)


def _job(row: WaferRow) -> tuple[str, str, int, int, str, str]:
    """What two rows share that repeat each other: machine, model, tokens, release and what is done; not the batch."""
    return row.group, row.called, row.micro_batch, row.sequence, row.software, row.mode


def weights_of(rows: Sequence[WaferRow], said: Declared) -> Floats:
    """Square roots of what each row counts: repeats of a job count as one, and n jobs of a family as sqrt(n)."""
    repeats = Counter(_job(row) for row in rows)
    family = {name: family for family, members in said.families.items() for name in members}
    of_row = [family.get(row.id, row.called) for row in rows]
    jobs = {name: len({_job(row) for row, of in zip(rows, of_row, strict=True) if of == name}) for name in set(of_row)}
    return np.array([(repeats[_job(row)] * sqrt(jobs[of])) ** -0.5 for row, of in zip(rows, of_row, strict=True)])


def spread_of(errors: Floats, weights: Floats, fitted: int) -> float:
    """Standard deviation of jobs around their predictions."""
    return sqrt(float(((weights * errors) ** 2).sum()) / max(1.0, float((weights**2).sum()) - fitted))


def problem_of(rows: Sequence[WaferRow], said: Declared, steps: Mapping[str, Step]) -> Problem:
    """Log ratios of jobs by the logarithms of the constants; where the rows do not tell, those that they start from."""
    weights, start = weights_of(rows, said), np.log([constant.start for constant in said.fitted])

    def residuals(logs: Floats) -> Floats:
        return weights * log_ratios(rows, steps, _named(said, logs))

    return Problem(residuals, start, LOSS, prior=Prior(start, np.array([constant.sigma for constant in said.fitted])))


def _named(said: Declared, logs: Floats) -> dict[str, float]:
    return dict(zip([c.name for c in said.fitted], np.exp(logs).tolist(), strict=True))


def elasticities_of(rows: Sequence[WaferRow], constants: Mapping[str, float], of: Sequence[Constant]) -> Floats:
    """d ln(rate) / d ln(constant) by row and constant; a rate is close to linear in its release's speed."""
    known: dict[tuple[Any, ...], list[float]] = {}
    for row in rows:
        key = (*_job(row), row.batch // row.systems)
        if key in known:
            continue
        job = row.job(constants)
        replay = Replay(job, strategy_of(job.kind).choose(job))
        paths = {path.partition(".")[2]: path for path, _, _ in numbers(job.machine)}
        paths["latency"] = "memoryx.latency"
        found = replay.elasticities([paths[constant.name] for constant in of if constant.name in paths])
        known[key] = [
            -found[paths[one.name]] if one.name in paths else float(one.name == RELEASE + row.software) for one in of
        ]
    return np.array([known[(*_job(row), row.batch // row.systems)] for row in rows])


def _value_of(constant: Constant, row: WaferRow) -> float:
    machine = row.job().machine
    return next(number.value for path, number, _ in numbers(machine) if path.partition(".")[2] == constant.name)


def covariance_of(elasticities: Floats, weights: Floats, spread: float, of: Sequence[Constant]) -> Floats:
    """Of the logarithms of all constants, given the rows and what was known before."""
    return covariance(elasticities * weights[:, None] / spread, np.array([constant.sigma for constant in of]))


def _features(row: WaferRow) -> tuple[float, ...]:
    return features_of(row.workload, row.micro_batch, row.systems)


def _fitted(rows: Sequence[WaferRow], said: Declared, steps: Mapping[str, Step]) -> JobsFit:
    constants = _named(said, problem_of(rows, said, steps).solve(**STEPS).x)
    errors = log_ratios(rows, steps, constants)
    return JobsFit(constants, spread_of(errors, weights_of(rows, said), len(said.fitted)))


def _jobs_left_out(
    rows: Sequence[WaferRow], steps: Mapping[str, Step], said: Declared, elasticities: Floats
) -> tuple[dict[str, LeftOut], float]:
    """Every row predicted by the constants that the other jobs give, with its interval; and what intervals are multiplied by.

    With so few rows the covariance alone is too sure of itself: the factor is the one with which intervals from the other
    jobs hold 80 % of those left out. The interval of a row left out has the factor that the other jobs ask for.
    """
    jobs = [_job(row) for row in rows]
    parts = {str(job): np.array([each == job for each in jobs]) for job in dict.fromkeys(jobs)}
    errors, halves = np.zeros(len(rows)), np.zeros(len(rows))
    for out in leave_out(rows, parts, lambda kept: _fitted(kept, said, steps)):
        known = covariance_of(elasticities[~out.inside], weights_of(out.kept, said), out.found.spread, said.constants)
        ratios = log_ratios(rows, steps, out.found.constants)
        for at in np.flatnonzero(out.inside).tolist():
            e = elasticities[at]
            halves[at] = Z80 * sqrt(float(e @ known @ e) + out.found.spread**2)
            errors[at] = ratios[at]
    ratios, weights = np.abs(errors) / halves, weights_of(rows, said) ** 2
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
    rows: Sequence[WaferRow], steps: Mapping[str, Step], said: Declared, elasticities: Floats, features: Floats
) -> tuple[dict[str, dict[str, float]], float]:
    """({what was left out: {row: error}}, standard deviation per e-fold of distance that errors of families show)."""
    parts = {
        name: np.array([row.id in members for row in rows])
        for name, members in {**said.families, **said.sizes, **said.generations}.items()
    }
    found: dict[str, dict[str, float]] = {}
    errors, variances, distances = [], [], []
    for out in leave_out(rows, parts, lambda kept: _fitted(kept, said, steps)):
        inside = np.flatnonzero(out.inside).tolist()
        ratios = log_ratios(rows, steps, out.found.constants).tolist()
        found[out.name] = {rows[at].id: round(ratios[at], 4) for at in inside}
        if out.name not in said.families:
            continue
        known = covariance_of(elasticities[~out.inside], weights_of(out.kept, said), out.found.spread, said.constants)
        for at in inside:
            errors.append(found[out.name][rows[at].id])
            variances.append(float(elasticities[at] @ known @ elasticities[at]) + out.found.spread**2)
            distances.append(float(np.sqrt(((features[~out.inside] - features[at]) ** 2).sum(axis=1)).min()))
    return found, widening(errors, variances, distances)


def _rms(errors: Any) -> float:
    return sqrt(float(np.mean(np.square(list(errors)))))


def _release_factors(constants: Mapping[str, float]) -> dict[str, float]:
    """The speed at which each release meets its rows, in the geometric mean; rates are close to linear in it: one step does."""
    rows = [row for row in throughput_rows().values() if row.use == "release"]
    as_new = [replace(row, software=REFERENCE_RELEASE) for row in rows]
    errors = log_ratios(as_new, steps_of(as_new, constants), constants).tolist()
    found: dict[str, list[float]] = {}
    for row, error in zip(rows, errors, strict=True):
        found.setdefault(row.software, []).append(error)
    return {name: rounded(exp(-sum(each) / len(each)), 4) for name, each in found.items()}


def refused(row: WaferRow) -> str | None:
    """Why a user's row can set nothing."""
    if row.software != REFERENCE_RELEASE:
        return f"release {row.software} has one factor, which its published rows set"
    if row.mode != "train":
        return f"mode {row.mode}: the constants are those of training"
    fitted = {profile for one in declared().fitted for profile in one.sets}
    return None if row.group in fitted else f"the constants of {row.group} are not fitted, only of {', '.join(fitted)}"
