"""A chunk of a grid on a worker of another machine: what it is sent, and how it answers.

Nothing but the standard library is loaded with this file: dask's scheduler loads it, too, and computes nothing.
"""

from __future__ import annotations

import pickle
import signal
import threading
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING

import wafersim
from wafersim.errors import WafersimError

if TYPE_CHECKING:
    from wafersim.planning.executor import Task
    from wafersim.planning.journal import Entry, Finished

LIBRARIES = ("numpy", "numba", "pydantic")  # which the numbers and what is sent depend on
_turn = threading.Lock()


class Refusal(WafersimError):
    """A worker that would give other numbers, and why."""


@dataclass(frozen=True)
class Order:
    """Points to compute: a task as it was pickled, by which version of the model, and their places in its grid."""

    task: bytes
    version: str
    places: tuple[int, ...] = ()


def order_of(task: Task) -> Order:
    """For a task, yet without places; no path of this machine is in it."""
    from wafersim.planning.executor import Task

    return Order(pickle.dumps(Task(task.experiment, task.intervals)), model())


def model() -> str:
    """The version of the model where this is asked, and of what it is installed with."""
    from wafersim.planning.model_version import model_version

    return f"{model_version()} ({installed()})"


def refusal(here: str, wanted: str) -> Refusal:
    """Why a worker of a model is of no use."""
    return Refusal(f"its model is {here}, not {wanted}: code, profiles, fits and libraries have to be the same")


def installed() -> str:
    """What is installed where this is asked."""
    return ", ".join([f"wafersim {wafersim.__version__}", *(f"{name} {version(name)}" for name in LIBRARIES)])


def computed(order: Order) -> tuple[Finished, ...]:
    """The rows of an order's points, one order at a time. Raises Refusal where this worker's model is another one."""
    with _turn:
        from wafersim.planning.executor import compute

        here = model()
        if here != order.version:
            raise refusal(here, order.version)
        outbox = Outbox()
        compute(_task(order.task), list(order.places), outbox)
        return tuple(outbox.finished)


@lru_cache(maxsize=4)
def _task(pickled: bytes) -> Task:
    task: Task = pickle.loads(pickled)
    return task


def dask_setup(worker: object) -> None:
    """What dask calls in a worker that loads this file first: Ctrl-C is left to who started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class Outbox:
    """Finished points on their way to the journal."""

    def __init__(self) -> None:
        self.finished: list[Finished] = []

    def add(self, sweep: bytes, place: int, key: bytes, version: str, entry: Entry) -> None:
        """One more; sweep and version are known to who asked."""
        from wafersim.planning.journal import Finished

        self.finished.append(Finished.of(place, key, entry))

    def place(self, sweep: bytes, place: int, key: bytes) -> bool:
        """No point is known here: who sends an order leaves out those that are."""
        return False
