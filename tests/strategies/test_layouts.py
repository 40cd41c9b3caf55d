"""From what was written to a layout, and what is said of splits that cannot run."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from wafersim.errors import Infeasible
from wafersim.gpu.cluster import cluster_of
from wafersim.gpu.layout import FULL, NONE, SELECTIVE, Geometry, Layout
from wafersim.inputs.machine import load_gpu_machine
from wafersim.inputs.strategy import GpuParallelSpec
from wafersim.strategies.gpu_parallel.layouts import blocks_divide, nearest, nearest_multiple, notes_of, resolve
from wafersim.strategies.gpu_parallel.search import _front
from wafersim.strategies.gpu_parallel.space import Space, Splits, splits_of
from wafersim.workload.model import load_model
from wafersim.workload.transformer import workload_of

CLUSTER = cluster_of(load_gpu_machine("dgx-a100-80gb", "megatron-lm"))  # nodes of 8
MODEL = replace(load_model("gpt3-1.3b"), layers=24, heads=12, kv_heads=12, d_model=1536, head_dim=128)


def spec(**asked: Any) -> GpuParallelSpec:
    every = {"tensor": 1, "pipeline": 1, "virtual_stages": 1, "micro_batch": 1, "recompute": "none"}
    return GpuParallelSpec(kind="gpu-parallel", **{**every, **asked})


def resolved(gpus: int, batch: int, **asked: Any) -> Layout:
    return resolve(spec(**asked), MODEL, gpus, batch, CLUSTER)


def test_the_nearest_that_works() -> None:
    assert nearest(5, lambda n: 12 % n == 0, 12) == "nearest: 4 or 6"
    assert nearest(7, lambda n: 12 % n == 0, 12) == "nearest: 6 or 12"
    assert nearest(13, lambda n: 12 % n == 0, 12) == "nearest: 12"
    assert nearest(1, lambda n: n == 3, 4) == "nearest: 3"
    assert nearest(2, lambda n: n == 9, 4) == "nothing near does"
    assert nearest_multiple(10, 4) == "nearest: 8 or 12"
    assert nearest_multiple(3, 4) == "nearest: 4"


@pytest.mark.parametrize(
    ("layers", "stages", "divides"),
    [
        (24, 1, True), (24, 8, True), (24, 5, False),
        (70, 12, True),  # BLOOM: with embedding and head 72, six to a stage
        (4, 3, True),  # one and two, the table counting as one
        (10, 12, False),  # twelve with both tables, but two stages would have no block
        (1, 3, False),
    ],
)  # fmt: skip
def test_stages_of_equal_length(layers: int, stages: int, divides: bool) -> None:
    assert blocks_divide(layers, stages) is divides


@pytest.mark.parametrize(
    ("gpus", "batch", "asked", "said"),
    [
        (16, 16, {"tensor": 8}, "tensor 8 does not divide the 12 heads of gpt3-1.3b; nearest: 6 or 12"),
        (10, 10, {"pipeline": 5}, "pipeline 5 does not divide the 24 layers of gpt3-1.3b; nearest: 4 or 6"),
        (12, 12, {"tensor": 4, "pipeline": 2}, "tensor 4 x pipeline 2 = 8 does not divide 12 GPUs; GPUs nearest: 8 or 16"),
        (16, 16, {"tensor": 4, "data": 3}, "data 3 x tensor 4 x pipeline 1 = 12 GPUs, not 16; nearest: data 4, or 12 GPUs"),
        (8, 12, {"micro_batch": 2}, "batch 12 does not divide by data 8 x micro_batch 2 = 16; nearest: 16"),
        (
            4, 8, {"pipeline": 4, "virtual_stages": 4},
            "virtual_stages 4 does not divide the 6 layers of a stage (24 over 4); nearest: 3 or 6",
        ),
        (8, 8, {"shard_group": 3}, "shard_group 3 does not divide the 8 replicas; nearest: 2 or 4"),
        (8, 8, {"precision": "fp8"}, "precision fp8: this GPU has no units for it; use bf16"),
    ],
)  # fmt: skip
def test_a_split_that_cannot_run_says_why_and_what_would(
    gpus: int, batch: int, asked: dict[str, Any], said: str
) -> None:
    with pytest.raises(Infeasible) as refused:
        resolved(gpus, batch, **asked)
    assert str(refused.value) == said


def test_keys_and_values_go_to_gpus_as_whole_heads_or_as_copies() -> None:
    grouped = replace(MODEL, kv_heads=4)
    for tensor in (1, 2, 4, 12):
        assert resolve(spec(tensor=tensor), grouped, tensor, 1, CLUSTER).tensor == tensor
    for tensor in (3, 6):
        with pytest.raises(Infeasible) as refused:
            resolve(spec(tensor=tensor), grouped, tensor, 1, CLUSTER)
        assert str(refused.value).startswith(
            f"tensor {tensor} neither divides nor is a multiple of the 4 key and value heads of gpt3-1.3b; nearest: "
        )
    space = Space(Geometry.of(workload_of(grouped, 1024)), grouped, CLUSTER, 12, 12, True)
    assert set(np.unique(splits_of(space, spec(tensor="auto")).layout.tensor)) == {1.0, 2.0, 4.0}


@pytest.mark.parametrize("split", ["pipeline", "context"])
def test_an_encoder_and_its_decoder_are_not_cut_apart(split: str) -> None:
    both = replace(MODEL, encoder_layers=24)
    assert resolve(spec(tensor=2), both, 2, 1, CLUSTER).tensor == 2
    with pytest.raises(Infeasible, match=f"{split} 2: encoder and decoder of gpt3-1.3b .* must be 1"):
        resolve(spec(**{split: 2}), both, 2, 1, CLUSTER)


def test_what_follows_from_the_rest() -> None:
    found = resolved(32, 64, tensor=2, pipeline=4, virtual_stages=3, micro_batch=2)
    assert (found.data, found.micro_batches, found.shard, found.sequence_parallel) == (4, 8, 4, 1)
    assert found.zero_stage == 1


def test_one_replica_has_nobody_to_share_states_with() -> None:
    assert resolved(4, 4, tensor=4, zero_stage=2).zero_stage == 0
    assert resolved(4, 4, tensor=2, zero_stage=2).zero_stage == 2


def test_sequences_are_split_among_several_gpus_only() -> None:
    assert resolved(4, 4, sequence_parallel=True).sequence_parallel == 0
    assert resolved(4, 4, tensor=4, sequence_parallel=True).sequence_parallel == 1
    assert resolved(4, 4, tensor=4, sequence_parallel=False).sequence_parallel == 0


@pytest.mark.parametrize(
    ("asked", "head_dim", "said"),
    [
        ({}, 128, ()),
        ({"tensor": 4}, 128, ()),
        ({"tensor": 12}, 128, ("tensor 12 spans nodes of 8 GPUs",)),
        ({"pipeline": 12}, 128, ("2 micro-batches cannot fill a pipeline of 12 stages: batch, data or micro_batch",)),
        ({"flash_attention": False}, 60, ("heads of 60 elements are misaligned (no multiple of 8) and slow",)),
        ({"flash_attention": True}, 60, ()),
    ],
)
def test_what_a_user_should_know_of_a_split_that_runs(
    asked: dict[str, Any], head_dim: int, said: tuple[str, ...]
) -> None:
    model = replace(MODEL, head_dim=head_dim)
    layout = resolve(spec(**asked), model, 24, 48 if "pipeline" not in asked else 4, CLUSTER)
    assert notes_of(Geometry.of(workload_of(model, 1024)), layout, CLUSTER) == said


def test_eight_gpus_of_a_node_of_eight_span_nothing() -> None:
    model = replace(MODEL, heads=16, kv_heads=16)
    layout = resolve(spec(tensor=8), model, 16, 16, CLUSTER)
    assert notes_of(Geometry.of(workload_of(model, 1024)), layout, CLUSTER) == ()


def searched(gpus: int, batch: int, **asked: Any) -> Splits:
    space = Space(Geometry.of(workload_of(MODEL, 1024)), MODEL, CLUSTER, gpus, batch, True)
    return splits_of(space, GpuParallelSpec(kind="gpu-parallel", **asked))


def values(column: Any) -> list[int]:
    return sorted({int(each) for each in np.asarray(column)})


def test_tensor_parallel_groups_that_straddle_nodes_are_not_searched_but_may_be_asked_for() -> None:
    # Of the divisors of 12 heads up to two nodes: 1, 2, 3, 4, 6 and 12; three, six and twelve straddle nodes of eight.
    assert values(searched(24, 24).layout.tensor) == [1, 2, 4]
    assert values(searched(24, 24, tensor=3).layout.tensor) == [3]


def test_recompute_that_saves_nothing_is_not_searched() -> None:
    # A fused attention keeps no scores that selective recompute could drop.
    assert values(searched(8, 8).layout.recompute) == sorted([FULL, NONE])
    assert values(searched(8, 8, flash_attention=False).layout.recompute) == sorted([FULL, SELECTIVE, NONE])


def test_a_shard_group_is_no_larger_than_the_replicas() -> None:
    found = searched(8, 8, shard_group=4, pipeline=1, micro_batch=1)
    assert {(int(d), int(s)) for d, s in zip(found.layout.data, found.layout.shard, strict=True)} == {
        (8, 4),
        (4, 4),
        (2, 2),
    }
    assert found.one(0)[0].shard == 4


def test_the_front_holds_what_none_beats_in_both() -> None:
    # The second of two equally fast takes less memory; the third is slower and larger; the fourth slower and smaller.
    assert _front(np.array([1.0, 1.0, 2.0, 3.0, 4.0]), np.array([5.0, 4.0, 6.0, 2.0, 2.0])) == [1, 3]
