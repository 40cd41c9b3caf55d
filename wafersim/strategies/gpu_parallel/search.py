"""The fastest split that fits: the whole space in columns, bounded from below, simulated in order of the bound.

A split whose lower bound is above the k-th best simulated step cannot be among the k fastest, so the search is exact: it finds
what simulating everything would. Two bounds do it: a quick one sorts all splits, a tighter one those whose turn comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from wafersim.engine.graph import Ints
from wafersim.gpu.gemm import PRECISIONS
from wafersim.gpu.layout import RECOMPUTE, Layout
from wafersim.gpu.machine import Cluster, Column
from wafersim.gpu.memory import memory_use
from wafersim.gpu.verdict import DoesNotFit, check, may_fit
from wafersim.inputs.strategy import GpuParallelSpec
from wafersim.strategies.best_first import best_of, refined
from wafersim.strategies.gpu_parallel.closed_form import estimate, lower_bound
from wafersim.strategies.gpu_parallel.periodic import run_to_period
from wafersim.strategies.gpu_parallel.planner import build_gpu_plan
from wafersim.strategies.gpu_parallel.quick_bound import quick_bound
from wafersim.strategies.gpu_parallel.space import (
    Space,
    Splits,
    combinations,
    fastest_choices,
    layouts_of,
    sizes_of,
    splits_backward,
    splits_of,
    splits_of_sizes,
)
from wafersim.strategies.tally import TooManyTasks
from wafersim.timeline.clock import to_seconds

Floats = npt.NDArray[np.float64]
AS_SMALL = 1.01  # of the smallest, where none is likely to fit
FRONT = 6  # splits of the front of time against memory that are simulated and shown
NEAR = 1.1  # of the least quick bound of those that need no more memory: what may be on the front
MOST_NEAR = 2048
AT_A_TIME = 512  # splits that get their tighter bound together
SIZES_AT_A_TIME = 16  # and sizes whose splits do
On = Callable[[Callable[[Layout, Cluster], Column], Layout], Floats]  # what a cost comes to, of columns of layouts
Ready = Callable[[Layout, str], None]


@dataclass(frozen=True)
class Candidate:
    """A split that was simulated: its schedule, seconds of a step, bytes of the fullest GPU."""

    layout: Layout
    schedule: str
    seconds: float
    memory: float


@dataclass(frozen=True)
class Found:
    """The fastest splits in order, the front of time against memory, and what became of the others."""

    best: tuple[Candidate, ...]
    front: tuple[Candidate, ...]
    considered: int
    too_large: int
    bounded: int
    simulated: int


def search(space: Space, spec: GpuParallelSpec, prune: bool = True) -> Found:
    """The `spec.show` fastest splits that fit, in order. Raises Infeasible with the nearest miss where none does."""
    splits = splits_of(space, spec)
    memory = bytes_needed(space, splits, on_one(space))
    at = np.flatnonzero(_fitting(space, splits, memory))
    kept, needed = splits.at(at), memory[at]
    quick = _quick(space, kept)

    def simulated(index: int) -> float:
        return _simulated(space, *kept.one(index))

    times = best_of(_in_order(space, kept, quick), simulated, spec.show if prune else len(at))
    best = sorted(times, key=lambda index: (times[index], index))[: spec.show]
    for index in _likely_front(space, kept, quick, needed):
        if index not in times:
            with suppress(TooManyTasks):  # of the smallest memory, which many small micro-batches have
                times[index] = simulated(index)

    def candidate(index: int) -> Candidate:
        return Candidate(*kept.one(index), times[index], float(needed[index]))

    return Found(
        tuple(map(candidate, best)),
        tuple(map(candidate, _simulated_front(times, needed))),
        len(splits),
        len(splits) - len(at),
        len(at) - len(times),
        len(times),
    )


def fastest(space: Space, spec: GpuParallelSpec) -> Candidate:
    """The first of `search` alone, sooner: a split is looked at where the quick bound of its sizes leaves it a chance.

    Raises Infeasible as `search` does.
    """
    found = of_lazily(space, Lazily(space, spec))
    return search(space, spec).best[0] if found is None else found  # none is likely to fit


def of_lazily(space: Space, lazily: Lazily, ready: Ready = lambda *_: None) -> Candidate | None:
    """The fastest of splits that are looked at when their turn comes; None where none fits. `ready` is told of each that is
    simulated."""

    def simulated(number: int) -> float:
        layout, schedule = lazily.split(number)
        ready(layout, schedule)
        return _simulated(space, layout, schedule)

    times = best_of(lazily.in_order(), simulated)
    if not times:
        return None
    best = min(times, key=lambda number: (times[number], number))
    return Candidate(*lazily.split(best), times[best], lazily.memory[best])


def bounded(space: Space, spec: GpuParallelSpec) -> float:
    """Seconds that no split that fits beats: the least of their tighter bounds, most of which are never worked out.

    Raises Infeasible as `search` does.
    """
    first = next(Lazily(space, spec).in_order(), None)
    return search(space, spec).best[0].seconds if first is None else first[0]


class Lazily:
    """The splits that fit in the order of their bounds; those of some sizes are made when the quick bound of these comes up."""

    def __init__(self, space: Space, spec: GpuParallelSpec) -> None:
        self._space, self._spec = space, spec
        self._sizes, self._per_size = sizes_of(space, spec), combinations(space, spec)
        self._splits = dict[int, tuple[Splits, int]]()
        self.memory = dict[int, float]()

    def in_order(self) -> Iterator[tuple[float, int]]:
        """(bound, number of a split)."""
        return refined(self.quick(), SIZES_AT_A_TIME, self.made)

    def split(self, number: int) -> tuple[Layout, str]:
        """Layout and schedule of one that has come up."""
        kept, place = self._splits[number]
        return kept.one(place)

    def quick(self) -> Floats:
        """The quick bounds of all sizes."""
        return least_of_sizes(self._space, self._spec, self._sizes, on_one(self._space))

    def made(self, some: Ints) -> tuple[Floats, Ints]:
        """(tighter bounds, numbers) of the splits of some sizes that fit."""
        found, at = splits_of_sizes(self._space, self._spec, self._sizes[some])
        memory = bytes_needed(self._space, found, on_one(self._space))
        fits = np.flatnonzero(memory <= self._space.cluster.device.memory)
        kept, at = found.at(fits), at[fits]
        numbers = some[at // self._per_size] * self._per_size + at % self._per_size
        for place, number in enumerate(numbers.tolist()):
            self._splits[number], self.memory[number] = (kept, place), float(memory[fits[place]])
        return lower_bounds(self._space, kept, on_one(self._space)), numbers


def on_one(space: Space) -> On:
    """Costs of columns of layouts on a space's own machine."""
    return lambda cost, layouts: np.asarray(cost(layouts, space.cluster), float)


def least_of_sizes(space: Space, spec: GpuParallelSpec, sizes: Floats, on: On) -> Floats:
    """The quick bound of each of some sizes, under the best choice of what is left open besides."""
    choices = fastest_choices(space, spec)
    every = layouts_of(space, spec, np.repeat(sizes, len(choices), axis=0), np.tile(choices, (len(sizes), 1)))
    split = splits_backward(spec)
    bounds = on(lambda layouts, cluster: quick_bound(space.geometry, layouts, cluster, split), every)
    least: Floats = bounds.reshape(*bounds.shape[:-1], len(sizes), len(choices)).min(axis=-1)
    return least


def _simulated(space: Space, layout: Layout, schedule: str) -> float:
    """Seconds of a step."""
    tied = space.model.tied_embeddings
    plan = build_gpu_plan(space.geometry, layout, space.cluster, schedule, space.clipping, tied)
    return to_seconds(float(run_to_period(plan).step_ticks))


def estimated(space: Space, spec: GpuParallelSpec) -> float:
    """Seconds of the fastest split that fits, by the closed form alone. Raises Infeasible where none does."""
    splits = splits_of(space, spec)
    kept = splits.at(np.flatnonzero(_fitting(space, splits, bytes_needed(space, splits, on_one(space)))))
    first = kept.at(np.argsort(_quick(space, kept), kind="stable")[: 4 * AT_A_TIME])
    return float(np.asarray(estimate(space.geometry, first.layout, space.cluster)).min())


def bytes_needed(space: Space, splits: Splits, on: On) -> Floats:
    """Bytes of the fullest GPU of each; with or without virtual stages one forward, one backward keeps as its layout says."""
    schedules = [("1f1b" if schedule == "interleaved" else schedule, at) for schedule, at in splits.by_schedule()]
    places, found = [np.zeros(0, np.int64)], list[Floats]()
    for schedule in dict.fromkeys(name for name, _ in schedules):
        at = np.sort(np.concatenate([where for name, where in schedules if name == schedule]))
        places.append(at)
        found.append(on(partial(_total, space, schedule), splits.at(at).layout))
    if not found:
        return np.zeros(0)
    together: Floats = np.concatenate(found, axis=-1)[..., np.argsort(np.concatenate(places))]
    return together


def _total(space: Space, schedule: str, layouts: Layout, cluster: Cluster) -> Column:
    return memory_use(space.geometry, layouts, cluster, schedule).total


def _quick(space: Space, splits: Splits) -> Floats:
    return np.asarray(quick_bound(space.geometry, splits.layout, space.cluster, splits.split_backward), float)


def _in_order(space: Space, splits: Splits, quick: Floats) -> Iterator[tuple[float, int]]:
    """(tighter bound, split) in the order of the bounds, which are worked out when no quick one lies below."""

    def tighter(some: Ints) -> tuple[Floats, Ints]:
        return np.maximum(quick[some], lower_bounds(space, splits.at(some), on_one(space))), some

    return refined(quick, AT_A_TIME, tighter)


def lower_bounds(space: Space, splits: Splits, on: On) -> Floats:
    """The tighter bound of each."""
    if not len(splits):
        return np.zeros(0)
    split = splits.split_backward
    return on(lambda layouts, cluster: lower_bound(space.geometry, layouts, cluster, split), splits.layout)


def _fitting(space: Space, splits: Splits, memory: Floats) -> npt.NDArray[np.bool_]:
    """Which splits more likely fit than not; where none does, those as small as the smallest, which may.

    Raises DoesNotFit with the nearest miss where that does not either.
    """
    fits = memory <= space.cluster.device.memory
    if fits.any():
        return fits
    least = float(memory.min())
    if not may_fit(least, space.cluster):
        layout, schedule = splits.one(int(memory.argmin()))
        try:
            check(space.geometry, layout, space.cluster, schedule)
        except DoesNotFit as miss:
            raise DoesNotFit(f"no split of {len(memory)} fits; the smallest {miss}", miss.verdict) from None
    smallest: npt.NDArray[np.bool_] = memory <= AS_SMALL * least
    return smallest


def _likely_front(space: Space, splits: Splits, quick: Floats, memory: Floats) -> list[int]:
    """Splits that none beats in both time and memory as the closed form has it, of those whose quick bound comes near."""
    by_memory = np.lexsort((quick, memory))
    near = by_memory[quick[by_memory] <= NEAR * np.minimum.accumulate(quick[by_memory])]
    near = near[np.argsort(quick[near], kind="stable")[:MOST_NEAR]]
    seconds = np.asarray(estimate(space.geometry, splits.at(near).layout, space.cluster))
    return [int(near[index]) for index in _front(seconds, memory[near])[:FRONT]]


def _simulated_front(times: dict[int, float], memory: Floats) -> list[int]:
    """Of the splits that were simulated those that none beats in both, the fastest first."""
    simulated = list(times)
    on_front = _front(np.array(list(times.values())), memory[simulated])[:FRONT]
    return [simulated[index] for index in on_front]


def _front(seconds: Floats, memory: Floats) -> list[int]:
    """Layouts that none beats in both, the fastest first."""
    out: list[int] = []
    smallest = np.inf
    order: Ints = np.lexsort((memory, seconds))
    for index in order[memory[order] <= np.minimum.accumulate(memory[order])].tolist():
        if memory[index] < smallest:
            out.append(index)
            smallest = memory[index]
    return out


def settled(spec: GpuParallelSpec, found: Candidate) -> GpuParallelSpec:
    """A specification with everything that was left open as a candidate has it."""
    layout = found.layout
    numbers = ("data", "tensor", "pipeline", "context", "expert", "virtual_stages", "micro_batch", "zero_stage")
    return spec.model_copy(
        update={
            **{name: int(getattr(layout, name)) for name in numbers},
            "recompute": next(name for name, code in RECOMPUTE.items() if code == int(layout.recompute)),
            "precision": PRECISIONS[int(layout.fp8)],
            "schedule": found.schedule,
        }
    )
