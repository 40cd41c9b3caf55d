"""The critical circuit of a periodic step, by kind of task, and what each resource has to spare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from wafersim.engine.critical import critical_chain
from wafersim.engine.graph import Ints
from wafersim.strategies.lowering import Tasks
from wafersim.strategies.run import PeriodicStep
from wafersim.strategies.steps import LoweredSteps
from wafersim.timeline.timeline import Timeline


@dataclass(frozen=True)
class CriticalOps:
    """The chain that sets the step time. `ticks` by name add up to `steps` steps; "latency" is delays between tasks.

    `tasks` are those of the last step simulated that lie on the chain.
    """

    ticks: dict[str, int]
    steps: int
    length: int
    tasks: Ints

    @property
    def shares(self) -> dict[str, float]:
        """Share of the chain's time by name, the largest first."""
        total = sum(self.ticks.values())
        ranked = sorted(self.ticks.items(), key=lambda item: -item[1])
        return {name: ticks / total for name, ticks in ranked if ticks}


@dataclass(frozen=True)
class Critical:
    """The chain of tasks that sets the step time: how many, over how many steps, and shares of its time by name."""

    tasks: int
    steps: int
    shares: tuple[tuple[str, float], ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"tasks": self.tasks, "steps": self.steps, "shares": dict(self.shares)}


def critical(periodic: PeriodicStep[Any]) -> Critical | None:
    """The critical chain of a step; None from a SimPy reference."""
    if not isinstance(periodic.steps, LoweredSteps):
        return None
    chain = critical_ops(periodic)
    return Critical(chain.length, chain.steps, tuple(chain.shares.items()))


def critical_ops(periodic: PeriodicStep[Any]) -> CriticalOps:
    """The critical circuit, or with jitter the critical path of the last steps; the fast engines only. Worked out once."""
    steps = periodic.steps
    assert isinstance(steps, LoweredSteps), "the reference keeps no graph to follow"
    if steps not in _FOLLOWED:
        _FOLLOWED[steps] = _followed(periodic, steps)
    return _FOLLOWED[steps]


# By the simulation whose last steps were followed: a prediction, its figure and its page ask, and millions of tasks take seconds.
_FOLLOWED: WeakKeyDictionary[LoweredSteps, CriticalOps] = WeakKeyDictionary()


def _followed(periodic: PeriodicStep[Any], steps: LoweredSteps) -> CriticalOps:
    lowered, rows = steps.lowered, len(periodic.ends)
    graph = lowered.graph
    ends = np.array(periodic.ends)
    first = periodic.steps_simulated - rows
    starts = ends - np.array([lowered.durations(first + row)[graph.duration_of] for row in range(rows)])
    period = int(periodic.step_ticks * periodic.cycle) if periodic.exact else None
    chain = critical_chain(graph, lowered.lags, ends, starts, period)
    row = chain.step % rows
    ticks = (ends - starts)[row, chain.task]
    shares: dict[str, int] = {}
    for name, each in _by_name(lowered.tasks, chain.task, ticks):
        shares[name] = shares.get(name, 0) + each
    shares["latency"] = int(chain.lag.sum())
    return CriticalOps(shares, chain.steps, len(chain.task), chain.task[row == rows - 1])


def critical_tasks(periodic: PeriodicStep[Any]) -> Timeline | None:
    """The tasks of the last step that lie on the chain; None from the SimPy reference."""
    if not isinstance(periodic.steps, LoweredSteps):
        return None
    lowered, step = periodic.steps.lowered, periodic.steps_simulated - 1
    return lowered.timeline(periodic.ends[-1], step, critical_ops(periodic).tasks)


def _by_name(tasks: Tasks, chain: Ints, ticks: Ints) -> list[tuple[str, int]]:
    """(name, ticks) of the sorts of tasks in a chain, as the chain comes to them; two sorts may share a name."""
    sort, names = tasks.sorts
    total, first = np.zeros(len(names), np.int64), np.full(len(names), len(chain))
    np.add.at(total, sort[chain], ticks)
    np.minimum.at(first, sort[chain], np.arange(len(chain)))
    there = sorted((at, each) for each, at in enumerate(first.tolist()) if at < len(chain))
    return [(names[each], int(total[each])) for _, each in there]
