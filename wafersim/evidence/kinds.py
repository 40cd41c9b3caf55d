"""The kinds of published measurements. A new one is a name here, a module in `sets/` with a `KIND`, and a table in `data/`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wafersim.evidence.rows import Cells, Measured, Rows
    from wafersim.inputs.fit import Set

KINDS: dict[
    str, tuple[str, ...]
] = {  # with the shipped tables of each, files in `data/`, in the order of reports; each is a module in `sets/`
    "wafer": ("wafer_measurements.csv",),
    "gpu": ("gpu_measurements.csv", "gpu_modern.csv"),
    "memory": ("memory_measurements.csv",),
    "kernel": ("kernel_cycles.csv",),
    "gpu-kernel": ("gpu_kernels.csv",),
    "collective": ("collective_measurements.csv",),
    "power": ("power_measurements.csv",),
    "training": ("training_runs.csv",),
}


def _whole(cells: Cells) -> Sequence[Cells]:
    return (cells,)


@dataclass(frozen=True)
class Kind:
    """One kind of measurement: how its tables are told apart and checked, and how their rows are read."""

    name: str
    title: str  # of its panel in the figure
    needed: tuple[str, ...]  # columns that a table must have, and by which its kind is told
    numbers: tuple[str, ...]  # columns of numbers > 0
    read: Callable[[Cells], Measured]  # a row of a user's table; raises Infeasible with the reason
    published: Callable[[], Rows[Measured]]  # those of the shipped table
    fractional: tuple[str, ...] = ()  # those of `numbers` that need not be whole
    metrics: tuple[str, ...] = ()  # those that are predicted, where the table has several
    fit: Set | None = None  # the calibration that its rows set; None where they only judge
    shown: str = "test"  # the use of the rows that a figure shows
    pieces: Callable[[Cells], Sequence[Cells]] = _whole  # of a row that states several values: one for each


@cache
def kind(name: str) -> Kind:
    """The kind of that name; loads its module."""
    found = import_module(f"wafersim.evidence.sets.{name.replace('-', '_')}").KIND
    assert isinstance(found, Kind) and found.name == name
    return found


def kinds() -> tuple[Kind, ...]:
    """All of them."""
    return tuple(kind(name) for name in KINDS)
