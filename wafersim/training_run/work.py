"""A job's clock of work, and what strikes on it: failures, corruption, and its being found (rule 8 of docs/whole_runs.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import simpy

from wafersim.strategies.servers import Process, TickClock
from wafersim.training_run.clocks import Clocks, Strike
from wafersim.training_run.dice import Dice
from wafersim.training_run.draws import Stream
from wafersim.training_run.plan import Event, JobRun, Strikes


class Struck(Exception):
    """Work is over: source number `source` failed, the n-th time from 0; checkpoints later than `trusted` are bad."""

    def __init__(self, source: int, n: int, trusted: int | None = None) -> None:
        super().__init__(source, n, trusted)
        self.source, self.n, self.trusted = source, n, trusted


@dataclass(frozen=True)
class Corruption:
    """One that is pending: all after `step` is wrong, which is found at `found_at` ticks of work."""

    source: int
    n: int
    step: int
    found_at: int


class Work:
    """The work of one job. `steps_done` says how many whole steps it has done; `log` is told of an event and its source."""

    def __init__(
        self, job: JobRun, env: TickClock, dice: Dice, steps_done: Callable[[], int], log: Callable[[Event, int], None]
    ) -> None:
        self._sources, self._env, self._dice = job.sources, env, dice
        self._steps_done, self._log = steps_done, log
        self._clocks = Clocks(job.sources, dice)
        self._ticks = 0  # the clock
        self._pending: Corruption | None = None

    @property
    def failures(self) -> tuple[int, ...]:
        """So far, by source; a corruption is one whether or not it is found."""
        return tuple(self._clocks.failures)

    def until(self, done: simpy.Event) -> Process:
        """Work passes until `done`; what strikes earlier happens, and a failure is raised as `Struck`."""
        while not done.processed:
            strike, since = self._next_strike(), self._env.now
            yield done if strike is None else done | self._env.timeout(strike.at - self._ticks)
            self._ticks += self._env.now - since
            if strike is not None and not done.processed:
                self._suffer(strike)

    def _next_strike(self) -> Strike | None:
        """The earliest failure, or the finding of a corruption, which comes last of its instant."""
        strike, pending = self._clocks.earliest, self._pending
        if pending and (strike is None or pending.found_at < strike.at):
            return Strike(pending.found_at, len(self._sources), 0)
        return strike

    def _suffer(self, strike: Strike) -> None:
        if strike.source == len(self._sources):
            self.find_corruption()
            return
        number, source, n = strike.source, self._sources[strike.source], self._clocks.strike()
        if source.strikes != Strikes.CORRUPT:
            self._log(Event.FAILED, number)
            spike = source.strikes == Strikes.SPIKE
            raise Struck(number, n, self._steps_done() - source.back_steps if spike else None)
        if self._pending is None:
            self._log(Event.CORRUPTED, number)
            latency = self._dice.gap(number, Stream.LATENCY, n, source.latency_s)
            self._pending = Corruption(number, n, self._steps_done(), self._ticks + latency)

    def find_corruption(self) -> None:
        """A corruption that is pending is found, and raised as `Struck`."""
        if pending := self._pending:
            self._pending = None
            self._log(Event.FOUND, pending.source)
            raise Struck(pending.source, pending.n, pending.step)

    def go_on_from(self, step: int) -> None:
        """A start from a step that no corruption has reached ends it."""
        if self._pending and step <= self._pending.step:
            self._pending = None
