"""The points of a grid on a cluster: its workers are sent the pool's chunks and send rows back.

Only this process writes the journal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from wafersim.errors import WafersimError
from wafersim.planning.cluster import Cluster
from wafersim.planning.dispatch import Dispatch
from wafersim.planning.errand import Errand
from wafersim.planning.executor import Advance, Task, chunk_length, chunks, compute
from wafersim.planning.journal import Finished, Journal
from wafersim.planning.model_version import model_version
from wafersim.planning.remote import Order, order_of


@dataclass(frozen=True)
class ClusterSweep:
    """Whoever works for a cluster's scheduler."""

    cluster: Cluster

    @property
    def workers(self) -> int:
        """How many there are when it is connected; they may become more."""
        return self.cluster.workers

    def execute(self, task: Task, journal: Journal, each_s: float, advance: Advance) -> None:
        """Compute what is missing; also raises WafersimError where the scheduler is gone, and where no worker is of use."""
        dispatch = Dispatch(unknown(task, journal, chunk_length(each_s), advance))
        with closing(Errand(self.cluster, _Points(task, journal, advance), dispatch)) as errand:
            errand.until(dispatch.done)

    def close(self) -> None:
        """Workers that were started here end."""
        self.cluster.close()


class _Points:
    """Points that are missing, and where they go to when they come back."""

    each = "point"

    def __init__(self, task: Task, journal: Journal, advance: Advance) -> None:
        self._task, self._journal, self._advance = task, journal, advance
        self.order: Order = order_of(Rows(Task(task.experiment, task.intervals)))  # with no path of this machine in it

    def note(self, places: tuple[int, ...], answer: tuple[Finished, ...]) -> None:
        """Journal some rows."""
        self._journal.add_all(self._task.sweep, model_version(), answer)
        self._advance(len(answer))

    def stopped(self) -> str:
        """How many points are kept."""
        return f"{self._journal.done(self._task.sweep):,} points of {self._task.experiment.name} are kept"


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


@dataclass(frozen=True)
class Rows:
    """What a worker is sent of a sweep."""

    task: Task

    def __call__(self, places: tuple[int, ...]) -> tuple[Finished, ...]:
        """The rows of some points."""
        outbox = Outbox()
        compute(self.task, list(places), outbox)
        return tuple(outbox.finished)


class Outbox:
    """Finished points on their way to the journal."""

    def __init__(self) -> None:
        self.finished: list[Finished] = []

    def add_all(self, sweep: bytes, version: str, points: Sequence[Finished]) -> None:
        """Some more; sweep and version are known to who asked."""
        self.finished += points

    def place(self, sweep: bytes, place: int, key: bytes) -> bool:
        """No point is known here: who sends an order leaves out those that are."""
        return False
