"""The tail of a reduction is found again in ratios that were made with one, and the committed one is what the rows give."""

from dataclasses import replace
from math import exp

import numpy as np
import pytest

from wafersim.calibration.scaling import BEFOREHAND, NAMES, WIDTH, Steps, fit_rows, fit_scaling, simulated
from wafersim.evidence.sets.wafer import scaling_rows
from wafersim.evidence.sets.wafer_ratio import ScalingRow
from wafersim.evidence.tables import shipped
from wafersim.inputs.machine import load_machine, numbers

PER_DOUBLING = (20e-3, 3e-12)


@pytest.fixture(scope="module")
def steps() -> Steps:
    return simulated(fit_rows())


def made(steps: Steps, tail: tuple[float, float], scatter: float) -> list[ScalingRow]:
    """The rows with ratios of steps with a tail, off by a scatter, and two of them wrong by 6 %."""
    draws = np.random.Generator(np.random.Philox(key=7)).standard_normal(len(steps.rows)) * scatter
    draws[[12, 17]] = -0.06
    rows = []
    for row, one, many, off in zip(steps.rows, steps.one, steps.many, draws.tolist(), strict=True):
        longer = many + (tail[0] + tail[1] * row.job.workload.parameters) * row.doublings
        ratio = row.predicted(one, longer) * exp(off)
        rows.append(replace(row, job=replace(row.job, published=ratio)))
    return rows


def test_rows_are_read_with_the_micro_batch_of_their_own_baseline() -> None:
    rows = scaling_rows()
    weak, strong = rows["W16"], rows["W31"]
    # 1,360 sequences on 16 systems: 85 on one. 528 on 8 in micro-batches of 66, and on one in four of 132.
    assert (weak.job.systems, weak.job.batch, weak.baseline.batch, weak.baseline.micro_batch) == (16, 1360, 85, 85)
    one = strong.baseline
    assert (strong.job.systems, one.batch, strong.job.micro_batch, one.micro_batch) == (8, 528, 66, 132)
    assert [rows[name].doublings for name in ("W01", "W02", "W03", "W04")] == [1, 2, 3, 4]
    stated = {cells["id"]: float(cells["params"]) for cells in shipped("wafer") if cells["id"] in rows}
    for row in rows.values():
        # 10,000 learned positions of 2,048 elements instead of 2,048 are 16 M parameters of 1.3 G.
        longer = (row.job.sequence - 2048) * 2048 if row.job.model.position_kind == "learned" else 0
        parameters = row.job.workload.parameters - longer
        assert parameters == pytest.approx(stated[row.id], rel=0.005), row.id


def test_ratios_that_share_a_run_on_one_system_or_a_model_are_known_to() -> None:
    rows = scaling_rows()
    assert len({rows[name].series for name in ("W01", "W02", "W03", "W04")}) == 1
    assert rows["W01"].series != rows["W05"].series  # longer sequences
    assert rows["W13"].series != rows["W35"].series  # strong scaling
    assert {rows[name].family for name in ("W01", "W05", "W29")} == {"GPT-3 1.3B"}
    assert rows["W17"].family != rows["W25"].family


def test_without_ratios_the_tail_is_what_was_known_beforehand() -> None:
    found = fit_scaling([])
    assert tuple(found.values.values()) == BEFOREHAND
    assert np.sqrt(np.diag(found.covariance)) == pytest.approx([WIDTH, WIDTH])


def test_a_tail_is_found_again_though_two_rows_are_wrong(steps: Steps) -> None:
    found = fit_scaling(made(steps, PER_DOUBLING, 0.001))
    assert [found.values[name] for name in NAMES] == pytest.approx(PER_DOUBLING, rel=0.1)
    assert found.laws["tail by log2 n"].log_likelihood > found.laws["spread between systems"].log_likelihood + 10
    assert found.errors["W17"] == pytest.approx(exp(0.06) - 1, abs=0.01)


def test_rows_that_scatter_more_leave_it_less_certain(steps: Steps) -> None:
    calm, wild = (fit_scaling(made(steps, PER_DOUBLING, scatter)) for scatter in (0.001, 0.01))
    assert np.trace(wild.covariance) > 4 * np.trace(calm.covariance)
    assert wild.scatter > 2 * calm.scatter


def test_the_committed_tail_is_what_the_rows_give() -> None:
    found = fit_scaling()
    stated = {path: number for path, number, _ in numbers(load_machine("andromeda", {}, "R1.7"))}
    for constant in found.constants:
        number = stated[f"swarmx.{constant.name}"]
        assert number.kind == "calibrated"
        assert abs(np.log(number.value / constant.value)) < 0.5 * constant.standard_error
        assert number.standard_error == pytest.approx(constant.standard_error, rel=0.2)
    # Asked of the rows that were handed over: 1 % in the median, 2.5 % rms; models left out keep to it, too.
    for errors in (found.errors, found.left_out):
        off = np.array([errors[row.id] for row in fit_rows()])
        assert np.median(np.abs(off)) < 0.01
        assert np.sqrt(np.mean(off**2)) < 0.025
