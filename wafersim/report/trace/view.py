"""What a trace shows of a step: its lanes, which task is in which, what is said of tasks, arrows between them, counters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from wafersim.report.trace.events import Counter, Lane
from wafersim.timeline.timeline import KIND, KINDS, Column, Timeline


@dataclass(frozen=True)
class Flow:
    """Tasks that follow from each other, by their rows in the timeline."""

    name: str
    rows: tuple[int, ...]


@dataclass(frozen=True)
class Said:
    """What is said of a task: its name as a JSON string, and the members of the JSON object that a viewer shows of it."""

    name: str
    args: str


class Describes(Protocol):
    """Says something of tasks, some at a time."""

    def __call__(self, rows: Column) -> Sequence[Said]:
        """Of the tasks in some rows of the timeline."""
        ...


@dataclass(frozen=True)
class StepView:
    """A step as a viewer shows it. `lane_of[row]` is the lane of a task, an index of `lanes`."""

    lanes: tuple[Lane, ...]
    lane_of: Column
    describe: Describes
    flows: tuple[Flow, ...]
    counters: tuple[Counter, ...]


class Numbering:
    """Lanes that are numbered as they are named: tasks of a kind, on a level, by entity."""

    def __init__(self, levels: int) -> None:
        self.lanes: list[Lane] = []
        self._of: dict[tuple[int, int, int], int] = {}  # (kind, level, entity)
        self._levels = levels

    def add(self, process: str, name: str, kinds: Iterable[tuple[str, int]], entity: int = 0) -> None:
        """A lane for the tasks of some kinds (each with its level) of an entity."""
        for kind, level in kinds:
            self._of[KIND[kind], level, entity] = len(self.lanes)
        self.lanes.append(Lane(process, name))

    def lane_of(self, timeline: Timeline) -> Column:
        """The lane of every task."""
        entities = 1 + max((entity for *_, entity in self._of), default=0)
        table = np.full((len(KINDS), self._levels, entities), -1)
        for (kind, level, entity), lane in self._of.items():
            table[kind, level, entity] = lane
        found: Column = table[timeline.kind, timeline.level, timeline.entity]
        assert not len(found) or found.min() >= 0, "a task of no lane"
        return found
