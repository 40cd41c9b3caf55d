"""Collectives by the alpha-beta model of their algorithm, inside a node and between nodes (Thakur et al. 2005).

A ring all-reduce of S bytes over n GPUs sends 2 (n - 1) / n S past every GPU in 2 (n - 1) steps; a reduce-scatter or an
all-gather does half of that. A double binary tree (Sanders et al. 2009), which only all-reduces have, sends 2 S in 2 log2 n
steps: slower on the wire, sooner done where steps are what costs. In-switch reduction sends S once, both ways.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from wafersim.gpu.machine import Cluster, Column, Device, Network


def ring_all_reduce(size: Column, n: Column, bandwidth: Column, step: Column) -> Column:
    """2 (n - 1) (size / (n bandwidth) + step) seconds."""
    return 2.0 * (n - 1) * (size / (n * bandwidth) + step)


def tree_all_reduce(size: Column, n: Column, bandwidth: Column, step: Column) -> Column:
    """2 size / bandwidth + 2 ceil(log2 n) step seconds, pipelined in pieces too small to count."""
    return np.where(np.asarray(n) > 1, 2.0 * size / bandwidth + 2.0 * np.ceil(np.log2(n)) * step, 0.0)


def node_all_reduce(size: Column, n: Column, device: Device) -> Column:
    """All-reduce of `size` bytes over n GPUs of a node, in seconds: latency, medium sizes' ramp, bus bandwidth.

    0 for n = 1. With in-switch reduction the faster of ring and switch.
    """
    size, n = np.asarray(size, float), np.asarray(n, float)
    several = np.maximum(n, 2.0)
    if device.rings:
        bandwidth = device.collective_bandwidth * _ring_share(several, device.rings)
    else:
        bandwidth = np.where(n == 2, device.pair_bandwidth, device.collective_bandwidth)
    fixed = device.collective_latency + device.ramp * np.sqrt(size)
    seconds = fixed + ring_all_reduce(size, several, bandwidth, device.hop_latency)
    if np.any(device.switch_bandwidth):
        there = np.asarray(device.switch_bandwidth) > 0
        switched = fixed + 2.0 * (several - 1) / several * size / np.where(there, device.switch_bandwidth, 1.0)
        seconds = np.where(there, np.minimum(seconds, switched), seconds)
    return np.where(n > 1, seconds, 0.0)


def _ring_share(n: Column, rings: Mapping[int, float]) -> Column:
    """Share of a node's bandwidth that groups of n reach over the rings its links form: a size without rings of its own has
    those of the next smaller one, and its last GPU hangs on one of them."""
    sizes = np.array([0, *sorted(rings)])
    shares = np.array([rings[min(rings)], *(rings[size] for size in sorted(rings))])
    return shares[np.searchsorted(sizes, n, side="right") - 1]


def share_bandwidth(ranks_in_node: Column, network: Network) -> Column:
    """Bus bandwidth of a group with so many GPUs of each node, its share of what a group of whole nodes reaches."""
    return network.collective_bandwidth * ranks_in_node / network.gpus_per_node


def gradient_bandwidth(ranks_in_node: Column, network: Network) -> Column:
    """Bus bandwidth of a ring that sums gradients while all other rings of its nodes do; never above the nominal share."""
    ranks = np.asarray(ranks_in_node, float)
    # A ring with one GPU of each node has no hop inside nodes, and a rate of its own; others reach as much as they have GPUs.
    reached = network.gradient_bandwidth * np.where(ranks <= 1.0, 1.0, network.gradient_sharing * ranks)
    return np.minimum(reached, network.node_bandwidth * ranks_in_node / network.gpus_per_node)


def all_reduce(
    size: Column, n: Column, ranks_in_node: Column, cluster: Cluster, bandwidth: Column | None = None
) -> Column:
    """All-reduce over n GPUs of which `ranks_in_node` share a node, in seconds; the faster of ring and tree between nodes.

    `bandwidth` between nodes is the group's share unless given.
    """
    n, ranks_in_node = np.asarray(n, float), np.asarray(ranks_in_node, float)
    network = cluster.network
    wire = _between(ranks_in_node, cluster, bandwidth)
    ring = ring_all_reduce(size, n, wire, network.rank_latency)
    across = network.latency + np.minimum(ring, tree_all_reduce(size, n, wire, network.latency))
    return np.where(n <= ranks_in_node, node_all_reduce(size, n, cluster.device), across)


def gather(size: Column, n: Column, ranks_in_node: Column, cluster: Cluster, bandwidth: Column | None = None) -> Column:
    """All-gather to, or reduce-scatter of, `size` bytes, in seconds: half of a ring's all-reduce."""
    n, ranks_in_node = np.asarray(n, float), np.asarray(ranks_in_node, float)
    network = cluster.network
    across = network.latency + ring_all_reduce(
        size, n, _between(ranks_in_node, cluster, bandwidth), network.rank_latency
    )
    return 0.5 * np.where(n <= ranks_in_node, node_all_reduce(size, n, cluster.device), across)


def _between(ranks_in_node: Column, cluster: Cluster, bandwidth: Column | None) -> Column:
    between = share_bandwidth(ranks_in_node, cluster.network) if bandwidth is None else bandwidth
    return np.minimum(between, cluster.device.collective_bandwidth)


def all_to_all(size: Column, n: Column, ranks_in_node: Column, cluster: Cluster) -> Column:
    """Each of n GPUs sends (n - 1) / n of its `size` bytes to the others, in seconds."""
    n = np.asarray(n, float)
    network = cluster.network
    outside = np.maximum(0.0, n - ranks_in_node) / n
    inside = (np.minimum(n, ranks_in_node) - 1) / n
    links = outside * size / sender_rate(network.gpus_per_node, network)
    seconds = np.maximum(inside * size / (cluster.device.switched * cluster.device.collective_bandwidth), links)
    latency = cluster.device.collective_latency + np.where(n > ranks_in_node, network.latency, 0.0)
    return np.where(n > 1, seconds + latency, 0.0)


def sender_rate(senders: Column, network: Network) -> Column:
    """Bytes/s of one of so many GPUs of a node that send at a time: its adapter's, or its share of the node's."""
    together = np.minimum(network.p2p_bandwidth, network.node_bandwidth)
    rate: Column = np.minimum(network.node_bandwidth / network.adapters, together / np.asarray(senders, float))
    return rate


def point_to_point(size: Column, across: Column, senders: Column, cluster: Cluster) -> Column:
    """One transfer of `size` bytes, in seconds; between nodes (`across`), `senders` GPUs of the node share its links."""
    network, device = cluster.network, cluster.device
    inside = device.collective_latency + size / device.pair_bandwidth
    between = network.latency + size / sender_rate(senders, network)
    return np.where(np.asarray(across) > 0, between, inside)
