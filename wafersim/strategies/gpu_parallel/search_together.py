"""Searches that differ in numbers of the machine alone: what one of them looks at is worked out for the machines of all.

Each goes its own way, from the least bound to the next, and finds what it would by itself. The quick bounds of all sizes, memory
and tighter bounds of the splits of a size, and the durations of a split that is simulated are columns of machines, equal to the
bit to those of one: a search that comes to them finds what another one has asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from wafersim.engine.graph import Ints
from wafersim.errors import Infeasible
from wafersim.gpu.machines import kind_of, on_all
from wafersim.inputs.strategy import GpuParallelSpec
from wafersim.strategies.gpu_parallel.planner import PlansAhead
from wafersim.strategies.gpu_parallel.search import (
    Candidate,
    Lazily,
    bytes_needed,
    least_of_sizes,
    lower_bounds,
    of_lazily,
)
from wafersim.strategies.gpu_parallel.space import Space, Splits, combinations, of_all, sizes_of, splits_of_sizes

Floats = npt.NDArray[np.float64]


def fastest_of_each(spaces: Sequence[Space], spec: GpuParallelSpec) -> list[Candidate | None]:
    """What `search.fastest` finds in each space that this can tell; None where it has to be asked by itself.

    They are alike in all but the machine's numbers: `alike` says the same of them.
    """
    found: list[Candidate | None] = [None] * len(spaces)
    with suppress(Infeasible):  # no machine has a say in that
        shared = _Shared(spaces, spec)
        for at, space in enumerate(spaces):
            with suppress(Infeasible):
                found[at] = of_lazily(space, _OfOne(shared, at), partial(shared.plans.ready, at))
    return found


def alike(space: Space, spec: GpuParallelSpec) -> tuple[object, ...]:
    """Equal for spaces whose splits are the same and whose costs are columns of each other."""
    training = space.gpus, space.batch, space.clipping, space.grain
    return space.geometry, space.model, *training, spec.model_dump_json(), of_all(space, spec), kind_of(space.cluster)


@dataclass(frozen=True)
class _Looked:
    """The splits of one size: which they are, and memory and tighter bounds, a row for each machine."""

    splits: Splits
    places: Ints
    numbers: Ints
    memory: Floats
    bounds: Floats


class _Shared:
    """What searches have looked at so far."""

    def __init__(self, spaces: Sequence[Space], spec: GpuParallelSpec) -> None:
        self.space, self.spec = spaces[0], spec
        self.clusters = [space.cluster for space in spaces]
        self.sizes, self.per_size = sizes_of(self.space, spec), combinations(self.space, spec)
        self.quick: Floats = least_of_sizes(self.space, spec, self.sizes, partial(on_all, clusters=self.clusters))
        self.plans = PlansAhead(
            self.space.geometry, self.clusters, self.space.clipping, self.space.model.tied_embeddings
        )
        self._looked: dict[int, _Looked] = {}

    def at(self, some: Ints) -> list[_Looked]:
        """The splits of some sizes."""
        new = np.array([size for size in some.tolist() if size not in self._looked], np.int64)
        if len(new):
            self._look(new)
        return [self._looked[size] for size in some.tolist()]

    def _look(self, some: Ints) -> None:
        splits, at = splits_of_sizes(self.space, self.spec, self.sizes[some])
        on_each = partial(on_all, clusters=self.clusters)
        none = np.zeros((len(self.clusters), 0))
        memory, bounds = (
            cost(self.space, splits, on_each) if len(splits) else none for cost in (bytes_needed, lower_bounds)
        )
        size, combination = np.divmod(at, self.per_size)
        for place, number in enumerate(some.tolist()):
            own = np.flatnonzero(size == place)
            numbers = number * self.per_size + combination[own]
            self._looked[number] = _Looked(splits, own, numbers, memory[:, own], bounds[:, own])


class _OfOne(Lazily):
    """The splits that fit one of the machines, as `Lazily` has them."""

    def __init__(self, shared: _Shared, at: int) -> None:
        self._shared, self._at = shared, at
        self._splits: dict[int, tuple[Splits, int]] = {}
        self.memory: dict[int, float] = {}

    def quick(self) -> Floats:
        """Of all sizes."""
        found: Floats = self._shared.quick[self._at]
        return found

    def made(self, some: Ints) -> tuple[Floats, Ints]:
        """(tighter bounds, numbers) of the splits of some sizes that fit."""
        free = self._shared.clusters[self._at].device.memory
        bounds, numbers = [np.zeros(0)], [np.zeros(0, np.int64)]
        for looked in self._shared.at(some):
            memory = looked.memory[self._at]
            fits = np.flatnonzero(memory <= free)
            own = looked.numbers[fits]
            bounds.append(looked.bounds[self._at, fits])
            numbers.append(own)
            each = zip(own.tolist(), looked.places[fits].tolist(), memory[fits].tolist(), strict=True)
            for number, place, size in each:
                self._splits[number], self.memory[number] = (looked.splits, place), size
        return np.concatenate(bounds), np.concatenate(numbers)
