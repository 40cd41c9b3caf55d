"""Workers of other machines: dask.distributed's, which are sent the pool's chunks and send rows back.

A chunk is sent to a worker by its address, a few to each, so that this process knows who has what; dask carries it there and
back. Only this process writes the journal. Workers may join and die; one whose model is another one is left out.
"""

from __future__ import annotations

import asyncio
import logging
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import replace
from typing import Any

from wafersim.errors import WafersimError
from wafersim.planning import remote
from wafersim.planning.dispatch import Chunk, Dispatch
from wafersim.planning.executor import AHEAD, Advance, Task, chunk_length, chunks
from wafersim.planning.journal import Finished, Journal
from wafersim.planning.model_version import model_version
from wafersim.planning.remote import Order, Refusal, computed, installed, model, order_of, refusal

LOCAL = "local"
SCHEMES = ("tcp://", "tls://", "ws://", "wss://")
CONNECT_S = 10.0
ANSWER_S = 30.0  # in which a scheduler says who its workers are
LOOK_S = 0.5  # between two looks at who they are
NOBODY_S = 300.0  # that a sweep waits for a worker
MOST_DEATHS = 3  # of workers by one point
KEPT = "finished points are kept; the same command goes on from there"
Say = Callable[[str], None]


class Cluster:
    """The workers of a scheduler; "local" starts one for itself, with so many workers, and takes both along when it ends.

    Raises WafersimError, one line, where dask.distributed is not installed or the scheduler cannot be reached.
    """

    def __init__(self, address: str, processes: int, say: Say) -> None:
        if address != LOCAL and not address.startswith(SCHEMES):
            allowed = f"{LOCAL}, or a scheduler's address such as tcp://10.0.0.1:8786"
            raise WafersimError(f"--cluster {address}: is none of {allowed}")
        try:
            import distributed
        except ModuleNotFoundError:
            needed = "needs dask.distributed: pip install wafersim[cluster]"
            raise WafersimError(f"--cluster {address}: {needed}") from None
        self._name, self._say = f"--cluster {address}", say
        self._dask: Any = distributed
        self._count = processes
        self._client: Any = None
        self._local: Any = None
        self._runner = asyncio.Runner()
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # whose lines are told here, in fewer words
        if address != LOCAL:  # whose workers would take the time of what is computed here before them
            self._connected(address)

    def _connected(self, address: str) -> None:
        try:
            self._runner.run(self._connect(address))
        except BaseException:
            self.close()
            raise

    def _started(self) -> str:
        try:
            self._local = self._dask.LocalCluster(
                n_workers=self._count, threads_per_worker=1, dashboard_address=None, memory_limit=None,
                silence_logs=logging.CRITICAL, preload=[remote.__name__],
            )  # fmt: skip
        except (OSError, RuntimeError) as error:
            raise WafersimError(f"{self._name}: cannot be started ({error})") from None
        return str(self._local.scheduler_address)

    async def _connect(self, address: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of versions that differ; those that matter are compared by the workers
            try:
                self._client = await self._dask.Client(
                    address, asynchronous=True, timeout=CONNECT_S, set_as_default=False
                )
            except (OSError, ValueError, TypeError) as error:
                said = str(error).partition("\n")[0] or type(error).__name__
                raise WafersimError(f"{self._name}: no scheduler answers there ({said})") from None
            try:
                await asyncio.wait_for(self._client.run_on_scheduler(installed), ANSWER_S)
            except Exception as error:
                said = f"{type(error).__name__}: {error}"
                raise WafersimError(
                    f"{self._name}: its scheduler cannot load wafersim {said!r}; install it there"
                ) from None
            self._count = len(await self._members())

    @property
    def workers(self) -> int:
        """How many there are when it is connected; they may become more."""
        return self._count

    async def _members(self) -> dict[str, int]:
        """{address of a worker: its threads}."""
        try:
            members: dict[str, int] = await asyncio.wait_for(self._client.nthreads(), ANSWER_S)
        except Exception:  # whatever dask makes of a scheduler that is gone
            raise WafersimError(f"{self._name}: the scheduler does not answer any more; {KEPT}") from None
        return members

    def execute(self, task: Task, journal: Journal, each_s: float, advance: Advance) -> None:
        """Compute what is missing; also raises WafersimError where the scheduler is gone, and where no worker is of use."""
        if self._client is None:
            self._connected(self._started())
        source = unknown(task, journal, chunk_length(each_s), advance)
        self._runner.run(_Errand(self, task, journal, Dispatch(source), advance).run())

    def close(self) -> None:
        """Workers that were started here end; others go on to serve whom they like."""
        with suppress(Exception, KeyboardInterrupt):
            if self._client is not None:
                self._runner.run(asyncio.wait_for(self._client.close(), CONNECT_S))
        with suppress(Exception, KeyboardInterrupt):
            if self._local is not None:
                self._local.close(timeout=CONNECT_S)
        with suppress(Exception, KeyboardInterrupt):
            self._runner.close()


def unknown(task: Task, journal: Journal, length: int, advance: Advance) -> Iterator[list[int]]:
    """The chunks that are missing, without points that the journal has of another grid: these are noted."""
    others = journal.has_others(task.sweep, model_version())
    for places in chunks(task, journal, length):
        missing = places if not others else [place for place in places if not noted(task, journal, place)]
        advance(len(places) - len(missing))
        if missing:
            yield missing


def noted(task: Task, journal: Journal, place: int) -> bool:
    """Whether a point was there, and is found in this grid from here on."""
    try:
        point = task.grid.point(place)
    except WafersimError:  # values that do not go together, which its worker says
        return False
    return journal.place(task.sweep, place, task.key_of(point.experiment))


class _Errand:
    """One sweep's chunks, from the journal to the workers and back."""

    def __init__(self, cluster: Cluster, task: Task, journal: Journal, dispatch: Dispatch, advance: Advance) -> None:
        self._cluster, self._client, self._say = cluster, cluster._client, cluster._say
        self._task, self._journal, self._dispatch, self._advance = task, journal, dispatch, advance
        self._order: Order = order_of(task)
        self._members: dict[str, int] = {}
        self._landed: asyncio.Queue[tuple[str, Chunk | None, Any]] = asyncio.Queue()
        self._greetings: dict[str, asyncio.Task[None]] = {}
        self._fit: set[str] = set()
        self._flights: dict[Chunk, asyncio.Task[None]] = {}
        self._refused: dict[str, str] = {}
        self._looked = self._alone_since = 0.0
        self._crowded = False

    async def run(self) -> None:
        try:
            while True:
                if time.monotonic() - self._looked >= LOOK_S:
                    await self._look()
                    for _ in range(AHEAD):  # one to each, then another
                        for worker in self._fit:
                            self._send(worker)
                if self._dispatch.done():
                    return
                with suppress(TimeoutError):
                    worker, chunk, answer = await asyncio.wait_for(self._landed.get(), LOOK_S)
                    if chunk is None:
                        self._welcome(worker, answer)
                    else:
                        self._note(worker, chunk, answer)
                    self._send(worker)
        finally:
            waiting = (*self._flights.values(), *self._greetings.values())
            for each in waiting:
                each.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _look(self) -> None:
        """Who is there; the chunks of those that are gone go to others."""
        self._members = await self._cluster._members()
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
            self._say(f"worker {worker}: computes one point at a time on {threads} threads; {advice}")

    def _wait_for_somebody(self) -> None:
        if self._members.keys() - self._refused.keys():
            self._alone_since = 0.0
            return
        name, now = self._cluster._name, time.monotonic()
        if self._refused:
            raise WafersimError(f"{name}: none of its {len(self._refused)} workers computes the same model; {KEPT}")
        if not self._alone_since:
            self._alone_since = now
            self._say(f"{name}: no worker is there; waiting for one to join (dask worker ADDRESS --nthreads 1)")
        if now - self._alone_since > NOBODY_S:
            raise WafersimError(f"{name}: no worker joined for {NOBODY_S / 60:.0f} minutes; {KEPT}")

    def _send(self, worker: str) -> None:
        chunk = self._dispatch.next_for(worker) if worker in self._fit else None
        if chunk is not None:
            self._flights[chunk] = asyncio.create_task(self._fly(worker, chunk))

    async def _greet(self, worker: str) -> None:
        """Ask a newcomer for its model. What it cannot load would end it, were it sent as a task."""
        try:
            answers = await self._client.run(model, workers=[worker], on_error="return")
            answer = answers.get(worker, CancelledError())
        except Exception as error:
            answer = error
        self._landed.put_nowait((worker, None, answer))

    def _welcome(self, worker: str, answer: str | Exception) -> None:
        if answer == self._order.version:
            self._fit.add(worker)
        elif isinstance(answer, CancelledError | OSError):  # it is gone already, or will be asked again
            self._greetings.pop(worker, None)
        elif isinstance(answer, Exception):
            self._refuse(worker, Refusal(f"it cannot load this wafersim ({answer})"))
        else:
            self._refuse(worker, refusal(answer, self._order.version))

    async def _fly(self, worker: str, chunk: Chunk) -> None:
        future = self._client.submit(
            computed, replace(self._order, places=chunk.places), pure=False, workers=[worker], allow_other_workers=False
        )
        try:
            answer = await future
        except Exception as error:
            answer = error
        finally:
            future.release()
        self._landed.put_nowait((worker, chunk, answer))

    def _note(self, worker: str, chunk: Chunk, answer: tuple[Finished, ...] | Exception) -> None:
        if isinstance(answer, self._cluster._dask.KilledWorker):  # which came back under its address, to die again
            self._bury(worker)
        elif isinstance(answer, CancelledError):  # the connection was lost; the next look says whether for good
            self._take_back(worker)
            self._looked = 0.0
        elif isinstance(answer, Exception):
            self._refuse(worker, answer)
        elif self._dispatch.landed(worker, chunk):
            del self._flights[chunk]
            self._journal.add_all(self._task.sweep, model_version(), answer)
            self._advance(len(answer))

    def _refuse(self, worker: str, error: Exception) -> None:
        """The fault of the worker: those of a point are in its row."""
        why = str(error) if isinstance(error, WafersimError) else f"{type(error).__name__}: {error}"
        if worker not in self._refused and why not in self._refused.values():
            self._say(f"worker {worker} is refused: {why}")
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
            done = self._journal.done(self._task.sweep)
            raise WafersimError(
                f"{self._task.experiment.name}: {deaths} workers died of one point (out of memory?); {done:,} points are kept"
            )

    def _cancel(self, gone: list[Chunk]) -> None:
        for chunk in gone:
            flight = self._flights.pop(chunk, None)
            if flight is not None:
                flight.cancel()
