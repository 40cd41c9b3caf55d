"""The reference engine of GPU plans: SimPy processes of stages, ports and channels, in integer ticks.

    stage: slot after slot -> port -> a neighbour's slot
    stage: unit -> channel: its gradients leave, the next weights come -> tie -> norm -> update -> weights come back

Every process loops over the plan's order for ever; the run is stopped from outside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import count

import simpy

from wafersim.strategies.gpu_parallel.plan import GpuPlan, Unit
from wafersim.strategies.gpu_parallel.schedules import FORWARD, WGRAD
from wafersim.strategies.servers import Process, TickClock
from wafersim.timeline.timeline import KIND, PASS, Timeline

Slot = tuple[int, int, int]  # pass, micro-batch, chunk


class Reference:
    """One simulation of a plan. `run_step()` advances it until the next step has ended everywhere."""

    def __init__(self, plan: GpuPlan) -> None:
        self.plan, self.env = plan, TickClock()
        self.rows: dict[int, list[tuple[int, ...]]] = defaultdict(list)
        self._step = 0
        stages = range(plan.stages)
        self._slots: list[list[Slot]] = [
            list(zip(o.pass_.tolist(), o.micro_batch.tolist(), o.chunk.tolist(), strict=True)) for o in plan.orders
        ]
        event = self.env.event
        # By (step, stage, pass, micro-batch, chunk): what has arrived; by (.., unit): what has been gathered or worked.
        self._arrived: dict[tuple[int, ...], simpy.Event] = defaultdict(event)
        self._sent: dict[tuple[int, ...], simpy.Event] = defaultdict(event)
        self._gathered: dict[tuple[int, ...], simpy.Event] = defaultdict(event)
        self._worked: dict[tuple[int, ...], simpy.Event] = defaultdict(event)
        self._to_send = [{port: simpy.Store(self.env) for port in set(plan.ports)} for _ in stages]
        self._worked_out: dict[tuple[int, int], simpy.Event] = defaultdict(event)  # a stage's last slot of a step
        self._reduced: dict[tuple[int, int], simpy.Event] = defaultdict(event)  # all gradients of a stage
        self._tied: dict[int, simpy.Event] = defaultdict(event)
        self._normed: dict[int, simpy.Event] = defaultdict(event)
        self._current: dict[tuple[int, int], simpy.Event] = defaultdict(event)  # a stage's weights, after a step
        self._updated: dict[tuple[int, int], simpy.Event] = defaultdict(event)
        self._came_back: dict[tuple[int, int, int], simpy.Event] = defaultdict(event)  # a chunk's updated weights
        for stage in stages:
            self.env.process(self._stage(stage))
            self.env.process(self._channel(stage))
            self.env.process(self._update(stage))
            for port in set(plan.ports):
                self.env.process(self._port(stage, port))
        self.env.process(self._tie())
        if plan.clipping:
            self.env.process(self._norm())

    def run_step(self) -> Timeline:
        """Simulate until every stage's weights are current again; the timeline of that step."""
        everyone = [self._current[self._step, stage] for stage in range(self.plan.stages)]
        if not all(event.processed for event in everyone):
            self.env.run(until=self.env.all_of(everyone))
        self._step += 1
        return Timeline.from_rows(self.rows.pop(self._step - 1))

    def _record(
        self, step: int, kind: str, stage: int, pass_: int, micro_batch: int, chunk: int, unit: int, start: int
    ) -> None:
        self.rows[step].append((step, KIND[kind], 0, stage, pass_, micro_batch, chunk, unit, start, self.env.now))

    def _pieces(self, stage: int, slot: Slot) -> list[tuple[int, int, Unit]]:
        """(number, ticks, unit) of a slot's pieces in the order of work; a coarse slot is one piece, number 0."""
        plan = self.plan
        pass_, micro_batch, chunk = slot
        units = plan.units[stage][chunk]
        field = "forward" if pass_ == FORWARD else "wgrad" if pass_ == WGRAD else "backward"
        if not plan.is_fine(pass_, micro_batch):
            return [(0, sum(getattr(unit, field) for unit in units), units[0])]
        numbered = list(enumerate(units))
        ordered = numbered if pass_ == FORWARD else numbered[::-1]
        return [(number, getattr(unit, field), unit) for number, unit in ordered]

    def _executions(self, stage: int) -> list[tuple[Slot, int, Unit]]:
        """Every piece of a step of a stage, in the order of work."""
        return [(slot, number, unit) for slot in self._slots[stage] for number, _, unit in self._pieces(stage, slot)]

    # Compute and transfers.

    def _stage(self, stage: int) -> Process:
        plan, env = self.plan, self.env
        firsts = dict[int, int]()  # index of a chunk's first slot -> chunk
        for index, (_, _, chunk) in enumerate(self._slots[stage]):
            if chunk not in firsts.values():
                firsts[index] = chunk
        for step in count():
            if step > 0 and not plan.overlap_regather:
                yield from self._wait(self._current[step - 1, stage])
            for index, slot in enumerate(self._slots[stage]):
                pass_, micro_batch, chunk = slot
                if step > 0 and plan.overlap_regather:
                    if index == 0:
                        yield from self._wait(self._updated[step - 1, stage])
                    elif index - 1 in firsts:
                        yield from self._wait(self._came_back[step - 1, stage, firsts[index - 1]])
                if self._needs_input(stage, slot):
                    yield from self._wait(self._arrived[(step, stage, *slot)])
                for number, ticks, _ in self._pieces(stage, slot):
                    if plan.gathers:
                        yield from self._wait(self._gathered[(step, stage, *slot, number)])
                    start = env.now
                    yield env.timeout(ticks)
                    self._record(step, "compute", stage, pass_, micro_batch, chunk, number, start)
                    self._worked[(step, stage, *slot, number)].succeed()
                boundary = plan.boundary(pass_, chunk, stage)
                if boundary >= 0:
                    self._to_send[stage][plan.ports[boundary]].put((step, slot, boundary))
                    if plan.blocking_sends:
                        yield from self._wait(self._sent[(step, stage, *slot)])
            self._worked_out[step, stage].succeed()

    def _needs_input(self, stage: int, slot: Slot) -> bool:
        pass_, _, chunk = slot
        if pass_ == WGRAD:
            return False
        k = chunk * self.plan.stages + stage
        return k > 0 if pass_ == FORWARD else k + 1 < self.plan.virtual_stages

    def _port(self, stage: int, port: int) -> Process:
        plan, env = self.plan, self.env
        while True:
            step, slot, boundary = yield self._to_send[stage][port].get()
            pass_, micro_batch, chunk = slot
            start = env.now
            yield env.timeout(plan.sends[boundary])
            self._record(step, "send", stage, pass_, micro_batch, chunk, 0, start)
            there = boundary + 1 if pass_ == FORWARD else boundary
            self._arrived[step, there % plan.stages, pass_, micro_batch, there // plan.stages].succeed()
            self._sent[(step, stage, *slot)].succeed()

    # Weights and gradients.

    def _channel(self, stage: int) -> Process:
        """Gathers ahead of the work, scatters behind it, one at a time."""
        plan = self.plan
        pieces = self._executions(stage)
        for step in count():
            if plan.gathers:
                if step > 0:
                    yield from self._wait(self._current[step - 1, stage])
                for index in range(min(plan.prefetch + 1, len(pieces))):
                    yield from self._gather(step, stage, *pieces[index])
            for index, (slot, number, unit) in enumerate(pieces):
                if plan.scatters_after(slot[0], slot[1]):
                    yield from self._wait(
                        self._worked[(step, stage, *slot, number)] if plan.overlap else self._worked_out[step, stage]
                    )
                    yield from self._scatter(step, stage, slot, number, unit)
                ahead = index + plan.prefetch + 1
                if plan.gathers and ahead < len(pieces):
                    yield from self._wait(self._worked[(step, stage, *slot, number)])
                    yield from self._gather(step, stage, *pieces[ahead])
            yield from self._wait(self._worked_out[step, stage])
            self._reduced[step, stage].succeed()

    def _gather(self, step: int, stage: int, slot: Slot, number: int, unit: Unit) -> Process:
        start = self.env.now
        yield self.env.timeout(unit.gather if slot[0] == FORWARD else unit.gather_again)
        self._record(step, "gather", stage, *slot, number, start)
        self._gathered[(step, stage, *slot, number)].succeed()

    def _scatter(self, step: int, stage: int, slot: Slot, number: int, unit: Unit) -> Process:
        plan, start = self.plan, self.env.now
        fine = plan.is_fine(slot[0], slot[1])
        units = [unit] if fine else list(plan.units[stage][slot[2]])
        yield self.env.timeout(sum(each.scatter for each in units))
        self._record(step, "scatter", stage, *slot, number, start)

    def _tie(self) -> Process:
        for step in count():
            for stage in {0, self.plan.stages - 1}:
                yield from self._wait(self._reduced[step, stage])
            start = self.env.now
            yield self.env.timeout(self.plan.tie)
            self._record(step, "tie", 0, PASS["update"], 0, 0, 0, start)
            self._tied[step].succeed()

    def _norm(self) -> Process:
        for step in count():
            yield from self._wait(self._tied[step])
            for stage in range(self.plan.stages):
                yield from self._wait(self._reduced[step, stage])
            start = self.env.now
            yield self.env.timeout(self.plan.norm)
            self._record(step, "norm", 0, PASS["update"], 0, 0, 0, start)
            self._normed[step].succeed()

    def _update(self, stage: int) -> Process:
        plan, env = self.plan, self.env
        for step in count():
            yield from self._wait(self._reduced[step, stage])
            if stage in (0, plan.stages - 1):
                yield from self._wait(self._tied[step])
            if plan.clipping:
                yield from self._wait(self._normed[step])
            start = env.now
            yield env.timeout(plan.update[stage])
            self._record(step, "update", stage, PASS["update"], 0, 0, 0, start)
            self._updated[step, stage].succeed()
            for chunk, ticks in enumerate(plan.regather[stage]):
                start = env.now
                yield env.timeout(ticks)
                self._record(step, "gather", stage, PASS["update"], 0, chunk, 0, start)
                self._came_back[step, stage, chunk].succeed()
            self._current[step, stage].succeed()

    def _wait(self, event: simpy.Event) -> Iterator[simpy.Event]:
        if not event.processed:
            yield event
