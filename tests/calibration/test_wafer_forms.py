"""Forms are what they are called, and the nested choice finds the one that made the numbers."""

from dataclasses import replace

import numpy as np
import pytest

from wafersim.calibration import wafer_forms
from wafersim.calibration.robust import Floats
from wafersim.calibration.wafer_forms import forms, nested
from wafersim.calibration.wafer_problem import declared, fit_rows, weights_of
from wafersim.calibration.wafer_sample import Sample
from wafersim.calibration.wafer_steps import AS_SIMULATED, Form, rates_of, steps_of
from wafersim.inputs.fit import load_fit

CONSTANTS = {
    one.name: one.value for one in load_fit("wafer").constants if one.name in {each.name for each in declared().fitted}
}
BY_NAME = {form.name: form for form in forms()}


@pytest.fixture(scope="module")
def sample() -> Sample:
    rows, said = fit_rows(), declared()
    steps = steps_of(rows, CONSTANTS)
    nothing: Floats = np.zeros((len(rows), 0))
    return Sample(said, tuple(rows), steps, rates_of(rows, steps), nothing, nothing)


def speeds(sample: Sample, form: Form, **changed: float) -> dict[str, float]:
    """Predicted over published rate of each row."""
    found = np.exp(rates_of(sample.rows, sample.steps, form).log_ratios({**CONSTANTS, **changed}))
    return dict(zip([row.id for row in sample.rows], found.tolist(), strict=True))


@pytest.mark.parametrize("changed", [{}, {"weight_issue": 5.0, "kernel_latency": 2e-3}, {"releases.R2.0": 0.5}])
def test_rates_as_arrays_are_those_of_the_ops_one_by_one(sample: Sample, changed: dict[str, float]) -> None:
    found = speeds(sample, AS_SIMULATED, **changed)
    for row in sample.rows:
        step = sample.steps[row.id]
        seconds = step.work_seconds({**CONSTANTS, **changed}) * step.repeats * step.exposed
        assert found[row.id] == pytest.approx(row.batch / seconds / row.published, rel=1e-6)


def test_each_form_moves_the_jobs_that_it_is_about(sample: Sample) -> None:
    base = speeds(sample, AS_SIMULATED)

    def moved(name: str) -> dict[str, float]:
        return {row: new / base[row] for row, new in speeds(sample, BY_NAME[name]).items()}

    exchange = moved("no exchange")  # GPT-J and LLaMA have rotary embeddings or gates, GPT-3 and BERT neither
    assert exchange["A05"] > 1.01 and exchange["A07"] > 1.01 and exchange["U13"] == exchange["A15"] == 1.0
    pooled = moved("R2.0 as fast as R2.1")
    assert pooled["A04"] == pytest.approx(1 / CONSTANTS["releases.R2.0"]) and pooled["N01"] == 1.0
    adds, hides = moved("a launch adds to its work"), moved("a launch hides behind longer work")
    assert adds["U25"] < adds["U21"] < 1.0 < hides["U21"] < hides["U25"]  # 128 short sequences are bound by launches
    assert moved("cores of the SDK's grid")["U21"] == pytest.approx(750 * 994 / 850_000, rel=0.02)
    # LLaMA2-7B in micro-batches of 128 recomputes, in one of 8 keeps everything; its evaluation has no backward pass.
    never, always = moved("never recomputed"), moved("always recomputed")
    assert never["A07"] > 1.2 and never["N11"] == 1.0
    assert always["A07"] == pytest.approx(1.0, abs=0.02) and always["N11"] < 0.8 and always["N12"] == pytest.approx(1.0)


def test_the_form_that_made_the_numbers_is_chosen_without_any_family(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Published rates made by another form, and two to choose from."""
    other = BY_NAME["no exchange"]
    monkeypatch.setattr(wafer_forms, "forms", lambda: (AS_SIMULATED, other))
    made = speeds(sample, other)
    rows = tuple(replace(row, published=row.published * made[row.id]) for row in sample.rows)
    steps = {row.id: replace(sample.steps[row.id], row=row) for row in rows}
    found = nested(replace(sample, rows=rows, steps=steps, rates=rates_of(rows, steps)), CONSTANTS)
    assert {one.form for one in found.families.values()} == {"no exchange"}
    assert max(abs(error) for one in found.families.values() for error in one.errors.values()) < 0.01
    assert found.forms["as simulated"] > 0.03 > found.forms["no exchange"]


def test_every_family_is_left_out_and_said_in_full() -> None:
    fit = load_fit("wafer")
    assert set(fit.nested) == set(declared().families)
    assert {row for one in fit.nested.values() for row in one.errors} == set(fit.rows)
    assert {one.form for one in fit.nested.values()} <= set(fit.forms) == set(BY_NAME)
    assert weights_of(fit_rows(), declared()).min() > 0
