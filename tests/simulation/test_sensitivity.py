"""What a step hangs on: elasticities obey dimensions, and say what turning the knob says."""

from io import StringIO

import pytest
from rich.console import Console

from wafersim.inputs.experiment import Experiment
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.machine import OVERRIDABLE
from wafersim.inputs.sourced import dimension_of
from wafersim.planning.sensitivity import sensitivities, worse_when_better
from wafersim.report.console import print_table
from wafersim.report.sensitivity import ANOMALY, WHY, sensitivity_table
from wafersim.simulation import Replay, job_of, simulate, simulate_step

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
    carried = {"days_to_train": prediction.days_to_train, "cost_usd": bill.cost_usd}
    for name, value in carried.items():
        assert interval[name][1] / value == pytest.approx(ratio)
    assert interval["energy_j"][1] / bill.energy_j > ratio * 1.01  # the power is uncertain, too


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


@pytest.mark.parametrize(
    ("path", "percent", "odd"),
    [
        ("system.io_bandwidth", 0.4, True),  # a faster link, a longer step
        ("system.io_bandwidth", -0.4, False),
        ("system.io_bandwidth", 4e-4, False),  # ticks that round another way
        ("swarmx.hop_latency", -0.4, True),  # a shorter hop makes the step longer
        ("swarmx.hop_latency", 0.4, False),
        ("system.weight_issue", -0.4, True),  # cycles
        ("system.sram_reserved", -0.4, False),  # a fraction is neither better nor worse by its dimension
    ],
)
def test_a_better_number_with_a_longer_step_is_an_anomaly(path: str, percent: float, odd: bool) -> None:
    assert worse_when_better(path, percent) is odd


@pytest.mark.parametrize(("place", "open_order"), [("servers", True), ("wafer", False)])
def test_anomalies_are_those_of_plans_whose_order_of_service_is_open(
    place: str, open_order: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = [f"strategy.activations={{keep: block-inputs, place: {place}}}"]
    simulated = simulate_step(job_of(load_experiment("hello_111m", sets)))
    assert bool(simulated.plan.arrival_order) is open_order
    moved = {"system.io_bandwidth": 0.3, "system.clock": -0.9, "memoryx.latency": 0.1}
    monkeypatch.setattr(Replay, "elasticities", lambda _, paths: {path: moved.get(path, 0.0) for path in paths})
    found = sensitivities(simulated)
    assert {one.path for one in found} == set(moved)
    assert [one.path for one in found if one.anomaly] == (["system.io_bandwidth"] if open_order else [])
    text = StringIO()
    print_table(Console(file=text, width=200), sensitivity_table("it", found))
    rows = [line.split() for line in text.getvalue().splitlines() if line]
    assert [row[0] for row in rows if row[-1] == ANOMALY] == [one.path for one in found if one.anomaly]
    assert (WHY in text.getvalue()) is open_order


def test_a_faster_link_that_does_slow_a_step_is_named() -> None:
    """111M, block inputs on servers: weights, gradients and activations take turns on links and at one memory as they come."""
    fields = {
        "name": "odd",
        "model": "cerebras-gpt-111m",
        "system": {"profile": "cs2", "systems": 2, "overrides": {"system.io_bandwidth": "0.3 Tb/s"}},
        "strategy": {
            "micro_batch": 48,
            "activations": {"place": "servers", "keep": "block-inputs"},
            "memoryx_memory": "shared",
        },
        "training": {"batch_per_system": 48, "sequence_length": 2048},
    }
    simulated = simulate_step(job_of(Experiment.model_validate(fields)))
    (one,) = [one for one in sensitivities(simulated) if one.anomaly]
    assert one.path == "system.io_bandwidth" and one.percent > 0
    faster = {**fields, "system": {**fields["system"], "overrides": {"system.io_bandwidth": "0.303 Tb/s"}}}
    turned = simulate(Experiment.model_validate(faster)).step_time_s / simulated.prediction.step_time_s
    assert turned - 1 == pytest.approx(one.percent / 100, rel=0.02)
    text = StringIO()
    print_table(Console(file=text, width=200), sensitivity_table("odd", [one]))
    row = next(line for line in text.getvalue().splitlines() if line.strip().startswith(one.path))
    assert f"+{one.percent:.3f} %" in row and row.rstrip().endswith(ANOMALY) and WHY in text.getvalue()
