"""Costs of many layouts on many machines in one evaluation, as of a machine whose numbers are nudged one at a time.

Axes of what costs work out are (stages, machines, layouts), those on the left where a quantity has them: numbers of a column of
machines have shape (machines, 1), those of a row of layouts (1, layouts), so that what hangs on layouts alone is worked out once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from wafersim.gpu.layout import Layout, stack
from wafersim.gpu.machine import Cluster, Column

Floats = npt.NDArray[np.float64]
Kind = tuple[object, ...]


def on_each(
    cost: Callable[[Layout, Cluster], Column], layouts: Sequence[Layout], clusters: Sequence[Cluster]
) -> Floats:
    """cost(layout, cluster) of each layout on each machine: shape (..., machines, layouts), equal to the bit to one at a time.

    What `cost` returns may have axes of its own in front. There is at least one of both, and layouts share their list of stages.
    """
    return _on_each(cost, row(layouts), len(layouts), clusters)


def on_all(cost: Callable[[Layout, Cluster], Column], layouts: Layout, clusters: Sequence[Cluster]) -> Floats:
    """The same of layouts that are columns already."""
    numbers: dict[str, Any] = {name: one[None] for name, one in vars(layouts).items() if isinstance(one, np.ndarray)}
    count = max(np.size(number) for number in numbers.values())
    return _on_each(cost, replace(layouts, **numbers), count, clusters)


def _on_each(
    cost: Callable[[Layout, Cluster], Column], splits: Layout, count: int, clusters: Sequence[Cluster]
) -> Floats:
    places, found = [], []
    for at, column in columns(clusters):
        costs = np.asarray(cost(splits, column))
        places += at
        found.append(np.broadcast_to(costs, (*costs.shape[:-2], len(at), count)))
    back = np.argsort(places)
    together: Floats = np.concatenate(found, axis=-2)[..., back, :]
    return together


def row(layouts: Sequence[Layout]) -> Layout:
    """Layouts as one of columns of shape (1, layouts)."""
    stacked: Layout = stack(layouts)
    numbers: dict[str, Any] = {name: one[None] for name, one in vars(stacked).items() if isinstance(one, np.ndarray)}
    return replace(stacked, **numbers)


def columns(clusters: Sequence[Cluster]) -> Iterator[tuple[list[int], Cluster]]:
    """(their places, machines as one of columns) of those that are alike in all that is no column."""
    kinds: dict[Kind, list[int]] = {}
    for at, cluster in enumerate(clusters):
        kinds.setdefault(kind_of(cluster), []).append(at)
    for places in kinds.values():
        parts = zip(*(vars(clusters[at]).values() for at in places), strict=True)
        yield places, Cluster(*map(_column, parts))


def kind_of(cluster: Cluster) -> Kind:
    """Flags, whole numbers and rings of a machine, by which costs go one way or another."""
    values = (value for part in vars(cluster).values() for value in vars(part).values() if not isinstance(value, float))
    return tuple(tuple(value.items()) if isinstance(value, dict) else value for value in values)


def _column(parts: Sequence[Any]) -> Any:
    """Devices, networks or software as one; a number that all share stays a number."""
    changed = {}
    for field in fields(parts[0]):
        values = [getattr(part, field.name) for part in parts]
        if any(value != values[0] for value in values):
            changed[field.name] = np.array(values)[:, None]
    return replace(parts[0], **changed)
