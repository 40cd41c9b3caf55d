"""What every pipeline stage takes: the first with the embedding, the last with the head, those in between.

Blocks divide evenly over the virtual stages; or embedding and head count as one block each and all are dealt out as evenly as
they go (BLOOM, Megatron-Core's account_for_embedding and account_for_loss, DeepSpeed); or a list says what each holds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from wafersim.gpu.block import BlockTime, block_time, embedding_time
from wafersim.gpu.data_parallel import (
    Parameters,
    accumulation_time,
    block_parameters,
    table_parameters,
    tables_of_one_stage,
)
from wafersim.gpu.layout import Geometry, Layout
from wafersim.gpu.machine import Cluster, Column
from wafersim.gpu.passes import PassTime
from wafersim.gpu.prediction import behind_blocks, prediction_parameters

Rows = npt.NDArray[np.float64]
"""A row for each stage, and in it a number, or one for each layout."""


@dataclass(frozen=True)
class StageTimes:
    """Seconds of a micro-batch on every stage; `blocks` and what follows have one row a stage, 0 where a layout has no more.

    `backward` includes what is recomputed and the accumulation of gradients.
    """

    block: BlockTime
    embedding: tuple[PassTime, PassTime]
    head: tuple[PassTime, PassTime]  # with modules of multi-token prediction
    launch: Column  # of a micro-batch, half forward
    blocks: Rows
    forward: Rows  # of all chunks of a stage
    backward: Rows
    first_forward: Rows  # of its first chunk alone
    first_backward: Rows
    parameters: Parameters  # of a GPU of the first stage, before sharding


def chunk_blocks(layers: int, layout: Layout) -> list[list[int]]:
    """Blocks of every stage's chunks, of one layout."""
    p, v = int(layout.pipeline), int(layout.virtual_stages)
    of_virtual = layout.stages or dealt(layers, p * v)
    return [[of_virtual[chunk * p + stage] for chunk in range(v)] for stage in range(p)]


def dealt(layers: int, parts: int) -> tuple[int, ...]:
    """Blocks of every virtual stage in the model's order; where they do not divide, those in between get what is left first."""
    if layers % parts == 0:
        return (layers // parts,) * parts
    ends = (layers + 2) // parts - 1
    each, more = divmod(layers - 2 * ends, parts - 2)
    return (ends, *[each + 1] * more, *[each] * (parts - 2 - more), ends)


def stage_blocks(layers: Column, layout: Layout) -> tuple[Rows, Rows]:
    """(blocks of every stage, blocks of its first chunk): a row for each stage, 0 beyond a layout's last."""
    pipeline = np.asarray(layout.pipeline, float)
    dimensions = np.broadcast(layers, pipeline, layout.virtual_stages).ndim
    stage = np.arange(int(pipeline.max())).reshape(-1, *[1] * dimensions)
    if layout.stages:
        listed = np.asarray(layout.stages, float).reshape(-1, len(stage))
        spread = np.ones(np.broadcast(layers, pipeline, layout.virtual_stages).shape)
        return np.multiply.outer(listed.sum(axis=0), spread), np.multiply.outer(listed[0], spread)
    return dealt_blocks(layers, layout, stage)


def dealt_blocks(layers: Column, layout: Layout, stage: npt.NDArray[np.int64]) -> tuple[Rows, Rows]:
    """The same of the stages with these numbers, a row for each, where no list says what they hold."""
    pipeline, v = np.asarray(layout.pipeline, float), np.asarray(layout.virtual_stages, float)
    layers, pipeline, v = np.broadcast_arrays(np.asarray(layers, float), pipeline, v)
    parts = pipeline * v
    even = layers % parts == 0
    ends = np.floor((layers + 2) / parts) - 1
    between = np.maximum(parts - 2, 1)
    each = np.floor((layers - 2 * ends) / between)
    more = layers - 2 * ends - each * between  # virtual stages 1 to `more` hold one block more
    fuller = np.maximum(np.floor((more - stage) / pipeline) + (stage > 0), 0)
    last = stage == pipeline - 1
    whole = v * each + fuller + np.where(stage == 0, ends - each, 0) + np.where(last, ends - each, 0)
    only = v == 1  # a stage's first chunk is its last
    first = each + ((stage > 0) & (stage <= more)) + np.where((stage == 0) | (last & only), ends - each, 0)
    there = stage < pipeline
    blocks = np.where(there, np.where(even, layers / pipeline, whole), 0.0)
    return blocks, np.where(there, np.where(even, layers / parts, first), 0.0)


def times_of_one(geometry: Geometry, layout: Layout, cluster: Cluster) -> StageTimes:
    """The times of every stage of one layout. Micro-batches, replicas and what these shard change none of them."""
    return _times_of_one(geometry, replace(layout, micro_batches=1, data=1, shard=1, zero_stage=0), cluster)


def stage_times(geometry: Geometry, layout: Layout, cluster: Cluster) -> StageTimes:
    """The times of every stage."""
    block = block_time(geometry, layout, cluster)
    embedding, head = embedding_time(geometry, layout, cluster), behind_blocks(geometry, layout, cluster)
    blocks, first_chunk = stage_blocks(geometry.layers, layout)
    own, table = block_parameters(geometry, layout), table_parameters(geometry, layout)
    modules = prediction_parameters(geometry, layout)
    pipeline = np.asarray(layout.pipeline, float)
    stage = np.arange(len(blocks)).reshape(-1, *[1] * (np.ndim(blocks) - 1))
    first, last = np.where(stage == 0, 1.0, 0.0), np.where(stage == pipeline - 1, 1.0, 0.0)
    launch = cluster.software.launch_micro_batch * cluster.software.host_factor
    each = np.where(stage < pipeline, 0.5 * launch, 0.0)
    forward = np.asarray(block.forward.seconds)
    backward = block.backward.seconds + block.recompute.seconds + accumulation_time(own, cluster)
    add_table = accumulation_time(table, cluster)
    before = embedding[0].seconds, embedding[1].seconds + add_table
    behind = head[0].seconds, head[1].seconds + accumulation_time(table + modules, cluster)
    only = last * np.where(np.asarray(layout.virtual_stages) == 1, 1.0, 0.0)
    v = np.asarray(layout.virtual_stages, float)
    return StageTimes(
        block,
        embedding,
        head,
        launch,
        blocks,
        blocks * forward + first * before[0] + last * behind[0] + each,
        blocks * backward + first * before[1] + last * behind[1] + each,
        first_chunk * forward + first * before[0] + only * behind[0] + each / v,
        first_chunk * backward + first * before[1] + only * behind[1] + each / v,
        own.times(blocks[0]) + table.times(tables_of_one_stage(geometry, layout)) + modules.times(last[0]),
    )


_times_of_one = lru_cache(maxsize=256)(stage_times)
