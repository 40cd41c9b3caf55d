"""Collectives against their textbook costs: rings simulated chunk by chunk, trees by depth, and the hierarchy around them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wafersim.gpu.cluster import cluster_of
from wafersim.gpu.collectives import (
    all_reduce,
    all_to_all,
    gather,
    gradient_bandwidth,
    node_all_reduce,
    point_to_point,
    ring_all_reduce,
    tree_all_reduce,
)
from wafersim.inputs.machine import load_gpu_machine

CLUSTER = cluster_of(load_gpu_machine("dgx-a100-80gb"))
PLAIN = replace(CLUSTER.device, rings={}, switch_bandwidth=0.0, collective_latency=0.0, hop_latency=0.0, ramp=0.0)


def ring_by_chunks(vectors: np.ndarray, bandwidth: float, step: float, word: float) -> tuple[np.ndarray, float]:
    """What every rank holds after a ring all-reduce, and when: each step sends one chunk to the neighbour."""
    n, words = vectors.shape
    held, seconds = vectors.copy(), 0.0
    chunks = np.arange(words).reshape(n, -1)
    for adds, first in ((True, 0), (False, 1)):
        for number in range(n - 1):
            sent = [(rank, chunks[(rank + first - number) % n]) for rank in range(n)]
            copies = [held[rank, chunk].copy() for rank, chunk in sent]
            for (rank, chunk), values in zip(sent, copies, strict=True):
                there = held[(rank + 1) % n]
                there[chunk] = there[chunk] + values if adds else values
            seconds += step + chunks.shape[1] * word / bandwidth
    return held, seconds


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 9), st.integers(1, 5), st.floats(0, 1e-3))
def test_a_ring_takes_as_long_as_its_chunks_and_sums(n: int, each: int, step: float) -> None:
    vectors = np.random.default_rng(n).integers(-9, 9, (n, n * each)).astype(float)
    held, seconds = ring_by_chunks(vectors, 4e9, step, 8.0)
    assert np.array_equal(held, np.tile(vectors.sum(axis=0), (n, 1)))
    assert float(ring_all_reduce(8.0 * n * each, n, 4e9, step)) == pytest.approx(seconds)


def test_a_tree_pays_its_depth_twice() -> None:
    # 1 GB at 10 GB/s up and down: 0.2 s; 64 ranks are 6 levels deep, 1 ms each, both ways.
    assert float(tree_all_reduce(1e9, 64, 10e9, 1e-3)) == pytest.approx(0.2 + 12e-3)
    assert float(tree_all_reduce(1e9, 1, 10e9, 1e-3)) == 0.0


@pytest.mark.parametrize("n", [3, 4, 8])
def test_a_node_without_latencies_is_the_textbook_ring(n: int) -> None:
    # Bus bandwidth: 2 (n - 1) / n of the bytes pass every link.
    seconds = float(node_all_reduce(1e9, n, PLAIN))
    assert seconds == pytest.approx(2e9 * (n - 1) / n / PLAIN.collective_bandwidth)


def test_groups_whose_size_has_no_rings_of_its_own_have_those_of_the_next_smaller() -> None:
    v100 = cluster_of(load_gpu_machine("dgx2-v100")).device
    bare = replace(v100, collective_latency=0.0, hop_latency=0.0, ramp=0.0)

    def bus_bandwidth(n: int) -> float:
        return 2e9 * (n - 1) / n / float(node_all_reduce(1e9, n, bare))

    # Six rings over 8 GPUs: one of them joins 2, four join 4, two join 6.
    for n, ringed in ((2, 1), (3, 1), (4, 4), (5, 4), (6, 2), (7, 2), (8, 6), (16, 6)):
        assert bus_bandwidth(n) == pytest.approx(v100.collective_bandwidth * ringed / 6, rel=1e-3), n
    columns = node_all_reduce(1e9, np.array([1.0, 3.0, 5.0]), bare)
    assert [float(node_all_reduce(1e9, n, bare)) for n in (1, 3, 5)] == columns.tolist()


def test_reduction_in_the_switch_wins_over_the_ring_where_it_exists() -> None:
    switched = cluster_of(load_gpu_machine("dgx-h200")).device
    ring = replace(switched, switch_bandwidth=0.0)
    assert float(node_all_reduce(1e9, 8, switched)) < 0.8 * float(node_all_reduce(1e9, 8, ring))


def test_of_a_column_of_devices_those_without_a_switch_have_the_ring() -> None:
    """Even of nothing, which a switch gives back after the latency and a ring after its steps."""
    switched = cluster_of(load_gpu_machine("dgx-h200")).device
    ring = replace(switched, switch_bandwidth=0.0)
    both = replace(switched, switch_bandwidth=np.array([[switched.switch_bandwidth], [0.0]]))
    for size in (0.0, 1e9):
        found = np.asarray(node_all_reduce(size, 8, both))[:, 0]
        assert found.tolist() == [float(node_all_reduce(size, 8, one)) for one in (switched, ring)]


def test_small_sizes_pay_latency_and_large_ones_bandwidth() -> None:
    times = node_all_reduce(np.array([1.0, 2.0, 1e9, 2e9]), 8, CLUSTER.device)
    assert times[1] / times[0] == pytest.approx(1.0, abs=1e-3)
    assert times[3] / times[2] == pytest.approx(2.0, abs=0.03)


def test_between_nodes_a_tree_helps_small_sizes_in_large_worlds_only() -> None:
    ring_only = replace(CLUSTER, network=replace(CLUSTER.network, latency=1.0))  # a tree of seconds
    small, large = 1e4, 1e10
    latency = CLUSTER.network.latency
    tree, ring = (float(all_reduce(small, 4096, 1, c)) for c in (CLUSTER, ring_only))
    assert tree < 0.1 * (ring - 1.0 + latency)
    assert float(all_reduce(large, 16, 1, CLUSTER)) == pytest.approx(
        float(all_reduce(large, 16, 1, ring_only)) - 1 + latency
    )


def test_groups_share_the_adapters_of_a_node() -> None:
    # A ring with one GPU of each node has an eighth of the bandwidth of one with all eight.
    one, eight = (float(all_reduce(1e10, 64, near, CLUSTER)) for near in (1, 8))
    assert one / eight == pytest.approx(8, rel=0.01)


def test_a_gather_is_half_a_ring_and_one_gpu_needs_none() -> None:
    assert float(gather(1e10, 64, 8, CLUSTER)) == pytest.approx(0.5 * float(all_reduce(1e10, 64, 8, CLUSTER)))
    for alone in (all_reduce(1e9, 1, 1, CLUSTER), gather(1e9, 1, 1, CLUSTER), all_to_all(1e9, 1, 1, CLUSTER)):
        assert float(alone) == 0.0


def test_transfers_between_nodes_share_the_links() -> None:
    # One GPU has its adapter of 200 Gb/s; eight share the 160 GB/s that a node reaches point to point.
    alone, eight = (float(point_to_point(1e9, 1.0, senders, CLUSTER)) for senders in (1, 8))
    latency = CLUSTER.network.latency
    assert alone - latency == pytest.approx(1e9 / 25e9)
    assert eight - latency == pytest.approx(1e9 / 20e9)
    assert float(point_to_point(1e9, 0.0, 1, CLUSTER)) < alone  # NVLink


def test_a_switch_that_reduces_is_stated_by_its_bus_bandwidth() -> None:
    # nccl-tests on 8 H200 with NVLS, 16 GiB (github.com/stas00/ml-engineering): 480 GB/s of bus bandwidth, which is
    # 2 (n - 1) / n times the bytes over the time, so 16 GiB take 1.75 x 17.18 GB / 480 GB/s = 62.6 ms.
    device = replace(cluster_of(load_gpu_machine("dgx-h200")).device, collective_latency=0.0, ramp=0.0, hop_latency=0.0)
    assert float(node_all_reduce(2**34, 8, device)) == pytest.approx(62.6e-3, rel=1e-3)
    # Among four GPUs 1.5 times.
    assert float(node_all_reduce(2**34, 4, device)) == pytest.approx(53.7e-3, rel=1e-3)


def test_gradient_rings_share_the_adapters_of_their_nodes() -> None:
    network = replace(
        CLUSTER.network, gpus_per_node=8, node_bandwidth=100e9, gradient_bandwidth=3e9, gradient_sharing=0.6
    )
    # One GPU of each node: 3 GB/s. Two: 0.6 x 2 x 3. Where the law says more than the adapters have, an eighth of them each.
    assert float(gradient_bandwidth(1, network)) == 3e9
    assert float(gradient_bandwidth(2, network)) == pytest.approx(3.6e9)
    assert float(gradient_bandwidth(8, network)) == pytest.approx(14.4e9)
    assert float(gradient_bandwidth(2, replace(network, gradient_bandwidth=30e9))) == pytest.approx(25e9)
