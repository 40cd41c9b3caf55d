"""Weight streaming of models whose blocks differ: chunks, buffers, held weights and kept activations are those of each block."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.strategies.test_planner import MACHINE, SETTINGS, hundred_ticks
from tests.workload.test_model_fields import DEEPSEEK_V3, DENSE, MIXED, a_model
from wafersim.cli import commands
from wafersim.errors import Infeasible
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.model import Model
from wafersim.simulation import simulate
from wafersim.strategies.weight_streaming.activations import Policy, kept_bytes, segments, transfer_bytes, wafer_memory
from wafersim.strategies.weight_streaming.planner import Planned, build_plan
from wafersim.workload.transformer import build_workload, workload_of

# A dense block has 24,576 weights of its MLP and 16,384 of attention, one of experts 4 times as many of its MLP and a router.
DENSE_BLOCK, EXPERT_BLOCK = 24_576 + 16_384 + 128, 4 * 24_576 + 16_384 + 256 + 128
LAST_TWO = a_model(**MIXED, dense_blocks=2)


def planned(policy: Policy, model: Model = LAST_TWO, **asked: object) -> Planned | str:
    return build_plan(workload_of(model, 32), MACHINE, replace(SETTINGS, **asked), policy, hundred_ticks)


def test_chunks_are_as_large_as_those_of_the_largest_block() -> None:
    found = planned(Policy(0, "wafer"))
    assert isinstance(found, Planned), found
    blocks = found.plan.layers[1:-1]
    assert [block.parameters for block in blocks] == [DENSE_BLOCK] * 2 + [EXPERT_BLOCK] * 2
    # Of 4 chunks of 57,536 bytes a dense block has 82,176 / 57,536, rounded up.
    assert [block.chunks for block in blocks] == [2, 2, 4, 4]
    # Buffers are of the largest chunk: 8 of 57,536 bytes.
    assert found.memory.weight_buffer_bytes == 8 * 57_536


@pytest.mark.parametrize(("every", "held"), [(1, 4), (2, 8), (3, 8), (4, 12)])
def test_weights_that_are_held_are_those_of_the_largest_segment(every: int, held: int) -> None:
    policy = Policy(every, "wafer", hold=True)
    assert isinstance(planned(policy, weight_credits=held), Planned)
    refused = planned(policy, weight_credits=held - 1)
    assert isinstance(refused, str) and f"{held} chunks of weights are held" in refused


def test_segments_end_with_the_blocks() -> None:
    assert segments(workload_of(LAST_TWO, 32), Policy(3, "wafer")) == (range(1, 4), range(4, 5))
    assert segments(workload_of(LAST_TWO, 32), Policy(0, "wafer")) == tuple(range(i, i + 1) for i in range(1, 5))


def test_activations_kept_are_the_sum_and_those_at_work_the_largest() -> None:
    workload = workload_of(LAST_TWO, 32)
    dense, expert = workload.blocks[0].kept_bytes, workload.blocks[-1].kept_bytes
    # A token passes two of the experts: their part counts twice.
    assert expert - dense == 3 * 2 * 128
    assert kept_bytes(workload, Policy(0, "wafer"), 10) == 10 * (2 * dense + 2 * expert)
    assert transfer_bytes(workload, Policy(0, "servers"), 10) == 10 * (dense + expert) // 2
    assert kept_bytes(workload, Policy(1, "wafer"), 10) == 10 * 4 * 2 * 64
    memory = wafer_memory(workload, Policy(2, "wafer"), 10, 1e9, 0.0, 1.0, 0, 0, 2)
    assert not isinstance(memory, str)
    # The last segment holds two blocks of experts and the gradients of one.
    assert memory.working_set_bytes == 10 * (2 * expert + workload.blocks[-1].transient_bytes)


def test_an_encoder_output_stays_for_the_decoder() -> None:
    alone = workload_of(a_model(**{**DENSE, "layers": 6}), 32)
    both = workload_of(a_model(**{**DENSE, "layers": 3}, encoder_layers=3), 32)
    inputs = Policy(1, "wafer")
    assert kept_bytes(both, inputs, 10) == kept_bytes(alone, inputs, 10) * 7 // 6


def step_time(machine: str, model: Model, sequence: int, **training: object) -> float:
    gpus = "gpus" if machine.startswith("dgx") else "systems"
    asked = {"kind": "gpu-parallel", "data": 8, "tensor": 1, "pipeline": 1, "micro_batch": 1, "recompute": "full",
             "virtual_stages": 1, "flash_attention": True, "zero_stage": 3}  # fmt: skip
    return simulate(
        Experiment.model_validate(
            {"name": "t", "model": model, "system": {"profile": machine, gpus: 8 if gpus == "gpus" else 2},
             "strategy": asked if gpus == "gpus" else {}, "training": {"sequence_length": sequence, "batch": 16, **training}}
        )
    ).step_time_s  # fmt: skip


BILLION = {"layers": 16, "d_model": 2048, "heads": 16, "d_ffn": 5632, "vocab": 32000}


@pytest.mark.parametrize("machine", ["cs3", "andromeda", "dgx-h100"])
def test_a_smaller_window_is_never_slower_and_none_is_the_slowest(machine: str) -> None:
    patterns = [(512,), (2048,), (2048, 8192), (8192,), (8192, 0), ()]
    seconds = [step_time(machine, a_model(**BILLION, windows=windows), 16384) for windows in patterns]
    assert seconds == sorted(seconds) and len(set(seconds)) == len(seconds)
    assert step_time(machine, a_model(**BILLION, windows=(16384,)), 16384) == seconds[-1]
    # Blocks of either window in turn take the mean of both.
    assert seconds[2] == pytest.approx((seconds[1] + seconds[3]) / 2, rel=1e-3)


def test_experts_that_a_token_skips_stream_and_cost_their_issue_on_a_wafer() -> None:
    # Eight experts of which a token passes one do the products of the dense model: more time, for each of their weights
    # arrives and costs its issue, and less than eight times as many products would take.
    dense = step_time("cs3", a_model(**BILLION), 2048, batch=256)
    routed = step_time("cs3", a_model(**BILLION, experts=8, experts_per_token=1), 2048, batch=256)
    wide = step_time("cs3", a_model(**{**BILLION, "d_ffn": 8 * 5632}), 2048, batch=256)
    assert 1.02 * dense < routed < wide


def test_memoryx_holds_all_experts_of_a_model() -> None:
    # DeepSeek-V3's 682.6 B parameters, with its prediction module, x 16 bytes = 10.92 TB.
    job = {"name": "t", "model": a_model(**DEEPSEEK_V3), "training": {"sequence_length": 4096, "batch": 2}}
    too_small, enough = (
        Experiment.model_validate(
            {**job, "system": {"profile": "andromeda", "systems": 2, "overrides": {"memoryx.capacity": capacity}}}
        )
        for capacity in ("10.9 TB", "11 TB")
    )
    with pytest.raises(Infeasible, match=r"6.83e.11 parameters take 11 TB"):
        simulate(too_small)
    assert simulate(enough).step_time_s > 0


@pytest.mark.parametrize("system", ["{profile: cs3, systems: 2}", "{profile: dgx-h100, gpus: 8}"])
@pytest.mark.parametrize("model", ["mistral-7b", "qwen1.5-moe-a2.7b", "deepseek-v2-lite", "gemma2-2b", "t5-11b"])
def test_models_of_today_run_from_the_command_line(model: str, system: str, tmp_path: Path) -> None:
    gpus = "gpus" in system
    split = {"kind": "gpu-parallel", "zero_stage": 3, "data": 8, "tensor": 1, "pipeline": 1, "virtual_stages": 1,
             "micro_batch": 1, "recompute": "full", "flash_attention": True}  # fmt: skip
    (tmp_path / "job.yaml").write_text(
        f"name: job\nmodel: {model}\nsystem: {system}\nstrategy: {json.dumps(split) if gpus else '{}'}\n"
        "training: {sequence_length: 8192, batch: 16, tokens: 1e9}\n"
    )
    done = CliRunner().invoke(commands, ["run", str(tmp_path / "job.yaml"), "--json", "--no-save"])
    assert done.exit_code == 0, done.output
    (point,) = json.loads(done.stdout)["points"]
    assert point["model"] == model and point["step_time_s"] > 0
    assert point["model_flops_per_step"] == build_workload(model, 8192).model_flops_per_token * 16 * 8192
    assert 0.02 < point["mfu"] < 0.75


def test_each_kind_of_block_has_its_own_costs_and_the_pieces_of_a_transfer_are_those_of_the_largest() -> None:
    found = planned(Policy(0, "servers"))
    assert isinstance(found, Planned), found
    plan, layers = found.plan, workload_of(LAST_TWO, 32).layers
    # An op takes 100 ticks here: qkv, attention, projection, up, down, element-wise, rotary, gate; a router with experts.
    forward = [sum(plan.compute_ticks[0][i]) for i, kernel in enumerate(plan.kernels) if kernel.pass_ == "forward"]
    assert forward[1:5] == [100 * len(layer.ops) for layer in layers[1:5]] == [800, 800, 900, 900]
    assert {kernel.offloads for kernel in plan.kernels if kernel.pass_ == "forward"} == {0, 4}
