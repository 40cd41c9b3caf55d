"""Memory of a GPU against the published formulas and against what the BLOOM study saw in use."""

from dataclasses import replace

import numpy as np
import pytest

from wafersim.calibration.gpu import lost_memory
from wafersim.errors import WafersimError
from wafersim.evidence.sets.gpu import published_rows
from wafersim.gpu.cluster import cluster_of
from wafersim.gpu.layout import FULL, NONE, SELECTIVE, Geometry, Layout, stack
from wafersim.gpu.memory import activation_bytes, in_flight, memory_use
from wafersim.gpu.verdict import DoesNotFit, check
from wafersim.inputs.machine import load_gpu_machine
from wafersim.simulation import simulate_step
from wafersim.strategies.gpu_parallel.schedules import BACKWARD, FORWARD, SCHEDULES, WGRAD, stage_orders
from wafersim.workload.transformer import build_workload

CLUSTER = cluster_of(load_gpu_machine("dgx-a100-80gb"))
WORKLOAD = build_workload("gpt3-175b", 2048)
GPT3 = Geometry.of(WORKLOAD)
ONE = Layout(
    data=1, tensor=1, pipeline=1, context=1, expert=1, virtual_stages=1, micro_batch=1, micro_batches=1, zero_stage=0,
    shard=1, sequence_parallel=0, recompute=NONE, flash=0, fp8=0,
)  # fmt: skip
S, H, A = 2048, 12288, 96


@pytest.mark.parametrize(
    ("change", "formula"),
    [
        # Korthikanti et al. 2022, table 2: bytes of one layer and sequence.
        ({}, S * H * (34 + 5 * A * S / H)),
        ({"tensor": 8}, S * H * (10 + 24 / 8 + 5 * A * S / (H * 8))),
        ({"tensor": 8, "sequence_parallel": 1}, S * H / 8 * (34 + 5 * A * S / H)),
        ({"tensor": 8, "sequence_parallel": 1, "recompute": SELECTIVE}, S * H / 8 * 34),
        ({"tensor": 8, "recompute": SELECTIVE}, S * H * (10 + 24 / 8)),
        ({"tensor": 8, "recompute": FULL}, S * H * 2),
        ({"micro_batch": 3}, 3 * S * H * (34 + 5 * A * S / H)),
    ],
)
def test_activations_of_a_layer_as_published(change: dict[str, int], formula: float) -> None:
    assert float(activation_bytes(GPT3, replace(ONE, **change), CLUSTER)) == pytest.approx(formula)


def test_states_follow_zero_stage_by_stage() -> None:
    # Rajbhandari et al. 2020, figure 1: 7.5 B parameters on 64 GPUs: 120, 31.4, 16.6 and 1.9 GB (2 + 2 + 12 bytes each).
    cluster = replace(CLUSTER, software=replace(CLUSTER.software, gradient_storage=2.0, workspace=0.0))
    geometry = replace(GPT3, layers=1, vocab=0, d_ffn=0, experts=0, d_model=2.5e4, heads=100, head_dim=300)
    scale = 7.5e9 / float(geometry.block_parameters)
    for stage, gigabytes in enumerate((120.0, 31.4, 16.6, 1.9)):
        layout = replace(ONE, data=64, shard=64, zero_stage=stage)
        use = memory_use(geometry, layout, cluster)
        states = float(np.max(use.weights + use.gradients + use.optimizer)) * scale / 1e9
        assert states == pytest.approx(gigabytes, abs=0.06)


def test_one_forward_one_backward_holds_a_micro_batch_for_every_stage_and_gpipe_all_of_them() -> None:
    piped = replace(ONE, pipeline=8, micro_batches=64)
    assert float(in_flight(piped)) == 8
    assert float(in_flight(piped, "gpipe")) == float(in_flight(piped, "gpipe", stage=7)) == 64
    assert float(in_flight(replace(piped, micro_batches=3))) == 3
    # Interleaved (Korthikanti et al. 2022, section 5): 1 + (p - 1) / (p v) times as much as 1F1B.
    assert float(in_flight(replace(piped, virtual_stages=4))) == pytest.approx(8 * (1 + 7 / 32), rel=0.02)
    # The last stage turns round at once, but with weight gradients put off holds as many as the first (Qi et al. 2024).
    assert float(in_flight(piped, stage=7)) == 1
    assert float(in_flight(piped, "zero-bubble", stage=7)) == 8


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("stages", "micro_batches"), [(2, 2), (2, 8), (4, 4), (4, 12), (5, 2), (5, 20)])
def test_every_stage_holds_what_its_schedule_has_begun_and_not_ended(
    schedule: str, stages: int, micro_batches: int
) -> None:
    chunks = 3 if schedule == "interleaved" else 1
    if schedule == "interleaved" and micro_batches % stages:
        return
    layout = replace(ONE, pipeline=stages, micro_batches=micro_batches, virtual_stages=chunks)
    ends = WGRAD if schedule == "zero-bubble" else BACKWARD
    for stage, order in enumerate(stage_orders(schedule, stages, micro_batches, chunks)):
        held = np.cumsum(np.where(order.pass_ == FORWARD, 1, np.where(order.pass_ == ends, -1, 0)))
        assert float(in_flight(layout, schedule, stage)) == pytest.approx(held.max() / chunks)


def test_the_fullest_stage_may_lie_in_the_middle() -> None:
    # shared/cases: OPT-66B, 64 blocks dealt out over 22 stages: 2, then 3 on each of 20, then 2. The second stage has 21
    # micro-batches of its 3 blocks in flight, the first 22 of 2: 63 / 44 as much. Its weights are 3 blocks of 12 h^2, no table.
    opt = build_workload("opt-66b", 2048)
    layout = replace(ONE, pipeline=22, micro_batches=88, flash=1)
    use = memory_use(Geometry.of(opt), layout, CLUSTER)
    one = float(activation_bytes(Geometry.of(opt), layout, CLUSTER))
    assert float(np.max(use.activations)) == pytest.approx(63 * one)
    assert float(np.max(use.weights)) == pytest.approx(2 * 3 * 12 * 9216**2, rel=1e-3)
    assert float(np.max(use.optimizer)) == pytest.approx(12 * 3 * 12 * 9216**2, rel=1e-3)


def test_a_list_may_fill_any_stage() -> None:
    # 24 blocks on 4 stages; of the third 14, two micro-batches of each in flight: 28, where the first has 4 x 3 = 12.
    small = Geometry.of(build_workload("gpt3-1.3b", 2048))
    layout = replace(ONE, pipeline=4, micro_batches=8, flash=1, stages=(3, 3, 14, 4))
    use = memory_use(small, layout, CLUSTER)
    assert float(np.max(use.activations)) == pytest.approx(28 * float(activation_bytes(small, layout, CLUSTER)))
    assert float(np.max(use.weights)) == pytest.approx(2 * 14 * 12 * 2048**2, rel=1e-3)


def test_experts_of_later_blocks_fill_a_later_stage() -> None:
    mixtral = replace(Geometry.of(build_workload("mixtral-8x7b", 4096)), dense_blocks=24, expert_share=8 / 32)
    use = memory_use(mixtral, replace(ONE, pipeline=4, micro_batches=8, flash=1, recompute=FULL), CLUSTER)
    # The last of four stages has all 8 blocks with experts: 8 x 1.45 B parameters of them; the others have no more than 2.1 B.
    assert float(np.max(use.weights)) / 2e9 == pytest.approx(8 * 1.45, rel=0.02)
    several = [replace(ONE, pipeline=p, micro_batches=8, flash=1) for p in (1, 4, 8)]
    together = np.asarray(memory_use(mixtral, stack(several), CLUSTER).total)
    assert together.tolist() == [float(np.max(memory_use(mixtral, each, CLUSTER).total)) for each in several]


def test_columns_and_numbers_agree_on_the_fullest_stage() -> None:
    opt = Geometry.of(build_workload("opt-66b", 2048))
    layouts = [replace(ONE, pipeline=p, micro_batches=88, flash=1) for p in (1, 2, 8, 22, 64)]
    together = np.asarray(memory_use(opt, stack(layouts), CLUSTER).total)
    assert together.tolist() == [float(np.max(memory_use(opt, each, CLUSTER).total)) for each in layouts]


def test_expert_states_have_fewer_replicas_to_share_them() -> None:
    # Mixtral 8x7B on 64 GPUs, data 64, an expert each of eight: 46.7 B parameters, 1.6 B of them dense. Adam's 12 bytes of the
    # dense ones over 64 GPUs are 0.3 GB, of the 45.1 B of experts 1/8 of 12 bytes over 8 replicas 8.5 GB.
    mixtral = Geometry.of(build_workload("mixtral-8x7b", 4096))
    use = memory_use(mixtral, replace(ONE, data=64, shard=64, expert=8, zero_stage=1, flash=1), CLUSTER)
    assert float(np.max(use.optimizer)) / 1e9 == pytest.approx(8.8, abs=0.15)


def test_an_untied_head_on_the_same_gpu_has_its_table_there() -> None:
    # Llama-3 8B: 8.03 B parameters, 16 bits each.
    llama = Geometry.of(build_workload("llama3-8b", 4096))
    assert float(np.max(memory_use(llama, ONE, CLUSTER).weights)) / 1e9 == pytest.approx(16.06, abs=0.01)


def test_what_the_bloom_study_saw_in_use() -> None:
    # The workspace of each release is set on the fit rows; the test rows judge. Median, mean and maximum as measured: 6, 6, 12 %.
    rows = [row for row in published_rows().measured.values() if row.memory is not None and row.use == "test"]
    errors = []
    for row in rows:
        predicted = simulate_step(replace(row.jobs()[0], must_fit=False)).prediction.memory.total_bytes + lost_memory(
            row.profile
        )
        errors.append(abs(predicted / row.memory - 1))
    assert len(errors) == 19
    assert np.mean(errors) < 0.08 and max(errors) < 0.15


def test_a_refusal_names_the_largest_term_and_what_would_help() -> None:
    layout = replace(ONE, tensor=8, pipeline=8, micro_batch=4, micro_batches=8, sequence_parallel=1)
    with pytest.raises(DoesNotFit, match=r"^does not fit: .*GB: activations .* recompute would need"):
        check(GPT3, layout, CLUSTER)
    check(GPT3, replace(layout, micro_batch=1, recompute=FULL), CLUSTER)
    # Recompute leaves states whole: 6.7 B x 16 bytes on each of 8 replicas; sharded optimizer states are enough.
    small = Geometry.of(build_workload("gpt3-6.7b", 2048))
    with pytest.raises(DoesNotFit, match=r"; ZeRO-1 would need \d+\.\d GB$"):
        check(small, replace(ONE, data=8, shard=8, recompute=FULL, flash=1), CLUSTER)


def test_sharded_weights_are_gathered_two_blocks_at_a_time() -> None:
    # A block of GPT-3 has 12 x 12288^2 = 1.812 B parameters; one in use and one on its way, 2 bytes each: 7.25 GB.
    sharded = replace(ONE, data=64, shard=64, recompute=FULL, flash=1)
    whole, gathered = (memory_use(GPT3, replace(sharded, zero_stage=stage), CLUSTER) for stage in (2, 3))
    assert float(np.max(gathered.buffers - whole.buffers)) == pytest.approx(2 * 2 * 12 * H**2, rel=1e-3)


def test_half_of_what_fp8_needs_is_a_line() -> None:
    for path, written in (("gpu.fp8_efficiency", "0.9"), ("gpu.peak_fp8", "624 TFLOP/s")):
        machine = load_gpu_machine("dgx-a100-80gb", None, {path: written})
        with pytest.raises(WafersimError, match=r"a100-80gb has .* and no .*; fp8 needs both"):
            cluster_of(machine)
