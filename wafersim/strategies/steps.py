"""The engines behind one interface, and which of them may run a plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from wafersim.engine.event_queue import EventQueue
from wafersim.engine.graph import Ints
from wafersim.engine.longest_path import LongestPath
from wafersim.strategies.lowering import Lowered
from wafersim.timeline.timeline import Timeline

Engine = Literal["auto", "fast", "queue", "reference", "both"]
NAMES = {"fast": "longest path", "queue": "event queue", "reference": "SimPy reference"}


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
        return self.lowered.timeline(ends, step)

    def done(self) -> None:
        """Let go of the engine: no further step is wanted."""
        self._path = self._queue = None


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


def choose_engine(arrival_order: Sequence[str], engine: Engine) -> tuple[str, str]:
    """(engine, why) for a plan that leaves these orders of service open: `fast` is the compiled engine that applies."""
    if engine in ("queue", "reference"):
        return engine, "asked for"
    if arrival_order:
        return "queue", f"the plan leaves the order of service open at {', '.join(arrival_order)}"
    return "fast", "the plan fixes the order of every service" if engine != "fast" else "asked for"
