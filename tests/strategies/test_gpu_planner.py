"""What a GPU plan says of GPT-3 1.3B: 24 blocks of 12 x 2,048^2 = 50,331,648 weights, 2,048 tokens a sequence."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gpu.test_machines import MODELS, layouts, machines
from tests.gpu.test_memory import ONE
from wafersim.gpu.cluster import cluster_of
from wafersim.gpu.gemm import PRECISIONS
from wafersim.gpu.layout import Geometry, Layout
from wafersim.gpu.machine import Cluster
from wafersim.inputs.machine import load_gpu_machine
from wafersim.strategies.gpu_parallel.account import GpuSplit
from wafersim.strategies.gpu_parallel.plan import GpuPlan
from wafersim.strategies.gpu_parallel.planner import build_gpu_plan, build_gpu_plans
from wafersim.workload.transformer import build_workload

CLUSTER = cluster_of(load_gpu_machine("dgx-a100-80gb", "megatron-lm"))
GEOMETRY = Geometry.of(build_workload("gpt3-1.3b", 2048))
BLOCK = 12 * 2048**2
US = 10**6  # ticks


def plan(cluster: Cluster = CLUSTER, schedule: str = "1f1b", geometry: Geometry = GEOMETRY, **split: Any) -> GpuPlan:
    return build_gpu_plan(geometry, replace(ONE, **split), cluster, schedule, clipping=True)


def software(**changes: Any) -> Cluster:
    return replace(CLUSTER, software=replace(CLUSTER.software, **changes))


def test_a_split_is_named_with_what_changes_its_numerics_and_its_order() -> None:
    plain = {"data": 4, "tensor": 2, "pipeline": 2, "context": 1, "expert": 1, "virtual_stages": 1, "micro_batch": 1, "shard": 4,
             "micro_batches": 4, "zero_stage": 1, "sequence_parallel": 1, "recompute": 0, "flash": 1, "fp8": 0}  # fmt: skip

    def name(schedule: str, precision: str) -> str:
        return GpuSplit.of(Layout(**{**plain, "fp8": PRECISIONS.index(precision)}), schedule).name

    assert name("1f1b", "bf16") == "TP 2 x PP 2 x DP 4, ZeRO-1"
    assert name("zero-bubble", "nvfp4") == "TP 2 x PP 2 x DP 4, zero-bubble, nvfp4, ZeRO-1"


def test_the_norm_goes_up_a_tree_of_all_gpus() -> None:
    # 20 us a message; 48 GPUs are six levels.
    assert plan().norm == 0
    assert plan(data=2).norm == 20 * US
    assert plan(data=4, tensor=4, pipeline=3, micro_batches=3).norm == 6 * 20 * US


def test_gradients_leave_by_the_bucket_the_one_that_fills_it_included() -> None:
    # 4 bytes a gradient: a bucket of 2.5 blocks is full in the third; 24 blocks make eight, between the table and the head.
    bucket = software(bucket=2.5 * 4 * BLOCK)
    assert len(plan(bucket, data=2).units[0][0]) == 1 + 8 + 1
    assert len(plan(software(bucket=1.0), data=2).units[0][0]) == 1 + 24 + 1
    five = plan(software(bucket=5 * 4 * BLOCK), data=2).units[0][0]
    assert len(five) == 1 + 5 + 1 and five[5].forward * 5 == pytest.approx(five[1].forward * 4, rel=0.05)


def test_a_tied_table_on_one_stage_is_reduced_once() -> None:
    tied = plan(data=2).units[0][0]
    assert tied[0].scatter > 0 and tied[-1].scatter == 0
    apart = plan(data=2, geometry=replace(GEOMETRY, untied=1)).units[0][0]
    assert apart[-1].scatter == apart[0].scatter > 0
    # On two stages each has its copy.
    first, last = plan(data=2, pipeline=2, micro_batches=2).units
    assert first[0][0].scatter == last[0][-1].scatter > 0


def test_sends_cross_where_some_gpu_of_a_stage_has_its_next_in_another_node() -> None:
    # Stages of three GPUs on nodes of eight are 0-2, 3-5 and 6-8: GPU 5 sends to GPU 8. 8,388,608 bytes at 197.2 GB/s after
    # 28.23 us inside; between nodes an adapter's 25 GB/s after 20 us.
    inside, across = plan(data=3, pipeline=3, micro_batches=3).sends
    assert inside == pytest.approx((28.23e-6 + 8_388_608 / 197.2e9) * 1e12)
    assert across == pytest.approx((20e-6 + 8_388_608 / 25e9) * 1e12)


def test_gradients_that_are_sharded_are_reduced_after_every_micro_batch() -> None:
    every = [plan(data=4, shard=4, micro_batches=2, zero_stage=stage).scatter_every for stage in (0, 1, 2, 3)]
    assert every == [False, False, True, True]


def test_weight_gradients_apart_take_half_of_the_products_and_add_up_the_gradients() -> None:
    # Adding to a block's gradients: 6 bytes a weight at 91.66 % of 2,039 GB/s.
    split, whole = (plan(schedule=name, pipeline=2, micro_batches=2) for name in ("zero-bubble", "1f1b"))
    block, undivided = split.units[0][0][1], whole.units[0][0][1]
    blocks = round(undivided.forward / plan(software(bucket=1.0), pipeline=2, micro_batches=2).units[0][0][1].forward)
    assert undivided.wgrad == 0
    assert block.backward + block.wgrad == pytest.approx(undivided.backward, abs=2)
    free = plan(software(accumulation_traffic=0.0), "zero-bubble", pipeline=2, micro_batches=2).units[0][0][1]
    assert free.backward == pytest.approx(block.backward, abs=2)
    adding = 6 * BLOCK / (0.9166 * 2039e9) * 1e12
    assert block.wgrad - free.wgrad == pytest.approx(blocks * adding, rel=1e-6)
    # Both products of the backward pass take 2.168 times the forward one: 2 x 2,048 x 12 x 2,048^2 FLOPs at 87.89 % of 312
    # TFLOP/s, and 2 x 28 x 2,048^2 bytes: of queries, keys and values 7 squares in and out, 3 of the projection, 9 of each MLP.
    forward = 2 * 2048 * BLOCK / (0.8789 * 312e12) + 2 * 28 * 2048**2 / (0.9166 * 2039e9)
    assert free.wgrad == pytest.approx(blocks * 0.5 * 2.168 * forward * 1e12, rel=1e-3)


def test_a_micro_batch_is_launched_once_each_way() -> None:
    # Half of 439.6 us forward, half backward, in front of the first unit of a chunk.
    usual, prompt = plan().units[0][0], plan(software(launch_micro_batch=0.0)).units[0][0]
    assert usual[0].forward - prompt[0].forward == pytest.approx(219.8 * US)
    assert usual[0].backward - prompt[0].backward == pytest.approx(219.8 * US)
    assert usual[1:] == prompt[1:]


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_plans_on_all_machines_at_once_are_those_on_each(data: st.DataObject) -> None:
    geometry = MODELS[data.draw(st.sampled_from(sorted(MODELS)))]
    clusters = data.draw(st.lists(machines(), min_size=1, max_size=6))
    layout = data.draw(layouts(geometry, clusters))
    schedule = "interleaved" if layout.virtual_stages > 1 else data.draw(st.sampled_from(["1f1b", "zero-bubble"]))
    clipping, tied = data.draw(st.booleans()), data.draw(st.booleans())
    together = build_gpu_plans(geometry, layout, clusters, schedule, clipping, tied)
    assert together == [build_gpu_plan(geometry, layout, one, schedule, clipping, tied) for one in clusters]


def test_machines_have_buckets_of_their_own() -> None:
    buckets = [software(bucket=blocks * 4 * BLOCK) for blocks in (2.5, 5, 0.1)]
    found = build_gpu_plans(GEOMETRY, replace(ONE, data=2), buckets, "1f1b", clipping=True)
    assert found == [plan(bucket, data=2) for bucket in buckets]


def test_of_machines_one_that_is_too_slow_for_the_clock_has_no_plan() -> None:
    slow = replace(CLUSTER, device=replace(CLUSTER.device, memory_bandwidth=1.0))
    found = build_gpu_plans(GEOMETRY, ONE, [CLUSTER, slow, CLUSTER], "1f1b", clipping=True)
    assert found == [plan(), None, plan()]
