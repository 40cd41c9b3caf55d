"""A chunk of work on a worker of another machine: what it is sent, and how it answers.

Nothing but the standard library is loaded with this file: dask's scheduler loads it, too, and computes nothing.
"""

from __future__ import annotations

import pickle
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import wafersim
from wafersim.errors import WafersimError

LIBRARIES = ("numpy", "numba", "pydantic")  # which the numbers and what is sent depend on
Compute = Callable[[tuple[int, ...]], Any]
_turn = threading.Lock()


class Refusal(WafersimError):
    """A worker that would give other numbers, and why."""


@dataclass(frozen=True)
class Order:
    """Places to compute: what computes them as it was pickled, and by which version of the model."""

    work: bytes
    version: str
    places: tuple[int, ...] = ()


def order_of(work: Compute) -> Order:
    """For what computes places, yet without any; all that it needs is in it, and no path of this machine."""
    return Order(pickle.dumps(work), model())


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


def computed(order: Order) -> Any:
    """What an order's places come to, one order at a time. Raises Refusal where this worker's model is another one."""
    with _turn:
        here = model()
        if here != order.version:
            raise refusal(here, order.version)
        return _loaded(order.work)(order.places)


@lru_cache(maxsize=4)
def _loaded(pickled: bytes) -> Compute:
    work: Compute = pickle.loads(pickled)
    return work


def dask_setup(worker: object) -> None:
    """What dask calls in a worker that loads this file first: Ctrl-C is left to who started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
