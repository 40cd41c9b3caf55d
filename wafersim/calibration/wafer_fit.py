"""Fit the wafer's constants on the CS-2 and CS-3 rows, say how well they are known, then one speed factor per older release.

Three constants minimise the log ratios of predicted to published throughput over the rows marked `fit` (release R2), squared
as long as they are small; each older release then gets the one factor that meets its single row. Runs of one job repeat each
other and count as one. Numbers that the rows cannot tell keep their value; their width enters the covariance beside the fitted
ones. Everything goes through `simulate`, as users do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from math import exp, expm1, log, sqrt
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from ruamel.yaml import YAML

from wafersim import quantity
from wafersim.evidence.fits import correlations, fit_constants, today
from wafersim.evidence.profile_writer import rewrite_profile
from wafersim.evidence.tables import own_count
from wafersim.evidence.wafer import PublishedRow, published_rows
from wafersim.inputs.fit import Fit, LeftOut, save_fit
from wafersim.inputs.machine import WAFER_PARTS, numbers
from wafersim.inputs.sourced import dimension_of
from wafersim.metrics.interval import LEVEL, Z80
from wafersim.simulation import Replay, step_seconds
from wafersim.strategies.registry import strategy_of
from wafersim.strategies.weight_streaming.features import NAMES, values

Floats = npt.NDArray[np.float64]
SCALE = 0.1  # misfit (log ratio) beyond which a row counts less than its square: a row may be wrong, a user's above all


@dataclass(frozen=True)
class Constant:
    """One number: fitted from `start`, or assumed; `sigma` is the width of what is known of its logarithm."""

    name: str
    kind: Literal["calibrated", "assumed"]
    start: float
    sigma: float
    sets: tuple[str, ...]


@dataclass(frozen=True)
class WaferFit:
    """Fitted constants in SI units, release factors, errors of the rows in sample, and the calibration to be kept.

    As text: releases and rows; the constants stand in `fit`.
    """

    constants: dict[str, float]
    releases: dict[str, float]
    errors: dict[str, float]
    fit: Fit

    def __str__(self) -> str:
        lines = [f"release {name}: {value:.4g} of R2's speed (one row)" for name, value in self.releases.items()]
        lines += [
            f"{row}: {error:+.1%} in sample, {expm1(self.fit.left_out[row].error):+.1%} left out"
            for row, error in self.errors.items()
        ]
        for left_out, rows in self.fit.families.items():
            how = "on" if left_out.endswith("alone") else "without"
            lines.append(f"{how} {left_out}: " + ", ".join(f"{row} {expm1(e):+.1%}" for row, e in rows.items()))
        return "\n".join(lines)


def declared() -> tuple[tuple[Constant, ...], dict[str, Any]]:
    """(constants, the whole table) as `wafer_fit.yaml` states them."""
    path = files("wafersim.evidence") / "data" / "wafer_fit.yaml"
    table: dict[str, Any] = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    out = []
    for name, entry in table["constants"].items():
        part = next(p for p in WAFER_PARTS if name in WAFER_PARTS[p].model_fields)
        dimension = dimension_of(WAFER_PARTS[part].model_fields[name]).name
        start = quantity.parse(entry["start"], dimension) if "start" in entry else float("nan")
        out.append(Constant(name, entry["kind"], start, float(entry["sigma"]), tuple(entry["sets"])))
    return tuple(out), table


def fit_wafer(own: Sequence[PublishedRow] = ()) -> WaferFit:
    """Fit on the rows of the table, and on a user's besides; needs scipy (the `calibrate` extra)."""
    found, table = declared()
    if own:
        table["families"]["own rows"] = [row.id for row in own]
        for members in table["generations"].values():
            members += [row.id for row in own if row.system != "cs2"]
    fitted = [constant for constant in found if constant.kind == "calibrated"]
    rows, _ = published_rows()
    fit_rows = [*(row for row in rows.values() if row.how["role"] == "fit"), *own]
    solution = _least_squares(fit_rows, fitted)
    constants = {c.name: round_to(value, 4) for c, value in zip(fitted, np.exp(solution).tolist(), strict=True)}
    errors = np.array([_log_ratio(row, constants) for row in fit_rows])
    weights = _weights(fit_rows)
    spread = _spread(errors, weights, len(fitted))
    elasticities = np.array([_elasticities(row, constants, found) for row in fit_rows])
    covariance = _covariance(elasticities, weights, spread, found)
    features: Floats = np.array([_features(row) for row in fit_rows], np.float64)
    left_out, inflation = _left_out(fit_rows, fitted, found, elasticities)
    families, widening = _families(fit_rows, fitted, found, table, elasticities, features)
    groups = [row.system for row in fit_rows]
    fit = Fit(
        set="wafer",
        date=today(),
        rows=tuple(row.id for row in fit_rows),
        constants=fit_constants(
            [
                (c.name, constants.get(c.name, _value_of(c, fit_rows[0])), tuple(f"{p}: values.{c.name}" for p in c.sets))
                for c in found
            ],
            covariance,
            [c.kind for c in found],
        ),
        correlations=correlations(covariance),
        inflation=inflation,
        spread=dict.fromkeys(sorted(set(groups)), round_to(spread, 3)),
        transfer=round_to(_rms(families[next(iter(table["generations"]))].values()), 3),
        widening=dict.fromkeys(sorted(set(groups)), round_to(max(widening, float(table["widening"])), 3)),
        features=NAMES,
        behind={group: tuple(sorted({tuple(f) for f, g in zip(features.tolist(), groups, strict=True) if g == group}))
                for group in sorted(set(groups))},
        left_out=left_out,
        families=families,
    )  # fmt: skip
    releases = {
        row.how["software"]: round_to(_release_factor(row, constants), 4)
        for row in rows.values()
        if row.how["role"] == "release"
    }
    in_sample = {row.id: expm1(error) for row, error in zip(fit_rows, errors.tolist(), strict=True)}
    return WaferFit(constants, releases, in_sample, fit)


def _job(row: PublishedRow) -> tuple[Any, ...]:
    """What two rows share that repeat each other: machine, model and micro-batch; not the batch."""
    return row.system, row.measured["model"], row.measured["micro_batch_per_system"], row.how["software"]


def _weights(rows: Sequence[PublishedRow]) -> Floats:
    """Square roots of what each row counts: all the repeats of a job count as one."""
    repeats = Counter(_job(row) for row in rows)
    return np.array([repeats[_job(row)] ** -0.5 for row in rows])


def _spread(errors: Floats, weights: Floats, fitted: int) -> float:
    """Standard deviation of jobs around their predictions."""
    return sqrt(float(((weights * errors) ** 2).sum()) / max(1.0, float((weights**2).sum()) - fitted))


def _least_squares(rows: Sequence[PublishedRow], fitted: Sequence[Constant]) -> Floats:
    """Logarithms of the fitted constants; where the rows do not tell, those that they start from."""
    from scipy.optimize import least_squares

    weights, start = _weights(rows), np.log([constant.start for constant in fitted])
    sigmas = np.array([constant.sigma for constant in fitted])

    def residuals(logs: Floats) -> Floats:
        constants = dict(zip([c.name for c in fitted], np.exp(logs).tolist(), strict=True))
        return np.array([*(weights * [_log_ratio(row, constants) for row in rows]), *(SCALE * (logs - start) / sigmas)])

    solution = least_squares(residuals, start, diff_step=0.02, xtol=1e-5, ftol=1e-8, loss="soft_l1", f_scale=SCALE)
    return np.asarray(solution.x, np.float64)


def _log_ratio(row: PublishedRow, constants: dict[str, float]) -> float:
    job = row.job(**constants)
    return log(job.training.batch / step_seconds(job) / row.published)


def _elasticities(row: PublishedRow, constants: dict[str, float], found: Sequence[Constant]) -> list[float]:
    """Of a row's throughput by constant."""
    job = row.job(**constants)
    replay = Replay(job, strategy_of(job.kind).choose(job))
    paths = {path.partition(".")[2]: path for path, _, _ in numbers(job.machine) if not path.endswith(".capacity")}
    paths["latency"] = "memoryx.latency"
    elasticities = replay.elasticities([paths[constant.name] for constant in found])
    return [-elasticities[paths[constant.name]] for constant in found]


def _value_of(constant: Constant, row: PublishedRow) -> float:
    stated = numbers(row.job().machine)
    return next(number.value for path, number, _ in stated if path.partition(".")[2] == constant.name)


def _covariance(elasticities: Floats, weights: Floats, spread: float, found: Sequence[Constant]) -> Floats:
    """Of the logarithms of all constants, given the rows and what was known before."""
    prior = np.diag([1.0 / constant.sigma**2 for constant in found])
    weighted = elasticities * weights[:, None]
    return np.asarray(np.linalg.inv(weighted.T @ weighted / spread**2 + prior), np.float64)


def _features(row: PublishedRow) -> tuple[float, ...]:
    micro_batch = int(float(row.measured["micro_batch_per_system"]))
    return values(row.workload(), micro_batch, int(row.measured["n_systems"]))


def _left_out(
    rows: Sequence[PublishedRow], fitted: Sequence[Constant], found: Sequence[Constant], elasticities: Floats
) -> tuple[dict[str, LeftOut], float]:
    """Every row predicted by the constants that the other jobs give, with its interval; and what intervals are multiplied by.

    With so few rows the covariance alone is too sure of itself: the factor is the one with which intervals from the other
    jobs hold 80 % of those left out. The interval of a row left out has the factor that the other jobs ask for.
    """
    jobs = [_job(row) for row in rows]
    found_errors, halves = np.zeros(len(rows)), np.zeros(len(rows))
    for job in dict.fromkeys(jobs):
        inside = np.array([each == job for each in jobs])
        kept = [row for row in rows if _job(row) != job]
        constants, spread = _fitted(kept, fitted)
        covariance = _covariance(elasticities[~inside], _weights(kept), spread, found)
        for at in np.flatnonzero(inside).tolist():
            e = elasticities[at]
            halves[at] = Z80 * sqrt(float(e @ covariance @ e) + spread**2)
            found_errors[at] = _log_ratio(rows[at], constants)
    ratios, weights = np.abs(found_errors) / halves, _weights(rows) ** 2
    left_out = {}
    for row, error, half in zip(rows, found_errors.tolist(), halves.tolist(), strict=True):
        others = np.array([job != _job(row) for job in jobs])
        factor = _factor(ratios[others], weights[others])
        left_out[row.id] = LeftOut(error=round(error, 4), half_width=round(factor * half, 4))
    return left_out, round_to(_factor(ratios, weights), 3)


def _factor(ratios: Floats, weights: Floats) -> float:
    """The least factor, at least 1, with which half-widths hold 80 % of the weight of errors given as multiples of them."""
    order = np.argsort(ratios)
    held = np.cumsum(weights[order]) / weights.sum()
    return max(1.0, float(ratios[order][np.searchsorted(held, LEVEL - 1e-9)]))


def _fitted(rows: Sequence[PublishedRow], fitted: Sequence[Constant]) -> tuple[dict[str, float], float]:
    """(constants, standard deviation of the jobs around them)."""
    constants = dict(zip([c.name for c in fitted], np.exp(_least_squares(rows, fitted)).tolist(), strict=True))
    errors = np.array([_log_ratio(row, constants) for row in rows])
    return constants, _spread(errors, _weights(rows), len(fitted))


def _families(
    rows: Sequence[PublishedRow], fitted: Sequence[Constant], found: Sequence[Constant], table: dict[str, Any],
    elasticities: Floats, features: Floats,
) -> tuple[dict[str, dict[str, float]], float]:  # fmt: skip
    """({what was left out: {row: error}}, standard deviation per e-fold of distance that such errors show)."""
    out: dict[str, dict[str, float]] = {}
    excess = distance = 0.0
    for name, members in {**table["families"], **table["generations"]}.items():
        inside = np.array([row.id in members for row in rows])
        kept = [row for row, is_member in zip(rows, inside, strict=True) if not is_member]
        constants, spread = _fitted(kept, fitted)
        out[name] = {
            row.id: round(_log_ratio(row, constants), 4) for row, member in zip(rows, inside, strict=True) if member
        }
        if name in table["generations"]:
            continue
        covariance = _covariance(elasticities[~inside], _weights(kept), spread, found)
        for at in np.flatnonzero(inside).tolist():
            known = float(elasticities[at] @ covariance @ elasticities[at]) + spread**2
            away = float(np.sqrt(((features[~inside] - features[at]) ** 2).sum(axis=1)).min())
            excess += out[name][rows[at].id] ** 2 - known
            distance += away**2
    return out, sqrt(max(0.0, excess / distance))


def _rms(errors: Any) -> float:
    return sqrt(float(np.mean(np.square(list(errors)))))


def _release_factor(row: PublishedRow, constants: dict[str, float]) -> float:
    """The speed at which a release meets its row: throughput is close to linear in it, so one step does."""
    reference = replace(row, how={**row.how, "software": "R2"})
    return exp(-_log_ratio(reference, constants))


def round_to(value: float, digits: int) -> float:
    """`value` with so many significant digits."""
    return float(f"{value:.{digits}g}")


def write_wafer(fit: WaferFit) -> tuple[Path, ...]:
    """Put the constants into the profiles, the releases into the first, the calibration beside; nothing where nothing changed."""
    errors = {constant.name: constant.standard_error for constant in fit.fit.constants}
    paths = []
    systems = next(constant.sets for constant in declared()[0] if constant.kind == "calibrated")
    for index, profile in enumerate(systems):
        values: dict[tuple[str, ...], float] = {("values", name): value for name, value in fit.constants.items()}
        if index == 0:
            values |= {("releases", name): value for name, value in fit.releases.items()}
        paths.append(
            rewrite_profile(
                profile, values, {("values", name): errors[name] for name in fit.constants}, own_count(fit.fit)
            )
        )
    return (*paths, save_fit(fit.fit))
