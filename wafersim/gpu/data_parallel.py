"""Gradients, sharded states and the optimizer: what a step costs once per layer or once per stage (Rajbhandari et al. 2020).

Stage 0 all-reduces gradients. Stages 1 and 2 reduce-scatter them and gather the updated weights, which is the same traffic.
Stage 3 gathers the weights of every layer before it is used, forward and backward, and scatters its gradients. A shard group
smaller than the replicas (hybrid sharding) reduces its shards over the groups besides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wafersim.gpu.collectives import all_reduce, gather, gradient_bandwidth, share_bandwidth
from wafersim.gpu.gemm import FP16_BYTES, memory_rate
from wafersim.gpu.layout import FULL, Geometry, Layout, key_value_ranks
from wafersim.gpu.machine import Cluster, Column


@dataclass(frozen=True)
class Parameters:
    """Parameters on one GPU before sharding. Experts are spread over a part of the replicas, so fewer hold the same ones."""

    dense: Column
    expert: Column

    @property
    def total(self) -> Column:
        """Both."""
        return self.dense + self.expert

    def __add__(self, other: Parameters) -> Parameters:
        return Parameters(self.dense + other.dense, self.expert + other.expert)

    def times(self, count: Column) -> Parameters:
        """So many of them."""
        return Parameters(count * self.dense, count * self.expert)

    def sharded(self, layout: Layout) -> Column:
        """What is left of them on a GPU when their replicas share them."""
        return self.dense / layout.shard + self.expert / expert_shard(layout)


def block_parameters(geometry: Geometry, layout: Layout) -> Parameters:
    """Of the mean block; an MLP that is not one of several experts is dense."""
    g, t = geometry, layout.tensor
    attention = g.query_parameters / t + g.key_value_parameters / key_value_ranks(g, layout) + g.latent_parameters
    experts = g.expert_share * g.experts / layout.expert * g.expert_parameters / layout.expert_split
    return Parameters(attention + g.dense_parameters / t, experts)


def table_parameters(geometry: Geometry, layout: Layout) -> Parameters:
    """Of a vocabulary table."""
    table = geometry.table_parameters / layout.tensor
    return Parameters(table, 0.0 * table)


def tables_of_one_stage(geometry: Geometry, layout: Layout) -> Column:
    """Tables of the first stage: its own, and the head's where there is one stage and the head has its own."""
    return 1.0 + np.where(np.asarray(layout.pipeline) == 1, geometry.untied, 0.0)


def expert_replicas(layout: Layout) -> Column:
    """GPUs that hold the same experts."""
    return layout.replicas * layout.tensor / (layout.expert * layout.expert_split)


def expert_shard(layout: Layout) -> Column:
    """GPUs that share an expert's states."""
    return np.maximum(1.0, expert_replicas(layout) * layout.shard / layout.replicas)


def ranks_in_node(layout: Layout, cluster: Cluster) -> Column:
    """Replicas of a GPU's weights in its node: tensor-parallel ranks are placed first, then context, then data.

    Whole ones: of a rack of 72 groups of 16 take 64.
    """
    return np.clip(np.floor(cluster.network.gpus_per_node / np.asarray(layout.tensor, float)), 1.0, layout.replicas)


def expert_ranks_in_node(layout: Layout, cluster: Cluster) -> Column:
    """Replicas of a GPU's experts in its node: the GPUs that share experts stand side by side."""
    whole = np.floor(cluster.network.gpus_per_node / np.asarray(layout.expert_split * layout.expert, float))
    return np.clip(whole, 1.0, expert_replicas(layout))


def gather_time(parameters: Parameters, layout: Layout, cluster: Cluster) -> Column:
    """All-gather of a layer's 16-bit weights over their shard groups, in seconds."""
    return sum(
        _gathered(FP16_BYTES * size, shard, np.minimum(near, shard), cluster)
        for size, shard, near, _ in _groups(parameters, layout, cluster)
    )


def gathers_again(layout: Layout, cluster: Cluster) -> Column:
    """Gathers of a layer's weights for its backward pass: with stage 3 one, or where what is recomputed lets go of them, two."""
    full = (np.asarray(layout.recompute) == FULL) & cluster.software.releases_recomputed
    return np.where(np.asarray(layout.zero_stage) >= 3, 1.0 + full, 0.0)


def scatter_time(parameters: Parameters, layout: Layout, cluster: Cluster) -> Column:
    """Reduce-scatter of a layer's gradients over their shard groups, and of the shards over the groups, in seconds."""
    seconds: Column = 0.0
    for size, shard, near, replicas in _groups(parameters, layout, cluster):
        size = cluster.software.gradient_bytes * size
        groups = replicas / shard
        between = all_reduce(size / shard, groups, np.maximum(1.0, near / shard), cluster)
        inside = _gathered(size, shard, np.minimum(near, shard), cluster)
        seconds = seconds + inside + np.where(np.asarray(groups) > 1, between, 0.0)
    return seconds


def reduce_time(parameters: Parameters, layout: Layout, cluster: Cluster) -> Column:
    """All-reduce of the gradients of so many parameters, or with sharded states their scatter, in seconds."""
    half = np.where(np.asarray(layout.zero_stage) > 0, 0.5, 1.0)
    return half * _over_replicas(cluster.software.gradient_bytes, parameters, layout, cluster)


def regather_time(parameters: Parameters, layout: Layout, cluster: Cluster) -> Column:
    """All-gather of updated 16-bit weights whose states are sharded, in seconds; 0 where they are not."""
    half = np.where(np.asarray(layout.zero_stage) > 0, 0.5, 0.0)
    return half * _over_replicas(FP16_BYTES, parameters, layout, cluster)


def _groups(parameters: Parameters, layout: Layout, cluster: Cluster) -> list[tuple[Column, Column, Column, Column]]:
    """(parameters, their shard group, replicas in a node, replicas) of the dense ones, and of the experts if there are any."""
    dense = parameters.dense, layout.shard, ranks_in_node(layout, cluster), layout.replicas
    if not np.any(parameters.expert):
        return [dense]
    near = expert_ranks_in_node(layout, cluster)
    return [dense, (parameters.expert, expert_shard(layout), near, expert_replicas(layout))]


def _gathered(size: Column, shard: Column, near: Column, cluster: Cluster) -> Column:
    bandwidth = cluster.software.collective_share * share_bandwidth(near, cluster.network)
    return gather(size, shard, near, cluster, bandwidth)


def _over_replicas(bytes_each: Column, parameters: Parameters, layout: Layout, cluster: Cluster) -> Column:
    seconds: Column = 0.0
    for size, _, near, replicas in _groups(parameters, layout, cluster):
        bandwidth = cluster.software.collective_share * gradient_bandwidth(near, cluster.network)
        seconds = seconds + all_reduce(bytes_each * size, replicas, near, cluster, bandwidth)
    return seconds


def tie_time(layout: Layout, table: Parameters, cluster: Cluster) -> Column:
    """The gradients of a tied table's two copies, on the first and on the last stage, summed; 0 with one stage."""
    across = np.asarray(layout.tensor * layout.context * layout.data * layout.pipeline) > cluster.network.gpus_per_node
    near = np.where(across, 1.0, 2.0)
    bandwidth = gradient_bandwidth(np.ones_like(near), cluster.network)
    size = cluster.software.gradient_bytes * table.total
    seconds = all_reduce(size, np.full_like(near, 2.0), near, cluster, bandwidth)
    return np.where(np.asarray(layout.pipeline) > 1, seconds, 0.0)


def update_time(parameters: Parameters, blocks: Column, layout: Layout, cluster: Cluster) -> Column:
    """The optimizer's pass over a stage's parameters (or its shard of them), in seconds."""
    software = cluster.software
    mine = np.where(np.asarray(layout.zero_stage) > 0, parameters.sharded(layout), parameters.total)
    traffic = software.optimizer_traffic * mine / memory_rate(cluster.device)
    return traffic + software.step_time + software.step_time_per_block * blocks


def accumulation_time(parameters: Parameters, cluster: Cluster) -> Column:
    """Adding a micro-batch's gradients to those before, in seconds."""
    return cluster.software.accumulation_traffic * parameters.total / memory_rate(cluster.device)
