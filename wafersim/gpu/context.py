"""Context parallelism: how the GPUs that share a sequence see each other's keys and values.

Around a ring keys and values pass every GPU, which works on one part while the next comes, and merges the partial outputs (Liu
et al. 2023). By all-to-all queries, keys and values change hands before attention, each GPU has some heads of the whole
sequence, and the outputs change back (Jacobs et al. 2023, Ulysses); products wait for both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wafersim.gpu.collectives import all_to_all, point_to_point
from wafersim.gpu.gemm import FP16_BYTES, memory_rate
from wafersim.gpu.layout import Geometry, Layout, key_value_ranks
from wafersim.gpu.machine import Cluster, Column

MERGE_BYTES = (
    30.0  # of an output element, each time a ring's partial outputs are merged in fp32 by element-wise kernels: assumed
)


@dataclass(frozen=True)
class ContextTime:
    """Seconds of a block's pass forward; backward twice `hidden` and as much of the others."""

    hidden: Column  # keys and values around the ring, beside attention
    merge: Column  # of partial outputs, on the GPU
    exposed: Column  # all-to-all


def context_time(g: Geometry, layout: Layout, cluster: Cluster, n: Column) -> ContextTime:
    """Of the mean block, over n tokens on a GPU. Around a ring the causal work is even, since every GPU has both ends."""
    t, c = layout.tensor, np.asarray(layout.context, float)
    ranks, per_node = key_value_ranks(g, layout), cluster.network.gpus_per_node
    repeated, grouped = (g.query_width + g.value_width) / t, g.key_value_width / ranks
    width = repeated if cluster.software.repeats_keys else grouped
    across = np.where(np.asarray(t * c) > per_node, 1.0, 0.0)
    ring = (c - 1) * point_to_point(FP16_BYTES * n * width, across, t, cluster)
    merge = (c - 1) * MERGE_BYTES * n * g.value_width / t / memory_rate(cluster.device)
    several, exchanged = c > 1, np.asarray(layout.exchanges) > 0
    there = np.where(several & exchanged, _exchanged(g, layout, cluster, n), 0.0)
    around = several & ~exchanged
    return ContextTime(np.where(around, ring, 0.0), np.where(around, merge, 0.0), there)


def _exchanged(g: Geometry, layout: Layout, cluster: Cluster, n: Column) -> Column:
    """Seconds of the all-to-alls of queries, of keys and values, and of outputs, forward."""
    t, c = layout.tensor, np.asarray(layout.context, float)
    near = np.clip(cluster.network.gpus_per_node / np.asarray(t, float), 1.0, c)
    # Where a GPU has fewer heads of keys and values than the group has members, they are copied until each gets one.
    copies = np.maximum(1.0, c * key_value_ranks(g, layout) / g.kv_heads)
    widths = g.query_width / t, copies * g.key_value_width / key_value_ranks(g, layout), g.value_width / t
    seconds: Column = sum(all_to_all(FP16_BYTES * n * width, c, near, cluster) for width in widths)
    return seconds
