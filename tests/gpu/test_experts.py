"""Routed experts and context parallelism on GPUs, by hand."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.gpu.test_memory import ONE
from wafersim.errors import Infeasible
from wafersim.gpu.block import block_time
from wafersim.gpu.cluster import cluster_of
from wafersim.gpu.context import context_time
from wafersim.gpu.data_parallel import block_parameters, expert_ranks_in_node, expert_replicas
from wafersim.gpu.experts import copies, expert_time
from wafersim.gpu.layout import Geometry, Layout
from wafersim.gpu.machine import Cluster
from wafersim.gpu.passes import pass_time
from wafersim.inputs.machine import load_gpu_machine
from wafersim.inputs.strategy import GpuParallelSpec
from wafersim.strategies.gpu_parallel.layouts import resolve
from wafersim.workload.model import load_model
from wafersim.workload.transformer import workload_of

CLUSTER = cluster_of(load_gpu_machine("dgx-h100", "megatron-core"))
MODEL = replace(load_model("gpt3-1.3b"), experts=16, experts_per_token=2)  # width 2,048, 24 blocks
GEOMETRY = Geometry.of(workload_of(MODEL, 2048))
N = 2048.0


def software(**changes: Any) -> Cluster:
    return replace(CLUSTER, software=replace(CLUSTER.software, **changes))


def resolved(gpus: int, **asked: Any) -> Layout:
    every = {"tensor": 1, "pipeline": 1, "virtual_stages": 1, "micro_batch": 1, "recompute": "none"}
    return resolve(GpuParallelSpec(kind="gpu-parallel", **{**every, **asked}), MODEL, gpus, gpus, CLUSTER)


def test_experts_fold_over_data_context_and_tensor() -> None:
    # 32 GPUs of tensor 8 x data 4: 4 groups of experts lie over data, each expert split over 8; 16 over all, each whole.
    inside, folded = resolved(32, tensor=8, expert=4), resolved(32, tensor=8, expert=16)
    assert (inside.expert_tensor, folded.expert_tensor) == (8, 1)
    assert float(expert_replicas(inside)) == 1 and float(expert_replicas(folded)) == 2
    expert = 2 * MODEL.d_model * MODEL.d_ffn
    assert float(block_parameters(GEOMETRY, inside).expert) == 16 / 4 * expert / 8
    assert float(block_parameters(GEOMETRY, folded).expert) == 16 / 16 * expert
    # Two nodes hold one set of 16: the other replica of an expert is on another node.
    assert float(expert_ranks_in_node(folded, CLUSTER)) == 1
    # Split over 2 by hand: 8 x 2 GPUs of the 32 are a set.
    assert float(expert_replicas(resolved(32, tensor=8, expert=8, expert_tensor=2))) == 2


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"expert": 16}, "expert 16 does not divide data 8; nearest: 8"),
        (
            {"tensor": 2, "expert": 8, "expert_tensor": 2},
            "expert 8 does not divide data 4 x context 1 x tensor 2 / expert_tensor 2",
        ),
        ({"context": 8, "data": 1, "context_kind": "all-to-all", "tensor": 1}, None),
    ],
)
def test_experts_that_do_not_divide_are_refused(asked: dict[str, Any], said: str | None) -> None:
    if said is None:
        assert resolved(8, **asked).exchanges == 1  # 16 heads over 8
        return
    with pytest.raises(Infeasible) as refused:
        resolved(8, **asked)
    assert str(refused.value).startswith(said)


def test_a_gpu_works_on_as_many_copies_as_it_sends_on_the_mean() -> None:
    assert float(copies(GEOMETRY, ONE)) == 2
    parallel = replace(ONE, tensor=4, data=4, sequence_parallel=1, expert=4)
    assert float(copies(GEOMETRY, parallel)) == 2  # split over 4, each has the tokens of all four
    assert float(copies(GEOMETRY, replace(parallel, expert_tensor=1))) == 2 / 4
    assert float(copies(GEOMETRY, replace(ONE, capacity=1.5))) == 3


def test_copies_cross_the_network_where_experts_do() -> None:
    # Two copies of 2,048 tokens x 2,048 elements x 2 bytes: 16.8 MB there and back, 7/8 of them to others; over two nodes half of
    # them leave the node, by an adapter of 50 GB/s or the GPU's share of what all reach together.
    within = expert_time(GEOMETRY, replace(ONE, data=8, expert=8), CLUSTER, N).collectives
    beyond = expert_time(GEOMETRY, replace(ONE, data=16, expert=16), CLUSTER, N).collectives
    sent = 2 * N * 2048 * 2
    device, network = CLUSTER.device, CLUSTER.network
    assert float(within) == pytest.approx(
        2 * (sent * 7 / 8 / (0.8 * device.collective_bandwidth) + device.collective_latency)
    )
    rate = min(50e9, network.p2p_bandwidth / 8)
    latency = device.collective_latency + network.latency
    assert float(beyond) == pytest.approx(2 * (sent / 2 / rate + latency))


def test_the_busiest_gpu_sets_the_pace_unless_a_capacity_does() -> None:
    quiet = software(launch_experts=0.0, launch_expert=0.0)
    even = expert_time(GEOMETRY, replace(ONE, data=8, expert=8), quiet, N)
    busy = expert_time(GEOMETRY, replace(ONE, data=8, expert=8, imbalance=1.5), quiet, N)
    capped = expert_time(GEOMETRY, replace(ONE, data=8, expert=8, imbalance=1.5, capacity=1.0), quiet, N)
    latency = 2 * CLUSTER.device.collective_latency
    assert float(busy.collectives) - latency == pytest.approx(1.5 * (float(even.collectives) - latency))
    assert float(busy.matmul) > 1.2 * float(even.matmul)
    assert (float(capped.matmul), float(capped.collectives)) == (float(even.matmul), float(even.collectives))


def test_a_host_that_waits_for_the_router_is_never_ahead_of_the_experts() -> None:
    # Without a capacity the experts' launches, 10 ms here, are not hidden behind the rest of the block's work, 20 ms of traffic.
    slow = software(
        launch_experts=10e-3, launch_expert=0.0, launch_forward=0.0, launch_backward=0.0, hidden_traffic=0.0
    )
    slow = replace(slow, software=replace(slow.software, split_traffic=0.0))
    long = replace(slow, device=replace(slow.device, memory_bandwidth=slow.device.memory_bandwidth / 300))
    waits = float(block_time(GEOMETRY, ONE, long).forward.seconds)
    ahead = float(block_time(GEOMETRY, replace(ONE, capacity=1.0), long).forward.seconds)
    assert 0 < waits - ahead < 10e-3


def test_launches_grow_with_the_experts_of_a_gpu() -> None:
    each = software(launch_experts=1e-3, launch_expert=1e-4)
    assert float(expert_time(GEOMETRY, ONE, each, N).host) == pytest.approx(1e-3 + 16e-4)
    assert float(expert_time(GEOMETRY, replace(ONE, data=8, expert=8), each, N).host) == pytest.approx(1e-3 + 2e-4)


def test_what_sorting_copies_costs_is_the_stacks_own_unless_a_capacity_says_their_places() -> None:
    # Two copies of 2,048 tokens x 2,048 elements, sorted by expert and back: 16.8 million elements by 50 bytes instead of 10.
    few, many = (software(sort_traffic=size) for size in (10.0, 50.0))
    rate = CLUSTER.device.memory_bandwidth * CLUSTER.device.memory_efficiency
    more = float(expert_time(GEOMETRY, ONE, many, N).traffic) - float(expert_time(GEOMETRY, ONE, few, N).traffic)
    assert more == pytest.approx(40 * 16_777_216 / rate)
    capped = replace(ONE, capacity=1.0)
    same = [float(expert_time(GEOMETRY, capped, of, N).traffic) for of in (few, many)]
    assert same[0] == same[1] < float(expert_time(GEOMETRY, ONE, few, N).traffic)


def test_the_host_launches_twice_as_much_for_experts_backward() -> None:
    # Whatever the rest of a block takes backward: 1 ms for the router and 16 x 0.1 ms, then as much twice.
    host = software(launch_experts=1e-3, launch_expert=1e-4, launch_forward=0.0, launch_backward=0.0)
    block = block_time(GEOMETRY, ONE, host)
    assert float(block.forward.host) == pytest.approx(2.6e-3)
    assert float(block.backward.host) == pytest.approx(5.2e-3)


def test_an_all_to_all_moves_heads_and_a_ring_moves_keys_and_values() -> None:
    # 4 GPUs share 8,192 tokens, 2,048 each, of 16 heads x 128: queries and outputs 8.4 MB each, keys and values 16.8 MB; each GPU
    # keeps a quarter. The ring passes keys and values on three times.
    plain = Geometry.of(workload_of(load_model("gpt3-1.3b"), 8192))
    ring = context_time(plain, replace(ONE, context=4), CLUSTER, N)
    there = context_time(plain, replace(ONE, context=4, exchanges=1), CLUSTER, N)
    device = CLUSTER.device
    megabytes = 2 * N * 2048
    rate = 0.8 * device.collective_bandwidth
    assert float(there.exposed) == pytest.approx(4 * megabytes * 3 / 4 / rate + 3 * device.collective_latency)
    assert float(there.hidden) == float(there.merge) == float(ring.exposed) == 0
    assert float(ring.hidden) == pytest.approx(3 * (2 * megabytes / device.pair_bandwidth + device.collective_latency))


def test_few_heads_of_keys_are_copied_until_each_gpu_has_one() -> None:
    grouped = Geometry.of(workload_of(replace(load_model("gpt3-1.3b"), kv_heads=2), 8192))
    free = replace(CLUSTER, device=replace(CLUSTER.device, collective_latency=0.0))
    # Queries 16 heads, outputs 16, keys and values 2 x 2 copied twice: 2 x 4.
    there = float(context_time(grouped, replace(ONE, context=4, exchanges=1), free, N).exposed)
    plain = Geometry.of(workload_of(load_model("gpt3-1.3b"), 8192))
    whole = float(context_time(plain, replace(ONE, context=4, exchanges=1), free, N).exposed)
    assert there / whole == pytest.approx((16 + 16 + 2 * 4) / (16 * 4))


def test_columns_and_single_layouts_agree() -> None:
    layouts = [replace(ONE, data=8, expert=e, capacity=c, imbalance=1.2) for e in (1, 8) for c in (0.0, 1.0)]
    column = replace(
        ONE, data=np.full(4, 8.0), expert=np.array([1.0, 1.0, 8.0, 8.0]), capacity=np.array([0.0, 1.0] * 2),
        imbalance=np.full(4, 1.2),
    )  # fmt: skip
    whole = block_time(GEOMETRY, column, CLUSTER).forward.seconds
    assert whole == pytest.approx([float(block_time(GEOMETRY, one, CLUSTER).forward.seconds) for one in layouts])


def test_what_takes_no_time_takes_none_and_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nothing = pass_time(*np.zeros((5, 2)), CLUSTER)
        some = pass_time(*np.array([[1e-3, 0.0], *np.zeros((4, 2))]), CLUSTER)
    assert nothing.seconds.tolist() == [0.0, 0.0]
    assert some.seconds.tolist() == [1e-3, 0.0]
