"""What a transformer block, the embedding and the head cost on one GPU for one micro-batch, forward and backward.

Seconds of the GPU (matrix products, attention, element-wise traffic), of tensor- and context-parallel collectives that
nothing hides, and of the host that launches the kernels. A pass takes the longer of GPU and host, rounded where they meet;
where launches block, their sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wafersim.gpu.collectives import all_reduce, all_to_all, point_to_point
from wafersim.gpu.gemm import FP16_BYTES, gemm, memory_rate
from wafersim.gpu.layout import FULL, SELECTIVE, Geometry, Layout
from wafersim.gpu.machine import Cluster, Column

FUSED_SOFTMAX_HEADS = (
    4  # Megatron's fused softmax takes four heads a thread block; others fall back to separate kernels
)
HEAD_ALIGNMENT = 8  # fp16 elements, 16 bytes: what a tensor core loads at once
SHARPNESS = 6.0  # of the rounded maximum of host and GPU time
PERMUTE_BYTES = (
    8.0  # a copy of a token's hidden element is read and written on its way to its expert and on its way back
)
MERGE_BYTES = (
    30.0  # of an output element, each time a ring's partial outputs are merged in fp32 by element-wise kernels: assumed
)
HEAD_FORWARD = 1.0 / 3.0  # one of the three products of a linear layer, and as much of its traffic


@dataclass(frozen=True)
class PassTime:
    """Seconds of one pass: all of it, and its parts (which do not add up where host and GPU overlap)."""

    seconds: Column
    matmul: Column
    attention: Column
    traffic: Column
    collectives: Column
    host: Column

    def __add__(self, other: PassTime) -> PassTime:
        names = ("seconds", "matmul", "attention", "traffic", "collectives", "host")
        return PassTime(*(getattr(self, name) + getattr(other, name) for name in names))

    def scaled(self, factor: Column) -> PassTime:
        """So many of them, or such a share."""
        names = ("seconds", "matmul", "attention", "traffic", "collectives", "host")
        return PassTime(*(getattr(self, name) * factor for name in names))


@dataclass(frozen=True)
class BlockTime:
    """A block's passes; `recompute` is what the backward pass works out again before it."""

    forward: PassTime
    backward: PassTime
    recompute: PassTime


def tokens(geometry: Geometry, layout: Layout) -> Column:
    """Tokens of a micro-batch on one GPU."""
    return layout.micro_batch * geometry.sequence / layout.context


def _pass(
    matmul: Column, attention: Column, traffic: Column, collectives: Column, host: Column, cluster: Cluster
) -> PassTime:
    software = cluster.software
    host = host * software.host_factor
    gpu = matmul + attention + traffic + collectives
    larger, smaller = np.maximum(gpu, host), np.minimum(gpu, host)
    rounded = larger * (1.0 + (smaller / larger) ** SHARPNESS) ** (1.0 / SHARPNESS)
    seconds = rounded + software.launch_blocking * (gpu + host - rounded)
    return PassTime(seconds, matmul, attention, traffic, collectives, host)


def block_time(geometry: Geometry, layout: Layout, cluster: Cluster) -> BlockTime:
    """The three passes of a block."""
    g, device, software = geometry, cluster.device, cluster.software
    n, t = tokens(g, layout), layout.tensor
    matmul = _block_products(g, layout, cluster, n)
    attention, scores = _attention(g, layout, cluster, n)
    memory = memory_rate(device)
    whole = software.hidden_traffic * n * g.d_model / np.where(np.asarray(layout.sequence_parallel) > 0, t, 1)
    split_width = g.gates * g.d_ffn * g.experts_per_token + g.query_width + g.key_value_width
    permuted = np.where(np.asarray(g.experts) > 1, PERMUTE_BYTES * n * g.d_model * g.experts_per_token, 0.0)
    traffic = (whole + permuted + software.split_traffic * n * split_width / t) / memory
    collectives = _block_collectives(g, layout, cluster, n)
    ring, merge = _ring(g, layout, cluster, n)
    attention = attention + merge
    split = np.asarray(t, float) - 1.0
    unfused = np.where(
        (np.asarray(layout.flash) < 1) & (np.rint(layout.micro_batch * g.heads / t) % FUSED_SOFTMAX_HEADS != 0),
        1.0,
        0.0,
    )
    launches = software.launch_forward + split * software.launch_collective + unfused * software.launch_unfused
    shown = collectives + np.maximum(ring - attention, 0.0)
    forward = _pass(matmul, attention, traffic + scores, shown, launches, cluster)
    ratio = np.where(np.asarray(layout.flash) > 0, software.flash_backward, 2.0)
    # Keys, values and the gradients of both travel back.
    shown = collectives + np.maximum(2.0 * ring - ratio * attention, 0.0)
    backward = _pass(
        device.gemm_backward * matmul, ratio * attention, software.backward_traffic * (traffic + scores), shown,
        software.launch_backward + split * software.launch_collective, cluster,
    )  # fmt: skip
    core = _pass(0.0 * matmul, attention, scores, 0.0 * matmul, 0.0, cluster)
    full = np.where(np.asarray(layout.recompute) == FULL, 1.0, 0.0)
    selective = np.where(np.asarray(layout.recompute) == SELECTIVE, 1.0, 0.0)
    # A fused attention kernel recomputes its scores by itself, so selective recompute adds nothing to it.
    scores_again = selective * np.where(np.asarray(layout.flash) > 0, 0.0, 1.0)
    linear = _pass(matmul, 0.0 * matmul, traffic, 0.0 * matmul, launches, cluster)
    again = forward.scaled(full) + linear.scaled(selective * software.selective_share) + core.scaled(scores_again)
    return BlockTime(forward, backward, again)


def _block_products(g: Geometry, layout: Layout, cluster: Cluster, n: Column) -> Column:
    """Seconds of a block's four linear layers, forward."""
    device, t = cluster.device, layout.tensor
    h, q = g.d_model, g.query_width
    attention = gemm(n, h, (q + g.key_value_width) / t, device, layout.fp8) + gemm(n, q / t, h, device, layout.fp8)
    local = g.experts / layout.expert
    each = n * g.experts_per_token / local  # tokens of one expert; what leaves for other GPUs comes back from others
    up = gemm(each, h, g.gates * g.d_ffn / t, device, layout.fp8, local)
    return attention + up + gemm(each, g.d_ffn / t, h, device, layout.fp8, local)


def _attention(g: Geometry, layout: Layout, cluster: Cluster, n: Column) -> tuple[Column, Column]:
    """(seconds of the two score products, seconds of the traffic of the scores), forward."""
    device = cluster.device
    products = 4.0 * n * g.sequence * g.query_width / layout.tensor
    flash = np.asarray(layout.flash) > 0
    aligned = np.rint(g.head_dim) % HEAD_ALIGNMENT == 0
    share = np.where(aligned, device.attention_efficiency, device.misaligned_attention)
    # A fused kernel skips what lies above the diagonal; a batched product cannot.
    rate = device.peak_fp16 * cluster.software.flash_efficiency * device.flash_share
    fused = products * (1.0 - 0.5 * g.causal) / rate
    seconds = np.where(flash, fused, products / (device.peak_fp16 * share))
    scores = n * g.sequence * g.heads / layout.tensor
    return seconds, np.where(flash, 0.0, cluster.software.score_traffic * scores / memory_rate(device))


def _block_collectives(g: Geometry, layout: Layout, cluster: Cluster, n: Column) -> Column:
    """Seconds of a pass's tensor- and expert-parallel traffic."""
    per_node, t, c = cluster.network.gpus_per_node, layout.tensor, layout.context
    size = FP16_BYTES * n * g.d_model
    # Two all-reduces a pass; with sequence parallelism an all-gather and a reduce-scatter each, which is the same traffic (the
    # second gather of a backward pass hides beside its products, Korthikanti et al. 2022). Experts that tensor parallelism
    # splits gather and scatter every copy of a token.
    copies = np.where(np.asarray(g.experts) > 1, g.experts_per_token, 1.0)
    tensor = (1.0 + copies) * all_reduce(size, t, np.minimum(t, per_node), cluster)
    e = layout.expert
    near = np.clip(per_node / (t * c), 1, e)
    experts = 2.0 * all_to_all(
        size * g.experts_per_token / np.where(np.asarray(layout.sequence_parallel) > 0, t, 1), e, near, cluster
    )
    exposed = cluster.software.tensor_exposed
    return exposed * tensor + np.where(np.asarray(e) > 1, experts, 0.0)


def _ring(g: Geometry, layout: Layout, cluster: Cluster, n: Column) -> tuple[Column, Column]:
    """(seconds of keys and values around a context-parallel ring, seconds of merging its partial outputs), forward.

    Sequences are dealt out so that every GPU has its share of both ends: the causal work is even (Liu et al. 2023).
    """
    t, c = layout.tensor, layout.context
    width = 2.0 * g.query_width if cluster.software.repeats_keys else g.key_value_width
    across = np.where(np.asarray(t * c) > cluster.network.gpus_per_node, 1.0, 0.0)
    ring = (c - 1) * point_to_point(FP16_BYTES * n * width / t, across, t, cluster)
    merge = (c - 1) * MERGE_BYTES * n * g.query_width / t / memory_rate(cluster.device)
    several = np.asarray(c) > 1
    return np.where(several, ring, 0.0), np.where(several, merge, 0.0)


def head_time(geometry: Geometry, layout: Layout, cluster: Cluster) -> tuple[PassTime, PassTime]:
    """(forward, backward) of logits and loss on the last stage; they are not recomputed."""
    g, device, software = geometry, cluster.device, cluster.software
    n, t = tokens(g, layout), layout.tensor
    product = gemm(n, g.d_model, g.vocab / t, device)
    traffic = software.vocabulary_traffic * n * g.vocab / t / memory_rate(device)
    reduce = all_reduce(FP16_BYTES * n * g.d_model, t, np.minimum(t, cluster.network.gpus_per_node), cluster)
    nothing = 0.0 * product
    launch = software.launch_head
    forward = _pass(product, nothing, HEAD_FORWARD * traffic, nothing, HEAD_FORWARD * launch, cluster)
    rest = 1 - HEAD_FORWARD
    backward = _pass(device.gemm_backward * product, nothing, rest * traffic, reduce, rest * launch, cluster)
    return forward, backward


def embedding_time(geometry: Geometry, layout: Layout, cluster: Cluster) -> tuple[PassTime, PassTime]:
    """(forward, backward) of the look-up on the first stage; a split table's rows are summed over its GPUs."""
    g, software = geometry, cluster.software
    n, t = tokens(g, layout), layout.tensor
    traffic = 0.5 * software.embedding_traffic * n * g.d_model / memory_rate(cluster.device)
    reduce = all_reduce(FP16_BYTES * n * g.d_model, t, np.minimum(t, cluster.network.gpus_per_node), cluster)
    nothing = 0.0 * traffic
    forward = _pass(nothing, nothing, traffic, reduce, 0.5 * software.launch_embedding, cluster)
    return forward, _pass(nothing, nothing, traffic, nothing, 0.5 * software.launch_embedding, cluster)
