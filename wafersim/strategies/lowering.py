"""A lowered plan: its task graph, its delays, its durations, and the names of its tasks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from wafersim.engine.graph import BundleGraph, Ints, sorted_into
from wafersim.engine.schedule import Schedule, Waits, waits_of
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


@dataclass(frozen=True, eq=False)
class Tasks:
    """The tasks of a graph with their names, which plans of one shape share."""

    graph: BundleGraph
    keys: Keys

    @cached_property
    def waits(self) -> Waits:
        """What waits for what, task by task."""
        return waits_of(self.graph)

    @cached_property
    def orders(self) -> list[Schedule]:
        """Orders in which runs of the graph were seen to go, the latest first."""
        return []

    def key(self, bundle: Ints, offset: Ints) -> tuple[Ints, ...]:
        """Canonical keys, without the step, of the tasks at some offsets in some bundles."""
        kind, level, entity, *rest = (column[bundle] for column in self.keys)
        return (kind, level, entity + offset, *rest)

    @cached_property
    def in_order(self) -> tuple[Ints, tuple[Ints, ...]]:
        """All tasks in canonical order, and the columns of their keys in that order."""
        columns = self.key(self.graph.bundle_of, self.graph.entity_of)
        order = _order(columns)
        return order, tuple(column[order] for column in columns)


@dataclass(frozen=True)
class Lowered:
    """What an engine needs of a plan; `ticks` gives the durations of a step."""

    tasks: Tasks
    lags: Ints
    ticks: Callable[[int], Ints]

    @property
    def graph(self) -> BundleGraph:
        """What waits for what."""
        return self.tasks.graph

    def durations(self, step: int = 0) -> Ints:
        """The durations that the graph reads, in one step."""
        return self.ticks(step)

    def timeline(self, ends: Ints, step: int, only: Ints | None = None) -> Timeline:
        """One step's tasks, or `only` some of them, as columns sorted by canonical key."""
        graph = self.graph
        if only is None:
            order, columns = self.tasks.in_order
        else:
            columns = self.tasks.key(graph.bundle_of[only], graph.entity_of[only])
            within = _order(columns)
            order, columns = only[within], tuple(column[within] for column in columns)
        ticks, end = self.durations(step)[graph.duration_of[order]], ends[order]
        return Timeline(*(np.full(len(order), step), *columns, end - ticks, end))


def _order(columns: tuple[Ints, ...]) -> Ints:
    """The canonical order, column by column from the last."""
    order = np.arange(len(columns[0]))
    for column in reversed(columns):
        order = order[sorted_into(column[order], int(column.max(initial=0)) + 1)[1]]
    return order
