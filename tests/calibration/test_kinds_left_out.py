"""Without a kind of rows, intervals of jobs of that kind are wider, and those of others are no narrower.

A calibration of the rows that are left is asked for the interval of each job that was measured, as a prediction is.
"""

from dataclasses import replace

import numpy as np
import pytest

from wafersim.calibration.robust import Mask
from wafersim.calibration.scaling import ScalingFit, fit_scaling
from wafersim.calibration.wafer import judging_rows
from wafersim.calibration.wafer_problem import declared, fit_rows
from wafersim.calibration.wafer_sample import Sample, interval_of, known_from, sample_of
from wafersim.calibration.wafer_steps import steps_of
from wafersim.evidence.sets.wafer import published_rows, scaling_rows, throughput_rows
from wafersim.evidence.sets.wafer_row import WaferRow
from wafersim.inputs.fit import Fit, load_fit
from wafersim.metrics.interval import uncertainty
from wafersim.simulation import Replay
from wafersim.strategies.registry import strategy_of

CONSTANTS = {one.name: one.value for one in load_fit("wafer").constants}
FITTED = {one.name: CONSTANTS[one.name] for one in declared().fitted}


@pytest.fixture(scope="module")
def sample() -> Sample:
    rows = fit_rows()
    return sample_of(rows, declared(), steps_of(rows, FITTED), FITTED, judging_rows())


@pytest.fixture(scope="module")
def tail() -> ScalingFit:
    return fit_scaling()


@pytest.fixture(scope="module")
def known(sample: Sample, tail: ScalingFit) -> Fit:
    return known_from(sample, FITTED, tail)


ROWS = fit_rows()
FAMILIES = {**declared().families, "CS-3": [row.id for row in ROWS if row.group == "cs3"]}
NARROWER = {"GPT-3 below 1B": 0.93, "GPT-J": 0.99}
"""Families that scatter more than the others: without them those agree better, and are believed to."""


def halves(fit: Fit, sample: Sample) -> np.ndarray:
    return np.array([interval_of(fit, sample, at).half_width for at in range(len(sample.rows))])


def without(sample: Sample, tail: ScalingFit, out: Mask) -> Fit:
    kept = sample.only(~out)
    return known_from(kept, kept.fitted(FITTED), tail)


@pytest.mark.parametrize("name", FAMILIES)
def test_without_its_family_or_system_a_job_is_less_sure(
    sample: Sample, tail: ScalingFit, known: Fit, name: str
) -> None:
    out = np.array([row.id in FAMILIES[name] for row in sample.rows])
    wider = halves(without(sample, tail, out), sample) / halves(known, sample)
    assert wider[out].min() > 1.1
    assert wider[~out].min() > NARROWER.get(name, 1.0)


def half_width(fit: Fit, row: WaferRow) -> float:
    """Of a job under a calibration, by what the simulation says of it."""
    job = row.job()
    strategy = strategy_of(job.kind)
    choice = strategy.choose(job)
    place = strategy.features(job, choice)
    elasticities = Replay(job, choice).by_origin({number for one in fit.constants for number in one.sets})
    return uncertainty([fit], elasticities, place.group, place.values, fit.modes.get(row.mode, 0.0)).half_width


def test_without_speed_ups_many_systems_are_less_sure_and_one_is_as_sure(sample: Sample, known: Fit) -> None:
    blind = known_from(sample, FITTED, fit_scaling([]))
    assert blind.ratios is None
    many = scaling_rows()["W16"]  # 6.7B on 16 systems
    assert half_width(blind, many.job) > 1.2 * half_width(known, many.job)
    assert half_width(blind, many.baseline) == half_width(known, many.baseline)


@pytest.mark.parametrize(("mode", "name"), [("lora", "N21"), ("forward", "N29")])
def test_without_rows_of_a_mode_its_jobs_are_less_sure_and_training_is_as_sure(
    sample: Sample, tail: ScalingFit, known: Fit, mode: str, name: str
) -> None:
    out = np.array([row.mode == mode for row in sample.rows])
    kept = replace(sample.only(~out), others=tuple(row for row in sample.others if row.mode != mode))
    blind = known_from(kept, kept.fitted(FITTED), tail)
    assert blind.modes[mode] == declared().mode
    rows = throughput_rows()
    assert half_width(blind, rows[name]) > half_width(known, rows[name])
    assert half_width(blind, rows["A07"]) >= half_width(known, rows["A07"])


def test_relative_utilisations_and_shown_rates_set_no_constant() -> None:
    """Whoever leaves them out has the same calibration; but for the modes, which judging rows do tell."""
    fit = load_fit("wafer")
    rows = published_rows().measured
    assert all(isinstance(rows[name], WaferRow) and rows[name].use == "fit" for name in fit.rows)
    assert all(row.mode != "train" or row.use == "shown" for row in judging_rows())
