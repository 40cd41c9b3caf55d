"""What a fit of some rows says of every job: constants, how well they are known, how far jobs scatter, hence intervals.

A sample is rows with all that is worked out of each once (its step, elasticities, place among others), so that a fit without
some of them costs a fit and no simulation. Numbers that the rows cannot tell keep their value; their width enters the covariance
beside the fitted ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import log, sqrt
from typing import Any

import numpy as np

from wafersim.calibration.record import block_diagonal, correlations, fit_constants, rounded, today
from wafersim.calibration.robust import Floats, Mask
from wafersim.calibration.scaling import ScalingFit
from wafersim.calibration.variance import Components, components
from wafersim.calibration.wafer_problem import Constant, Declared, families_of, fitted, job_of
from wafersim.calibration.wafer_steps import RELEASE, Rates, Step, rates_of
from wafersim.evidence.sets.wafer_row import WaferRow
from wafersim.inputs.fit import Fit, Ratios
from wafersim.inputs.machine import numbers
from wafersim.metrics.interval import Uncertainty, uncertainty
from wafersim.simulation import Replay, step_seconds
from wafersim.strategies.features import logs
from wafersim.strategies.registry import strategy_of
from wafersim.strategies.weight_streaming.features import NAMES
from wafersim.strategies.weight_streaming.features import values as features_of


@dataclass(frozen=True)
class Sample:
    """Rows, by row their elasticities and features, and `others`: rows that set no constant but show how far off a mode is."""

    said: Declared
    rows: tuple[WaferRow, ...]
    steps: Mapping[str, Step]
    rates: Rates
    elasticities: Floats
    features: Floats
    others: tuple[WaferRow, ...] = ()

    @cached_property
    def families(self) -> list[str]:
        """Of each row."""
        return families_of(self.rows, self.said)

    def only(self, mask: Mask) -> Sample:
        """Of some of the rows."""
        kept = tuple(row for row, keep in zip(self.rows, mask.tolist(), strict=True) if keep)
        rates = self.rates.only(mask)
        return replace(self, rows=kept, rates=rates, elasticities=self.elasticities[mask], features=self.features[mask])

    def fitted(self, start: Mapping[str, float] | None = None) -> dict[str, float]:
        """The constants of these rows, to four digits."""
        return {name: rounded(value, 4) for name, value in fitted(self.rows, self.said, self.rates, start).items()}


def sample_of(rows: Sequence[WaferRow], said: Declared, steps: Mapping[str, Step], constants: Mapping[str, float],
              others: Sequence[WaferRow] = ()) -> Sample:  # fmt: skip
    """Rows with what the simulation says of each at these constants."""
    return Sample(
        said, tuple(rows), steps, rates_of(rows, steps), elasticities_of(rows, constants, said.constants),
        np.array([place_of(row) for row in rows], np.float64), tuple(others),
    )  # fmt: skip


def place_of(row: WaferRow) -> tuple[float, ...]:
    """Where a row stands among jobs: `features.NAMES`."""
    return features_of(row.workload, row.micro_batch, row.systems, row.machine().system.values)


def elasticities_of(rows: Sequence[WaferRow], constants: Mapping[str, float], of: Sequence[Constant]) -> Floats:
    """d ln(rate) / d ln(constant) by row and constant; a rate is close to linear in its release's speed."""
    known: dict[tuple[Any, ...], list[float]] = {}
    for row in rows:
        key = (*job_of(row), row.batch // row.systems)
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
    return np.array([known[(*job_of(row), row.batch // row.systems)] for row in rows])


def scatter_of(sample: Sample, errors: Floats) -> Components:
    """How far jobs scatter around their family and families around the fit, with the covariance of all constants under that."""
    at: dict[tuple[Any, ...], list[int]] = {}
    for index, row in enumerate(sample.rows):
        at.setdefault(job_of(row), []).append(index)
    means: Floats = np.array([errors[each].mean() for each in at.values()])
    jacobian: Floats = np.array([sample.elasticities[each].mean(axis=0) for each in at.values()])
    names = [sample.families[each[0]] for each in at.values()]
    widths: Floats = np.array([constant.sigma for constant in sample.said.constants])
    return components(means, jacobian, names, widths, sample.said.within, sample.said.between)


def known_from(
    sample: Sample,
    constants: Mapping[str, float],
    tail: ScalingFit,
    widening: float | None = None,
    transfer: float | None = None,
) -> Fit:
    """What the rows of a sample say, without what other rows would say of them; what they cannot tell is as declared."""
    said, rows = sample.said, sample.rows
    scatter = scatter_of(sample, sample.rates.log_ratios(constants))
    groups = sorted({row.group for row in rows})
    named = [
        (c.name, constants.get(c.name) or _value_of(c, rows[0]), tuple(place(c.name, profile) for profile in c.sets))
        for c in said.constants
    ]
    return Fit(
        set="wafer",
        date=today(),
        rows=tuple(row.id for row in rows),
        constants=(
            *fit_constants(named, scatter.covariance, [c.kind for c in said.constants]),
            *tail.constants,
        ),
        correlations=correlations(block_diagonal([scatter.covariance, tail.covariance])),
        spread=dict.fromkeys(groups, rounded(scatter.within, 3)),
        between=dict.fromkeys(groups, rounded(scatter.between, 3)),
        degrees=dict.fromkeys(groups, scatter.degrees),
        beyond=dict(said.beyond),
        transfer=rounded(said.transfer if transfer is None else transfer, 3),
        widening=dict.fromkeys(groups, rounded(said.widening if widening is None else widening, 3)),
        features=NAMES,
        behind={group: tuple(sorted({place_of(row) for row in rows if row.group == group})) for group in groups},
        ratios=ratios_of(tail, said),
        modes=modes_of(sample, constants, scatter),
    )


def interval_of(fit: Fit, sample: Sample, at: int) -> Uncertainty:
    """Of one of a sample's jobs under a calibration that need not know it, as a prediction has it."""
    row = sample.rows[at]
    by_number = {
        place(constant.name, constant.sets[0]): -float(value)
        for constant, value in zip(sample.said.constants, sample.elasticities[at], strict=True)
    }
    return uncertainty([fit], by_number, row.group, sample.features[at].tolist(), fit.modes.get(row.mode, 0.0))


def place(name: str, profile: str) -> str:
    """A number's address in a profile: `cs2: values.weight_issue`."""
    return f"{profile}: {name}" if name.startswith(RELEASE) else f"{profile}: values.{name}"


def _value_of(constant: Constant, row: WaferRow) -> float:
    machine = row.job().machine
    return next(number.value for path, number, _ in numbers(machine) if path.partition(".")[2] == constant.name)


def ratios_of(tail: ScalingFit, said: Declared) -> Ratios | None:
    """What measured speed-ups say of jobs on several systems; None where there are none."""
    if not tail.rows:
        return None
    behind: dict[str, set[tuple[float, float]]] = {}
    for row in tail.rows:
        point = logs(row.job.workload.parameters, row.job.systems)
        behind.setdefault(row.job.group, set()).add((point[0], point[1]))
    return Ratios(
        feature="systems", features=("parameters", "systems"), spread=tail.spread, beyond=dict(said.ratio),
        behind={group: tuple(sorted(rows)) for group, rows in behind.items()},
    )  # fmt: skip


def modes_of(sample: Sample, constants: Mapping[str, float], scatter: Components) -> dict[str, float]:
    """Standard deviation that jobs of a mode other than training have besides: what their rows show beyond the scatter of all.

    What is assumed counts as one job beside them.
    """
    jobs: dict[str, dict[tuple[Any, ...], list[float]]] = {"forward": {}, "lora": {}}
    for row in (*sample.rows, *sample.others):
        if row.mode in jobs:
            error = log(row.batch / step_seconds(row.job(constants)) / row.published)
            jobs[row.mode].setdefault(job_of(row), []).append(error)
    out = {}
    for mode, of_job in jobs.items():
        excess = [float(np.mean(errors)) ** 2 - scatter.within**2 - scatter.between**2 for errors in of_job.values()]
        out[mode] = rounded(sqrt(max(0.0, (sample.said.mode**2 + sum(excess)) / (1 + len(excess)))), 3)
    return out
