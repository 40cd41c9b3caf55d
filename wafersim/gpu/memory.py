"""What a GPU holds: weights, gradients, optimizer states, activations and buffers, of the stage that holds most.

Activations of a block follow Korthikanti et al. 2022: 10 h bytes a token (8 without dropout) that tensor parallelism leaves whole
(without sequence parallelism), 24 h that it splits, 5 a s of scores; told apart by matrix so that grouped queries, gated MLPs and
experts count right. States follow Rajbhandari et al. 2020.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from wafersim.gpu.block import mlp_width, tokens
from wafersim.gpu.data_parallel import block_parameters, table_parameters, tables_of_one_stage
from wafersim.gpu.gemm import FP16_BYTES
from wafersim.gpu.layout import FULL, MLP, NONE, SELECTIVE, Geometry, Layout, key_value_ranks
from wafersim.gpu.machine import Cluster, Column, Software
from wafersim.gpu.prediction import prediction_parameters
from wafersim.gpu.stages import Rows, dealt_blocks, stage_blocks

Stages = npt.NDArray[np.int64]

SCORE_BYTES = 5.0  # of a score: the softmax's output, its dropout's output, the mask
WHOLE_BYTES = 8.0  # of a token and hidden element: inputs of norms and of the first linear layers
FP8_SAVED = 1.0  # of an element: an input of a linear layer that is kept in 8 instead of 16 bits (Transformer Engine)
LATENT_BYTES = 4.0  # of a compressed element: inputs of its norm and of its up-projection
LOGIT_BYTES = 6.0  # of a logit: as it comes out, and in fp32
GATHERED_BLOCKS = 2.0  # blocks whose weights are gathered at a time, one in use and one on its way


@dataclass(frozen=True)
class MemoryUse:
    """Bytes of the fullest GPU."""

    weights: Column
    gradients: Column
    optimizer: Column
    activations: Column
    buffers: Column

    @property
    def total(self) -> Column:
        """Everything."""
        return self.weights + self.gradients + self.optimizer + self.activations + self.buffers


def activation_bytes(geometry: Geometry, layout: Layout, cluster: Cluster) -> Column:
    """Of one block and micro-batch, on one GPU, kept from the forward to the backward pass."""
    return _kept(geometry, layout, cluster.software, layout.recompute)


def _kept(g: Geometry, layout: Layout, software: Software, recompute: Column) -> Column:
    n, t = tokens(g, layout), layout.tensor
    split = np.where(np.asarray(layout.sequence_parallel) > 0, t, 1.0)
    fp8 = np.where(np.asarray(layout.fp8) > 0, FP8_SAVED, 0.0)
    # Of 8 bytes four are inputs of norms, which fp8 leaves in 16 bits, and four are inputs of linear layers.
    whole = (WHOLE_BYTES - 2.0 * fp8 + software.mask_bytes) * g.d_model / split + LATENT_BYTES * g.latent_width
    # Attention's output is kept by its kernel in 16 bits, and once more in 8 by the linear layer behind it.
    key_values = g.key_value_width * t / key_value_ranks(g, layout)
    heads = (1.0 + g.cross_share) * (2.0 * (g.query_width + g.value_width + key_values) + fp8 * g.value_width)
    # What an MLP's first layers put out, what its last one takes, and where kernels are not fused the activated gate between.
    gate = np.where(np.asarray(g.gates) > 1, 1.0, 0.0) * software.keeps_activated_gate
    mlp = mlp_width(g) * (2.0 * (g.gates + gate) + 2.0 - fp8)
    copies = FP16_BYTES * g.expert_share * g.experts_per_token * g.d_model  # one of a token for each of its experts
    scores = np.where(np.asarray(layout.flash) > 0, 0.0, SCORE_BYTES * g.heads * g.keys / t)
    everything = n * (whole + copies / split + (heads + mlp) / t + scores)
    # Selective recompute drops the scores; a stack may drop a share of what linear layers put out besides.
    saved = software.selective_share
    without_scores = n * (whole + copies / split + (1.0 - saved) * (heads + mlp) / t)
    without_mlp = n * (whole + heads / t + scores)  # its input is among what norms put out
    inputs = n * FP16_BYTES * g.d_model / split
    recompute = np.asarray(recompute)
    everything = np.where(recompute == MLP, without_mlp, everything)
    return np.where(recompute == FULL, inputs, np.where(recompute == SELECTIVE, without_scores, everything))


def in_flight(layout: Layout, schedule: str = "1f1b", stage: Column | Stages = 0.0) -> Column:
    """Micro-batches whose activations a stage (from 0) holds at the most, in units of all its blocks."""
    p, v, m = (np.asarray(one, float) for one in (layout.pipeline, layout.virtual_stages, layout.micro_batches))
    group = np.where(m < p, m, p + m % p)  # the largest of an interleaved schedule
    chunks = np.where(m == p, m * v, 2.0 * (p - stage - 1) + (v - 1) * group + 1)
    held = np.where(v > 1, chunks / v, p - stage)
    if schedule == "gpipe":
        held = m
    if schedule == "zero-bubble":  # later stages put off as many weight gradients as they are late
        held = p
    most: Column = np.minimum(m, held)
    return most


def memory_use(geometry: Geometry, layout: Layout, cluster: Cluster, schedule: str = "1f1b") -> MemoryUse:
    """The fullest GPU, of whichever stage it is."""
    return _of_fullest(geometry, layout, cluster.software, schedule)


def memory_of_one(geometry: Geometry, layout: Layout, cluster: Cluster, schedule: str = "1f1b") -> MemoryUse:
    """The same of one layout, remembered: GPU and network have no say in it."""
    return _of_one(geometry, layout, cluster.software, schedule)


def _of_fullest(geometry: Geometry, layout: Layout, software: Software, schedule: str) -> MemoryUse:
    of_stages = _of_stages(geometry, layout, software, schedule)
    total = np.asarray(of_stages.total)
    fullest = np.asarray(total.argmax(axis=0))[None]

    def of_fullest(part: Column) -> Column:
        found: Column = np.take_along_axis(np.broadcast_to(part, total.shape), fullest, axis=0)[0]
        return found

    return MemoryUse(*(of_fullest(getattr(of_stages, f.name)) for f in fields(MemoryUse)))


_of_one = lru_cache(maxsize=64)(_of_fullest)


def _weighed(g: Geometry, layout: Layout) -> tuple[Stages, Rows, Rows]:
    """(stages that may be the fullest, their blocks, the blocks before each), a row for each.

    Where blocks are alike and dealt out as evenly as they go, of the stages between the first and the last the second has most
    in flight and most blocks. A list may fill any, and so may experts that not every block has.
    """
    last = np.asarray(layout.pipeline).astype(np.int64) - 1
    if not layout.stages and np.all(np.isin(g.expert_share, (0.0, 1.0))):
        few = np.stack([0 * last, np.minimum(1, last), last])
        blocks, _ = dealt_blocks(g.layers, layout, few)
        return few, blocks, np.zeros_like(blocks)  # all blocks are alike, wherever they begin
    blocks, _ = stage_blocks(g.layers, layout)
    before = np.cumsum(blocks, axis=0) - blocks
    every = np.minimum(np.arange(len(blocks)).reshape(-1, *[1] * last.ndim), last)
    every = np.broadcast_to(every, blocks.shape)  # beyond a layout's last stage that one again
    return every, np.take_along_axis(blocks, every, axis=0), np.take_along_axis(before, every, axis=0)


def _of_stages(g: Geometry, layout: Layout, software: Software, schedule: str) -> MemoryUse:
    """Of the stages that may be the fullest, a row for each."""
    p = np.asarray(layout.pipeline)
    stage, blocks, before = _weighed(g, layout)
    # The chunks of an interleaved stage come from all over the model, and have its mean block.
    mean = np.asarray(layout.virtual_stages) > 1
    g = g.stage(np.where(mean, 0.0, before), np.where(mean, g.layers, np.maximum(blocks, 1.0)))
    own, table = block_parameters(g, layout), table_parameters(g, layout)
    last = np.where(stage == p - 1, 1.0, 0.0)
    tables = np.where(stage == 0, tables_of_one_stage(g, layout), last)
    modules = prediction_parameters(g, layout).times(last)
    parameters = own.times(blocks) + table.times(tables) + modules
    whole, shared = parameters.total, parameters.sharded(layout)
    zero = np.asarray(layout.zero_stage)
    held = np.asarray(in_flight(layout, schedule, stage))
    kept = _kept(g, layout, software, layout.recompute)
    # A recomputed block is whole again while its backward pass runs.
    working = _kept(g, layout, software, NONE) - kept
    losses = held if schedule == "gpipe" else 1.0
    logits = (1.0 + g.mtp_blocks) * losses * LOGIT_BYTES * tokens(g, layout) * g.vocab / layout.tensor * last
    gathered = np.where(zero >= 3, GATHERED_BLOCKS * FP16_BYTES * own.total, 0.0)
    fresh = software.fresh_gradients * own.total
    return MemoryUse(
        software.weight_storage * np.where(zero >= 3, shared, whole),
        software.gradient_storage * np.where(zero >= 2, shared, whole),
        software.optimizer_storage * np.where(zero >= 1, shared, whole),
        held * (blocks + g.mtp_blocks * last) * kept + working,
        logits + gathered + fresh + software.workspace,
    )
