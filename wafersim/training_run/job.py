"""The life of one job: SimPy's processes of docs/whole_runs.md, whose numbered rules the functions name.

    first start -> training <-> boundary -> ... -> last save -> done
    boundary -> expansion, or maintenance -> start -> training
    any of these -> struck -> down -> start -> training

All that a job does with its systems is work (`work`), in which a failure may strike; a job that trains is one timeout up to its
next boundary.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Generator
from itertools import accumulate
from typing import Any

import simpy

from wafersim.strategies.servers import Process, TickClock
from wafersim.training_run.account import Account, Trained
from wafersim.training_run.dice import Dice
from wafersim.training_run.draws import Stream
from wafersim.training_run.plan import Event, JobOutcome, JobRun, Logged, Loss, Stretch
from wafersim.training_run.store import Checkpoints, Store
from wafersim.training_run.units import Units
from wafersim.training_run.work import Struck, Work

REPAIRS = 64  # counters of stream REPAIR that belong to one failure


class Job:
    """One job: `life` is its process, `outcome` what became of it."""

    def __init__(
        self, job: JobRun, number: int, env: TickClock, store: Store, dice: Dice, tell: Callable[[Logged], None]
    ) -> None:
        self.number = number
        self._job, self._saving = job, job.saving
        self._env, self._store, self._dice, self._tell = env, store, dice, tell
        self._ends = list(accumulate(stretch.steps for stretch in job.stretches))
        self._work = Work(job, env, dice, self._steps_done, self._log)
        self._units = Units(job.pools)
        self._checkpoints = Checkpoints(job.saving.keep)
        self._account = Account(len(job.sources))
        self._begun = self._ended = 0
        self._step = 0  # steps done, whole ones
        self._pace: tuple[int, int] | None = None  # while training: since when, and the ticks of a step
        self._maintained = 0  # how many times maintenance has fallen due and is over
        self._starts = self._saves = self._restarts_drawn = 0

    @property
    def outcome(self) -> JobOutcome:
        """What became of it, once it is done."""
        account, failures = self._account, self._work.failures
        return JobOutcome(self._ended, account.losses, tuple(account.by_source), failures, self._starts, self._saves)

    def life(self) -> Process:
        """From the instant at which it has its systems to its end (1)."""
        self._begun = self._env.now
        self._account.spend(Loss.WAITING, self._begun)
        self._log(Event.BEGIN)
        failure: Struck | None = None  # what the next start follows
        while not self._ended:
            try:
                yield from self._start(failure)
                failure = None
                yield from self._train()
            except Struck as struck:
                failure = struck
                yield from self._down(struck)

    def _log(self, event: Event, source: int = -1, step: int | None = None) -> None:
        steps_done = self._steps_done() if step is None else step
        self._tell(Logged(self._env.now, self.number, event, steps_done, source))

    def _steps_done(self) -> int:
        """Whole steps, those since the last boundary too."""
        if self._pace is None:
            return self._step
        since, each = self._pace
        return self._step + (self._env.now - since) // each

    # Starts (2, 6).

    def _start(self, failure: Struck | None) -> Process:
        """From the beginning of a start to `STARTED`; after a failure it may fail at its end and begin again."""
        while True:
            self._units.replace_all(self._env.now)
            self._work.go_on_from(self._step)
            if self._starts == 0:
                yield from self._start_up(Loss.INITIALIZATION, self._env.timeout(self._job.initial_ticks), failure)
                break
            yield from self._start_up(Loss.PROGRAM_STARTUP, self._env.timeout(self._job.restart_ticks), failure)
            if self._step > 0:
                yield from self._start_up(Loss.CHECKPOINT_RESTORE, self._restored(), failure)
            if failure is None or not self._fails_to_start():
                break
            self._log(Event.START_FAILED)
        self._starts += 1
        self._log(Event.STARTED)

    def _start_up(self, loss: Loss, done: simpy.Event, failure: Struck | None) -> Process:
        """A part of a start; cut off or not, the failure that the start follows has cost it."""
        since = self._env.now
        try:
            yield from self._work.until(done)
        finally:
            self._account.spend(loss, self._env.now - since, failure.source if failure else None)

    def _restored(self) -> simpy.Event:
        if self._checkpoints.memory == self._step:
            return self._env.timeout(self._saving.memory_restore_ticks)
        return self._store.ask(self.number, self._saving.restore_ticks)

    def _fails_to_start(self) -> bool:
        drawn = self._dice.uniform(len(self._job.sources), Stream.RESTART, self._restarts_drawn)
        self._restarts_drawn += 1
        return drawn < self._job.restart_fails

    # Training (3), boundaries (4) and the end (7).

    def _train(self) -> Process:
        """From `STARTED` until the job is done, or stops at a boundary for another start."""
        if self._maintenance_is_due:
            yield from self._maintain()
            return
        while self._step < self._job.steps:
            yield from self._train_to_boundary()
            if self._step < self._job.steps and (yield from self._boundary()):
                return
        yield from self._end()

    def _train_to_boundary(self) -> Process:
        stretch = self._stretch_of(self._step + 1)
        step_ticks = stretch.step_ticks[self._units.missing]
        each, first, since = step_ticks + stretch.stall_ticks, self._step, self._env.now
        steps = self._next_boundary(stretch) - first
        if self._job.maintenance_every_ticks:  # it stops at the first step end at or after that instant
            steps = min(steps, -(-(self._maintenance_at - since) // each))
        self._pace = since, each
        try:
            yield from self._work.until(self._env.timeout(steps * each))
        except Struck as struck:
            self._account.spend(Loss.WASTED_PROGRESS, (self._env.now - since) % each, struck.source)
            raise
        finally:
            self._step, self._pace = self._steps_done(), None
            self._account.train(Trained(first, self._step - first, step_ticks, stretch.stall_ticks))

    def _stretch_of(self, step: int) -> Stretch:
        """The one that holds the step-th step, counted from 1."""
        return self._job.stretches[bisect_left(self._ends, step)]

    def _next_boundary(self, stretch: Stretch) -> int:
        end = self._ends[bisect_left(self._ends, self._step + 1)]
        every = stretch.save_every, stretch.memory_every, stretch.evaluate_every
        return min([end, *((self._step // each + 1) * each for each in every if each)])

    def _boundary(self) -> Generator[simpy.Event, Any, bool]:
        """What is due after a step that is not the last; whether the job then stops for another start."""
        stretch = self._stretch_of(self._step)
        if self._is_due(stretch.memory_every):
            yield from self._stopped(Loss.CHECKPOINT_SAVE, self._env.timeout(self._saving.memory_ticks))
            self._checkpoints.memory = self._step
            self._log(Event.KEPT)
        if self._is_due(stretch.save_every):
            yield from self._save() if self._saving.mode == "blocking" else self._save_asynchronously()
        yield from self._evaluate_if_due(stretch)
        if self._units.could_be_complete(self._env.now) and self._checkpoints.newest == self._step:
            self._log(Event.EXPANDS)
            return True
        if self._maintenance_is_due:
            yield from self._maintain()
            return True
        return False

    def _is_due(self, every: int) -> bool:
        return every > 0 and self._step % every == 0

    def _evaluate_if_due(self, stretch: Stretch) -> Process:
        if self._is_due(stretch.evaluate_every):
            yield from self._stopped(Loss.EVALUATION, self._env.timeout(self._job.evaluate_ticks))
            self._log(Event.EVALUATED)

    def _end(self) -> Process:
        """What follows the last step."""
        yield from self._evaluate_if_due(self._stretch_of(self._step))
        self._work.find_corruption()
        if any(stretch.save_every for stretch in self._job.stretches):
            yield from self._wait_for_own_write()
            yield from self._save()
        self._log(Event.DONE)
        self._ended = self._env.now

    def _stopped(self, loss: Loss, done: simpy.Event) -> Process:
        """Training stops for a part of a save or an evaluation, which was in vain if it is cut off."""
        since = self._env.now
        try:
            yield from self._work.until(done)
        except Struck as struck:
            self._account.spend(Loss.WASTED_PROGRESS, self._env.now - since, struck.source)
            raise
        self._account.spend(loss, self._env.now - since)

    # Saves to the store (5).

    def _save(self) -> Process:
        """A blocking one."""
        self._log(Event.SAVE)
        yield from self._stopped(Loss.CHECKPOINT_SAVE, self._write())
        self._log(Event.SAVED)

    def _save_asynchronously(self) -> Process:
        self._log(Event.SAVE)
        yield from self._wait_for_own_write()
        yield from self._stopped(Loss.CHECKPOINT_SAVE, self._env.timeout(self._saving.pause_ticks))
        write = self._write()
        if self._saving.save_ticks == 0:  # complete the moment it is asked for
            yield write
        self._log(Event.SAVED)

    def _write(self) -> simpy.Event:
        """Ask for a write of the step at which the job is; it counts unless the job fails before it is complete."""
        step, write = self._step, self._store.ask(self.number, self._saving.save_ticks)

        def complete(_: simpy.Event) -> None:
            if self._checkpoints.under_way is write:
                self._checkpoints.under_way = None
                self._checkpoints.store(step)
                self._saves += 1
                self._log(Event.DURABLE, step=step)

        self._checkpoints.under_way = write
        write.callbacks.append(complete)
        return write

    def _wait_for_own_write(self) -> Process:
        if self._checkpoints.under_way is not None:
            yield from self._stopped(Loss.CHECKPOINT_SAVE, self._checkpoints.under_way)

    # Down (9).

    def _down(self, struck: Struck) -> Process:
        """From a failure, or a corruption found, to `DOWN_ENDS`."""
        source, since, checkpoints = self._job.sources[struck.source], self._env.now, self._checkpoints
        checkpoints.under_way = None
        if struck.trusted is not None:
            checkpoints.drop_later(struck.trusted)
        if self._dice.uniform(struck.source, Stream.MEMORY, struck.n) < source.loses_memory:
            checkpoints.memory = None
        yield self._env.timeout(self._dice.wait(struck.source, Stream.DETECTION, struck.n, source.detection))
        if source.pool >= 0:
            yield from self._replace_units(struck)
        else:
            yield self._env.timeout(self._repair_ticks(struck, 0))
        self._account.spend(Loss.RECOVERY, self._env.now - since, struck.source)
        if self._maintenance_is_due:
            yield from self._be_maintained()
        self._step = checkpoints.newest
        self._account.roll_back(self._step, struck.source)
        self._log(Event.DOWN_ENDS)

    def _replace_units(self, struck: Struck) -> Process:
        """Units go to repair, spares take their place, and the job waits while too few are left."""
        source, env, units = self._job.sources[struck.source], self._env, self._units
        burst = self._dice.uniform(struck.source, Stream.BURST, struck.n) < source.burst_share
        taken = range(source.burst_units if burst else source.takes)
        units.take(source.pool, [env.now + self._repair_ticks(struck, i) for i in taken])
        if units.replace(source.pool, env.now):
            yield env.timeout(self._job.swap_ticks)
        while units.too_few(source.pool):
            yield env.timeout(max(0, units.next_back(source.pool) - env.now))
            units.replace(source.pool, env.now)

    def _repair_ticks(self, struck: Struck, i: int) -> int:
        repair = self._job.sources[struck.source].repair
        return self._dice.wait(struck.source, Stream.REPAIR, REPAIRS * struck.n + i, repair)

    # Maintenance (10).

    @property
    def _maintenance_at(self) -> int:
        """The tick at which the next one falls due."""
        return self._begun + (self._maintained + 1) * self._job.maintenance_every_ticks

    @property
    def _maintenance_is_due(self) -> bool:
        return self._job.maintenance_every_ticks > 0 and self._maintenance_at <= self._env.now

    def _maintain(self) -> Process:
        """At a boundary: all is saved, and maintenance passes."""
        yield from self._wait_for_own_write()
        if self._checkpoints.stored != self._step:
            yield from self._save()
        yield from self._be_maintained()
        self._log(Event.DOWN_ENDS)

    def _be_maintained(self) -> Process:
        """Its time passes, and with it all that fell due; what is in memory is lost."""
        self._log(Event.MAINTENANCE)
        yield self._env.timeout(self._job.maintenance_ticks)
        self._account.spend(Loss.MAINTENANCE, self._job.maintenance_ticks)
        self._maintained = (self._env.now - self._begun) // self._job.maintenance_every_ticks
        self._checkpoints.memory = None
