"""The step time of a layout in closed form, for columns of layouts: an estimate to fit constants with, and a lower bound.

A pipeline of stages that take t_i = F_i + B_i per micro-batch needs m t_max + (sum of the other t_i) / v: all micro-batches
at the slowest stage, the others filling and draining it once, a chunk at a time (Narayanan et al. 2021: the bubble is
(p - 1) / (m v) of the rest).
"""

from __future__ import annotations

import numpy as np

from wafersim.gpu.collectives import point_to_point
from wafersim.gpu.data_parallel import (
    Parameters,
    block_parameters,
    gather_time,
    gathers_again,
    reduce_time,
    regather_time,
    scatter_time,
    table_parameters,
    tables_of_one_stage,
    tie_time,
    update_time,
)
from wafersim.gpu.gemm import FP16_BYTES
from wafersim.gpu.layout import Geometry, Layout
from wafersim.gpu.machine import Cluster, Column, Flags
from wafersim.gpu.prediction import prediction_parameters
from wafersim.gpu.stages import Rows, StageTimes, stage_times

ROUNDING = 1e-6  # what whole ticks may take from a bound


def transfer_time(geometry: Geometry, layout: Layout, cluster: Cluster) -> Column:
    """Activations, or their gradients, of a micro-batch from stage to stage, in seconds; 0 with one stage."""
    t, per_node = layout.tensor, cluster.network.gpus_per_node
    size = FP16_BYTES * layout.micro_batch * geometry.sequence * geometry.d_model / layout.context
    shared = (np.asarray(layout.sequence_parallel) > 0) | cluster.software.scatter_sends
    scattered = np.where(shared, t, 1.0)
    stage = t * layout.context * layout.data
    across = np.where(np.asarray(stage) >= per_node, 1.0, 0.0)
    seconds = point_to_point(size / scattered, across, np.minimum(stage, per_node), cluster)
    return np.where(np.asarray(layout.pipeline) > 1, seconds, 0.0)


def sends_of_stage(stages: int, layout: Layout) -> Rows:
    """Transfers that leave a stage for each micro-batch, a row for every stage: on and back from each of its chunks."""
    p, v = np.asarray(layout.pipeline), np.asarray(layout.virtual_stages)
    stage = np.arange(stages).reshape(-1, *[1] * np.broadcast(p, v).ndim)
    outer = np.where((stage == 0) | (stage == p - 1), 1.0, 0.0)  # the model begins and ends there
    return np.where((stage < p) & (p > 1), 2.0 * v - outer, 0.0)


def pipeline_time(times: StageTimes, layout: Layout, transfer: Column, cluster: Cluster) -> Column:
    """From the first forward to the last backward slot, in seconds; a stage takes the longer of its work and its port's."""
    p, m, v = layout.pipeline, layout.micro_batches, layout.virtual_stages
    work = times.forward + times.backward
    sending = sends_of_stage(len(work), layout) * transfer
    held = 1.0 if cluster.software.blocking_sends else 0.0
    work = work + held * sending
    slowest, everyone = work.max(axis=0), sum(work)  # stage by stage: the same bits for one layout as for columns
    wires = 2 * (p - 1) * transfer * (1 - held)
    steady = np.maximum(slowest, sending.max(axis=0))
    seconds: Column = m * steady + (everyone - slowest) / v + wires
    return seconds


def sharded_time(geometry: Geometry, layout: Layout, times: StageTimes, cluster: Cluster) -> Column:
    """A step with weights sharded and one stage: each layer takes the longer of its work and its collectives."""
    own, table = block_parameters(geometry, layout), table_parameters(geometry, layout)
    overlap = cluster.software.overlap_cost
    again = gathers_again(layout, cluster)
    fetch, spread = gather_time(own, layout, cluster), scatter_time(own, layout, cluster)
    forward_work = times.block.forward.seconds
    backward_work = times.block.backward.seconds + times.block.recompute.seconds
    in_backward = again * fetch + spread
    block = np.maximum(forward_work + overlap * fetch, fetch) + np.maximum(
        backward_work + overlap * in_backward, in_backward
    )
    rest = sum(p.seconds for p in (*times.embedding, *times.head)) + times.launch
    tables = tables_of_one_stage(geometry, layout) * (
        gather_time(table, layout, cluster) + scatter_time(table, layout, cluster)
    )
    modules = prediction_parameters(geometry, layout)
    moved = (1.0 + again) * gather_time(modules, layout, cluster) + scatter_time(modules, layout, cluster)
    behind = np.where(np.asarray(geometry.mtp_blocks) > 0, moved, 0.0)
    return layout.micro_batches * (geometry.layers * block + rest + tables + behind)


def estimate(geometry: Geometry, layout: Layout, cluster: Cluster) -> Column:
    """Seconds of a step."""
    times = stage_times(geometry, layout, cluster)
    piped = pipeline_time(times, layout, transfer_time(geometry, layout, cluster), cluster)
    first = times.parameters
    update = update_time(first, times.blocks[0], layout, cluster)
    reduce = exposed_reduction(first, layout, times, cluster)
    tied = tie_time(layout, table_parameters(geometry, layout), cluster)
    unsharded = piped + reduce + tied + update
    sharded = sharded_time(geometry, layout, times, cluster) + update
    return np.where(weights_are_gathered(layout, cluster), sharded, unsharded)


def exposed_reduction(parameters: Parameters, layout: Layout, times: StageTimes, cluster: Cluster) -> Column:
    """What a step sees of its gradients' reduction and of its weights' return: all, or what passes beside them leave and lose."""
    software = cluster.software
    now, later = reduce_time(parameters, layout, cluster), regather_time(parameters, layout, cluster)
    if not software.overlap_gradients:
        return now + later
    lost = software.overlap_cost * (now + later)
    v, p = np.asarray(layout.virtual_stages), np.asarray(layout.pipeline)
    # A chunk's gradients are complete p slots before the next one's, and its updated weights are waited for p slots later; what
    # shows is what the last chunk leaves by itself, or what all leave together.
    rest = (v - 1) * p + 1
    slot = times.backward[0] / v
    now = np.maximum(now / v - slot, now - rest * slot)
    if software.overlap_weights:
        slot = times.forward[0] / v
        later = np.maximum(np.maximum(later / v - slot, later - rest * slot), 0.0)
    exposed: Column = np.maximum(now, 0.0) + later + lost
    return exposed


def weights_are_gathered(layout: Layout, cluster: Cluster) -> Column:
    """Whether a layer's weights come before its passes: stage 3, or stage 2 of a stack that shards layer by layer."""
    zero = np.asarray(layout.zero_stage)
    gathered: Column = (zero >= 3) | ((zero == 2) & cluster.software.synchronise_micro_batches)
    return gathered


def channel_time(blocks: Column, geometry: Geometry, layout: Layout, cluster: Cluster) -> Column:
    """Seconds that the first stage's channel is busy at least, where weights are gathered or every micro-batch's gradients sent.

    Gathers and scatters of its blocks take turns; gradients that are not gathered for go in pieces, which take no less than all
    of them at once.
    """
    own = block_parameters(geometry, layout)
    fetch, spread = gather_time(own, layout, cluster), scatter_time(own, layout, cluster)
    of_blocks = blocks * ((1.0 + gathers_again(layout, cluster)) * fetch + spread)
    every = np.where(np.asarray(layout.zero_stage) >= 2, reduce_time(own.times(blocks), layout, cluster), 0.0)
    busy: Column = layout.micro_batches * np.where(weights_are_gathered(layout, cluster), of_blocks, every)
    return busy


def time_behind(first: Parameters, blocks: Column, layout: Layout, cluster: Cluster) -> Column:
    """Seconds that follow the first stage's last slot at least: what of its gradients and weights nothing hides, its update."""
    software = cluster.software
    now, later = reduce_time(first, layout, cluster), regather_time(first, layout, cluster)
    # What passes beside others slows them down.
    sent: Column = software.overlap_cost * (now + later)
    if not software.overlap_gradients:
        again = np.where(np.asarray(layout.zero_stage) >= 2, layout.micro_batches, 1.0)
        sent = again * now
        if not software.overlap_weights:
            sent = sent + later
    behind: Column = np.where(np.asarray(weights_are_gathered(layout, cluster)), 0.0, sent)
    return behind + update_time(first, blocks, layout, cluster)


def lower_bound(geometry: Geometry, layout: Layout, cluster: Cluster, split_backward: Flags = False) -> Column:
    """Seconds that no schedule of a layout can beat.

    Stage s is busy m (F + B); before its first slot a chunk has passed the stages before it, after its last one gradients
    pass them again; then the first stage's gradients and its update follow, as far as nothing can hide them.
    """
    times = stage_times(geometry, layout, cluster)
    p, m = np.asarray(layout.pipeline), layout.micro_batches
    x = transfer_time(geometry, layout, cluster)
    held = 1.0 if cluster.software.blocking_sends else 0.0
    back = np.where(split_backward, 0.0, 1.0)
    forward, backward = times.forward, times.backward
    stage = np.arange(len(forward)).reshape(-1, *[1] * (forward.ndim - 1))
    sending = sends_of_stage(len(forward), layout) * x
    passed = times.first_forward + back * times.first_backward
    before = np.cumsum(passed, axis=0) - passed + stage * (1.0 + back * (1.0 - held)) * x
    busy = m * (forward + backward + held * sending)
    # Transfers of one stage take turns where all of them leave by the same port.
    whole = np.asarray(layout.tensor * layout.context * layout.data) >= cluster.network.gpus_per_node
    one_port = whole | (np.asarray(layout.gpus) <= cluster.network.gpus_per_node)
    busy = np.maximum(busy, np.where(one_port, m * sending, 0.0))
    bound = np.where(stage < p, busy + before, 0.0).max(axis=0)
    of_first = times.parameters, times.blocks[0]
    channel = channel_time(times.blocks[0], geometry, layout, cluster)
    if cluster.software.overlap_gradients:
        bound = np.maximum(bound, channel)
    else:  # it waits for all work, unless weights come that way
        bound = np.maximum(bound, np.where(weights_are_gathered(layout, cluster), channel, 0.0))
    seconds: Column = (bound + time_behind(*of_first, layout, cluster)) * (1.0 - ROUNDING)
    return seconds
