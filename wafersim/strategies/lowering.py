"""A lowered plan: its task graph, its delays, its durations, and the names of its tasks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from wafersim.engine.graph import BundleGraph, Ints
from wafersim.timeline.timeline import Timeline


class Keys(NamedTuple):
    """The canonical key of every bundle without the step; task i of a bundle runs on `entity` + i."""

    kind: Ints
    level: Ints
    entity: Ints
    pass_: Ints
    micro_batch: Ints
    layer: Ints
    chunk: Ints


@dataclass(frozen=True)
class Lowered:
    """What an engine needs of a plan; `ticks` gives the durations of a step."""

    graph: BundleGraph
    keys: Keys
    lags: Ints
    ticks: Callable[[int], Ints]

    def durations(self, step: int = 0) -> Ints:
        """The durations that the graph reads, in one step."""
        return self.ticks(step)

    def timeline(self, ends: Ints, step: int, only: Ints | None = None) -> Timeline:
        """One step's tasks, or `only` some of them, as columns sorted by canonical key."""
        graph = self.graph
        bundle, offset = graph.bundle_of, graph.entity_of
        ticks = self.durations(step)[graph.duration_of]
        if only is not None:
            bundle, offset, ticks, ends = bundle[only], offset[only], ticks[only], ends[only]
        kind, level, entity, pass_, micro_batch, layer, chunk = (key[bundle] for key in self.keys)
        columns = (kind, level, entity + offset, pass_, micro_batch, layer, chunk, ends - ticks, ends)
        order = _order(columns[:7])
        return Timeline(np.full(len(order), step), *(column[order] for column in columns))


def _order(columns: tuple[Ints, ...]) -> Ints:
    """The canonical order, by one packed number a task."""
    packed = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        packed = packed * (int(column.max(initial=0)) + 1) + column
    return np.argsort(packed, kind="stable")
