"""Fit the wafer's constants on the CS-2 and CS-3 rows, say how well they are known, then one speed factor per older release.

Four constants and the speed of R2.0 minimise the log ratios of predicted to published rates over the rows marked `fit`, squared
as long as they are small; releases before R2.0 then get the factor that meets their rows. Runs of one job repeat each other and
count as one, and n jobs of one family as sqrt(n). Numbers that the rows cannot tell keep their value; their width enters the
covariance beside the fitted ones. Steps are those of the simulation, in closed form between two looks at it (`wafer_steps.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, expm1, sqrt
from typing import Any, Literal

import numpy as np

from wafersim import quantity
from wafersim.calibration.record import Change, Found, block_diagonal, correlations, fit_constants, rounded, today
from wafersim.calibration.robust import (
    Floats,
    Loss,
    Prior,
    Problem,
    leave_out,
    widening,
)
from wafersim.calibration.scaling import fit_scaling
from wafersim.calibration.variance import Components, Scatter, components
from wafersim.calibration.wafer_steps import Step, log_ratios, steps_of, worst
from wafersim.evidence.sets.wafer import throughput_rows
from wafersim.evidence.sets.wafer_row import WaferRow
from wafersim.evidence.tables import read_data
from wafersim.inputs.fit import Fit, LeftOut
from wafersim.inputs.machine import REFERENCE_RELEASE, WAFER_PARTS, numbers
from wafersim.inputs.sourced import dimension_of
from wafersim.metrics.interval import t_quantile
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
    within: Scatter
    between: Scatter
    beyond: Mapping[str, float]  # by the name of a feature
    widening: float

    @property
    def fitted(self) -> tuple[Constant, ...]:
        """Those that rows set."""
        return tuple(constant for constant in self.constants if constant.kind == "calibrated")


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
    within, between = (
        Scatter(float(table["scatter"][which]["middle"]), float(table["scatter"][which]["width"]))
        for which in ("within", "between")
    )
    return Declared(
        tuple(out), families, sizes, generations, within, between, table["beyond"], float(table["widening"])
    )


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
    elasticities = elasticities_of(rows, constants, said.constants)
    scatter = scatter_of(rows, errors, elasticities, said)
    tail = fit_scaling()
    known = block_diagonal([scatter.covariance, tail.covariance])
    features: Floats = np.array([_features(row) for row in rows], np.float64)
    families, further = _families_left_out(rows, steps, said, elasticities, features)
    of_group = sorted({row.group for row in rows})
    fit = Fit(
        set="wafer",
        date=today(),
        rows=tuple(row.id for row in rows),
        constants=(
            *fit_constants(
                [
                    (c.name, constants.get(c.name) or _value_of(c, rows[0]), tuple(_place(c.name, p) for p in c.sets))
                    for c in said.constants
                ],
                scatter.covariance,
                [c.kind for c in said.constants],
            ),
            *tail.constants,
        ),
        correlations=correlations(known),
        spread=dict.fromkeys(of_group, rounded(scatter.within, 3)),
        between=dict.fromkeys(of_group, rounded(scatter.between, 3)),
        degrees=dict.fromkeys(of_group, scatter.degrees),
        beyond=dict(said.beyond),
        transfer=rounded(_rms(families[next(iter(said.generations))].values()), 3),
        widening=dict.fromkeys(of_group, rounded(max(further, said.widening), 3)),
        features=NAMES,
        behind={group: tuple(sorted({_features(row) for row in rows if row.group == group})) for group in of_group},
        left_out=_jobs_left_out(rows, steps, said, elasticities),
        families=families,
    )
    releases = _release_factors(constants)
    in_sample = {row.id: expm1(error) for row, error in zip(rows, errors.tolist(), strict=True)}
    changes = (*_changes(fit, said, releases), *tail.changes)
    return Found(fit, changes, in_sample, f"{_details(fit, said, releases, in_sample, rows)}\n{tail}")


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
        for profile in sets.get(constant.name, ())
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
    of_row = _families_of(rows, said)
    jobs = {name: len({_job(row) for row, of in zip(rows, of_row, strict=True) if of == name}) for name in set(of_row)}
    return np.array([(repeats[_job(row)] * sqrt(jobs[of])) ** -0.5 for row, of in zip(rows, of_row, strict=True)])


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


def scatter_of(rows: Sequence[WaferRow], errors: Floats, elasticities: Floats, said: Declared) -> Components:
    """How far jobs scatter around their family and families around the fit, with the covariance of all constants under that."""
    at: dict[tuple[Any, ...], list[int]] = {}
    for index, row in enumerate(rows):
        at.setdefault(_job(row), []).append(index)
    family = _families_of(rows, said)
    means: Floats = np.array([errors[each].mean() for each in at.values()])
    jacobian: Floats = np.array([elasticities[each].mean(axis=0) for each in at.values()])
    names = [family[each[0]] for each in at.values()]
    widths: Floats = np.array([constant.sigma for constant in said.constants])
    return components(means, jacobian, names, widths, said.within, said.between)


def _families_of(rows: Sequence[WaferRow], said: Declared) -> list[str]:
    """The family of each row: the one that names it, else its model."""
    named = {name: family for family, members in said.families.items() for name in members}
    return [named.get(row.id, row.called) for row in rows]


def _features(row: WaferRow) -> tuple[float, ...]:
    return features_of(row.workload, row.micro_batch, row.systems)


def _fitted(rows: Sequence[WaferRow], said: Declared, steps: Mapping[str, Step]) -> dict[str, float]:
    return _named(said, problem_of(rows, said, steps).solve(**STEPS).x)


def _jobs_left_out(
    rows: Sequence[WaferRow], steps: Mapping[str, Step], said: Declared, elasticities: Floats
) -> dict[str, LeftOut]:
    """Every row predicted by the constants that the other jobs give, with the interval that they give."""
    jobs = [_job(row) for row in rows]
    parts = {str(job): np.array([each == job for each in jobs]) for job in dict.fromkeys(jobs)}
    left_out = {}
    for out in leave_out(rows, parts, lambda kept: _fitted(kept, said, steps)):
        ratios = log_ratios(rows, steps, out.found)
        scatter = scatter_of(out.kept, ratios[~out.inside], elasticities[~out.inside], said)
        for at in np.flatnonzero(out.inside).tolist():
            half = scatter.half_width(elasticities[at])
            left_out[rows[at].id] = LeftOut(error=round(float(ratios[at]), 4), half_width=round(half, 4))
    return {row.id: left_out[row.id] for row in rows}


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
        ratios = log_ratios(rows, steps, out.found).tolist()
        found[out.name] = {rows[at].id: round(ratios[at], 4) for at in inside}
        if out.name not in said.families:
            continue
        scatter = scatter_of(out.kept, np.array(ratios)[~out.inside], elasticities[~out.inside], said)
        for at in inside:
            errors.append(found[out.name][rows[at].id])
            variances.append((scatter.half_width(elasticities[at]) / t_quantile(scatter.degrees)) ** 2)
            distances.append(float(np.sqrt(((features[~out.inside] - features[at]) ** 2).sum(axis=1)).min()))
    return found, widening(errors, variances, distances)


def _rms(errors: Any) -> float:
    return sqrt(float(np.mean(np.square(list(errors)))))


def _release_factors(constants: Mapping[str, float]) -> dict[str, float]:
    """The speed at which each release meets its rows, in the geometric mean; rates are close to linear in it: three looks do."""
    rows = [row for row in throughput_rows().values() if row.use == "release"]
    speeds = {row.software: 1.0 for row in rows}
    for _ in range(3):
        now = {**constants, **{RELEASE + name: speed for name, speed in speeds.items()}}
        errors = log_ratios(rows, steps_of(rows, now), now).tolist()
        for name in speeds:
            own = [error for row, error in zip(rows, errors, strict=True) if row.software == name]
            speeds[name] *= exp(-sum(own) / len(own))
    return {name: rounded(speed, 4) for name, speed in speeds.items()}


def refused(row: WaferRow) -> str | None:
    """Why a user's row can set nothing."""
    if row.software != REFERENCE_RELEASE:
        return f"release {row.software} has one factor, which its published rows set"
    if row.mode != "train":
        return f"mode {row.mode}: the constants are those of training"
    fitted = {profile for one in declared().fitted for profile in one.sets}
    return None if row.group in fitted else f"the constants of {row.group} are not fitted, only of {', '.join(fitted)}"
