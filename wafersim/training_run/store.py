"""The store of checkpoints, and what one job has in it and in memory.

A write is asked for, waits for its turn, is served, and is complete; or its job failed meanwhile, and it counts for nothing.
"""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count

import simpy
from simpy.events import URGENT

from wafersim.strategies.servers import LAST, Request, TickClock


class Store:
    """A server of one write or read after the other, in the order of asking; those of one tick in the order of jobs."""

    def __init__(self, env: TickClock) -> None:
        self._env = env
        self._waiting: list[Request] = []
        self._sequence = count()
        self._busy = False

    def ask(self, job: int, ticks: int) -> simpy.Event:
        """A service of `ticks`; the event is processed when it is complete, before all else of its tick."""
        done = self._env.event()
        if ticks == 0:
            self._happens(done, 0, URGENT)
            return done
        heappush(self._waiting, Request(self._env.now, job, next(self._sequence), ticks, done))
        self._choose_later()
        return done

    def _choose_later(self) -> None:
        """Whose turn it is is seen when all else of this tick has happened, so that the order of asking within it is nothing."""
        turn = self._env.event()
        turn.callbacks.append(self._serve_next)
        self._happens(turn, 0, LAST)

    def _serve_next(self, _: simpy.Event) -> None:
        if self._busy or not self._waiting:
            return
        self._busy = True
        request = heappop(self._waiting)
        request.done.callbacks.append(self._free)
        self._happens(request.done, request.ticks, URGENT)

    def _free(self, _: simpy.Event) -> None:
        self._busy = False
        self._choose_later()

    def _happens(self, event: simpy.Event, ticks: int, priority: int) -> None:
        event._ok, event._value = True, None
        self._env.schedule(event, priority=priority, delay=ticks)  # type: ignore[arg-type]


class Checkpoints:
    """The steps of one job's checkpoints: the newest `keep` in the store, the newest in memory, and one write under way."""

    def __init__(self, keep: int) -> None:
        self.memory: int | None = None
        self.under_way: simpy.Event | None = None
        self._keep = keep
        self._stored: list[int] = []  # oldest first

    @property
    def stored(self) -> int:
        """The newest in the store; step 0, from which one can always begin anew, if there is none."""
        return self._stored[-1] if self._stored else 0

    @property
    def newest(self) -> int:
        """The step to go on from."""
        return max(self.stored, self.memory or 0)

    def store(self, step: int) -> None:
        """One more is complete in the store."""
        if self.stored != step:  # no older one can be of a later step
            self._stored.append(step)
            del self._stored[: -self._keep]

    def drop_later(self, step: int) -> None:
        """Those of later steps cannot be trusted."""
        self._stored = [each for each in self._stored if each <= step]
        if self.memory is not None and self.memory > step:
            self.memory = None
