"""Routed experts on GPUs: router, permutation, all-to-all, grouped products, and the launches of each.

Every token goes to a few experts; the GPUs of an expert-parallel group hold different ones, each perhaps split over the GPUs of
an expert-tensor-parallel group, and stand side by side whatever tensor, context and data parallelism do (Megatron-Core folds
them: Liu et al. 2025, arXiv 2504.14960). Copies are sorted by expert, sent, sorted again by the experts of their GPU, worked on
and brought back the same way. The busiest GPU of a group sets the pace: `imbalance` is what it gets over the mean.

How many tokens each expert gets is known after the router alone. Without a capacity the host waits for it before it launches
what follows, so that it is never ahead: the experts' pass takes the longer of GPU and host by itself. With a capacity every
expert takes the same number, padded or dropped: their products are one batched product, and the host runs ahead as elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wafersim.gpu.collectives import all_reduce, all_to_all
from wafersim.gpu.gemm import FP16_BYTES, gemm, memory_rate
from wafersim.gpu.layout import Geometry, Layout
from wafersim.gpu.machine import Cluster, Column

PLACED_BYTES = 4.0  # of a copy's hidden element with a capacity: its place is known, it is read and written once
ROUTER_BYTES = (
    32.0  # of a token and expert: logits, softmax, top-k and auxiliary loss in fp32, read and written: assumed
)


@dataclass(frozen=True)
class ExpertTime:
    """Seconds of the experts of one block that has them, forward."""

    matmul: Column
    traffic: Column
    collectives: Column
    host: Column


def copies(g: Geometry, layout: Layout) -> Column:
    """Copies of tokens that a GPU's experts take, for each of its tokens before tensor parallelism, on the mean GPU.

    The GPUs of a tensor-parallel group have different tokens with sequence parallelism, and the same ones without; those that
    split an expert work on each other's.
    """
    shared = np.where(np.asarray(layout.sequence_parallel) > 0, layout.expert_split / layout.tensor, 1.0)
    capacity = np.where(np.asarray(layout.capacity) > 0, layout.capacity, 1.0)
    return g.experts_per_token * shared * capacity


def expert_time(g: Geometry, layout: Layout, cluster: Cluster, n: Column) -> ExpertTime:
    """Of n tokens on a GPU, before tensor parallelism. Shared experts are not among them."""
    device, software, fp8 = cluster.device, cluster.software, layout.fp8
    capped = np.asarray(layout.capacity) > 0
    e, split, per_node = np.asarray(layout.expert, float), layout.expert_split, cluster.network.gpus_per_node
    own = n / np.where(np.asarray(layout.sequence_parallel) > 0, layout.tensor, 1.0)  # tokens that a GPU routes
    local = g.experts / e
    busiest = np.where(capped, 1.0, layout.imbalance)
    rows = busiest * n * copies(g, layout)
    products = gemm(rows / local, g.d_model, g.gates * g.expert_ffn / split, device, fp8, local)
    products = products + gemm(rows / local, g.expert_ffn / split, g.d_model, device, fp8, local)
    router = gemm(own, g.d_model, g.experts, device)
    # Sorted by expert and brought back; between GPUs once more by the experts of a GPU, and back, where it has several.
    sorts = 2.0 + 2.0 * ((e > 1) & (local > 1))
    sent = busiest * own * g.experts_per_token * np.where(capped, layout.capacity, 1.0)
    sorting = np.where(capped, PLACED_BYTES, software.sort_traffic)
    moved = ROUTER_BYTES * own * g.experts + sorts * sorting * sent * g.d_model
    near = np.clip(per_node / np.asarray(split, float), 1.0, e)
    exchange = 2.0 * all_to_all(FP16_BYTES * sent * g.d_model, e, near, cluster)
    # Copies are gathered over, and outputs summed among, the GPUs that split an expert.
    size = FP16_BYTES * n * g.d_model * g.experts_per_token
    summed = software.tensor_exposed * all_reduce(size, split, np.minimum(split, per_node), cluster)
    each = np.where(capped, 0.0, software.launch_expert * local)  # alike, they are one batched product
    host = software.launch_experts + each
    return ExpertTime(products + router, moved / memory_rate(device), exchange + summed, host)
