"""A lower bound of a step that needs no row for each stage, to sort hundreds of thousands of splits by.

The busiest stage is busy at least as long as the mean one; the last one begins when a chunk has passed all before it.
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import numpy.typing as npt

from wafersim.engine.graph import Ints
from wafersim.gpu.block import block_time, embedding_time, head_time
from wafersim.gpu.data_parallel import accumulation_time, block_parameters, table_parameters, tables_of_one_stage
from wafersim.gpu.layout import Geometry, Layout
from wafersim.gpu.machine import Cluster, Column, Flags
from wafersim.gpu.stages import dealt_blocks, stage_blocks
from wafersim.strategies.gpu_parallel.closed_form import ROUNDING, channel_time, time_behind, weights_are_gathered

Floats = npt.NDArray[np.float64]
# Columns of a layout that change nothing of what one micro-batch costs in a block, the embedding or the head.
BESIDE = ("data", "pipeline", "virtual_stages", "micro_batches", "zero_stage", "shard")


def quick_bound(geometry: Geometry, layout: Layout, cluster: Cluster, split_backward: Flags = False) -> Column:
    """Seconds that no schedule of a layout can beat; never above `lower_bound`."""
    times, of_each = _of_a_micro_batch(geometry, layout, cluster)
    forward, backward, embedding, head = (one[..., of_each] for one in times)
    own, table = block_parameters(geometry, layout), table_parameters(geometry, layout)
    backward = backward + accumulation_time(own, cluster)
    add_table = accumulation_time(table, cluster)
    embedding, head = embedding + add_table, head + add_table
    p, m, v = (np.asarray(one, float) for one in (layout.pipeline, layout.micro_batches, layout.virtual_stages))
    first, last, least_chunk = _blocks(geometry, layout)
    mean = m * (geometry.layers * (forward + backward) + embedding + head) / p
    passed = np.where(v == 1, geometry.layers - last, (p - 1) * least_chunk)
    of_chunk = forward + np.where(split_backward, 0.0, backward)
    at_last = m * (last * (forward + backward) + head) + np.where(p > 1, passed * of_chunk, m * embedding)
    parameters = own.times(first) + table.times(tables_of_one_stage(geometry, layout))
    bound = np.maximum(mean, at_last)
    channel = channel_time(first, geometry, layout, cluster)
    if not cluster.software.overlap_gradients:
        channel = np.where(weights_are_gathered(layout, cluster), channel, 0.0)
    behind = time_behind(parameters, first, layout, cluster)
    seconds: Column = (np.maximum(bound, channel) + behind) * (1.0 - 2.0 * ROUNDING)
    return seconds


def _of_a_micro_batch(geometry: Geometry, layout: Layout, cluster: Cluster) -> tuple[tuple[Floats, ...], Ints]:
    """Seconds of (a block's forward pass, its backward one with what is recomputed, the embedding, the head), once for all splits
    that do alike with a micro-batch, and which of those times each split has."""
    one, of_each = _alike(layout)
    block = block_time(geometry, one, cluster)
    embedding = sum(each.seconds for each in embedding_time(geometry, one, cluster))
    head = sum(each.seconds for each in head_time(geometry, one, cluster))
    times = block.forward.seconds, block.backward.seconds + block.recompute.seconds, embedding, head
    # Of each machine where there are several, and whatever of a layout a time hangs on.
    shapes = [np.broadcast_shapes(np.shape(time), np.shape(one.tensor)) for time in times]
    return tuple(np.broadcast_to(time, shape) for time, shape in zip(times, shapes, strict=True)), of_each


def _alike(layout: Layout) -> tuple[Layout, Ints]:
    """Splits that differ in what a micro-batch costs, and which of them each of a layout's stands for."""
    names = [f.name for f in fields(Layout) if f.name not in (*BESIDE, "stages")]
    every = np.broadcast_arrays(*(np.asarray(getattr(layout, name), float) for name in (*BESIDE, *names)))
    columns = dict(zip(names, (column.ravel() for column in every[len(BESIDE) :]), strict=True))
    key = np.zeros(every[0].size, np.int64)
    for column in columns.values():
        least, most = column.min(), column.max()
        if least < most:
            codes = column if np.all(column == np.rint(column)) else np.unique(column, return_inverse=True)[1]
            key = key * (int(codes.max()) + 1) + codes.astype(np.int64)
    _, first, of_each = np.unique(key, return_index=True, return_inverse=True)
    distinct: dict[str, Column] = {
        **dict.fromkeys(BESIDE, 1.0),
        **{name: column[first].reshape(*every[0].shape[:-1], -1) for name, column in columns.items()},
    }
    return Layout(**distinct, stages=layout.stages), of_each.reshape(every[0].shape[-1:])


def _blocks(geometry: Geometry, layout: Layout) -> tuple[Column, Column, Column]:
    """Blocks of the first stage, of the last, and no more than any first chunk of a stage has."""
    last = np.asarray(layout.pipeline).astype(np.int64) - 1
    if layout.stages:
        of_stages, _ = stage_blocks(geometry.layers, layout)
        return of_stages[0], of_stages[-1], 0.0
    blocks, chunks = dealt_blocks(geometry.layers, layout, np.stack([0 * last, last]))
    return blocks[0], blocks[1], chunks[0]
