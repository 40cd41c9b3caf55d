"""What every kind of pipeline stage takes: the first with the embedding, the last with the head, those in between.

Blocks divide evenly over the stages, or are dealt out with embedding and head counted as one block each (as BLOOM did it).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wafersim.gpu.block import BlockTime, PassTime, block_time, embedding_time, head_time
from wafersim.gpu.data_parallel import (
    Parameters,
    accumulation_time,
    block_parameters,
    table_parameters,
    tables_of_one_stage,
)
from wafersim.gpu.layout import Geometry, Layout
from wafersim.gpu.machine import Cluster, Column


@dataclass(frozen=True)
class StageTimes:
    """Seconds of a whole stage and micro-batch, all its virtual stages together; first, middle and last.

    `backward` includes what is recomputed and the accumulation of gradients.
    """

    block: BlockTime
    embedding: tuple[PassTime, PassTime]
    head: tuple[PassTime, PassTime]
    launch: Column  # of a micro-batch, half forward
    blocks: tuple[Column, Column, Column]
    forward: tuple[Column, Column, Column]
    backward: tuple[Column, Column, Column]
    parameters: tuple[Parameters, Parameters, Parameters]  # of a GPU, before sharding
    middle_share: Column  # mean blocks of the stages in between over those of the fullest


def blocks_of_stages(layers: Column, pipeline: Column) -> tuple[Column, Column, Column]:
    """Blocks of the first, of the fullest middle and of the last stage.

    Where the layers do not divide, embedding and head count as one block each and all are dealt out as evenly as they go.
    """
    layers, pipeline = np.asarray(layers, float), np.asarray(pipeline, float)
    uneven = (layers % pipeline != 0) & (pipeline > 2)
    ends = np.where(uneven, np.floor((layers + 2) / pipeline) - 1, layers / pipeline)
    middle = np.where(uneven, np.ceil((layers - 2 * ends) / np.maximum(pipeline - 2, 1)), layers / pipeline)
    return ends, middle, ends


def middle_blocks(layers: int, pipeline: int) -> list[int]:
    """Blocks of every stage between the first and the last, the fuller ones first."""
    ends = int(np.asarray(blocks_of_stages(layers, pipeline)[0]))
    base, more = divmod(layers - 2 * ends, pipeline - 2)
    return [base + 1] * more + [base] * (pipeline - 2 - more)


def stage_times(geometry: Geometry, layout: Layout, cluster: Cluster) -> StageTimes:
    """The times of every kind of stage; with one stage it is first and last at once and `first` holds all of it."""
    block = block_time(geometry, layout, cluster)
    embedding, head = embedding_time(geometry, layout, cluster), head_time(geometry, layout, cluster)
    blocks = blocks_of_stages(geometry.layers, layout.pipeline)
    own, table = block_parameters(geometry, layout), table_parameters(geometry, layout)
    one = np.where(np.asarray(layout.pipeline) == 1, 1.0, 0.0)
    first, middle, last = blocks
    between = np.asarray(layout.pipeline) - 2
    launch = cluster.software.launch_micro_batch * cluster.software.host_factor
    forward_of_block = block.forward.seconds
    backward_of_block = block.backward.seconds + block.recompute.seconds + accumulation_time(own, cluster)
    add_table = accumulation_time(table, cluster)
    ends_forward = embedding[0].seconds, head[0].seconds
    ends_backward = embedding[1].seconds + add_table, head[1].seconds + add_table
    return StageTimes(
        block,
        embedding,
        head,
        launch,
        blocks,
        (
            first * forward_of_block + ends_forward[0] + one * ends_forward[1] + 0.5 * launch,
            middle * forward_of_block + 0.5 * launch,
            last * forward_of_block + ends_forward[1] + 0.5 * launch,
        ),
        (
            first * backward_of_block + ends_backward[0] + one * ends_backward[1] + 0.5 * launch,
            middle * backward_of_block + 0.5 * launch,
            last * backward_of_block + ends_backward[1] + 0.5 * launch,
        ),
        (
            own.times(first) + table.times(tables_of_one_stage(geometry, layout)),
            own.times(middle),
            own.times(last) + table,
        ),
        np.where(between > 0, (geometry.layers - first - last) / np.maximum(between, 1) / middle, 1.0),
    )
