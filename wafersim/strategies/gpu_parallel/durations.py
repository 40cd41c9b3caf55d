"""Seconds of what a plan on GPUs is made of: of one layout, on one machine or on each of a column of machines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from wafersim.gpu.collectives import point_to_point
from wafersim.gpu.data_parallel import (
    Parameters,
    accumulation_time,
    block_parameters,
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
from wafersim.gpu.machines import columns, row
from wafersim.gpu.passes import PassTime
from wafersim.gpu.prediction import prediction_parameters
from wafersim.gpu.stages import StageTimes, stage_times
from wafersim.strategies.gpu_parallel.plan import Work

OnParameters = Callable[[Parameters, Layout, Cluster], Column]


@dataclass(frozen=True)
class Kind:
    """One kind of unit, a block, the embedding or the head: seconds of its passes for a micro-batch, and its parameters."""

    forward: float
    backward: float
    wgrad: float
    parameters: Parameters


@dataclass(frozen=True)
class Kinds:
    """The same on each machine of a column."""

    forward: Column
    backward: Column
    wgrad: Column
    parameters: Parameters

    def on_machine(self, at: int) -> Kind:
        """On one of them."""
        forward, backward, wgrad = (on_machine(each, at) for each in (self.forward, self.backward, self.wgrad))
        return Kind(forward, backward, wgrad, self.parameters)


class Durations:
    """Of a layout, each worked out once for all machines of a cluster's columns."""

    def __init__(
        self, geometry: Geometry, layout: Layout, cluster: Cluster, split: bool, times: StageTimes | None = None
    ) -> None:
        """`layout` is one, or a row of one where the cluster has columns; `split`: weight gradients have slots of their own;
        `times` are those of its stages where they are known."""
        self._geometry, self._layout, self._split, self.cluster = geometry, layout, split, cluster
        self._stages = times
        self._known: dict[tuple[object, ...], Column] = {}

    @cached_property
    def _times(self) -> StageTimes:
        return self._stages or stage_times(self._geometry, self._layout, self.cluster)

    @property
    def launch(self) -> Column:
        """Of a micro-batch, half forward."""
        return self._times.launch

    def work(self, blocks: int, first: bool, last: bool, at: int) -> Work:
        """What a stage of so many blocks is busy with on one machine; the `first` has the embedding, the `last` the head."""
        there = {"block": float(blocks), "embedding": float(first), "head": float(last)}
        parts = dict.fromkeys(("compute", "recompute", "launch", "tensor"), 0.0)
        for name, count in there.items():
            for part, *seconds in self._passes[name] if count else []:
                gpu, collectives, whole = (on_machine(each, at) for each in seconds)
                parts[part] += count * gpu
                parts["tensor"] += count * collectives
                parts["launch"] += count * max(0.0, whole - gpu - collectives)
        parts["launch"] += on_machine(self.launch, at)
        total = sum(parts.values())
        return tuple((name, value / total if total else 0.0) for name, value in parts.items())

    @cached_property
    def _passes(self) -> dict[str, list[tuple[str, Column, Column, Column]]]:
        """(part of a step, seconds of the GPU, of collectives, of all) of the passes over a block, embedding and head."""

        def told(each: PassTime, part: str = "compute") -> tuple[str, Column, Column, Column]:
            return part, each.matmul + each.attention + each.traffic, each.collectives, each.seconds

        times, block = self._times, self._times.block
        return {
            "block": [told(block.forward), told(block.backward), told(block.recompute, "recompute")],
            "embedding": list(map(told, times.embedding)),
            "head": list(map(told, times.head)),
        }

    @cached_property
    def kinds(self) -> dict[str, Kinds]:
        """Block, embedding and head. With a split backward pass the weight gradients are half of its products."""
        geometry, layout, cluster, times = self._geometry, self._layout, self.cluster, self._times
        own, table = block_parameters(geometry, layout), table_parameters(geometry, layout)
        modules = prediction_parameters(geometry, layout)
        add = {"block": accumulation_time(own, cluster), "table": accumulation_time(table, cluster)}
        behind = accumulation_time(table + modules, cluster)
        # The head's table came with the embedding, unless that is on another stage or another table.
        apart = np.where(np.asarray(layout.pipeline) > 1, 1.0, geometry.untied)

        def kind(forward: PassTime, backward: PassTime, again: Column, accumulate: Column, own: Parameters) -> Kinds:
            later: Column = 0.5 * np.asarray(backward.matmul) + accumulate if self._split else 0.0
            whole = np.asarray(backward.seconds) + again + accumulate
            plain = Parameters(on_machine(own.dense), on_machine(own.expert))
            return Kinds(forward.seconds, whole - later, later, plain)

        block = times.block
        return {
            "block": kind(block.forward, block.backward, block.recompute.seconds, add["block"], own),
            "embedding": kind(*times.embedding, 0.0, add["table"], table),
            "head": kind(*times.head, 0.0, behind, table.times(apart) + modules),
        }

    def gather(self, parameters: Parameters) -> Column:
        """All-gather of so many sharded weights."""
        return self._once(gather_time, parameters)

    @property
    def gathers_again(self) -> Column:
        """Gathers for the backward pass, over those for the forward pass."""
        return gathers_again(self._layout, self.cluster)

    def scatter(self, parameters: Parameters) -> Column:
        """Reduce-scatter of the gradients of so many weights that are sharded, too."""
        return self._once(scatter_time, parameters)

    def reduce(self, parameters: Parameters) -> Column:
        """Reduction of the gradients of so many weights that are whole."""
        return self._once(reduce_time, parameters)

    def regather(self, parameters: Parameters) -> Column:
        """All-gather of so many updated weights."""
        return self._once(regather_time, parameters)

    def _once(self, cost: OnParameters, parameters: Parameters) -> Column:
        key = cost, parameters
        if key not in self._known:
            self._known[key] = cost(parameters, self._layout, self.cluster)
        return self._known[key]

    def update(self, parameters: Parameters, blocks: int) -> Column:
        """The optimizer's pass over a stage."""
        key = update_time, parameters, blocks
        if key not in self._known:
            self._known[key] = update_time(parameters, blocks, self._layout, self.cluster)
        return self._known[key]

    @cached_property
    def tie(self) -> Column:
        """Summing a tied table's two copies."""
        return tie_time(self._layout, table_parameters(self._geometry, self._layout), self.cluster)

    @cached_property
    def sends(self) -> tuple[Column, Column]:
        """From stage to stage by each port: inside a node, between nodes."""
        layout, g, per_node = self._layout, self._geometry, self.cluster.network.gpus_per_node
        stage = layout.tensor * layout.context * layout.data
        size = FP16_BYTES * layout.micro_batch * g.sequence * g.d_model / layout.context
        if self.cluster.software.scatter_sends or np.any(layout.sequence_parallel):
            size = size / layout.tensor
        senders = np.minimum(np.asarray(stage, float), per_node)
        inside, between = (point_to_point(size, port, senders, self.cluster) for port in (0.0, 1.0))
        return inside, between


def on_machine(seconds: Column, at: int = 0) -> float:
    """Of the machine numbered `at` in a column; a number, or a column of one, is every machine's."""
    each = np.asarray(seconds).reshape(-1)
    return float(each[at] if len(each) > 1 else each[0])


def durations_of_each(
    geometry: Geometry, layout: Layout, clusters: Sequence[Cluster], split: bool
) -> Iterator[tuple[int, Durations, int]]:
    """(place of a cluster, durations of all that are alike in what is no column, its number among them)."""
    of_layout = row([layout])
    for places, column in columns(clusters):
        alike = Durations(geometry, of_layout, column, split)
        for at, place in enumerate(places):
            yield place, alike, at
