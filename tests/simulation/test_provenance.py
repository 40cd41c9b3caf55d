"""The assumed numbers that are listed move the prediction, and those that are not do not."""

from typing import Any

import pytest

from wafersim import quantity
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.machine import OVERRIDABLE, numbers
from wafersim.inputs.sourced import dimension_of
from wafersim.simulation import job_of, simulate
from wafersim.simulation.provenance import ROUNDING

TURN = 0.02
WAFER: dict[str, Any] = {"micro_batch": 12, "activations": {"keep": "block-inputs", "place": "wafer"}}
SPLIT = {
    "kind": "gpu-parallel", "pipeline": 2, "virtual_stages": 1, "micro_batch": 2, "recompute": "selective",
    "flash_attention": False,
}  # fmt: skip
JOBS = {
    "three CS-3": ({"profile": "cs3", "systems": 3}, WAFER, "cerebras-gpt-111m", {"batch": 73}),
    "Andromeda, links assumed": (
        {"profile": "andromeda", "systems": 5, "overrides": {"swarmx.link_bandwidth": "0.1 Tb/s", "system.core_sram": "40 KB"}},
        WAFER, "cerebras-gpt-111m", {"batch_per_system": 24},
    ),
    "a MemoryX that just holds it": (
        {"profile": "cs2", "systems": 1, "overrides": {"memoryx.capacity": "1.7768081 GB"}},
        WAFER, "cerebras-gpt-111m", {"batch": 12},
    ),
    "Megatron": ({"profile": "dgx-a100-80gb", "gpus": 32}, SPLIT | {"tensor": 2}, "gpt3-350m", {"batch": 64}),
    "fully sharded": (
        {"profile": "mosaic-h100", "gpus": 16}, SPLIT | {"pipeline": 1, "zero_stage": 3, "flash_attention": True, "tensor": 1},
        "gpt3-350m", {"batch": 64},
    ),
}  # fmt: skip


def experiment(name: str, **overrides: str) -> Experiment:
    system, strategy, model, training = JOBS[name]
    system = {**system, "overrides": {**system.get("overrides", {}), **overrides}}
    fields = {"name": "t", "model": model, "system": system, "strategy": strategy, "training": training}
    return Experiment.model_validate(fields)


def said(job: Experiment) -> dict[str, float]:
    """What a prediction says in numbers, by path; nothing where it is refused."""
    try:
        found = simulate(job).to_json()
    except Exception as refused:
        return {str(refused): 1.0}
    names = ("step_time_s", "mfu", "power_w", "peak_power_w", "energy_j", "cost_usd")
    flat = {name: found[name] for name in names} | found["memory"]
    return {name: value for name, value in flat.items() if isinstance(value, int | float)}


@pytest.mark.parametrize("name", JOBS)
def test_what_is_listed_moves_the_prediction_and_nothing_else_does(name: str) -> None:
    job = experiment(name)
    usual, names = said(job), simulate(job).provenance.assumed
    assert names
    for path, number, _ in numbers(job_of(job).machine):
        if number.kind != "assumed" or not number.value:
            continue
        part, _, field = path.partition(".")
        dimension = dimension_of(OVERRIDABLE[part].model_fields[field])
        whole = dimension.least
        change = 0.0
        for turn in (1, -1):
            value = (
                number.value + turn * max(1, round(number.value * TURN)) if whole else number.value * (1 + TURN * turn)
            )
            if value > dimension.most:
                continue  # a share of one: it is turned down alone
            turned = said(experiment(name, **{path: quantity.format(value, number.dimension)}))
            both = [(usual[key], value) for key, value in turned.items() if usual.get(key)]
            change = max([change, *(abs(value / before - 1) for before, value in both)] if both else [1.0])
        assert (change > ROUNDING * TURN) == (path in names), f"{path}: {change:.2e}"


def test_what_only_a_disturbed_job_reads_is_listed_there_alone() -> None:
    job = experiment("three CS-3")
    assert "system.compute_jitter" not in simulate(job).provenance.assumed
    drawn = Experiment.model_validate({**job.model_dump(), "disturbances": {"jitter": "profile"}})
    names = simulate(drawn).provenance.assumed
    assert "system.compute_jitter" in names and "system.system_spread" not in names


def test_of_two_equal_links_that_bind_together_each_is_listed() -> None:
    # Twice 0.05 Tb/s: more of one alone changes nothing, less of it does.
    slow = {"swarmx.link_bandwidth": "0.05 Tb/s", "system.io_bandwidth": "0.05 Tb/s"}
    job = experiment("Andromeda, links assumed", **slow)
    assert set(slow) <= set(simulate(job).provenance.assumed)
