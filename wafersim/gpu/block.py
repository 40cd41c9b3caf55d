"""What a transformer block, the embedding and the head cost on one GPU for one micro-batch, forward and backward.

Seconds of the GPU (matrix products, attention, element-wise traffic), of tensor-, context- and expert-parallel collectives that
nothing hides, and of the host that launches the kernels.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from wafersim.gpu.attention import attention_time
from wafersim.gpu.collectives import all_reduce
from wafersim.gpu.context import context_time
from wafersim.gpu.experts import ExpertTime, expert_time
from wafersim.gpu.gemm import FP16_BYTES, gemm, memory_rate
from wafersim.gpu.layout import FULL, MLP, SELECTIVE, Geometry, Layout, key_value_ranks
from wafersim.gpu.machine import Cluster, Column
from wafersim.gpu.passes import PassTime, pass_time

FUSED_SOFTMAX_HEADS = (
    4  # Megatron's fused softmax takes four heads a thread block; others fall back to separate kernels
)
Parts = tuple[Column, Column, Column, Column, Column]  # matmul, attention, traffic, collectives, host

PRODUCTS_BACKWARD = 2.0  # of a linear layer, for one forward
HEAD_FORWARD = 1.0 / 3.0  # one of the three products of a linear layer, and as much of its traffic


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


def block_time(geometry: Geometry, layout: Layout, cluster: Cluster) -> BlockTime:
    """The three passes of a block."""
    g, device, software = geometry, cluster.device, cluster.software
    n, t = tokens(g, layout), layout.tensor
    matmul = _block_products(g, layout, cluster, n)
    scored = attention_time(g, layout, cluster, n)
    scores = scored.scores
    memory = memory_rate(device)
    whole = software.hidden_traffic * n * g.d_model / np.where(np.asarray(layout.sequence_parallel) > 0, t, 1)
    split_width = g.gates * mlp_width(g) + g.query_width + g.key_value_width * t / key_value_ranks(g, layout)
    split_width = split_width + g.latent_width * t  # whole on every GPU
    traffic = (whole + software.split_traffic * n * split_width / t) / memory
    collectives = _block_collectives(g, layout, cluster, n)
    context = context_time(g, layout, cluster, n)
    attention = scored.forward + context.merge
    collectives = collectives + context.exposed
    experts = expert_time(g, layout, cluster, n) if np.any(g.expert_share) else None
    split = np.asarray(t, float) - 1.0
    unfused = np.where(
        (np.asarray(layout.flash) < 1) & (np.rint(layout.micro_batch * g.heads / t) % FUSED_SOFTMAX_HEADS != 0),
        1.0,
        0.0,
    )
    launches = software.launch_forward + split * software.launch_collective + unfused * software.launch_unfused
    shown = collectives + np.maximum(context.hidden - attention, 0.0)
    waits = np.asarray(layout.capacity) == 0
    forward = _pass(g, experts, waits, (matmul, attention, traffic + scores, shown, launches), cluster)
    back = scored.backward + software.flash_backward * context.merge
    # Keys, values and the gradients of both travel back.
    shown = collectives + np.maximum(2.0 * context.hidden - back, 0.0)
    behind = None if experts is None else _backward(experts, cluster)
    backward = _pass(g, behind, np.zeros_like(waits), (
        device.gemm_backward * matmul, back, software.backward_traffic * (traffic + scores), shown,
        software.launch_backward + split * software.launch_collective,
    ), cluster)  # fmt: skip
    core = pass_time(0.0 * matmul, attention, scores, 0.0 * matmul, 0.0, cluster)
    full = np.where(np.asarray(layout.recompute) == FULL, 1.0, 0.0)
    selective = np.where(np.asarray(layout.recompute) == SELECTIVE, 1.0, 0.0)
    # A fused attention kernel recomputes its scores by itself, so selective recompute adds nothing to it.
    scores_again = selective * np.where(np.asarray(layout.flash) > 0, 0.0, 1.0)
    linear = _pass(g, experts, waits, (matmul, 0.0 * matmul, traffic, 0.0 * matmul, launches), cluster)
    again = forward.scaled(full) + linear.scaled(selective * software.selective_share) + core.scaled(scores_again)
    # An MLP that is recomputed has its products, its element-wise work and half of the block's norms, collectives and launches.
    of_mlp = 0.5 * whole + software.split_traffic * n * g.gates * mlp_width(g) / t
    products = matmul - _projections(g, layout, cluster, n)
    parts = products, 0.0 * matmul, of_mlp / memory, 0.5 * _block_collectives(g, layout, cluster, n), 0.5 * launches
    mlp = np.where(np.asarray(layout.recompute) == MLP, 1.0, 0.0)
    again = again + _pass(g, experts, waits, parts, cluster).scaled(mlp)
    return BlockTime(forward, backward, again)


def _pass(g: Geometry, experts: ExpertTime | None, waits: Column, rest: Parts, cluster: Cluster) -> PassTime:
    """A pass of the mean block: `rest` (matmul, attention, traffic, collectives, host) and experts where it has them.

    Where the host waits for the router, experts take the longer of GPU and host by themselves.
    """
    if experts is None:
        return pass_time(*rest, cluster)
    share = g.expert_share
    routed: Parts = experts.matmul, 0.0 * experts.matmul, experts.traffic, experts.collectives, experts.host
    matmul, attention, traffic, collectives, host = (one + share * more for one, more in zip(rest, routed, strict=True))
    together = pass_time(matmul, attention, traffic, collectives, host, cluster)
    apart = pass_time(*rest, cluster) + pass_time(*routed, cluster).scaled(share)
    return PassTime(*(np.where(waits, getattr(apart, f.name), getattr(together, f.name)) for f in fields(PassTime)))


def _backward(experts: ExpertTime, cluster: Cluster) -> ExpertTime:
    """How many tokens each expert has is known by then; the same copies travel, and each product has two behind it to launch."""
    return ExpertTime(
        cluster.device.gemm_backward * experts.matmul, experts.traffic, experts.collectives,
        PRODUCTS_BACKWARD * experts.host,
    )  # fmt: skip


def _block_products(g: Geometry, layout: Layout, cluster: Cluster, n: Column) -> Column:
    """Seconds of the mean block's linear layers that every token meets, forward."""
    dense = (1.0 - g.expert_share) * _mlp(n, g.d_ffn, g, layout, cluster)
    seconds = _projections(g, layout, cluster, n) + dense
    if not np.any(g.shared_ffn):
        return seconds
    shared = np.where(np.asarray(g.shared_ffn) > 0, _mlp(n, g.shared_ffn, g, layout, cluster), 0.0)
    return seconds + g.expert_share * shared


def _mlp(n: Column, width: Column, g: Geometry, layout: Layout, cluster: Cluster) -> Column:
    """Seconds of the products of an MLP of n tokens."""
    device, t, fp8 = cluster.device, layout.tensor, layout.fp8
    up = gemm(n, g.d_model, g.gates * width / t, device, fp8)
    return up + gemm(n, width / t, g.d_model, device, fp8)


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


def _block_collectives(g: Geometry, layout: Layout, cluster: Cluster, n: Column) -> Column:
    """Seconds of a pass's tensor-parallel traffic, without that of routed experts."""
    per_node, t = cluster.network.gpus_per_node, layout.tensor
    size = FP16_BYTES * n * g.d_model
    # An all-reduce a pass for attention and one for a dense MLP or shared experts; with sequence parallelism an all-gather and a
    # reduce-scatter each, which is the same traffic (the second gather of a backward pass hides beside its products,
    # Korthikanti et al. 2022).
    dense = 1.0 - g.expert_share * np.where(np.asarray(g.shared_ffn) > 0, 0.0, 1.0)
    return cluster.software.tensor_exposed * (1.0 + dense) * all_reduce(size, t, np.minimum(t, per_node), cluster)


def head_time(geometry: Geometry, layout: Layout, cluster: Cluster) -> tuple[PassTime, PassTime]:
    """(forward, backward) of logits and loss on the last stage; they are not recomputed."""
    g, device, software = geometry, cluster.device, cluster.software
    n, t = tokens(g, layout), layout.tensor
    product = gemm(n, g.d_model, g.vocab / t, device)
    traffic = software.vocabulary_traffic * n * g.vocab / t / memory_rate(device)
    reduce = all_reduce(FP16_BYTES * n * g.d_model, t, np.minimum(t, cluster.network.gpus_per_node), cluster)
    nothing = 0.0 * product
    launch = software.launch_head
    forward = pass_time(product, nothing, HEAD_FORWARD * traffic, nothing, HEAD_FORWARD * launch, cluster)
    rest = 1 - HEAD_FORWARD
    backward = pass_time(device.gemm_backward * product, nothing, rest * traffic, reduce, rest * launch, cluster)
    return forward, backward


def embedding_time(geometry: Geometry, layout: Layout, cluster: Cluster) -> tuple[PassTime, PassTime]:
    """(forward, backward) of the look-up on the first stage; a split table's rows are summed over its GPUs."""
    g, software = geometry, cluster.software
    n, t = tokens(g, layout), layout.tensor
    traffic = 0.5 * software.embedding_traffic * n * g.d_model / memory_rate(cluster.device)
    reduce = all_reduce(FP16_BYTES * n * g.d_model, t, np.minimum(t, cluster.network.gpus_per_node), cluster)
    nothing = 0.0 * traffic
    forward = pass_time(nothing, nothing, traffic, reduce, 0.5 * software.launch_embedding, cluster)
    return forward, pass_time(nothing, nothing, traffic, nothing, 0.5 * software.launch_embedding, cluster)
