"""What slices of GPU steps say that they do, beside what papers and hand arithmetic say of the whole step."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from wafersim.gpu.cluster import cluster_of
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.machine import GpuMachine
from wafersim.simulation import Simulated, jobs_of, simulate_run
from wafersim.strategies.gpu_parallel.amounts import Amounts, amounts
from wafersim.timeline.timeline import KIND, PASS, Timeline
from wafersim.workload.flops import flops_per_token, hardware_flops_per_token

# GPT-NeoX-20B: 44 blocks, hidden size 6,144, sequences of 2,048, on 96 A100: TP 2 x PP 4 x DP 12, everything recomputed,
# 32 micro-batches of 4 sequences, states sharded over the replicas.
NEOX = ("gpt_neox20b_96a100",)
# Llama 3 8B: 32 blocks of hidden size 4,096, sequences of 8,192, on 64 H100, 128 sequences a step, nothing recomputed.
LLAMA = (
    "llama3_h100",
    "flops=causal",
    "model=llama3-8b",
    "system.gpus=64",
    "training.batch=128",
    "strategy.micro_batch=1",
)
SPLITS = {
    "replicas": ("data=64",),
    "interleaved pipeline": ("data=4", "tensor=4", "pipeline=4", "virtual_stages=2"),
    "weight gradients apart": ("data=8", "tensor=2", "pipeline=4", "schedule=zero-bubble"),
    "sharded weights": ("data=64", "zero_stage=3"),
    "a sequence on two": ("data=32", "context=2"),
}  # fmt: skip
MIXTRAL = ("llama3_h100", "model=mixtral-8x7b", "system.gpus=64", "training.batch=128", "strategy.micro_batch=1",
           "strategy.data=16", "strategy.pipeline=4", "strategy.expert=8")  # fmt: skip


@cache
def step(experiment: str, *sets: str) -> tuple[Simulated, Timeline, Amounts]:
    one = simulate_run(jobs_of(load_experiment(experiment, sets).model_copy(update={"sweep": None})), told=False)
    return one, one.periodic.timeline, amounts(one.job, one.choice, one.periodic.plan)


def llama(split: str) -> tuple[Simulated, Timeline, Amounts]:
    return step(*LLAMA, *(f"strategy.{each}" for each in SPLITS[split]))


def of(timeline: Timeline, *kinds: str) -> np.ndarray:
    return np.isin(timeline.kind, [KIND[kind] for kind in kinds])


def of_all_gpus(one: Simulated, timeline: Timeline, counts: np.ndarray) -> float:
    """One GPU stands for all of its stage."""
    return float(counts[of(timeline, "compute")].sum()) * one.prediction.n_systems / one.periodic.plan.stages


@pytest.mark.parametrize("split", SPLITS)
def test_slices_do_the_flops_of_the_model_however_it_is_split(split: str) -> None:
    one, timeline, does = llama(split)
    expected = flops_per_token(one.job.workload, "causal") * 128 * 8192
    assert of_all_gpus(one, timeline, does.flops) == pytest.approx(expected, rel=1e-6)
    assert expected == one.prediction.to_json()["model_flops_per_step"]
    # 6 for each of 7.5 billion weights of products; 12 for each layer, hidden element and token before, half the sequence.
    assert expected == pytest.approx((6 * 7.504e9 + 12 * 32 * 4096 * 4096) * 128 * 8192, rel=1e-3)


def test_experts_do_the_flops_of_the_two_of_eight_that_a_token_meets() -> None:
    one, timeline, does = step(*MIXTRAL)
    expected = flops_per_token(one.job.workload, "causal") * 128 * one.job.workload.sequence_length
    assert of_all_gpus(one, timeline, does.flops) == pytest.approx(expected, rel=1e-6)


def test_what_is_recomputed_is_done_once_more() -> None:
    """96 B s l h^2 (1 + s / 6h + V / 16lh): equation 3 of Narayanan et al. 2021."""
    one, timeline, does = step(*NEOX)
    tokens, h = 12 * 32 * 4 * 2048, 6144
    vocabulary = one.job.workload.model.vocab
    paper = 96 * tokens * 44 * h**2 * (1 + 2048 / (6 * h) + vocabulary / (16 * 44 * h))
    done = of_all_gpus(one, timeline, does.flops)
    assert done == pytest.approx(paper, rel=1e-6)
    assert done == pytest.approx(hardware_flops_per_token(one.job.workload, "megatron-2021", "full") * tokens, rel=1e-9)


def test_a_stage_does_the_flops_of_its_blocks_forward_and_twice_as_much_backward() -> None:
    _, timeline, does = llama("interleaved pipeline")
    forward = of(timeline, "compute") & (timeline.pass_ == PASS["forward"])
    backward = of(timeline, "compute") & (timeline.pass_ == PASS["backward"])
    for stage in range(4):
        mine = timeline.entity == stage
        assert does.flops[mine & backward].sum() == pytest.approx(2 * does.flops[mine & forward].sum(), rel=1e-6)
    # The middle: 8 blocks of 2 (4,096 x (4,096 + 4,096 + 1,024 + 1,024) + 3 x 4,096 x 14,336) FLOPs a token for the weights and
    # 4 x 4,096 for each of 4,096 keys on the mean, on one of four tensor-parallel GPUs; 32 micro-batches of a sequence.
    weights, scores = 4096 * (4096 + 4096 + 1024 + 1024) + 3 * 4096 * 14336, 4 * 4096 * 4096
    expected = 32 * 8192 * 8 * (2 * weights + scores) / 4
    assert does.flops[(timeline.entity == 1) & forward].sum() == pytest.approx(expected, rel=1e-3)


def test_weight_gradients_that_stand_apart_are_half_of_the_products_over_weights() -> None:
    _, timeline, does = llama("weight gradients apart")
    apart, rest = (
        does.flops[of(timeline, "compute") & (timeline.pass_ == PASS[name]) & (timeline.entity == 1)].sum()
        for name in ("wgrad", "dgrad")
    )
    scores = 16 * 8192 * 8 * 8 * 4096 * 4096 / 2  # of 16 micro-batches in 8 blocks on one of two GPUs, backward
    assert rest - apart == pytest.approx(scores, rel=1e-3)


@pytest.mark.parametrize(
    ("run", "micro_batches", "boundaries", "boundary"),
    [
        (NEOX, 32, 3, 4 * 2048 * 6144 * 2),  # sequences, tokens, elements, bytes
        # Eight virtual stages; what each of four tensor-parallel GPUs has of a sequence.
        ((*LLAMA, *(f"strategy.{each}" for each in SPLITS["interleaved pipeline"])), 32, 7, 8192 * 4096 * 2 / 4),
    ],
)
def test_stages_send_activations_and_their_gradients_over_every_boundary(
    run: Sequence[str], micro_batches: int, boundaries: int, boundary: float
) -> None:
    _, timeline, does = step(*run)
    sends = of(timeline, "send")
    assert set(does.sent[sends].tolist()) == {boundary}
    assert does.sent[sends].sum() == 2 * boundaries * micro_batches * boundary


def test_a_gpu_sends_its_gradients_and_its_updated_weights_once_around_the_ring() -> None:
    # 8.03 billion parameters, less norms, in bf16 or fp32 gradients and bf16 weights: 63 of 64 parts leave every GPU.
    _, timeline, does = llama("replicas")
    weights = 32 * (4096 * (4096 + 4096 + 1024 + 1024) + 3 * 4096 * 14336) + 2 * 128256 * 4096
    assert does.sent[of(timeline, "gather")].sum() == pytest.approx(63 / 64 * 2 * weights, rel=1e-6)
    # Sharded weights come before either pass of both micro-batches, and once more never.
    _, timeline, does = llama("sharded weights")
    assert does.sent[of(timeline, "gather")].sum() == pytest.approx(2 * 2 * 63 / 64 * 2 * weights, rel=1e-6)


def test_tensor_parallel_work_sends_two_all_reduces_a_block_and_pass() -> None:
    # One of two GPUs sends as much as it has: 2 (2 - 1) / 2. Three passes, as everything is recomputed; 32 micro-batches of
    # 11 blocks and 4 sequences; the first stage looks up rows of half a table besides, the last has an all-reduce of its logits.
    _, timeline, does = step(*NEOX)
    hidden = 4 * 2048 * 6144 * 2
    for stage, alone in enumerate((1, 0, 0, 1)):
        work = of(timeline, "compute") & (timeline.entity == stage)
        assert does.sent[work].sum() == 32 * (11 * 3 * 2 + alone) * hidden


def test_a_ring_of_two_passes_keys_and_values_on_and_both_with_their_gradients_back() -> None:
    # 8 heads of 128 + 128 elements of half a sequence in 16 bits; 4 micro-batches of 32 blocks
    _, timeline, does = llama("a sequence on two")
    assert does.sent[of(timeline, "compute")].sum() == 4 * 32 * 3 * (4096 * 8 * 256 * 2)


def test_experts_are_sent_their_copies_of_tokens_and_send_them_back_either_way() -> None:
    # Two copies of each of 8,192 tokens of 4,096 elements in 16 bits, of which 7 of 8 go to other GPUs; forward and backward,
    # there and back, in 8 blocks of a stage and 8 micro-batches.
    _, timeline, does = step(*MIXTRAL)
    work = of(timeline, "compute") & (timeline.entity == 1)
    assert does.sent[work].sum() == pytest.approx(8 * 8 * 2 * 2 * 7 / 8 * 2 * 8192 * 4096 * 2, rel=1e-9)


def test_the_optimizer_moves_bytes_and_sends_none() -> None:
    _, timeline, does = llama("replicas")
    update = of(timeline, "update")
    shard = (32 * (4096 * (4096 + 4096 + 1024 + 1024) + 3 * 4096 * 14336) + 2 * 128256 * 4096) / 64
    assert does.sent[update].sum() == does.flops[update].sum() == 0
    assert 16 * shard < does.memory[update].sum() < 100 * shard  # master weight, two moments: read and written, in fp32


@pytest.mark.parametrize("run", [NEOX, MIXTRAL, *((*LLAMA, *(f"strategy.{e}" for e in s)) for s in SPLITS.values())])
def test_no_slice_does_more_than_its_gpu_could(run: Sequence[str]) -> None:
    one, timeline, does = step(*run)
    assert isinstance(one.job.machine, GpuMachine)
    device = cluster_of(one.job.machine).device
    seconds = (timeline.end - timeline.start) / 1e12
    work = of(timeline, "compute")
    assert (does.flops[work] <= device.peak_fp16 * seconds[work]).all()
    assert (does.memory[work] + does.sent[work] > 0).all()
    update = of(timeline, "update")
    assert (does.memory[update] <= device.memory_bandwidth * seconds[update]).all()
    moved = of(timeline, "send", "gather", "scatter")
    assert (does.sent[moved] <= device.collective_bandwidth * seconds[moved] + 1).all()
