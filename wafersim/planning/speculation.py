"""Measuring candidates before they are asked for, by processes of this machine: an idle core measures the next in line.

What is measured, and so the answer, is what one process finds; a few more candidates are measured than were needed.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, Generic, TypeVar

M = TypeVar("M")


class Measured(Generic[M]):
    """What was measured of candidates by their places, each once; `workers` processes beside each other, one is this one.

    `measure` has to know its candidates by their places when the first is measured: processes are forked then. What it raises
    is raised where the candidate is asked for.
    """

    def __init__(self, measure: Callable[[int], M], workers: int = 1) -> None:
        self._measure, self._workers = measure, workers
        self._known: dict[int, M] = {}
        self._coming: dict[int, Future[M]] = {}
        self._pool: ProcessPoolExecutor | None = None

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, place: int) -> bool:
        """Whether it was measured."""
        return place in self._known

    def __call__(self, place: int) -> M:
        """Of the candidate at a place."""
        if place not in self._known:
            coming = self._coming.pop(place, None)
            self._known[place] = self._measure(place) if coming is None else coming.result()
        return self._known[place]

    def ahead(self, places: Iterable[int]) -> None:
        """These may be asked for next, in this order: as many as there are workers begin to be measured."""
        if self._workers == 1:
            return
        if self._pool is None:
            context = multiprocessing.get_context("fork")
            self._pool = ProcessPoolExecutor(self._workers, context, _begin, (self._measure,))
        for place in places:
            busy = sum(not future.done() for future in self._coming.values())
            if busy >= self._workers:
                return
            if place not in self._known and place not in self._coming:
                self._coming[place] = self._pool.submit(_one, place)

    def close(self) -> None:
        """What was not asked for is not waited for."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
        self._coming.clear()


_measure: Callable[[int], Any] | None = None


def _begin(measure: Callable[[int], Any]) -> None:
    global _measure
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    _measure = measure


def _one(place: int) -> Any:
    assert _measure is not None
    return _measure(place)


def cores() -> int:
    """That this process may use; 1 where processes cannot be forked."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "fork") and hasattr(os, "sched_getaffinity") else 1
