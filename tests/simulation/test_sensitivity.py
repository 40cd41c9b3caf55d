"""What a step hangs on: elasticities obey dimensions, and say what turning the knob says."""

import pytest

from wafersim.inputs.loader import load_experiment
from wafersim.inputs.machine import OVERRIDABLE
from wafersim.inputs.sourced import dimension_of
from wafersim.planning.sensitivity import sensitivities
from wafersim.simulation import job_of, simulate, simulate_step

WAFER = ("andromeda16", "model=cerebras-gpt-1.3b", "system.systems=16")
GPU = ("gpt_neox20b_96a100",)


@pytest.mark.parametrize("case", [WAFER, GPU], ids=["wafers", "GPUs"])
def test_times_up_and_rates_down_by_a_percent_make_a_step_a_percent_longer(case: tuple[str, ...]) -> None:
    name, *sets = case
    total = 0.0
    for one in sensitivities(simulate_step(job_of(load_experiment(name, sets)))):
        part, _, number = one.path.partition(".")
        dimension = dimension_of(OVERRIDABLE[part].model_fields[number]).name
        times = dimension == "time" or number == "ramp"  # s / sqrt(byte)
        total += one.percent if times else -one.percent if dimension in ("rate", "bandwidth", "frequency") else 0.0
    assert total == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(
    ("case", "path", "factor"), [(WAFER, "system.group_cost", 1.02), (GPU, "gpu.gemm_backward", 1.02)]
)
def test_an_elasticity_is_what_turning_the_knob_does(case: tuple[str, ...], path: str, factor: float) -> None:
    name, *sets = case
    experiment = load_experiment(name, sets)
    simulated = simulate_step(job_of(experiment))
    one = next(one for one in sensitivities(simulated) if one.path == path)
    turned = simulate(load_experiment(name, [*sets, f"system.overrides.{path}={float(one.written) * factor}"]))
    change = turned.step_time_s / simulated.prediction.step_time_s - 1
    assert change == pytest.approx(one.percent * (factor - 1), rel=0.05)


def test_assumed_numbers_say_so_and_the_largest_comes_first() -> None:
    found = sensitivities(simulate_step(job_of(load_experiment(WAFER[0], list(WAFER[1:])))))
    assert [abs(one.percent) for one in found] == sorted((abs(one.percent) for one in found), reverse=True)
    kinds = {one.path: one.kind for one in found}
    assert kinds["system.attention_cost"] == "calibrated" and "assumed" in kinds.values()


def test_a_prediction_carries_its_interval_to_days_and_cost() -> None:
    prediction = simulate(load_experiment(WAFER[0], list(WAFER[1:])))
    interval = prediction.to_json()["interval"]
    ratio = interval["step_time_s"][1] / prediction.step_time_s
    assert ratio > 1.05
    bill = prediction.bill
    carried = {"days_to_train": prediction.days_to_train, "cost_usd": bill.cost_usd, "energy_j": bill.energy_j}
    for name, value in carried.items():
        assert interval[name][1] / value == pytest.approx(ratio)


def test_numbers_of_the_user_carry_no_uncertainty_of_ours() -> None:
    wide = simulate(load_experiment(WAFER[0], [*WAFER[1:]])).uncertainty
    mine = simulate(load_experiment(WAFER[0], [*WAFER[1:], "system.overrides.system.weight_issue=20.92"])).uncertainty
    assert wide is not None and mine is not None
    assert "wafer.weight_issue" in wide.loadings and "wafer.weight_issue" not in mine.loadings


def test_a_larger_cluster_and_an_unknown_generation_are_less_certain() -> None:
    def half(*sets: str) -> float:
        found = simulate(load_experiment("andromeda16", ["model=cerebras-gpt-1.3b", *sets])).uncertainty
        assert found is not None
        return found.half_width

    assert half("system.systems=16") > half("system.systems=1")
    assert half("system.profile=cs1", "system.systems=1") > half("system.profile=cs2", "system.systems=1")
