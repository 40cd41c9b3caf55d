"""What a GPU holds: weights, gradients, optimizer states, activations and buffers, and whether they fit.

Activations of a block follow Korthikanti et al. 2022: 10 h bytes a token (8 without dropout) that tensor parallelism leaves whole
(without sequence parallelism), 24 h that it splits, 5 a s of scores; told apart by matrix so that grouped queries, gated MLPs and
experts count right. States follow Rajbhandari et al. 2020.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from wafersim.gpu.block import mlp_width, tokens
from wafersim.gpu.data_parallel import block_parameters, table_parameters, tables_of_one_stage
from wafersim.gpu.gemm import FP16_BYTES
from wafersim.gpu.layout import FULL, NONE, RECOMPUTE, SELECTIVE, Geometry, Layout, key_value_ranks
from wafersim.gpu.machine import Cluster, Column
from wafersim.gpu.stages import stage_blocks
from wafersim.inputs.optimizer import OPTIMIZERS, OptimizerName

SCORE_BYTES = 5.0  # of a score: the softmax's output, its dropout's output, the mask
WHOLE_BYTES = 8.0  # of a token and hidden element: inputs of norms and of the first linear layers
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
    return _kept(geometry, layout, cluster, layout.recompute)


def _kept(g: Geometry, layout: Layout, cluster: Cluster, recompute: Column) -> Column:
    n, t = tokens(g, layout), layout.tensor
    split = np.where(np.asarray(layout.sequence_parallel) > 0, t, 1.0)
    whole = (WHOLE_BYTES + cluster.software.mask_bytes) * g.d_model / split
    whole = whole + 2.0 * g.latent_width
    queries = g.query_width + g.value_width
    heads = 2.0 * (1.0 + g.cross_share) * (queries + g.key_value_width * t / key_value_ranks(g, layout))
    mlp = 2.0 * (g.gates + 1.0) * mlp_width(g)
    scores = np.where(np.asarray(layout.flash) > 0, 0.0, SCORE_BYTES * g.heads * g.keys / t)
    everything = n * (whole + (heads + mlp) / t + scores)
    # Selective recompute drops the scores; a stack may drop a share of what linear layers put out besides.
    saved = cluster.software.selective_share
    without_scores = n * (whole + (1.0 - saved) * (heads + mlp) / t)
    inputs = n * FP16_BYTES * g.d_model / split
    recompute = np.asarray(recompute)
    return np.where(recompute == FULL, inputs, np.where(recompute == SELECTIVE, without_scores, everything))


def in_flight(layout: Layout, schedule: str = "1f1b", last: bool = False) -> Column:
    """Micro-batches whose activations the first (or the last) stage holds at a time, in units of all its blocks."""
    p, v, m = np.asarray(layout.pipeline, float), np.asarray(layout.virtual_stages, float), layout.micro_batches
    if schedule == "gpipe":
        return np.asarray(m, float)
    group = np.where(m < p, m, p + m % p)  # the largest of an interleaved schedule
    interleaved = ((0.0 if last else 2.0 * (p - 1)) + (v - 1) * group + 1) / v
    plain = p if schedule == "zero-bubble" or not last else np.ones_like(p)
    return np.minimum(m, np.where(v > 1, interleaved, plain))


def memory_use(
    geometry: Geometry, layout: Layout, cluster: Cluster, optimizer: OptimizerName = "adamw", schedule: str = "1f1b"
) -> MemoryUse:
    """The fullest GPU: of the first stage, or of the last where the logits outweigh the micro-batches in flight."""
    first, last = (_of_stage(geometry, layout, cluster, optimizer, schedule, stage) for stage in (0, 2))
    fuller = np.asarray(first.total) >= np.asarray(last.total)
    columns = (np.where(fuller, getattr(first, f.name), getattr(last, f.name)) for f in fields(MemoryUse))
    return MemoryUse(*columns)


def _of_stage(
    g: Geometry, layout: Layout, cluster: Cluster, optimizer: OptimizerName, schedule: str, stage: int
) -> MemoryUse:
    software = cluster.software
    of_stages, _ = stage_blocks(g.layers, layout)
    at = np.asarray(layout.pipeline).astype(int) - 1 if stage else 0 * np.asarray(layout.pipeline).astype(int)
    blocks = np.take_along_axis(of_stages, np.broadcast_to(at, of_stages.shape[1:])[None], axis=0)[0]
    g = g.stage(0.0 if stage == 0 else g.layers - blocks, blocks)
    own, table = block_parameters(g, layout), table_parameters(g, layout)
    # With one stage the first is the last, and holds both tables where they are not one.
    parameters = own.times(blocks) + table.times(tables_of_one_stage(g, layout))
    whole, shared = parameters.total, parameters.sharded(layout)
    zero = np.asarray(layout.zero_stage)
    held = np.asarray(in_flight(layout, schedule, stage == 2))
    one = np.asarray(layout.pipeline) == 1
    kept = activation_bytes(g, layout, cluster)
    # A recomputed block is whole again while its backward pass runs.
    working = _kept(g, layout, cluster, NONE) - kept
    n, t = tokens(g, layout), layout.tensor
    losses = held if schedule == "gpipe" else 1.0
    logits = losses * LOGIT_BYTES * n * g.vocab / t * np.where(one | (stage == 2), 1.0, 0.0)
    gathered = np.where(zero >= 3, GATHERED_BLOCKS * FP16_BYTES * own.total, 0.0)
    return MemoryUse(
        FP16_BYTES * np.where(zero >= 3, shared, whole),
        software.gradient_storage * np.where(zero >= 2, shared, whole),
        OPTIMIZERS[optimizer].stored * np.where(zero >= 1, shared, whole),
        held * blocks * kept + working,
        logits + gathered + software.workspace,
    )


def refusal(
    geometry: Geometry, layout: Layout, cluster: Cluster, optimizer: OptimizerName, schedule: str = "1f1b"
) -> str | None:
    """Why one layout does not fit, which term is too large and what would help; None where it fits."""
    use, memory = memory_use(geometry, layout, cluster, optimizer, schedule), cluster.device.memory
    needed = float(np.max(use.total))
    if needed <= memory:
        return None
    parts = {f.name: float(np.max(getattr(use, f.name))) for f in fields(MemoryUse)}
    said = ", ".join(f"{name} {size / 1e9:.1f}" for name, size in sorted(parts.items(), key=lambda item: -item[1]))
    hints = []
    for name, code in RECOMPUTE.items():
        if code > int(np.max(layout.recompute)):
            other = memory_use(geometry, replace(layout, recompute=code), cluster, optimizer, schedule)
            size = float(np.max(other.total))
            if size < 0.99 * needed:
                hints.append((size <= memory, f"; {name} recompute would need {size / 1e9:.1f} GB"))
    hint = next((text for fits, text in hints if fits), hints[-1][1] if hints else "")  # the least that is enough
    return f"does not fit: {needed / 1e9:.1f} GB of {memory / 1e9:.1f} GB: {said}{hint}"
