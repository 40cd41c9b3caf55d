"""Fit the wafer's constants on the CS-2 and CS-3 rows, say how well they are known, then one speed factor per older release.

Four constants and the speed of R2.0 meet the rows marked `fit`; releases before R2.0 then get the factor that meets theirs, and
the tail of a reduction what measured speed-ups say. Steps are those of the simulation, in closed form between two looks at it
(`wafer_steps.py`). What is said of errors, of widths and of the choice of form comes from fits without some of the rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, expm1, sqrt
from typing import Any

import numpy as np

from wafersim.calibration.record import Change, Found, rounded
from wafersim.calibration.scaling import fit_scaling
from wafersim.calibration.wafer_forms import nested
from wafersim.calibration.wafer_left_out import families_left_out, jobs_left_out
from wafersim.calibration.wafer_problem import Declared, declared, fit_rows, fitted, job_of
from wafersim.calibration.wafer_sample import known_from, sample_of
from wafersim.calibration.wafer_steps import RELEASE, Step, rates_of, steps_of, worst
from wafersim.evidence.sets.wafer import throughput_rows
from wafersim.evidence.sets.wafer_row import WaferRow
from wafersim.inputs.fit import Fit
from wafersim.inputs.machine import REFERENCE_RELEASE

CLOSE = 2e-3  # that the closed form may differ from the simulation where a fit ends


def fit_wafer(own: Sequence[WaferRow] = ()) -> Found:
    """Fit on the rows of the table, and on a user's besides."""
    said, rows = declared(own), [*fit_rows(), *own]
    constants, steps = _converged(rows, said)
    releases = _release_factors(constants)
    tail = fit_scaling(constants={**constants, **{RELEASE + name: speed for name, speed in releases.items()}})
    sample = sample_of(rows, said, steps, constants, judging_rows())
    families = families_left_out(sample, constants, tail)
    choice = nested(sample, constants)
    fit = known_from(sample, constants, tail, families.widening, families.transfer).model_copy(
        update={
            "left_out": jobs_left_out(sample, constants, tail),
            "families": families.errors,
            "family_half_widths": families.half_widths,
            "forms": dict(choice.forms),
            "nested": dict(choice.families),
        }
    )
    errors = sample.rates.log_ratios(constants)
    in_sample = {row.id: expm1(error) for row, error in zip(rows, errors.tolist(), strict=True)}
    changes = (*_changes(fit, said, releases), *tail.changes)
    return Found(fit, changes, in_sample, f"{_details(fit, said, releases, in_sample, rows)}\n{tail}")


def judging_rows() -> list[WaferRow]:
    """Published rows that set no constant and of which nothing is known to be wrong: they show how far off a mode is."""
    return [row for row in throughput_rows().values() if row.use == "shown" and not row.why]


def _converged(rows: Sequence[WaferRow], said: Declared) -> tuple[dict[str, float], dict[str, Step]]:
    """Constants of all rows, and steps that are the simulation's there."""
    constants = {one.name: one.start for one in said.fitted}
    for _ in range(4):
        steps = steps_of(rows, constants)
        found = fitted(rows, said, rates_of(rows, steps), constants)
        constants = {name: rounded(value, 4) for name, value in found.items()}
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
    jobs = [(row, job_of(row)) for row in rows]
    sample = _by_job(jobs, errors)
    lines.append(f"jobs in sample: {_summary(sample)}")
    for what, of in (("families", said.families), ("sizes", said.sizes)):
        found = {row: expm1(e) for name in of for row, e in fit.families.get(name, {}).items()}
        lines.append(f"jobs left out by {what}: {_summary(_by_job(jobs, found))}")
    chosen = {row: expm1(e) for one in fit.nested.values() for row, e in one.errors.items()}
    lines.append(f"jobs left out by families, the form of {len(fit.forms)} too: {_summary(_by_job(jobs, chosen))}")
    lines += [f"without {name} the form would be: {one.form}" for name, one in fit.nested.items()]
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


def _rms(errors: Any) -> float:
    return sqrt(float(np.mean(np.square(list(errors)))))


def _release_factors(constants: Mapping[str, float]) -> dict[str, float]:
    """The speed at which each release meets its rows, in the geometric mean; rates are close to linear in it: three looks do."""
    rows = [row for row in throughput_rows().values() if row.use == "release"]
    speeds = {row.software: 1.0 for row in rows}
    for _ in range(3):
        now = {**constants, **{RELEASE + name: speed for name, speed in speeds.items()}}
        errors = rates_of(rows, steps_of(rows, now)).log_ratios(now).tolist()
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
