"""Experiments on GPUs from end to end: the parts add up, every knob moves the step when it binds, engines agree."""

import pytest

from wafersim.inputs.loader import load_experiment
from wafersim.inputs.machine import load_gpu_machine
from wafersim.inputs.sweep import expand
from wafersim.planning.sweep import run_points
from wafersim.simulation import job_of, simulate, simulate_step


def step(*sets: str, name: str = "gpt_neox20b_96a100") -> float:
    return simulate(load_experiment(name, sets)).step_time_s


@pytest.mark.parametrize("name", ["opt175b_992a100", "gpt_neox20b_96a100", "bloom176b_384a100"])
def test_shipped_runs_agree_on_every_tick_and_their_parts_add_up(name: str) -> None:
    prediction = simulate_step(job_of(load_experiment(name)), "both").prediction
    assert sum(prediction.breakdown.to_json().values()) == pytest.approx(prediction.step_time_s)
    assert min(prediction.breakdown.to_json().values()) >= 0
    memory = prediction.memory
    assert memory.total_bytes <= memory.capacity_bytes
    assert prediction.days_to_train == pytest.approx(prediction.tokens / prediction.tokens_per_s / 86400)


@pytest.mark.parametrize("schedule", ["gpipe", "zero-bubble"])
def test_other_schedules_agree_too(schedule: str) -> None:
    asked = ("training.batch=96", "strategy.micro_batch=2", f"strategy.schedule={schedule}")
    simulate_step(job_of(load_experiment("gpt_neox20b_96a100", asked)), "both")


def test_hardware_tflops_count_full_recompute() -> None:
    # GPT-NeoX-20B: 96 B s l h^2 (1 + s / 6h + V / 16 l h) = 96 x 1536 x 2048 x 44 x 6144^2 x (1 + 0.0556 + 0.0117) FLOPs.
    (result,) = run_points(expand(load_experiment("gpt_neox20b_96a100")))
    row = result.to_json()
    flops = 96 * 1536 * 2048 * 44 * 6144**2 * (1 + 2048 / (6 * 6144) + 50432 / (16 * 44 * 6144))
    published = row["published"]
    assert published["predicted"] == pytest.approx(flops / row["step_time_s"] / 96 / 1e12, rel=2e-3)
    assert published["error"] == pytest.approx(published["predicted"] / 117 - 1)
    assert not published["verified"]


@pytest.mark.parametrize(
    ("sets", "knob"),
    [
        # (what makes it bind, the number that is halved)
        ((), "gpu.gemm_efficiency=0.4"),
        (("strategy.tensor=8", "strategy.pipeline=1"), "gpu.collective_bandwidth=60 GB/s"),
        (("training.batch=48",), "network.gradient_bandwidth=5 GB/s"),
        (("training.batch=48",), "software.optimizer_traffic=1000"),
        (("strategy.micro_batch=1", "system.overrides.network.p2p_bandwidth=2 GB/s"), "network.p2p_bandwidth=1 GB/s"),
        (("strategy.flash_attention=false",), "gpu.memory_bandwidth=0.7 TB/s"),
        (("strategy.zero_stage=3", "strategy.pipeline=1", "strategy.tensor=1", "strategy.micro_batch=1", "training.batch=96"),
         "network.collective_bandwidth=20 GB/s"),
    ],
)  # fmt: skip
def test_a_worse_number_shows_where_it_binds(sets: tuple[str, ...], knob: str) -> None:
    base = ("strategy.data=auto", *sets)
    assert step(*base, f"system.overrides.{knob}") > 1.02 * step(*base)


def test_full_recompute_costs_a_forward_pass() -> None:
    # Three passes' worth of products become four: a third more compute, less what does not recompute (head, optimizer).
    base = (
        "strategy.data=auto",
        "strategy.micro_batch=1",
        "system.profile=dgx-a100-80gb",
        "strategy.flash_attention=true",
    )
    full, none = (step(*base, f"strategy.recompute={what}") for what in ("full", "none"))
    assert 1.2 < full / none < 1.34


def test_overlap_hides_gradients() -> None:
    machine = ("system.profile=dgx-a100-40gb", "system.software=megatron-deepspeed")
    base = (*machine, "strategy.data=auto", "training.batch=96", "strategy.micro_batch=1", "strategy.pipeline=2")
    shown, hidden = (step(*base, f"strategy.overlap_gradients={on}") for on in ("false", "true"))
    assert hidden < shown


def test_experts_and_context_run() -> None:
    sets = ("model=mixtral-8x7b", "system.profile=dgx-h100", "system.software=megatron-core", "system.gpus=64",
            "training.batch=256", "training.sequence_length=4096", "strategy.tensor=2", "strategy.pipeline=4",
            "strategy.data=auto", "strategy.micro_batch=1", "strategy.flash_attention=true")  # fmt: skip
    plain = simulate(load_experiment("gpt_neox20b_96a100", [*sets, "strategy.expert=8"]))
    assert plain.split.expert == 8
    long = simulate(load_experiment("gpt_neox20b_96a100", [*sets, "strategy.expert=4", "strategy.context=2"]))
    assert long.split.context == 2


def test_a_rack_is_one_node_of_72_that_is_taken_by_trays() -> None:
    rack = ("system.profile=gb200-nvl72", "system.software=megatron-core", "strategy.pipeline=1", "training.batch=64",
            "strategy.flash_attention=true", "strategy.recompute=none", "strategy.micro_batch=1")  # fmt: skip
    split = ("strategy.tensor=16", "strategy.data=auto")
    inside, outside = (step(*rack, *split, f"system.gpus={gpus}") for gpus in (64, 128))
    ninth = (
        "gpus_per_node=8",
        "adapters=8",
        "node_bandwidth=400 GB/s",
        "collective_bandwidth=300 GB/s",
        "p2p_bandwidth=320 GB/s",
    )
    nodes_of_8 = step(*rack, *split, "system.gpus=64", *(f"system.overrides.network.{one}" for one in ninth))
    assert inside < nodes_of_8  # collectives of sixteen GPUs stay on NVLink
    assert outside > 0.5 * inside  # twice the GPUs do less than halve it: gradients leave the rack
    machine = load_gpu_machine("gb200-nvl72")
    # Six GPUs take two trays of four: 8 / 72 of the rack's host and of its switches.
    assert machine.supply(6).peak_watts == pytest.approx(6 * 1200 + 8 / 72 * (33600 + 4500))
    assert load_gpu_machine("dgx-h100").supply(6).peak_watts == pytest.approx(6 * 700 + 4600 + 500)
