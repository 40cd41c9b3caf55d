"""The points of a large grid in chunks of places: one function computes a chunk, whoever works at it.

An executor hands the chunks that a journal lacks to its workers: `pool` to processes of this machine, which journal for
themselves, `cluster_sweep` to those of others, whose points travel back.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from wafersim.errors import InputFaults, WafersimError
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.file_cache import at_one_moment
from wafersim.inputs.sweep import MOST_SECTIONS, Grid, Point
from wafersim.planning.journal import Entry, Finished, Journal
from wafersim.planning.model_version import first_stamps, model_version, stamps
from wafersim.planning.results import BOUNDS, FIRST, cells_of
from wafersim.planning.sweep import run_point, start_points
from wafersim.simulation import Started

LONGEST_CHUNK = 512
CHUNK_S = 0.5  # that a chunk takes: progress is seen by the chunk
TOGETHER = 64  # points whose steps are solved together
LONGEST_WAIT_S = 0.02  # for which a finished point is not in the journal
AHEAD = 3  # chunks for each worker that are on their way
Advance = Callable[[int], None]


@dataclass(frozen=True)
class Task:
    """A grid to compute; with `intervals` its points have theirs. Nothing in it is a place of the machine that asks."""

    experiment: Experiment
    intervals: bool = False

    @cached_property
    def grid(self) -> Grid:
        """The points."""
        return Grid(self.experiment)

    @cached_property
    def sweep(self) -> bytes:
        """What this grid is called in its journal."""
        return self.key_of(self.experiment)

    def key_of(self, experiment: Experiment) -> bytes:
        """A hash of all that a point's row is made of."""
        fields = {name: self._written(experiment, name) for name in Experiment.model_fields if name != "title"}
        said = [model_version(), self.intervals, fields]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).digest()[:16]

    def _written(self, experiment: Experiment, name: str) -> str:
        """A field as JSON; sections that many points share are written once."""
        value = getattr(experiment, name)
        if isinstance(value, str | None):
            return json.dumps(value)
        known = self._sections.get(id(value))
        if known is None:
            if len(self._sections) >= MOST_SECTIONS:
                self._sections.clear()
            written = experiment.model_dump(mode="json", include={name})[name]
            known = self._sections[id(value)] = (value, json.dumps(written, sort_keys=True))
        return known[1]

    @cached_property
    def _sections(self) -> dict[int, tuple[Any, str]]:
        """(a section, as it is written) by who it is: one that is kept is no other's."""
        return {}


class Record(Protocol):
    """What finished points are added to: a journal, or what a worker of another machine sends back."""

    def add_all(self, sweep: bytes, version: str, points: Sequence[Finished]) -> None:
        """Finished points, all of them or none."""

    def place(self, sweep: bytes, place: int, key: bytes) -> bool:
        """Whether a point is there already; its place in this grid is noted then."""


class Executor(Protocol):
    """Who computes what a journal lacks of a grid."""

    @property
    def workers(self) -> int:
        """How many points are computed at a time; 0 where nobody is there yet."""

    def execute(self, task: Task, journal: Journal, each_s: float, advance: Advance) -> None:
        """Compute what is missing; `advance` is told of finished points. Points take about `each_s` seconds.

        Raises WafersimError, one line, where it cannot go on; KeyboardInterrupt on Ctrl-C, when all its workers have stopped.
        """

    def close(self) -> None:
        """Let go of the workers."""


def compute(task: Task, places: list[int], journal: Record, stopped: Callable[[], bool] = lambda: False) -> int:
    """Compute and journal some points; those that the journal has of another grid are only noted. How many it came to."""
    if stamps() != first_stamps():
        raise WafersimError(
            "files of the model changed while the sweep ran; run it again: points of the new ones are computed"
        )
    done, outbox = 0, _Outbox(task, journal)
    with at_one_moment():
        for start in range(0, len(places), TOGETHER):
            some = places[start : start + TOGETHER]
            new = dict(_new(task, some, outbox))
            points = [point for _, point in new.values()]
            started = dict(zip(new, [None] * len(new) if task.intervals else start_points(points), strict=True))
            for place in some:
                if stopped():
                    outbox.send()
                    return done
                if place in new:
                    key, point = new[place]
                    outbox.put(Finished.of(place, key, _entry(task, point, started[place])))
                done += 1
            outbox.send()
    return done


class _Outbox:
    """Finished points on their way to the journal: nothing that took long waits for others."""

    def __init__(self, task: Task, journal: Record) -> None:
        self.journal = journal
        self._task, self._waiting, self._since = task, list[Finished](), time.perf_counter()

    def put(self, finished: Finished) -> None:
        """One more."""
        self._waiting.append(finished)
        if time.perf_counter() - self._since > LONGEST_WAIT_S:
            self.send()

    def send(self) -> None:
        """All that is there, as one transaction."""
        self.journal.add_all(self._task.sweep, model_version(), self._waiting)
        self._waiting, self._since = [], time.perf_counter()


def _new(task: Task, places: Sequence[int], outbox: _Outbox) -> Iterator[tuple[int, tuple[bytes, Point]]]:
    """(place, (key, point)) of what has to be computed; what is in the journal is noted there, what is no point fails."""
    for place in places:
        try:
            point = task.grid.point(place)
        except InputFaults as error:  # values that do not go together
            key = hashlib.sha256(task.sweep + str(place).encode()).digest()[:16]
            outbox.put(Finished.of(place, key, Entry("failed", {**dict.fromkeys(FIRST), "error": str(error)})))
            continue
        key = task.key_of(point.experiment)
        if not outbox.journal.place(task.sweep, place, key):
            yield place, (key, point)


def _entry(task: Task, point: Point, started: Started | Exception | None) -> Entry:
    try:
        result = run_point(point, told=task.intervals, started=started)
        cells = cells_of(result)
    except Exception as error:  # the point's own fault: the others go on
        said = {"model": point.experiment.model_name, "n_systems": point.experiment.system.count}
        return Entry("failed", {**said, "error": f"{type(error).__name__}: {error}"})
    if not task.intervals:
        cells |= dict.fromkeys(BOUNDS)
    return Entry("ran" if result.infeasible is None else "infeasible", cells)


def chunks(task: Task, journal: Journal, length: int) -> Iterator[list[int]]:
    """The places that are not done, up to so many at a time; the journal is asked as the chunks are needed."""
    size = task.grid.size
    for start in range(0, size, length):
        missing = journal.missing(task.sweep, range(start, min(start + length, size)))
        if missing:
            yield missing


def chunk_length(each_s: float) -> int:
    """Points that take about half a second."""
    return max(1, min(LONGEST_CHUNK, int(CHUNK_S / each_s) if each_s > 0 else LONGEST_CHUNK))
