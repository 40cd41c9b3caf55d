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
from wafersim.gpu.layout import FULL, SELECTIVE, Geometry, Layout, key_value_ranks
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


def mlp_width(geometry: Geometry) -> Column:
    """Elements inside the MLPs that a token passes in the mean block: one of a dense block, routed and shared experts."""
    g = geometry
    return (1.0 - g.expert_share) * g.d_ffn + g.expert_share * (g.experts_per_token * g.expert_ffn + g.shared_ffn)


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
    split_width = g.gates * mlp_width(g) + g.query_width + g.key_value_width * t / key_value_ranks(g, layout)
    split_width = split_width + g.latent_width * t  # whole on every GPU
    permuted = g.expert_share * PERMUTE_BYTES * n * g.d_model * g.experts_per_token
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
    """Seconds of the mean block's linear layers, forward."""
    dense = (1.0 - g.expert_share) * _mlp(n, g.d_ffn, g, layout, cluster)
    seconds = _projections(g, layout, cluster, n) + dense
    if not np.any(g.expert_share):
        return seconds
    local = g.experts / layout.expert
    each = n * g.experts_per_token / local  # tokens of one expert; what leaves for other GPUs comes back from others
    experts = _mlp(each, g.expert_ffn, g, layout, cluster, local)
    shared = np.where(np.asarray(g.shared_ffn) > 0, _mlp(n, g.shared_ffn, g, layout, cluster), 0.0)
    return seconds + g.expert_share * (experts + shared)


def _mlp(n: Column, width: Column, g: Geometry, layout: Layout, cluster: Cluster, products: Column = 1.0) -> Column:
    """Seconds of the products of `products` MLPs of n tokens each."""
    device, t, fp8 = cluster.device, layout.tensor, layout.fp8
    up = gemm(n, g.d_model, g.gates * width / t, device, fp8, products)
    return up + gemm(n, width / t, g.d_model, device, fp8, products)


def _projections(g: Geometry, layout: Layout, cluster: Cluster, n: Column) -> Column:
    """Seconds of attention's linear layers, with latent attention's down- and up-projections, and of cross attention's."""
    device, t, fp8 = cluster.device, layout.tensor, layout.fp8
    h, queries, ranks = g.d_model, g.query_width / t, key_value_ranks(g, layout)
    output = gemm(n, g.value_width / t, h, device, fp8)
    plain = gemm(n, h, queries + g.key_value_width / ranks, device, fp8) + output
    if np.any(g.cross_share):  # queries of the decoder, keys and values of as many positions of the encoder
        apart = gemm(n, h, queries, device, fp8) + gemm(n, h, g.key_value_width / ranks, device, fp8)
        plain = plain + g.cross_share * (apart + output)
    if not np.any(g.kv_rank):
        return plain
    heads = g.heads * (g.head_dim + g.value_head_dim) / t
    down = gemm(n, h, g.latent_width, device, fp8)
    compressed = np.asarray(g.q_rank) > 0
    up = gemm(n, np.where(compressed, g.q_rank, h), queries, device, fp8) + gemm(n, g.kv_rank, heads, device, fp8)
    return np.where(np.asarray(g.kv_rank) > 0, down + up + output, plain)


def _attention(g: Geometry, layout: Layout, cluster: Cluster, n: Column) -> tuple[Column, Column]:
    """(seconds of the two score products, seconds of the traffic of the scores), forward."""
    device = cluster.device
    widths = g.query_width + g.value_width
    products, met = (2.0 * n * keys * widths / layout.tensor for keys in (g.keys, g.met_keys))
    flash = np.asarray(layout.flash) > 0
    aligned = np.rint(g.key_dim) % HEAD_ALIGNMENT == 0
    share = np.where(aligned, device.attention_efficiency, device.misaligned_attention)
    # A fused kernel skips what the mask hides; a batched product cannot, but for keys outside of every query's window.
    rate = device.peak_fp16 * cluster.software.flash_efficiency * device.flash_share
    seconds = np.where(flash, met / rate, products / (device.peak_fp16 * share))
    scores = n * g.keys * g.heads / layout.tensor
    return seconds, np.where(flash, 0.0, cluster.software.score_traffic * scores / memory_rate(device))


def _block_collectives(g: Geometry, layout: Layout, cluster: Cluster, n: Column) -> Column:
    """Seconds of a pass's tensor- and expert-parallel traffic."""
    per_node, t, c = cluster.network.gpus_per_node, layout.tensor, layout.context
    size = FP16_BYTES * n * g.d_model
    # Two all-reduces a pass; with sequence parallelism an all-gather and a reduce-scatter each, which is the same traffic (the
    # second gather of a backward pass hides beside its products, Korthikanti et al. 2022). Experts that tensor parallelism
    # splits gather and scatter every copy of a token.
    copies = 1.0 + g.expert_share * (g.experts_per_token - 1.0)
    tensor = (1.0 + copies) * all_reduce(size, t, np.minimum(t, per_node), cluster)
    e = layout.expert
    near = np.clip(per_node / (t * c), 1, e)
    experts = 2.0 * all_to_all(
        size * g.experts_per_token / np.where(np.asarray(layout.sequence_parallel) > 0, t, 1), e, near, cluster
    )
    exposed = cluster.software.tensor_exposed
    return exposed * tensor + np.where(np.asarray(e) > 1, g.expert_share * experts, 0.0)


def _ring(g: Geometry, layout: Layout, cluster: Cluster, n: Column) -> tuple[Column, Column]:
    """(seconds of keys and values around a context-parallel ring, seconds of merging its partial outputs), forward.

    Sequences are dealt out so that every GPU has its share of both ends: the causal work is even (Liu et al. 2023).
    """
    t, c = layout.tensor, layout.context
    repeated, ranks = g.query_width + g.value_width, key_value_ranks(g, layout)
    width = repeated if cluster.software.repeats_keys else g.key_value_width * t / ranks
    across = np.where(np.asarray(t * c) > cluster.network.gpus_per_node, 1.0, 0.0)
    ring = (c - 1) * point_to_point(FP16_BYTES * n * width / t, across, t, cluster)
    merge = (c - 1) * MERGE_BYTES * n * g.value_width / t / memory_rate(cluster.device)
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
