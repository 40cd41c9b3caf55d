"""Whole runs as a distribution: what is certain, what moves it, and two runs that were published."""

from typing import Any

import numpy as np
import pytest

from wafersim.errors import Infeasible, WafersimError
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.loader import load_experiment
from wafersim.metrics.prediction import Prediction
from wafersim.report.figures.goodput import Goodput
from wafersim.simulation import simulate
from wafersim.training_run.duration import Duration, duration_of
from wafersim.training_run.plan import Loss
from wafersim.training_run.words import WORDS

RUNS = 200


@pytest.fixture(scope="module")
def small() -> tuple[Experiment, Prediction]:
    experiment = load_experiment("hello_111m")
    return experiment, simulate(experiment)


@pytest.fixture(scope="module")
def bloom() -> tuple[Experiment, Prediction]:
    experiment = load_experiment("bloom_run")
    return experiment, simulate(experiment)


def lasts(found: tuple[Experiment, Prediction], runs: int = RUNS, seed: int = 0, **run: Any) -> Duration:
    values = found[0].model_dump(exclude_none=True)
    asked = Experiment.model_validate({**values, "run": {**values["run"], **run}})
    return duration_of(asked, found[1], runs, seed)


def test_without_failures_a_run_is_its_start_and_its_steps(small: tuple[Experiment, Prediction]) -> None:
    found = lasts(small, failures="none", start_up={"first": "10 min", "restart": "1 min"})
    assert np.ptp(found.chance_ends_s) == 0.0
    steps = found.plan.jobs[0].steps * small[1].step_time_s
    assert found.chance.mean == pytest.approx(600.0 + steps, abs=1e-6)
    assert found.goodput.mean == pytest.approx(steps / (600.0 + steps), abs=0.02)  # the step itself is uncertain
    assert found.causes == ()


def test_the_same_seed_gives_the_same_and_another_one_another(small: tuple[Experiment, Prediction]) -> None:
    one, again, other = lasts(small), lasts(small), lasts(small, seed=1)
    assert one.to_json() == again.to_json()
    assert one.elapsed != other.elapsed


def test_every_second_has_one_cause(bloom: tuple[Experiment, Prediction]) -> None:
    """Elapsed time is steps, evaluations, saves, the first start, and what each cause of failures cost."""
    found = lasts(bloom)
    losses = dict(found.losses)
    of_causes = sum(cause.lost_s for cause in found.causes)
    known = losses["productive"] + losses["evaluation"] + losses["checkpoint_save"] + losses["initialization"]
    assert sum(losses.values()) == pytest.approx(found.elapsed.mean, rel=1e-9)
    assert known + of_causes == pytest.approx(found.elapsed.mean, rel=1e-6)


def test_more_failures_later_repairs_and_slower_saves_make_a_run_longer(bloom: tuple[Experiment, Prediction]) -> None:
    usual = lasts(bloom).chance.mean
    assert lasts(bloom, site=5.0).chance.mean > usual * 1.05
    assert lasts(bloom, spares=0).chance.mean > usual * 1.02  # each node that fails is waited for, a day
    slow = {"every": "100 steps", "save_time": "400 s"}
    assert lasts(bloom, checkpoints=slow).chance.mean > usual + 900 * 360


def test_what_is_not_known_widens_and_what_is_stated_does_not(bloom: tuple[Experiment, Prediction]) -> None:
    wide, narrow = lasts(bloom, 1000), lasts(bloom, 1000, failures="none")
    step = bloom[1].uncertainty.bounds(1.0)
    assert wide.elapsed.high / wide.chance.median > narrow.elapsed.high / narrow.chance.median
    assert narrow.elapsed.high / narrow.elapsed.low == pytest.approx(step[1] / step[0], rel=0.05)
    assert wide.chance.high - wide.chance.low < 0.5 * (wide.elapsed.high - wide.elapsed.low)


def test_a_later_deadline_is_met_more_often(bloom: tuple[Experiment, Prediction]) -> None:
    met = [lasts(bloom, deadline=f"{days} days").deadline_met for days in (100, 115, 200)]
    assert met == sorted(met, key=lambda share: share or 0.0)
    assert (met[0] or 0.0) < 0.2
    assert met[2] == 1.0


def test_goodput_is_one_number_for_screen_json_and_figure(small: tuple[Experiment, Prediction]) -> None:
    """Of a short run of which few fail and then lose half, a mean of the runs' shares would say more."""
    found = lasts(small, site=40.0, start_up={"first": "1 min", "restart": "30 min"})
    losses = dict(found.losses)
    drawn = Goodput("a", tuple(losses[WORDS[loss].key] for loss in Loss))
    assert found.to_json()["goodput"]["mean"] == found.goodput.mean == pytest.approx(drawn.goodput)
    assert found.goodput.mean == pytest.approx(losses["productive"] / found.elapsed.mean)


def test_bloom_took_118_days(bloom: tuple[Experiment, Prediction]) -> None:
    """With failure rates of other runs; arXiv 2211.02001, table 1: 118 d 5 h 41 min."""
    found = lasts(bloom)
    assert found.elapsed.low < 118.24 * 86_400 < found.elapsed.high
    assert found.ramp_s > dict(found.losses)["evaluation"] > dict(found.losses)["checkpoint_save"]


def test_llama_3_is_more_than_nine_tenths_effective() -> None:
    """arXiv 2407.21783, section 3.3.4: 419 unexpected interruptions in 54 days, more than 90 % effective training time."""
    experiment = load_experiment("llama3_405b_run")
    found = duration_of(experiment, simulate(experiment), 20)
    failures = sum(cause.failures for cause in found.causes)
    working = dict(found.losses)["productive"] + dict(found.losses)["wasted_progress"]
    assert failures / (working / 86_400) * 54 == pytest.approx(419, rel=0.12)  # per day of work, down time left out
    assert found.goodput.mean > 0.88


def test_what_cannot_be_is_said(small: tuple[Experiment, Prediction]) -> None:
    with pytest.raises(WafersimError, match=r"run\.operation: cs2 is a system; an operation profile is needed"):
        lasts(small, operation="cs2")
    with pytest.raises(Infeasible, match=r"run\.maintenance\.every: .* until the job has made a step"):
        lasts(small, maintenance={"every": "20 min", "time": "10 min"})
    with pytest.raises(WafersimError, match=r"run\.operation: gpu-operation is of GPUs, and these are wafers"):
        lasts(small, operation="gpu-operation")
    with pytest.raises(Infeasible, match=r"run\.checkpoints\.memory_every: 3\.0 h is no shorter than the 27\.5 min"):
        lasts(small, checkpoints={"memory_every": "3 h", "memory_time": "1 s"})
    with pytest.raises(Infeasible, match=r"run\.checkpoints: a save: .* nothing may take more than 100 years"):
        lasts(small, checkpoints={"store_bandwidth": "1e-300 B/s"})
    with pytest.raises(Infeasible, match=r"run\.when_short: shrink by 1 of 1 unit would leave none"):
        lasts(small, when_short="shrink")
