"""Quantities over a step, from columns of starts and ends: how busy links are, and how much a buffer holds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wafersim.timeline.timeline import Column

WINDOWS = 400  # of a step, in each of which the use of a link is told


def use(start: Column, end: Column, entities: int, edges: Column) -> npt.NDArray[np.float64]:
    """Percent of the time between neighbouring `edges` (ticks) in which the tasks of some alike entities run, in the mean."""
    busy = _since(edges, np.sort(start)) - _since(edges, np.sort(end))
    share: npt.NDArray[np.float64] = 100.0 * busy / (np.diff(edges) * float(entities))
    return np.round(share, 3)


def _since(edges: Column, instants: Column) -> npt.NDArray[np.float64]:
    """Of every window: its ticks that lie behind each of some sorted instants, added up."""
    place = np.searchsorted(edges, instants, "left")  # the first edge that is not before it
    inside = (place > 0) & (place < len(edges))
    within = np.zeros(len(edges) - 1)
    np.add.at(within, place[inside] - 1, (edges[place[inside]] - instants[inside]).astype(float))
    earlier = np.searchsorted(instants, edges[:-1], "right")
    found: npt.NDArray[np.float64] = within + np.diff(edges).astype(float) * earlier
    return found


def edges_of(low: int, high: int) -> Column:
    """Edges of the windows of a step, whole ticks; fewer where it has fewer ticks."""
    return np.unique(np.linspace(low, high, WINDOWS + 1).round().astype(np.int64))


def held(taken_at: Column, taken: Column, freed_at: Column, freed: Column) -> tuple[Column, Column]:
    """(instants, what is held from each on) of a buffer that fills and empties; it is empty at first."""
    at = np.concatenate((taken_at, freed_at))
    change = np.concatenate((taken, -freed))
    order = np.argsort(at, kind="stable")
    at, level = at[order], np.cumsum(change[order])
    last = np.append(at[1:] > at[:-1], True) if len(at) else np.zeros(0, bool)
    return at[last], level[last]
