"""How long attention takes on one GPU: a fused kernel, or batched products with their scores in memory.

A fused kernel takes its products' FLOPs at the rate of its device and software, and its last thread blocks' besides: each takes
a tile of queries past all their keys, and the last ones leave most multiprocessors idle. Counted as so many more rows of scores
(a query of a head each) it makes few heads and short sequences slow; single kernels measure it
(`wafersim validate --set gpu-kernel`). Heads wider than 128 have a rate of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wafersim.gpu.gemm import memory_rate
from wafersim.gpu.layout import Geometry, Layout
from wafersim.gpu.machine import Cluster, Column, Device, Software

HEAD_ALIGNMENT = 8  # fp16 elements, 16 bytes: what a tensor core loads at once
WIDE_HEAD = 128  # elements of a head's query, up to which tiles of queries, keys and sums lie in registers together
BATCHED_BACKWARD = 2.0  # four products for two


@dataclass(frozen=True)
class AttentionTime:
    """Seconds of the products over scores, of each pass, and of the scores' traffic forward where they go to memory."""

    forward: Column
    backward: Column
    scores: Column


def fused(products: Column, rows: Column, head: Column, device: Device, software: Software) -> tuple[Column, Column]:
    """(forward, backward) seconds of a fused kernel whose two products forward have so many FLOPs that no mask hides.

    `rows` are the queries of all heads and sequences on the GPU, `head` the elements of a query.
    """
    wide = np.asarray(head) > WIDE_HEAD
    rate = device.peak_fp16 * software.flash_efficiency * device.flash_share
    forward = products / rate / np.where(wide, device.wide_heads, 1.0) * (1.0 + device.flash_tail / rows)
    back = rate * device.flash_backward_share / software.flash_backward
    backward = products / back / np.where(wide, device.wide_heads_backward, 1.0)
    return forward, backward * (1.0 + device.flash_backward_tail / rows)


def attention_time(g: Geometry, layout: Layout, cluster: Cluster, n: Column) -> AttentionTime:
    """Of the mean block, over n tokens on a GPU."""
    device = cluster.device
    widths = g.query_width + g.value_width
    products, met = (2.0 * n * keys * widths / layout.tensor for keys in (g.keys, g.met_keys))
    rows = n * g.heads / layout.tensor
    flash = np.asarray(layout.flash) > 0
    aligned = np.rint(g.key_dim) % HEAD_ALIGNMENT == 0
    share = np.where(aligned, device.attention_efficiency, device.misaligned_attention)
    # A fused kernel skips what the mask hides; a batched product cannot, but for keys outside of every query's window.
    forward, backward = fused(met, rows, g.key_dim, device, cluster.software)
    batched = products / (device.peak_fp16 * share)
    scores = cluster.software.score_traffic * rows * g.keys / memory_rate(device)
    return AttentionTime(
        np.where(flash, forward, batched),
        np.where(flash, backward, BATCHED_BACKWARD * batched),
        np.where(flash, 0.0, scores),
    )
