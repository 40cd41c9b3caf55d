"""The engines behind one interface, and which of them may run a plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from wafersim.engine.event_queue import EventQueue
from wafersim.engine.graph import BundleGraph, Ints
from wafersim.engine.longest_path import LongestPath
from wafersim.errors import Infeasible
from wafersim.timeline.timeline import Timeline

Engine = Literal["auto", "fast", "queue", "reference", "both"]
NAMES = {"fast": "longest path", "queue": "event queue", "reference": "SimPy reference"}


class Keys(Protocol):
    """The columns of a lowered plan's bundles that name its tasks."""

    @property
    def kind(self) -> Ints: ...
    @property
    def level(self) -> Ints: ...
    @property
    def pass_(self) -> Ints: ...


class Lowered(Protocol):
    """A plan as a task graph, with its delays, its durations and the names of its tasks."""

    @property
    def graph(self) -> BundleGraph: ...
    @property
    def lags(self) -> Ints: ...
    @property
    def keys(self) -> Keys: ...

    def durations(self, step: int = 0) -> Ints:
        """The durations that the graph reads, in one step."""
        ...

    def timeline(self, ends: Ints, step: int, durations: Ints, only: Ints | None = None) -> Timeline:
        """One step's tasks, or `only` some of them, as columns sorted by canonical key."""
        ...


class Steps(Protocol):
    """A simulation that advances step by step. Ends of a step stand in an order that does not change."""

    reach: int  # how many steps back a task may wait for another

    def next_step(self) -> Ints:
        """Ends of the tasks of the next step."""
        ...

    def timeline(self, step: int, ends: Ints) -> Timeline:
        """A step that was simulated, as columns."""
        ...


class LoweredSteps:
    """Steps of a lowered plan on the longest-path or the event-queue engine."""

    def __init__(self, lowered: Lowered, engine: str) -> None:
        self.lowered = lowered
        self.reach = lowered.graph.reach
        self._step = 0
        self._path = LongestPath(lowered.graph, lowered.lags) if engine == "fast" else None
        self._queue = (
            EventQueue(lowered.graph, lowered.lags, lambda _, step: lowered.durations(step))
            if self._path is None
            else None
        )

    def next_step(self) -> Ints:
        """Ends of the tasks of the next step."""
        if self._path is not None:
            ends = self._path.next_step(self.lowered.durations(self._step)).copy()
            self._step += 1
            return ends
        assert self._queue is not None
        return self._queue.next_step()

    def timeline(self, step: int, ends: Ints) -> Timeline:
        """A step that was simulated, as columns."""
        return self.lowered.timeline(ends, step, self.lowered.durations(step))


class ReferenceSteps:
    """Steps of a SimPy reference, which keeps their timelines."""

    def __init__(self, run_step: Callable[[], Timeline], reach: int) -> None:
        self.reach = reach
        self._run_step = run_step
        self._timelines: list[Timeline] = []

    def next_step(self) -> Ints:
        """Ends of the tasks of the next step."""
        self._timelines.append(self._run_step())
        return self._timelines[-1].end

    def timeline(self, step: int, ends: Ints) -> Timeline:
        """A step that was simulated, as columns."""
        return self._timelines[step]


def choose(arrival_order: Sequence[str], engine: Engine) -> tuple[str, str]:
    """(engine, why). Raises Infeasible when the one asked for cannot run a plan that leaves these orders open."""
    open_order = ", ".join(arrival_order)
    if engine == "fast" and arrival_order:
        raise Infeasible(
            f"--engine fast needs a plan that fixes the order of every service; this one leaves it open at {open_order}: "
            "use queue or auto"
        )
    if engine not in ("auto", "both"):
        return engine, "asked for"
    if arrival_order:
        return "queue", f"the plan leaves the order of service open at {open_order}"
    return "fast", "the plan fixes the order of every service"
