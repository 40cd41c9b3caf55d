"""Where the tasks around a system's slices stand in a timeline: alike in all timelines of a shape, so found once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wafersim.strategies.kept import of_the_same
from wafersim.timeline.timeline import KIND, Column, Timeline

Key = tuple[Column, ...]


@dataclass(frozen=True, eq=False)
class Places:
    """Rows of a timeline of one step: a system's slices in canonical order, and around each the chunk of weights on its way into
    the system and out of MemoryX, -1 for none; its inputs, updates and tails."""

    slices: Column
    ingress: Column
    stream: Column
    inputs: Column
    updates: Column
    tails: Column


def places_of(timeline: Timeline, system: int) -> Places:
    """Of a system's wafer."""
    keys = timeline.pass_, timeline.micro_batch, timeline.layer, timeline.chunk
    return _found(timeline.kind, timeline.entity, *keys, system)


@of_the_same(8)
def _found(
    kind: Column, entity: Column, pass_: Column, micro_batch: Column, layer: Column, chunk: Column, system: int
) -> Places:
    def rows(name: str, of: int) -> Column:
        return np.flatnonzero((kind == KIND[name]) & (entity == of))

    def around(tasks: Column) -> Column:
        return _around([each[tasks] for each in keys], [each[slices] for each in keys], tasks)

    keys = pass_, micro_batch, layer, chunk
    slices = rows("compute", system)
    return Places(
        slices=slices,
        ingress=around(rows("ingress", system)),
        stream=around(rows("stream", 0)),
        inputs=rows("input", system),
        updates=rows("update", 0),
        tails=rows("tail", 0),
    )


def _around(known: list[Column], asked: list[Column], rows: Column) -> Column:
    """The row of the task of each key that is asked for; keys are unique and in order."""
    if not len(rows):
        return np.full(len(asked[0]), -1)
    shape = [int(max(one.max(), other.max(initial=0))) + 1 for one, other in zip(known, asked, strict=True)]
    there, wanted = (np.ravel_multi_index(tuple(each), shape) for each in (known, asked))
    place = np.minimum(np.searchsorted(there, wanted), len(there) - 1)  # canonical order is that of these numbers
    found: Column = np.where(there[place] == wanted, rows[place], -1)
    return found
