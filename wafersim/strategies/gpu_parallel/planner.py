"""From a model's geometry, a layout and a cluster to a plan: what every stage does, in ticks."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from math import ceil, log2

import numpy as np

from wafersim.gpu.collectives import point_to_point
from wafersim.gpu.data_parallel import (
    Parameters,
    accumulation_time,
    block_parameters,
    expert_replicas,
    gather_time,
    gathers_again,
    reduce_time,
    regather_time,
    scatter_time,
    table_parameters,
    tie_time,
    update_time,
)
from wafersim.gpu.gemm import FP16_BYTES
from wafersim.gpu.layout import Geometry, Layout
from wafersim.gpu.machine import Cluster, Column
from wafersim.gpu.passes import PassTime
from wafersim.gpu.prediction import prediction_parameters
from wafersim.gpu.stages import StageTimes, chunk_blocks, stage_times
from wafersim.strategies.gpu_parallel.closed_form import weights_are_gathered
from wafersim.strategies.gpu_parallel.plan import GpuPlan, Unit
from wafersim.timeline.clock import checked_step, to_ticks

PREFETCH = 1  # units whose weights are gathered while one is worked on


@dataclass(frozen=True)
class _Seconds:
    """One kind of unit: seconds of its passes and collectives, and its parameters."""

    forward: float
    backward: float
    wgrad: float
    parameters: Parameters


def build_gpu_plan(
    geometry: Geometry, layout: Layout, cluster: Cluster, schedule: str, clipping: bool, tied: bool = True
) -> GpuPlan:
    """The plan of a step. Raises Infeasible for a step that does not fit the clock."""
    times = stage_times(geometry, layout, cluster)
    p, v = int(layout.pipeline), int(layout.virtual_stages)
    gathered = bool(weights_are_gathered(layout, cluster))
    several = bool(
        max(layout.replicas, expert_replicas(layout)) > 1
    )  # experts may have replicas where the rest has none
    overlap = gathered or cluster.software.overlap_gradients
    kinds = _kinds(geometry, layout, cluster, times, schedule == "zero-bubble")
    make = _Units(layout, cluster, gathered, several, times)
    blocks = chunk_blocks(int(geometry.layers), layout)
    units = tuple(
        tuple(
            make.chunk(kinds, blocks[s][c], first=s == 0 and c == 0, last=s == p - 1 and c == v - 1) for c in range(v)
        )
        for s in range(p)
    )
    held = _parameters(kinds, blocks)
    parameters = [sum(chunks[1:], chunks[0]) for chunks in held]

    @cache  # stages are alike
    def update(held: Parameters, blocks: int) -> float:
        seconds = _seconds(update_time(held, blocks, layout, cluster))
        if several and overlap and not gathered:
            # Collectives beside the backward pass slow it down; charged once, behind it.
            sent = reduce_time(held, layout, cluster) + regather_time(held, layout, cluster)
            seconds += _seconds(cluster.software.overlap_cost * sent)
        return seconds

    @cache
    def regather(held: Parameters) -> float:
        return 0.0 if gathered else _seconds(regather_time(held, layout, cluster))

    updates = [update(each, sum(count)) for each, count in zip(parameters, blocks, strict=True)]
    regathers = [[regather(each) for each in chunks] for chunks in held]
    tie = _seconds(tie_time(layout, table_parameters(geometry, layout), cluster)) if tied else 0.0
    gpus = float(np.asarray(layout.gpus))
    sends, ports = _sends(geometry, layout, cluster)
    plan = GpuPlan(
        stages=p,
        chunks=v,
        micro_batches=int(layout.micro_batches),
        schedule=schedule,
        units=units,
        fine="all" if gathered else "last" if several and overlap else "none",
        sends=sends,
        ports=ports,
        blocking_sends=cluster.software.blocking_sends,
        gathers=gathered,
        prefetch=PREFETCH,
        scatters=several,
        scatter_every=gathered or int(layout.zero_stage) >= 2,
        overlap=overlap,
        tie=to_ticks(tie),
        norm=to_ticks(_seconds(cluster.network.latency * ceil(log2(gpus)))) if gpus > 1 else 0,
        clipping=clipping,
        update=tuple(map(to_ticks, updates)),
        regather=tuple(tuple(map(to_ticks, chunks)) for chunks in regathers),
        overlap_regather=cluster.software.overlap_weights,
    )
    checked_step(plan.longest())
    return plan


def _seconds(value: Column) -> float:
    return float(np.asarray(value).reshape(-1)[0])


def _parameters(kinds: dict[str, _Seconds], blocks: list[list[int]]) -> list[list[Parameters]]:
    """Parameters of every chunk of every stage; the first of all holds the embedding, the last what the head has of its own."""
    out = [[kinds["block"].parameters.times(count) for count in chunks] for chunks in blocks]
    out[0][0] = out[0][0] + kinds["embedding"].parameters
    out[-1][-1] = out[-1][-1] + kinds["head"].parameters
    return out


def _kinds(geometry: Geometry, layout: Layout, cluster: Cluster, times: StageTimes, split: bool) -> dict[str, _Seconds]:
    """Block, embedding and head, per micro-batch. With a split backward pass the weight gradients are half of its products."""
    own, table = block_parameters(geometry, layout), table_parameters(geometry, layout)
    modules = prediction_parameters(geometry, layout)
    add = {"block": accumulation_time(own, cluster), "table": accumulation_time(table, cluster)}
    behind = accumulation_time(table + modules, cluster)
    # The head's table came with the embedding, unless that is on another stage or another table.
    apart = np.where(np.asarray(layout.pipeline) > 1, 1.0, geometry.untied)

    def kind(forward: PassTime, backward: PassTime, again: Column, accumulate: Column, own: Parameters) -> _Seconds:
        later = _seconds(0.5 * np.asarray(backward.matmul) + accumulate) if split else 0.0
        whole = _seconds(np.asarray(backward.seconds) + again + accumulate)
        plain = Parameters(_seconds(own.dense), _seconds(own.expert))
        return _Seconds(_seconds(forward.seconds), whole - later, later, plain)

    block = times.block
    return {
        "block": kind(block.forward, block.backward, block.recompute.seconds, add["block"], own),
        "embedding": kind(*times.embedding, 0.0, add["table"], table),
        "head": kind(*times.head, 0.0, behind, table.times(apart) + modules),
    }


class _Units:
    """Groups the blocks of a model chunk into units and gives them their ticks."""

    def __init__(self, layout: Layout, cluster: Cluster, gathered: bool, several: bool, times: StageTimes) -> None:
        self._layout, self._cluster, self._gathered, self._several = layout, cluster, gathered, several
        self._chunks: dict[tuple[int, bool, bool], tuple[Unit, ...]] = {}
        self._launch = 0.5 * _seconds(times.launch) / float(np.asarray(layout.virtual_stages))

    def chunk(self, kinds: dict[str, _Seconds], blocks: int, first: bool, last: bool) -> tuple[Unit, ...]:
        """The units of one chunk in forward order."""
        key = (blocks, first, last)
        if key not in self._chunks:
            self._chunks[key] = self._chunk(kinds, *key)
        return self._chunks[key]

    def _chunk(self, kinds: dict[str, _Seconds], blocks: int, first: bool, last: bool) -> tuple[Unit, ...]:
        each = self._blocks_of_unit(kinds["block"])
        sizes = [min(each, blocks - at) for at in range(0, blocks, each)]
        of_size = {size: self._unit(kinds["block"], size, gather=True, scatter=True) for size in set(sizes)}
        out = [of_size[size] for size in sizes]  # none where the first or the last chunk has a table only
        if first:
            out.insert(0, self._unit(kinds["embedding"], 1, gather=True, scatter=True))
        if last:
            own = _seconds(kinds["head"].parameters.total) > 0
            out.append(self._unit(kinds["head"], 1, gather=own, scatter=own))
        launch = to_ticks(self._launch)
        head = out[0]
        out[0] = Unit(
            head.forward + launch, head.backward + launch, head.wgrad, head.gather, head.gather_again, head.scatter
        )
        return tuple(out)

    def _blocks_of_unit(self, block: _Seconds) -> int:
        if self._gathered:
            return 1
        size = self._cluster.software.gradient_bytes * _seconds(block.parameters.total)
        return max(1, ceil(self._cluster.software.bucket / size)) if size else sys.maxsize  # free ones fill none

    def _unit(self, kind: _Seconds, count: int, gather: bool, scatter: bool) -> Unit:
        layout, cluster = self._layout, self._cluster
        parameters = kind.parameters.times(count)
        fetch = again = spread = 0.0
        if self._gathered:
            fetch = _seconds(gather_time(parameters, layout, cluster)) if gather else 0.0
            again = fetch * float(np.asarray(gathers_again(layout, cluster)))
            spread = _seconds(scatter_time(parameters, layout, cluster)) if scatter else 0.0
        elif self._several and scatter:
            spread = _seconds(reduce_time(parameters, layout, cluster))
        slow = _seconds(cluster.software.overlap_cost) if self._gathered else 0.0
        forward = count * kind.forward + slow * fetch
        backward = count * kind.backward + slow * (again + spread)
        seconds = (forward, backward, count * kind.wgrad, fetch, again, spread)
        return Unit(*map(to_ticks, seconds))


def _sends(geometry: Geometry, layout: Layout, cluster: Cluster) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(ticks between virtual stages k and k + 1, port that they leave by), by where the two stages lie."""
    p, v, per_node = int(layout.pipeline), int(layout.virtual_stages), cluster.network.gpus_per_node
    stage = float(np.asarray(layout.tensor * layout.context * layout.data))
    size = FP16_BYTES * layout.micro_batch * geometry.sequence * geometry.d_model / layout.context
    if cluster.software.scatter_sends or int(layout.sequence_parallel):
        size = size / layout.tensor
    by_port = [to_ticks(_seconds(point_to_point(size, port, min(stage, per_node), cluster))) for port in (0.0, 1.0)]
    ports = []
    for k in range(p * v - 1):
        here, there = k % p, (k + 1) % p
        # The last GPU of a stage and the first of the next stand in one node, or do not.
        low, high = min(here, there), max(here, there)
        ports.append(int((low * stage) // per_node != ((high + 1) * stage - 1) // per_node))
    return tuple(by_port[port] for port in ports), tuple(ports)
