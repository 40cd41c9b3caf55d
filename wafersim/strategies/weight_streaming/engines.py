"""The engines behind one interface, and which of them may run a plan."""

from __future__ import annotations

from typing import Literal, Protocol

from wafersim.engine.event_queue import EventQueue
from wafersim.engine.graph import Ints
from wafersim.engine.longest_path import LongestPath
from wafersim.errors import Infeasible
from wafersim.strategies.weight_streaming.graph import Lowered, lower
from wafersim.strategies.weight_streaming.plan import WeightStreamingPlan
from wafersim.strategies.weight_streaming.processes import Reference
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
        return self.lowered.timeline(ends, step, self.lowered.durations(step))


class ReferenceSteps:
    """Steps of the SimPy reference, which keeps their timelines."""

    def __init__(self, plan: WeightStreamingPlan) -> None:
        self.reach = lower(plan).graph.reach
        self._reference = Reference(plan)
        self._timelines: list[Timeline] = []

    def next_step(self) -> Ints:
        """Ends of the tasks of the next step."""
        self._timelines.append(self._reference.run_step())
        return self._timelines[-1].end

    def timeline(self, step: int, ends: Ints) -> Timeline:
        """A step that was simulated, as columns."""
        return self._timelines[step]


def choose(plan: WeightStreamingPlan, engine: Engine) -> tuple[str, str]:
    """(engine, why). Raises Infeasible when the one asked for cannot run the plan."""
    open_order = ", ".join(plan.arrival_order)
    if engine == "fast" and plan.arrival_order:
        raise Infeasible(
            f"--engine fast needs a plan that fixes the order of every service; this one leaves it open at {open_order}: "
            "use queue or auto"
        )
    if engine not in ("auto", "both"):
        return engine, "asked for"
    if plan.arrival_order:
        return "queue", f"the plan leaves the order of service open at {open_order}"
    return "fast", "the plan fixes the order of every service"


def start(plan: WeightStreamingPlan, engine: str) -> Steps:
    """A simulation of a plan on the engine that `choose` named."""
    return ReferenceSteps(plan) if engine == "reference" else LoweredSteps(lower(plan), engine)
