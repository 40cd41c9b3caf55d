"""The points of a large grid by workers of one machine: chunks of places, each point journalled by who computed it.

The same function computes a chunk in this process and in a worker. A worker that dies takes nothing along but the point it
was at: the others are stopped, and a new round begins with what the journal lacks.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

from wafersim.errors import InputFaults, WafersimError
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.file_cache import at_one_moment
from wafersim.inputs.sweep import Grid
from wafersim.planning.journal import Entry, Journal
from wafersim.planning.model_version import model_version, stamps
from wafersim.planning.results import BOUNDS, FIRST, cells_of
from wafersim.planning.sweep import Singles, run_point

LONGEST_CHUNK = 64
CHUNK_S = 0.5  # that a chunk takes: progress is seen by the chunk
AHEAD = 3  # chunks for each worker that are on their way
MOST_DEATHS = 3  # rounds in which workers die and no point is finished
TRIED, TRIED_S = 8, 5.0  # points by which the time is told, and for how long they are tried
Advance = Callable[[int], None]


@dataclass(frozen=True)
class Task:
    """A grid with the directory of its journal; with `intervals` its points have theirs."""

    experiment: Experiment
    directory: Path
    intervals: bool = False

    @cached_property
    def grid(self) -> Grid:
        """The points."""
        return Grid(self.experiment)

    @cached_property
    def stamps(self) -> tuple[tuple[int, int], ...]:
        """Of the model's files when this process first asked; a worker that is forked has its parent's."""
        return stamps()

    @cached_property
    def sweep(self) -> bytes:
        """What this grid is called in its journal."""
        return self.key_of(self.experiment)

    def key_of(self, experiment: Experiment) -> bytes:
        """A hash of all that a point's row is made of."""
        fields = experiment.model_dump(mode="json", exclude={"title"})
        said = [model_version(), self.intervals, fields]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).digest()[:16]


def compute(task: Task, places: list[int], journal: Journal, stopped: Callable[[], bool] = lambda: False) -> int:
    """Compute and journal some points; those that the journal has of another grid are only noted. How many it came to."""
    if stamps() != task.stamps:
        raise WafersimError(
            "files of the model changed while the sweep ran; run it again: points of the new ones are computed"
        )
    singles = Singles()
    with at_one_moment():
        for count, place in enumerate(places):
            if stopped():
                return count
            try:
                point = task.grid.point(place)
            except InputFaults as error:  # values that do not go together
                key = hashlib.sha256(task.sweep + str(place).encode()).digest()[:16]
                cells = {**dict.fromkeys(FIRST), "error": str(error)}
                journal.add(task.sweep, place, key, model_version(), Entry("failed", cells))
                continue
            key = task.key_of(point.experiment)
            if journal.place(task.sweep, place, key):
                continue
            try:
                result = run_point(point, singles, told=task.intervals)
                cells = cells_of(result)
                if not task.intervals:
                    cells |= dict.fromkeys(BOUNDS)
                entry = Entry("ran" if result.infeasible is None else "infeasible", cells)
            except Exception as error:  # the point's own fault: the others go on
                said = {"model": point.experiment.model_name, "n_systems": point.experiment.system.count}
                entry = Entry("failed", {**said, "error": f"{type(error).__name__}: {error}"})
            journal.add(task.sweep, place, key, model_version(), entry)
    return len(places)


def seconds_a_point(task: Task, journal: Journal) -> float | None:
    """Mean of a few points all over the grid, computed and journalled here; None where none is missing.

    What they load and compile is there for the workers, which are forked from this process.
    """
    size = task.grid.size
    places = dict.fromkeys(size * (2 * index + 1) // (2 * TRIED) for index in range(TRIED))
    asked = [place for place in places if journal.missing(task.sweep, range(place, place + 1))]
    if not asked:
        return None
    compute(task, asked[:1], journal)  # once for what is loaded by the first
    began, tried = time.perf_counter(), 0
    for place in asked[1:]:
        if time.perf_counter() - began > TRIED_S:
            break
        tried += compute(task, [place], journal)
    return (time.perf_counter() - began) / tried if tried else 0.0


def chunks(task: Task, journal: Journal, length: int) -> Iterator[list[int]]:
    """The places that are not done, up to so many at a time; the journal is asked as the chunks are needed."""
    size = task.grid.size
    for start in range(0, size, length):
        missing = journal.missing(task.sweep, range(start, min(start + length, size)))
        if missing:
            yield missing


def execute(task: Task, journal: Journal, workers: int, each_s: float, advance: Advance) -> None:
    """Compute what is missing of a grid; `advance` is told of finished points. Points take about `each_s` seconds.

    Raises WafersimError where workers die again and again without finishing a point, KeyboardInterrupt on Ctrl-C, when all
    workers have stopped.
    """
    assert task.stamps  # of before the workers
    length = max(1, min(LONGEST_CHUNK, int(CHUNK_S / each_s) if each_s > 0 else LONGEST_CHUNK))
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


def _round(task: Task, journal: Journal, workers: int, length: int, advance: Advance) -> None:
    context: BaseContext = multiprocessing.get_context("fork" if hasattr(os, "fork") else None)
    stop = context.Event()
    pool = ProcessPoolExecutor(workers, context, _begin, (task, stop, os.getpid()))
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


def _begin(task: Task, stop: Any, parent: int) -> None:
    """A worker's own connection; Ctrl-C is the parent's to handle, and nobody outlives it."""
    global _task, _journal, _stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _task, _journal, _stop = task, Journal(task.directory), stop
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _chunk(places: list[int]) -> int:
    assert _task is not None and _journal is not None
    return compute(_task, places, _journal, _stop.is_set)
