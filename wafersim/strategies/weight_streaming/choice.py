"""What is settled before a step is planned: the micro-batch, and the activation policy that capacity allows.

Micro-batches are those that Cerebras' compiler considers: a system's sequences divided by a whole number, rounded up. Throughput
rises with the micro-batch, but where recompute begins; so `auto` is the largest that fits without lanes, or the largest that
keeps all activations, whichever is faster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import ceil

from wafersim.errors import Infeasible
from wafersim.inputs.strategy import WeightStreamingSpec
from wafersim.strategies.best_first import best_first
from wafersim.strategies.job import Job
from wafersim.strategies.kept import of_the_same
from wafersim.strategies.weight_streaming.activations import Policy, WaferMemory, candidates
from wafersim.strategies.weight_streaming.machine import Disturbances, Machine, Settings, Sram
from wafersim.strategies.weight_streaming.memoryx import check_memoryx
from wafersim.strategies.weight_streaming.periodic import run_to_period
from wafersim.strategies.weight_streaming.plan import WeightStreamingPlan
from wafersim.strategies.weight_streaming.planner import Planned, build_plan, wafer_ticks
from wafersim.strategies.weight_streaming.room import Room, room
from wafersim.strategies.weight_streaming.settings import machine_of, settings_of, shards_of, sram_notes, wafers_of
from wafersim.wafer.op_cost import op_cost
from wafersim.workload.transformer import Workload

MOST_MICRO_BATCHES = 512  # of a step
MANY = 8  # micro-batches beyond which one more costs what the one before did
MOST_TRIED = 256  # plans whose ticks are known while many jobs choose


@dataclass(frozen=True)
class Choice:
    """Settings of healthy systems with the micro-batches settled, the activation policy, why that one, what it takes."""

    settings: Settings
    policy: Policy
    reason: str
    memory: WaferMemory
    notes: tuple[str, ...] = ()


def choose(job: Job) -> Choice:
    """Micro-batch and policy: what one system with the largest shard has room for."""
    return prospects(job).choice()


def prospects(job: Job) -> Prospects:
    """What a job chooses among: all that is settled before any step is simulated. Raises Infeasible."""
    check_memoryx(job)
    shards, notes = shards_of(job)
    machine = wafers_of(job.machine)
    on = _System(_policies(job), job.workload, machine_of(machine), settings_of(job, shards))
    counts, said = _micro_batches(job, on)
    return Prospects(on, counts, (*notes, *said, *sram_notes(machine)))


@dataclass(frozen=True)
class Prospects:
    """Numbers of micro-batches, in order, of which the fastest is wanted; few plans are made to find it."""

    on: _System
    counts: tuple[int, ...]
    notes: tuple[str, ...]

    @cached_property
    def bounds(self) -> tuple[float, ...]:
        """Ticks that a step of each number of micro-batches is not below."""
        return tuple(self.on.least_ticks(count) for count in self.counts)

    def first(self) -> tuple[WeightStreamingPlan, ...]:
        """What is simulated to begin with, where there is something to choose."""
        return _simulated_for(self._plan(self._least)) if len(self.counts) > 1 else ()

    def rest(self) -> tuple[WeightStreamingPlan, ...]:
        """What is simulated when the first is known, at most."""
        if len(self.counts) == 1:
            return ()
        known, least = self._ticks(self._least), self._least
        left = [at for at, bound in enumerate(self.bounds) if at != least and bound <= known]
        return tuple(plan for at in left for plan in _simulated_for(self._plan(at)))

    def choice(self) -> Choice:
        """The fastest, the fewest micro-batches of equals."""
        count = self.counts[0]
        if len(self.counts) > 1:
            ticks = best_first(self.bounds, self._ticks)
            count = self.counts[min(ticks, key=lambda index: (ticks[index], index))]
        fitting = self.on.fitting(count)
        return Choice(
            replace(self.on.settings, micro_batches=count),
            fitting.policy,
            fitting.reason,
            fitting.room.memory,
            self.notes,
        )

    @property
    def _least(self) -> int:
        return min(range(len(self.counts)), key=lambda at: self.bounds[at])

    def _ticks(self, at: int) -> float:
        return _step_ticks(self._plan(at))

    def _plan(self, at: int) -> WeightStreamingPlan:
        return self.on.plan(self.counts[at])


def _policies(job: Job) -> tuple[Policy, ...]:
    assert isinstance(job.strategy, WeightStreamingSpec)
    if job.workload.mode == "forward":
        return (Policy(0, "wafer"),)
    asked = job.strategy.activations
    return candidates(asked.keep, asked.place, asked.recompute_weights)


def _micro_batches(job: Job, on: _System) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """(numbers of micro-batches to choose from, notes): nearest to what was asked or published, one, or what may be fastest."""
    strategy, model = job.strategy, job.workload.model
    assert isinstance(strategy, WeightStreamingSpec)
    asked, word = strategy.micro_batch, "asked for"
    if asked == "none":
        return (1,), ()
    stated = (model.published or {}).get("micro_batch") if asked == "published" else None
    if isinstance(stated, int | float):
        asked, word = int(stated), "published"
    if not isinstance(asked, int):
        none = (f"no micro-batch is published for {model.name}: chosen as auto",) if asked == "published" else ()
        return on.promising(), none
    count = nearest_count(on.largest, asked)
    if count > MOST_MICRO_BATCHES:
        raise Infeasible(
            f"strategy.micro_batch {asked} makes {count} micro-batches a step of the {on.largest} sequences of a system; "
            f"up to {MOST_MICRO_BATCHES} are simulated: give it {ceil(on.largest / MOST_MICRO_BATCHES)} or more"
        )
    size = ceil(on.largest / count)
    if size == asked:
        return (count,), ()
    return (count,), (
        f"micro-batch {size}, the nearest to the {asked} {word}: {on.largest} sequences a system in {count}",
    )


def nearest_count(sequences: int, asked: int) -> int:
    """The number of micro-batches whose size, sequences / number rounded up, is nearest to what was asked; the fewer of two."""
    around = max(1, sequences // asked)
    return min((around, around + 1), key=lambda count: abs(ceil(sequences / count) - asked))


@dataclass(frozen=True)
class Fitting:
    """A policy that fits, why it is that one, and what it takes."""

    policy: Policy
    reason: str
    room: Room

    @property
    def without_lanes(self) -> bool:
        """Whether a block's working set fits at once; logits go in lanes (264 sequences of 590M ran)."""
        return self.room.memory.block_lanes <= 1.0


@dataclass(frozen=True)
class _System:
    """One healthy system with the largest shard: what fits is settled there."""

    policies: tuple[Policy, ...]
    workload: Workload
    machine: Machine
    settings: Settings

    @property
    def largest(self) -> int:
        return max(self.settings.shards)

    def fitting(self, count: int) -> Fitting:
        """The first policy that fits; raises Infeasible with what refuses the last."""
        found = self._fitting(count)
        if isinstance(found, str):
            raise Infeasible(found)
        return found

    def _fitting(self, count: int) -> Fitting | str:
        return _first_fitting(self.policies, self.workload, self.machine.memory, self._alone(count))

    def _alone(self, count: int) -> Settings:
        return replace(self._whole, micro_batches=count)

    @cached_property
    def _whole(self) -> Settings:
        return replace(self.settings, shards=(self.largest,), disturbances=Disturbances())

    def plan(self, count: int) -> WeightStreamingPlan:
        """Of its step in so many micro-batches."""
        planned = build_plan(self.workload, self.machine, self._alone(count), self.fitting(count).policy, op_cost)
        assert isinstance(planned, Planned), planned
        return planned.plan

    def least_ticks(self, count: int) -> float:
        """Ticks that `_step_ticks` is not below: the wafer's own work, where that is simulated whole."""
        if count > MANY:
            return 0.0
        found = self.fitting(count)
        settings, device = self._alone(count), self.machine.device
        return float(wafer_ticks(self.workload, device, settings, found.policy, found.room, op_cost))

    def promising(self) -> tuple[int, ...]:
        """The fewest micro-batches that fit without lanes, and the fewest that keep everything: one of them is the fastest."""
        most = min(self.largest, MOST_MICRO_BATCHES)
        counts = _promising(self.policies, self.workload, self.machine.memory, self._whole, most)
        return counts or (self._smallest(most),)  # a long sequence: one at a time, in lanes

    def _smallest(self, most: int) -> int:
        found = self._fitting(most)
        if isinstance(found, Fitting):
            return most
        if most < self.largest:
            raise Infeasible(
                f"{self.largest} sequences a system do not fit in {most} micro-batches, as many as are simulated; "
                "take a smaller training batch"
            )
        raise Infeasible(f"no micro-batch fits: {found}")


@lru_cache(maxsize=4096)
def _promising(
    policies: tuple[Policy, ...], workload: Workload, sram: Sram, whole: Settings, most: int
) -> tuple[int, ...]:
    """Numbers of micro-batches in order, of a step whose settings are `whole` in one: no link has a say in what fits."""

    def fitting(count: int) -> Fitting | None:
        found = _first_fitting(policies, workload, sram, replace(whole, micro_batches=count))
        return found if isinstance(found, Fitting) and found.without_lanes else None

    def keeps(count: int) -> bool:
        found = fitting(count)
        return found is not None and found.policy.every == 0

    found = _fewest(lambda count: fitting(count) is not None, most), _fewest(keeps, most)
    return tuple(sorted({count for count in found if count is not None}))


def _fewest(holds: Callable[[int], bool], most: int) -> int | None:
    """The fewest micro-batches of which something holds; what holds of a size holds of every smaller one."""
    high = 1
    while not holds(high):
        if high >= most:
            return None
        high = min(2 * high, most)
    low = high // 2  # does not hold, or is 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


@lru_cache(maxsize=4096)
def _first_fitting(policies: tuple[Policy, ...], workload: Workload, sram: Sram, settings: Settings) -> Fitting | str:
    """Everything kept, if it fits; else the first policy whose working set fits without lanes; else the first that fits."""
    in_lanes, refusals = list[Fitting](), list[str]()
    for policy in policies:
        taken = room(workload, sram, settings, policy)
        if isinstance(taken, str):
            refusals.append(f"{policy} {taken}")
            continue
        found = Fitting(policy, _why(policies, workload, refusals), taken)
        if found.without_lanes or policy.every == 0:
            return found
        in_lanes.append(found)
    return in_lanes[0] if in_lanes else refusals[-1]


def _why(policies: tuple[Policy, ...], workload: Workload, refusals: Sequence[str]) -> str:
    if workload.mode == "forward":
        return "a forward pass keeps nothing"
    reason = "asked for" if len(policies) == 1 else "the first that fits"
    return f"{reason}; {refusals[0]}" if refusals else reason


@of_the_same(MOST_TRIED)
def _step_ticks(plan: WeightStreamingPlan) -> float:
    """Ticks of a step; many micro-batches go on as the first few do, which is close enough to compare plans."""
    ticks = [float(run_to_period(each).step_ticks) for each in _simulated_for(plan)]
    if len(ticks) == 1:
        return ticks[0]
    half, whole = ticks
    return whole + (plan.micro_batches - MANY) * (whole - half) / (MANY - MANY // 2)


@of_the_same(MOST_TRIED)
def _simulated_for(plan: WeightStreamingPlan) -> tuple[WeightStreamingPlan, ...]:
    """A plan, or its first few micro-batches and half of them."""
    if plan.micro_batches <= MANY:
        return (plan,)
    return _first(plan, MANY // 2), _first(plan, MANY)


def _first(plan: WeightStreamingPlan, micro_batches: int) -> WeightStreamingPlan:
    """A step of its first micro-batches only."""
    rows = tuple(row[:micro_batches] for row in plan.size_of)
    return replace(plan, micro_batches=micro_batches, size_of=rows)
