"""A lowered plan: its task graph, its delays, its durations, and the names of its tasks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from wafersim.engine.graph import BundleGraph, Ints, sorted_into
from wafersim.engine.schedule import Schedule
from wafersim.engine.waits import Waits, waits_of
from wafersim.timeline.timeline import KINDS, PASSES, Timeline


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

    @cached_property
    def sorts(self) -> tuple[Ints, list[str]]:
        """The sort of every task, and what each is called: what it does, in which pass, on which side of the tree's root."""
        keys, bundle = self.keys, self.graph.bundle_of
        codes = (keys.kind * len(PASSES) + keys.pass_) * 2 + (keys.level > 0)
        found, sort = np.unique(codes, return_inverse=True)
        return sort[bundle], [
            _name(each // 2 // len(PASSES), each % 2, each // 2 % len(PASSES)) for each in found.tolist()
        ]

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


def _name(kind: int, level: int, pass_: int) -> str:
    name = KINDS[kind]
    if name == "compute":
        return f"compute {PASSES[pass_]}"
    return "into MemoryX" if name == "reduce" and level == 0 else name


def _order(columns: tuple[Ints, ...]) -> Ints:
    """The canonical order, column by column from the last."""
    order = np.arange(len(columns[0]))
    for column in reversed(columns):
        order = order[sorted_into(column[order], int(column.max(initial=0)) + 1)[1]]
    return order
