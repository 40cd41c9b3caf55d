"""Gradients, sharded states and the optimizer: what a step costs once per layer or once per stage (Rajbhandari et al. 2020).

Stage 0 all-reduces gradients. Stages 1 and 2 reduce-scatter them and gather the updated weights, which is the same traffic.
Stage 3 gathers the weights of every layer before it is used, forward and backward, and scatters its gradients. A shard group
smaller than the replicas (hybrid sharding) reduces its shards over the groups besides.
"""

from __future__ import annotations

import numpy as np

from wafersim.gpu.collectives import all_reduce, gather, gradient_bandwidth, share_bandwidth
from wafersim.gpu.gemm import FP16_BYTES, memory_rate
from wafersim.gpu.layout import Geometry, Layout
from wafersim.gpu.machine import Cluster, Column


def block_parameters(geometry: Geometry, layout: Layout) -> Column:
    """Parameters of a block on one GPU before sharding."""
    experts = geometry.experts / layout.expert * geometry.mlp_parameters
    return (geometry.attention_parameters + experts) / layout.tensor


def table_parameters(geometry: Geometry, layout: Layout) -> Column:
    """Parameters of a vocabulary table on one GPU before sharding."""
    return geometry.table_parameters / layout.tensor


def ranks_in_node(layout: Layout, cluster: Cluster) -> Column:
    """Replicas of a GPU's weights in its node: tensor-parallel ranks are placed first, then context, then data."""
    return np.clip(cluster.network.gpus_per_node / layout.tensor, 1.0, layout.replicas)


def gather_time(parameters: Column, layout: Layout, cluster: Cluster) -> Column:
    """All-gather of a layer's 16-bit weights over its shard group, in seconds."""
    near = np.minimum(ranks_in_node(layout, cluster), layout.shard)
    bandwidth = cluster.software.collective_share * share_bandwidth(near, cluster.network)
    return gather(FP16_BYTES * parameters, layout.shard, near, cluster, bandwidth)


def scatter_time(parameters: Column, layout: Layout, cluster: Cluster) -> Column:
    """Reduce-scatter of a layer's gradients over its shard group, and of the shard over the groups, in seconds."""
    size = cluster.software.gradient_bytes * parameters
    near = np.minimum(ranks_in_node(layout, cluster), layout.shard)
    bandwidth = cluster.software.collective_share * share_bandwidth(near, cluster.network)
    groups = layout.replicas / layout.shard
    between = all_reduce(
        size / layout.shard, groups, np.maximum(1.0, ranks_in_node(layout, cluster) / layout.shard), cluster
    )
    return gather(size, layout.shard, near, cluster, bandwidth) + np.where(np.asarray(groups) > 1, between, 0.0)


def reduce_time(parameters: Column, layout: Layout, cluster: Cluster) -> Column:
    """All-reduce of the gradients of so many parameters, or with sharded states their scatter, in seconds."""
    half = np.where(np.asarray(layout.zero_stage) > 0, 0.5, 1.0)
    return half * _over_replicas(cluster.software.gradient_bytes * parameters, layout, cluster)


def regather_time(parameters: Column, layout: Layout, cluster: Cluster) -> Column:
    """All-gather of updated 16-bit weights whose states are sharded, in seconds; 0 where they are not."""
    half = np.where(np.asarray(layout.zero_stage) > 0, 0.5, 0.0)
    return half * _over_replicas(FP16_BYTES * parameters, layout, cluster)


def _over_replicas(size: Column, layout: Layout, cluster: Cluster) -> Column:
    near = ranks_in_node(layout, cluster)
    bandwidth = cluster.software.collective_share * gradient_bandwidth(near, cluster.network)
    return all_reduce(size, layout.replicas, near, cluster, bandwidth)


def tie_time(layout: Layout, table: Column, cluster: Cluster) -> Column:
    """The gradients of a tied table's two copies, on the first and on the last stage, summed; 0 with one stage."""
    across = np.asarray(layout.tensor * layout.context * layout.data * layout.pipeline) > cluster.network.gpus_per_node
    near = np.where(across, 1.0, 2.0)
    bandwidth = gradient_bandwidth(np.ones_like(near), cluster.network)
    seconds = all_reduce(cluster.software.gradient_bytes * table, np.full_like(near, 2.0), near, cluster, bandwidth)
    return np.where(np.asarray(layout.pipeline) > 1, seconds, 0.0)


def update_time(parameters: Column, blocks: Column, layout: Layout, cluster: Cluster) -> Column:
    """The optimizer's pass over a stage's parameters (or its shard of them), in seconds."""
    software = cluster.software
    share = np.where(np.asarray(layout.zero_stage) > 0, layout.shard, 1.0)
    traffic = software.optimizer_traffic * parameters / share / memory_rate(cluster.device)
    return traffic + software.step_time + software.step_time_per_block * blocks


def accumulation_time(parameters: Column, cluster: Cluster) -> Column:
    """Adding a micro-batch's gradients to those before, in seconds."""
    return cluster.software.accumulation_traffic * parameters / memory_rate(cluster.device)
