"""What a step of two seconds says of a job, by hand."""

from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest

from wafersim.inputs.loader import load_experiment
from wafersim.metrics.interval import Uncertainty
from wafersim.metrics.prediction import Prediction, predict
from wafersim.simulation import job_of
from wafersim.strategies.job import Job
from wafersim.strategies.registry import strategy_of
from wafersim.strategies.strategy import Account, Binding, Breakdown

# Four CS-2 of Andromeda, 120 sequences of 2,048 tokens in 2 s: 122,880 tokens/s. 500 kW for 16 systems: 125 kW.
SETS = ["model=cerebras-gpt-111m", "training.batch=120", "training.tokens=1.2288e9", "system.systems=4"]
SIGMA = 0.1


@pytest.fixture(scope="module")
def job() -> Job:
    return job_of(load_experiment("hello_111m", [*SETS, "system.profile=andromeda"]))


def of(job: Job, repeats: bool = True) -> Prediction:
    periodic: Any = SimpleNamespace(
        step_ticks=Fraction(2 * 10**12), plan=SimpleNamespace(repeats=repeats), spread=0.03, engine="fast", reason="", steps=None,
        steps_simulated=5,
    )  # fmt: skip
    memory: Any = SimpleNamespace(to_json=dict)
    split: Any = SimpleNamespace(name="DP 4", dimensions=("data",), to_json=lambda: None)
    account = Account(
        30, 15, 2, Breakdown((("compute", 2.0),)), Binding("compute", "wafers"), (), memory, split, simulated=1
    )
    return predict(job, strategy_of(job.kind).words, periodic, account, Uncertainty(SIGMA, 0.0, 0.0, 0.0, {}))


def test_rates_days_energy(job: Job) -> None:
    found = of(job)
    assert (found.step_time_s, found.samples_per_s, found.tokens_per_s) == (2.0, 60.0, 122_880.0)
    assert found.days_to_train * 86_400 == pytest.approx(10_000)  # 1.2288e9 tokens
    # Four CS-2 of Andromeda: 125 kW at most; 0.99 of 23 kW and 0.545 of 8.25 kW each in training.
    assert found.bill.peak_power_w == pytest.approx(125e3)
    assert found.bill.power_w == pytest.approx(4 * (22_770 + 4_496.25))
    assert found.bill.energy_j == pytest.approx(found.bill.power_w * 10_000)


def test_mfu_is_of_the_peak_of_all_chips(job: Job) -> None:
    done = 120 * 2048 * (6 * (10 * 12 * 768**2 + 50_257 * 768) + 12 * 10 * 12 * 2048 * 64)
    assert of(job).mfu == pytest.approx(done / 2 / (4 * 850e3 * 4 * 2 * 1.1e9), rel=1e-6)
    assert of(replace(job, count=8)).mfu == pytest.approx(of(job).mfu / 2)


def test_the_interval_is_carried_to_everything_that_goes_with_the_step(job: Job) -> None:
    # e^(1.2816 x 0.1) = 1.1367 either way.
    found = of(job)
    interval = found.to_json()["interval"]
    values = {
        "step_time_s": 2.0, "samples_per_s": 60.0, "tokens_per_s": 122_880.0, "days_to_train": 10_000 / 86_400,
        "mfu": found.mfu,
    }  # fmt: skip
    for name, value in values.items():
        assert interval[name] == pytest.approx([value / 1.1367, value * 1.1367], rel=1e-4), name
    cost = found.bill.cost_usd
    assert cost is not None and interval["cost_usd"] == pytest.approx([cost / 1.1367, cost * 1.1367], rel=1e-4)


def test_energy_is_as_uncertain_as_the_power_besides(job: Job) -> None:
    # A CS-2 22.77 kW within 10 %, its servers 4.50 kW within 20 %: 27.27 kW within 9.0 %. With 10 % of the step
    # e^(1.2816 x sqrt(0.1^2 + 0.0898^2)) = 1.188 either way.
    found = of(job)
    assert found.bill.power_error == pytest.approx(0.0898, abs=1e-4)
    energy = found.bill.energy_j
    assert found.to_json()["interval"]["energy_j"] == pytest.approx([energy / 1.188, energy * 1.188], rel=1e-3)


def test_what_has_no_price_has_no_interval_of_one(job: Job) -> None:
    found = of(job)
    free = replace(found, bill=replace(found.bill, cost_usd=None))
    assert free.to_json()["interval"]["cost_usd"] is None


def test_steps_that_never_repeat_have_a_spread(job: Job) -> None:
    assert of(job).step_spread == 0.0
    assert of(job, repeats=False).step_spread == 0.03
