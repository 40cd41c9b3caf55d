"""SimPy pieces that the reference processes share: a clock of whole ticks, ordered arrivals, first-come links."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Any

import simpy

Process = Generator[simpy.Event, Any, None]
Service = Generator[simpy.Event, Any, int]
LAST = 2  # a SimPy priority after URGENT (0) and NORMAL (1): arbitration waits for everything else of its tick


class TickClock(simpy.Environment):
    """SimPy's environment with a clock of whole ticks."""

    @property
    def now(self) -> int:
        """Ticks since the start; whole, because every delay of a plan is."""
        return self._now  # type: ignore[return-value]


@dataclass(order=True)
class Request:
    """A service asked for on an arrival-order link; ordered by time, source rank, then the order of asking."""

    at: int
    rank: int
    sequence: int
    ticks: int = field(compare=False)
    done: simpy.Event = field(compare=False)


class Arrivals:
    """Things that arrive in order at known times and are taken in order, by one taker."""

    def __init__(self, env: TickClock, at_start: int = 0) -> None:
        self._env = env
        self._times: deque[int] = deque([0] * at_start)
        self._waiting: simpy.Event | None = None

    def deliver(self, at: int) -> None:
        """One more, there from tick `at`, which is now or later."""
        self._times.append(at)
        if self._waiting is not None:
            self._waiting.succeed()
            self._waiting = None

    def take(self) -> Process:
        """Wait until the next one is there."""
        if not self._times:
            self._waiting = self._env.event()
            yield self._waiting
        at = self._times.popleft()
        if at > self._env.now:
            yield self._env.timeout(at - self._env.now)


class Link:
    """A server whose users take turns in a fixed order, so that it never has to choose."""

    def __init__(self, env: TickClock) -> None:
        self._env = env

    def serve(self, ticks: int, rank: int) -> Service:
        """Hold the link for `ticks`; returns the start once the service has ended."""
        start = self._env.now
        yield self._env.timeout(ticks)
        return start


class ArrivalOrderLink(Link):
    """A server for whoever came first, ties by source rank; requests of one tick are seen together.

    Links that choose within one tick do so in the order of their `index`, each after all that the one before has caused.
    """

    def __init__(self, env: TickClock, index: int) -> None:
        super().__init__(env)
        self._priority = LAST + index
        self._queue: list[Request] = []
        self._sequence = count()
        self._busy = False
        self._deciding = False

    def serve(self, ticks: int, rank: int) -> Service:
        """Queue for a service of `ticks`; returns its start once it has ended."""
        done = self._env.event()
        heappush(self._queue, Request(self._env.now, rank, next(self._sequence), ticks, done))
        self._decide()
        start: int = yield done
        return start

    def _decide(self) -> None:
        if self._busy or self._deciding or not self._queue:
            return
        self._deciding = True
        decision = self._env.event()
        decision._ok, decision._value = True, None
        decision.callbacks.append(self._start_next)
        self._env.schedule(decision, priority=self._priority)  # type: ignore[arg-type]

    def _start_next(self, _: simpy.Event) -> None:
        self._deciding, self._busy = False, True
        request = heappop(self._queue)
        start = self._env.now
        ended = self._env.timeout(request.ticks)
        ended.callbacks.append(lambda _: self._finish(request.done, start))

    def _finish(self, done: simpy.Event, start: int) -> None:
        self._busy = False
        done.succeed(start)
        self._decide()
