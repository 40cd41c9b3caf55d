"""Workers of one machine: a pool of processes, each of which journals the points that it computes.

A worker that dies takes nothing along but the point it was at: the others are stopped, and a new round begins with what the
journal lacks.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

from wafersim.errors import WafersimError
from wafersim.planning.executor import AHEAD, Advance, Task, chunk_length, chunks, compute
from wafersim.planning.journal import Journal
from wafersim.planning.model_version import model_version

MOST_DEATHS = 3  # rounds in which workers die and no point is finished


@dataclass(frozen=True)
class Pool:
    """So many processes of this machine; one is this process."""

    processes: int

    @property
    def workers(self) -> int:
        """No more than there are cores work at a time."""
        return min(self.processes, len(os.sched_getaffinity(0)))

    def execute(self, task: Task, journal: Journal, each_s: float, advance: Advance) -> None:
        """Compute what is missing; also raises WafersimError where workers die again and again without finishing a point."""
        model_version()  # of before the workers
        length, workers = chunk_length(each_s), self.processes
        if workers == 1:
            for places in chunks(task, journal, length):
                advance(compute(task, places, journal))
            return
        deaths, known = 0, journal.done(task.sweep)
        while True:
            try:
                _round(task, journal, workers, length, advance)
                return
            except BrokenProcessPool:
                done = journal.done(task.sweep)
                deaths, length = (deaths + 1, 1) if done == known else (0, length)
                if deaths == MOST_DEATHS:
                    raise WafersimError(
                        f"{task.experiment.name}: a worker was killed {deaths} times before it finished a point (out of memory?);"
                        f" {done:,} points are kept; try --workers 1"
                    ) from None
                known = done

    def close(self) -> None:
        """Nothing is left of the processes when the points are done."""


def _round(task: Task, journal: Journal, workers: int, length: int, advance: Advance) -> None:
    context: BaseContext = multiprocessing.get_context("fork" if hasattr(os, "fork") else None)
    stop = context.Event()
    pool = ProcessPoolExecutor(workers, context, _begin, (task, journal.path.parent, stop, os.getpid()))
    waiting: set[Future[int]] = set()
    try:
        # SQLite keeps the locks of a process in its memory: no connection may be open while that is copied.
        journal.close()
        waiting.add(pool.submit(_chunk, []))  # which starts every worker
        journal.open()
        for places in chunks(task, journal, length):
            waiting.add(pool.submit(_chunk, places))
            if len(waiting) >= AHEAD * workers:
                waiting = _some(waiting, advance)
        while waiting:
            waiting = _some(waiting, advance)
    except BaseException:
        stop.set()
        raise
    finally:
        with suppress(KeyboardInterrupt):  # a second Ctrl-C: workers stop anyway
            pool.shutdown(wait=True, cancel_futures=True)


def _some(waiting: set[Future[int]], advance: Advance) -> set[Future[int]]:
    done, rest = wait(waiting, return_when=FIRST_COMPLETED)
    for future in done:
        advance(future.result())
    return rest


_task: Task | None = None
_journal: Journal | None = None
_stop: Any = None


def _begin(task: Task, directory: Path, stop: Any, parent: int) -> None:
    """A worker's own connection; Ctrl-C is the parent's to handle, and nobody outlives it."""
    global _task, _journal, _stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _task, _journal, _stop = task, Journal(directory), stop
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _chunk(places: list[int]) -> int:
    assert _task is not None and _journal is not None
    return compute(_task, places, _journal, _stop.is_set)
