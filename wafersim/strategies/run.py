"""Plans of any strategy run to their periodic state: steps until x(k + c) = x(k) + p for every task; the step time is p / c.

Alike entities are left out, the engine is the one that applies, and `both` checks it against SimPy on every tick.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from wafersim.engine.graph import Ints
from wafersim.errors import WafersimError
from wafersim.strategies.kept import kept
from wafersim.strategies.lowering import Lowered
from wafersim.strategies.steps import NAMES, Engine, LoweredSteps, ReferenceSteps, Steps, choose_engine
from wafersim.strategies.tally import Tally, check_tally
from wafersim.timeline.clock import LONGEST_TICKS
from wafersim.timeline.timeline import KEY, KINDS, PASSES, Timeline

LONGEST_CYCLE = 12
MOST_STEPS = 200
MOST_TASKS = 500_000  # of the steps that are remembered: some 300 bytes each, with their plan and timeline
WARM_UP, JITTERED_STEPS = 2, 8  # with jitter no step repeats: the mean of some is reported


class Plan(Protocol):
    """What running a plan asks of it."""

    @property
    def arrival_order(self) -> tuple[str, ...]:
        """Resources whose order of service the plan leaves open."""
        ...

    @property
    def repeats(self) -> bool:
        """Whether every step has the same durations."""
        ...


P = TypeVar("P", bound=Plan)


class Reference(Protocol):
    """A SimPy simulation of a plan."""

    def run_step(self) -> Timeline:
        """The next step."""
        ...


@dataclass(frozen=True)
class Folded(Generic[P]):
    """A plan of representatives, and how a timeline of it becomes one of the whole plan."""

    plan: P
    unfold: Callable[[Timeline], Timeline]


class Lowers(Protocol[P]):
    """How plans of a strategy run: as a task graph, as SimPy processes, with alike entities left out; of how many tasks."""

    def lower(self, plan: P) -> Lowered: ...
    def reference(self, plan: P) -> Reference: ...
    def fold(self, plan: P) -> Folded[P]: ...
    def tally(self, plan: P) -> Tally: ...


class Stateless:
    """A way to run plans, equal to those that inherit from it: what a search has run is known to the strategy."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stateless) and (isinstance(other, type(self)) or isinstance(self, type(other)))

    def __hash__(self) -> int:
        return hash(Stateless)


@dataclass(frozen=True)
class PeriodicStep(Generic[P]):
    """One step of the periodic state. `exact` is False when no period was found and the last steps were averaged.

    `plan` is the one that was simulated: one representative for each class of alike systems. `ends` are those of the
    last `cycle` steps, the latest last.
    """

    plan: P
    step_ticks: Fraction
    cycle: int
    steps_simulated: int
    exact: bool
    engine: str
    reason: str
    ends: tuple[Ints, ...]
    steps: Steps

    @cached_property
    def timeline(self) -> Timeline:
        """The last step that was simulated."""
        return self.steps.timeline(self.steps_simulated - 1, self.ends[-1])

    @property
    def before(self) -> Timeline:
        """The step before the last one."""
        return self.steps.timeline(self.steps_simulated - 2, self.ends[-2])

    @property
    def spread(self) -> float:
        """Standard deviation over mean of the steps that were averaged."""
        times = np.diff([int(ends.max()) for ends in self.ends])
        return float(times.std() / times.mean())


def start(strategy: Lowers[P], plan: P, engine: str) -> Steps:
    """A simulation of a plan on the engine that `choose_engine` named."""
    lowered = strategy.lower(plan)
    if engine == "reference":
        return ReferenceSteps(strategy.reference(plan).run_step, lowered.graph.reach)
    return LoweredSteps(lowered, engine)


def run_to_period(strategy: Lowers[P], plan: P, engine: Engine = "auto", reductions: bool = True) -> PeriodicStep[P]:
    """Simulate until the full state repeats; where durations never do (jitter), a fixed number of steps.

    Raises WafersimError when `both` engines disagree, TooManyTasks, before any is made, for more than are simulated.
    """
    name, why = choose_engine(plan.arrival_order, engine)
    folded = strategy.fold(plan) if reductions else Folded(plan, lambda timeline: timeline)
    if engine == "both":
        check_tally(strategy.tally(plan), each="; the SimPy reference leaves none of them out")
    reason = f"{NAMES[name]}: {why}"
    found = replace(_settled(strategy, folded.plan, name), reason=reason)
    if engine != "both":
        return found
    reference, again = start(strategy, plan, "reference"), start(strategy, folded.plan, name)
    for step in range(found.steps_simulated):
        expected = reference.timeline(step, reference.next_step())
        compare_step(name, expected, folded.unfold(again.timeline(step, again.next_step())))
    checked = f"{reason}; equal to the SimPy reference on every tick of {found.steps_simulated} steps"
    return replace(found, reason=checked)


def _settled(strategy: Lowers[P], plan: P, engine: str) -> PeriodicStep[P]:
    """The periodic state of a plan without reductions; those of the last plans are remembered, by the whole plan.

    Clusters of several sizes fold to one plan, and a run asks for the nudged ones of each. What never repeats is large and
    is not kept.
    """
    run: Callable[[Any, Any, str], PeriodicStep[P]] = remembered if plan.repeats else _simulated
    return run(strategy, plan, engine)


def _simulated(strategy: Lowers[P], plan: P, engine: str) -> PeriodicStep[P]:
    check_tally(strategy.tally(plan))
    return settle(plan, start(strategy, plan, engine), engine, "")


@kept(MOST_TASKS, lambda found: found.ends[-1].size)
def remembered(strategy: Lowers[Any], plan: Any, engine: str) -> PeriodicStep[Any]:
    """The periodic state of a plan that repeats, without reductions."""
    found = _simulated(strategy, plan, engine)
    if isinstance(found.steps, LoweredSteps):
        found.steps.done()
    return found


def settle(plan: P, steps: Steps, engine: str, reason: str) -> PeriodicStep[P]:
    """Simulate until the full state repeats; a fixed number of steps where it never does because of jitter.

    A step's tasks depend on at most `reach` earlier steps (a credit may come from that far back), so the shift has to
    hold over that many consecutive steps before it is the period.
    """
    if not plan.repeats:
        ends = [steps.next_step() for _ in range(WARM_UP + JITTERED_STEPS)]
        mean = Fraction(int(ends[-1].max()) - int(ends[WARM_UP - 1].max()), JITTERED_STEPS)
        last = tuple(ends[-JITTERED_STEPS:])
        return PeriodicStep(plan, mean, JITTERED_STEPS, len(ends), False, engine, reason, last, steps)
    ends, taken = list[Ints](), 0  # of the last steps alone: what a shift may be seen over, and the mean is taken of
    while taken < MOST_STEPS and (taken <= LONGEST_CYCLE or ends[-1].max() < LONGEST_TICKS // 2):
        ends = [*ends[1 - LONGEST_CYCLE - steps.reach :], steps.next_step()]
        taken += 1
        for cycle in range(1, LONGEST_CYCLE + 1):
            if taken < cycle + steps.reach:
                break
            shift = _shift(ends, cycle, steps.reach)
            if shift is not None:
                period = Fraction(shift, cycle)
                return PeriodicStep(plan, period, cycle, taken, True, engine, reason, tuple(ends[-cycle:]), steps)
    mean = Fraction(int(ends[-1].max()) - int(ends[-1 - LONGEST_CYCLE].max()), LONGEST_CYCLE)
    last = tuple(ends[-LONGEST_CYCLE:])
    return PeriodicStep(plan, mean, LONGEST_CYCLE, taken, False, engine, reason, last, steps)


def _shift(ends: list[Ints], cycle: int, reach: int) -> int | None:
    """The one number of ticks by which every task of the last `reach` steps moved in `cycle` steps, or None."""
    moved = int(ends[-1][0] - ends[-1 - cycle][0])
    for back in range(1, reach + 1):
        if not np.all(ends[-back] - ends[-back - cycle] == moved):
            return None
    return moved


def compare_step(engine: str, expected: Timeline, found: Timeline) -> None:
    """Raises WafersimError with the first task that differs, by canonical key."""
    if len(expected) != len(found):
        raise WafersimError(f"engines disagree: {len(expected)} tasks by the reference, {len(found)} by {engine}")
    wrong = np.flatnonzero((expected.start != found.start) | (expected.end != found.end))
    if not len(wrong):
        return
    row = wrong[np.lexsort((expected.end[wrong], expected.start[wrong]))[0]]
    key = {name: int(getattr(expected, name)[row]) for name in KEY}
    named = {**key, "kind": KINDS[key["kind"]], "pass_": PASSES[key["pass_"]]}
    task = ", ".join(f"{name.rstrip('_')} {value}" for name, value in named.items())
    raise WafersimError(
        f"engines disagree first at [{task}]: reference {expected.start[row]}-{expected.end[row]}, "
        f"{engine} {found.start[row]}-{found.end[row]}"
    )
