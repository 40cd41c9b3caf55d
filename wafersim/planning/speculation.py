"""Measuring candidates before they are asked for: who is idle measures the next in line.

What is measured, and so the answer, is what one process finds; a few more candidates are measured than were needed.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar

from wafersim.errors import WafersimError

M = TypeVar("M")
Of = TypeVar("Of", covariant=True)


class Beside(Protocol[Of]):
    """Who measures candidates, by their places, beside the process that asks: of those that are there when the first begins."""

    def room(self) -> int:
        """How many more would begin to be measured at once."""

    def begin(self, place: int) -> None:
        """Measure a candidate, and the next one meanwhile."""

    def result(self, place: int) -> Of:
        """Of a candidate that was begun; it is waited for. Raises WafersimError where nobody is left to measure it."""

    def close(self) -> None:
        """What was not asked for is not waited for."""


class Measured(Generic[M]):
    """What was measured of candidates by their places, each once, by this process and those `beside` it."""

    def __init__(self, measure: Callable[[int], M], beside: Beside[M] | None = None) -> None:
        self._measure, self._beside = measure, beside
        self._known: dict[int, M] = {}
        self._coming: set[int] = set()

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, place: int) -> bool:
        """Whether it was measured."""
        return place in self._known

    def __call__(self, place: int) -> M:
        """Of the candidate at a place."""
        if place not in self._known:
            if self._beside is not None and place in self._coming:
                self._known[place] = self._beside.result(place)
                self._coming.remove(place)
            else:
                self._known[place] = self._measure(place)
        return self._known[place]

    def ahead(self, places: Iterable[int]) -> None:
        """These may be asked for next, in this order: as many as there is room for begin to be measured."""
        if self._beside is None:
            return
        room = self._beside.room()
        for place in places:
            if room < 1:
                return
            if place not in self._known and place not in self._coming:
                self._beside.begin(place)
                self._coming.add(place)
                room -= 1

    def close(self) -> None:
        """What was not asked for is not waited for."""
        if self._beside is not None:
            self._beside.close()
        self._coming.clear()


class Forked(Generic[M]):
    """So many processes of this machine, forked when the first candidate begins: what `measure` knows then they know, too."""

    def __init__(self, measure: Callable[[int], M], workers: int) -> None:
        self._measure, self._workers = measure, workers
        self._coming: dict[int, Future[M]] = {}
        self._pool: ProcessPoolExecutor | None = None

    def room(self) -> int:
        """Processes that have nothing to do."""
        return self._workers - sum(not future.done() for future in self._coming.values())

    def begin(self, place: int) -> None:
        """In a process that is idle."""
        if self._pool is None:
            context = multiprocessing.get_context("fork")
            self._pool = ProcessPoolExecutor(self._workers, context, _begin, (self._measure,))
        with _told():
            self._coming[place] = self._pool.submit(_one, place)

    def result(self, place: int) -> M:
        """What its process found, or what `measure` raised there."""
        with _told():
            return self._coming.pop(place).result()

    def close(self) -> None:
        """The processes end with what they are at."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
        self._coming.clear()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool:
        raise WafersimError("a process of --workers was killed (out of memory?); try --workers 1") from None


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
