"""Chunks of work, from who asks to the workers of a cluster and back, whoever dies, joins or computes another model.

A chunk is sent to a worker by its address, a few to each, so that this process knows who has what; dask carries it there and
back. A worker whose model is another one is left out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import replace
from typing import Any, Generic, Protocol, TypeVar

from wafersim.errors import WafersimError
from wafersim.planning.cluster import Cluster
from wafersim.planning.dispatch import Chunk, Dispatch
from wafersim.planning.remote import Compute, Order, Refusal, computed, model, order_of, refusal

LOOK_S = 0.5  # between two looks at who the workers are
NOBODY_S = 300.0  # that a worker is waited for
MOST_DEATHS = 3  # of workers by one place
A = TypeVar("A")


class Work(Protocol):
    """What is computed in chunks of places, each on some worker."""

    @property
    def order(self) -> Order:
        """What a worker is sent, yet without places."""

    @property
    def each(self) -> str:
        """What one place is: a point, a candidate."""

    def note(self, places: tuple[int, ...], answer: Any) -> None:
        """What a worker made of some places; of each place once."""

    def stopped(self) -> str:
        """What a line says of what is done where a place kills its workers."""


class Answers(Generic[A]):
    """Work whose answers are kept by place, here and nowhere else: `kept` is what a line says where it stops."""

    def __init__(self, work: Compute, each: str, kept: str) -> None:
        self.order, self.each = order_of(work), each
        self.found: dict[int, A] = {}
        self._kept = kept

    def note(self, places: tuple[int, ...], answer: tuple[A, ...]) -> None:
        """Keep what came back."""
        self.found |= dict(zip(places, answer, strict=True))

    def stopped(self) -> str:
        """That nothing of it is left."""
        return self._kept


class Errand:
    """The chunks of some work that a dispatch hands out, until what is asked for has come back."""

    def __init__(self, cluster: Cluster, work: Work, dispatch: Dispatch) -> None:
        self._cluster, self._work, self._dispatch = cluster, work, dispatch
        self._members: dict[str, int] = {}
        self._landed: asyncio.Queue[tuple[str, Chunk | None, Any]] = asyncio.Queue()
        self._greetings: dict[str, asyncio.Task[None]] = {}
        self._fit: set[str] = set()
        self._flights: dict[Chunk, asyncio.Task[None]] = {}
        self._refused: dict[str, str] = {}
        self._looked = self._alone_since = 0.0
        self._crowded = False

    @property
    def fit(self) -> int:
        """Workers that are there and compute the same model."""
        return len(self._fit)

    def until(self, over: Callable[[], bool]) -> None:
        """Serve the workers until something is true.

        Raises WafersimError, one line, where the scheduler is gone, no worker is of use, or a place kills whoever computes it.
        """
        self._cluster.run(self._until(over))

    def close(self) -> None:
        """Nothing is waited for any more."""
        with suppress(Exception):
            self._cluster.run(self._stop())

    async def _until(self, over: Callable[[], bool]) -> None:
        while True:
            if time.monotonic() - self._looked >= LOOK_S:
                await self._look()
            for _ in range(self._dispatch.ahead):  # one to each, then another
                for worker in self._fit:
                    self._send(worker)
            if over():
                return
            with suppress(TimeoutError):
                self._arrived(*await asyncio.wait_for(self._landed.get(), LOOK_S))
                while not self._landed.empty():
                    self._arrived(*self._landed.get_nowait())

    def _arrived(self, worker: str, chunk: Chunk | None, answer: Any) -> None:
        if chunk is None:
            self._welcome(worker, answer)
        else:
            self._note(worker, chunk, answer)
        self._send(worker)

    async def _stop(self) -> None:
        waiting = (*self._flights.values(), *self._greetings.values())
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    async def _look(self) -> None:
        """Who is there; the chunks of those that are gone go to others."""
        self._members = await self._cluster.members()
        self._looked = time.monotonic()
        for worker in self._dispatch.workers - self._members.keys():
            self._bury(worker)
        for worker in self._greetings.keys() - self._members.keys():
            self._greetings.pop(worker).cancel()
            self._refused.pop(worker, None)
            self._fit.discard(worker)
        for worker in self._members.keys() - self._greetings.keys():
            self._greetings[worker] = asyncio.create_task(self._greet(worker))
        self._wait_for_somebody()
        crowded = [(worker, threads) for worker, threads in self._members.items() if threads > 1]
        if crowded and not self._crowded:
            worker, threads = crowded[0]
            self._crowded = True
            advice = f"--nworkers {threads} --nthreads 1 would use its cores"
            self._cluster.say(
                f"worker {worker}: computes one {self._work.each} at a time on {threads} threads; {advice}"
            )

    def _wait_for_somebody(self) -> None:
        if self._members.keys() - self._refused.keys():
            self._alone_since = 0.0
            return
        name, after, now = self._cluster.name, self._cluster.after, time.monotonic()
        if self._refused:
            raise WafersimError(f"{name}: none of its {len(self._refused)} workers computes the same model; {after}")
        if not self._alone_since:
            self._alone_since = now
            self._cluster.say(f"{name}: no worker is there; waiting for one to join (dask worker ADDRESS --nthreads 1)")
        if now - self._alone_since > NOBODY_S:
            raise WafersimError(f"{name}: no worker joined for {NOBODY_S / 60:.0f} minutes; {after}")

    def _send(self, worker: str) -> None:
        chunk = self._dispatch.next_for(worker) if worker in self._fit else None
        if chunk is not None:
            self._flights[chunk] = asyncio.create_task(self._fly(worker, chunk))

    async def _greet(self, worker: str) -> None:
        """Ask a newcomer for its model. What it cannot load would end it, were it sent as a task."""
        try:
            answers = await self._cluster.client.run(model, workers=[worker], on_error="return")
            answer = answers.get(worker, CancelledError())
        except Exception as error:
            answer = error
        self._landed.put_nowait((worker, None, answer))

    def _welcome(self, worker: str, answer: str | Exception) -> None:
        wanted = self._work.order.version
        if answer == wanted:
            self._fit.add(worker)
        elif isinstance(answer, CancelledError | OSError):  # it is gone already, or will be asked again
            self._greetings.pop(worker, None)
        elif isinstance(answer, Exception):
            self._refuse(worker, Refusal(f"it cannot load this wafersim ({answer})"))
        else:
            self._refuse(worker, refusal(answer, wanted))

    async def _fly(self, worker: str, chunk: Chunk) -> None:
        order = replace(self._work.order, places=chunk.places)
        future = self._cluster.client.submit(
            computed, order, pure=False, workers=[worker], allow_other_workers=False
        )  # fmt: skip
        try:
            answer = await future
        except Exception as error:
            answer = error
        finally:
            future.release()
        self._landed.put_nowait((worker, chunk, answer))

    def _note(self, worker: str, chunk: Chunk, answer: Any) -> None:
        if isinstance(answer, self._cluster.dask.KilledWorker):  # which came back under its address, to die again
            self._bury(worker)
        elif isinstance(answer, CancelledError):  # the connection was lost; the next look says whether for good
            self._take_back(worker)
            self._looked = 0.0
        elif isinstance(answer, Exception):
            self._refuse(worker, answer)
        elif self._dispatch.landed(worker, chunk):
            del self._flights[chunk]
            self._work.note(chunk.places, answer)

    def _refuse(self, worker: str, error: Exception) -> None:
        """The fault of the worker: those of a place are in its answer."""
        why = str(error) if isinstance(error, WafersimError) else f"{type(error).__name__}: {error}"
        if worker not in self._refused and why not in self._refused.values():
            self._cluster.say(f"worker {worker} is refused: {why}")
        self._refused[worker] = why
        self._fit.discard(worker)
        self._take_back(worker)
        self._wait_for_somebody()

    def _take_back(self, worker: str) -> None:
        self._cancel(self._dispatch.taken_back(worker))

    def _bury(self, worker: str) -> None:
        chunks, deaths = self._dispatch.died(worker)
        self._cancel(chunks)
        if deaths >= MOST_DEATHS:
            raise WafersimError(
                f"{deaths} workers died of one {self._work.each} (out of memory?); {self._work.stopped()}"
            )

    def _cancel(self, gone: list[Chunk]) -> None:
        for chunk in gone:
            flight = self._flights.pop(chunk, None)
            if flight is not None:
                flight.cancel()
