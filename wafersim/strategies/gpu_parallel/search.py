"""The fastest split that fits: the whole space in columns, bounded from below, simulated in order of the bound.

A split whose lower bound is above the k-th best simulated step cannot be among the k fastest, so the search is exact: it finds
what simulating everything would. Two bounds do it: a quick one sorts all splits, a tighter one those whose turn comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
import numpy.typing as npt

from wafersim.engine.graph import Ints
from wafersim.gpu.gemm import PRECISIONS
from wafersim.gpu.layout import RECOMPUTE, Layout
from wafersim.gpu.machine import Column
from wafersim.gpu.memory import memory_use
from wafersim.gpu.verdict import DoesNotFit, check, may_fit
from wafersim.inputs.strategy import GpuParallelSpec
from wafersim.strategies.best_first import best_of
from wafersim.strategies.gpu_parallel.closed_form import estimate, lower_bound
from wafersim.strategies.gpu_parallel.periodic import run_to_period
from wafersim.strategies.gpu_parallel.planner import build_gpu_plan
from wafersim.strategies.gpu_parallel.quick_bound import quick_bound
from wafersim.strategies.gpu_parallel.space import Space, Splits, splits_of
from wafersim.timeline.clock import to_seconds

Floats = npt.NDArray[np.float64]
AS_SMALL = 1.01  # of the smallest, where none is likely to fit
FRONT = 6  # splits of the front of time against memory that are simulated and shown
NEAR = 1.1  # of the least quick bound of those that need no more memory: what may be on the front
MOST_NEAR = 2048
AT_A_TIME = 512  # splits that get their tighter bound together


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
    memory = _memory(space, splits)
    at = np.flatnonzero(_fitting(space, splits, memory))
    kept, needed = splits.at(at), memory[at]
    quick = _quick(space, kept)

    def simulated(index: int) -> float:
        layout, schedule = kept.one(index)
        tied = space.model.tied_embeddings
        plan = build_gpu_plan(space.geometry, layout, space.cluster, schedule, space.clipping, tied)
        return to_seconds(float(run_to_period(plan).step_ticks))

    times = best_of(_in_order(space, kept, quick), simulated, spec.show if prune else len(at))
    best = sorted(times, key=lambda index: (times[index], index))[: spec.show]
    for index in _likely_front(space, kept, quick, needed):
        if index not in times:
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


def estimated(space: Space, spec: GpuParallelSpec) -> float:
    """Seconds of the fastest split that fits, by the closed form alone. Raises Infeasible where none does."""
    splits = splits_of(space, spec)
    kept = splits.at(np.flatnonzero(_fitting(space, splits, _memory(space, splits))))
    first = kept.at(np.argsort(_quick(space, kept), kind="stable")[: 4 * AT_A_TIME])
    return float(np.asarray(estimate(space.geometry, first.layout, space.cluster)).min())


def _of_each(splits: Splits, of: Callable[[Layout, str], Column]) -> Floats:
    """A number of every split, worked out for the splits of one schedule after the other."""
    found = np.empty(len(splits))
    for schedule, at in splits.by_schedule():
        found[at] = of(splits.at(at).layout, schedule)
    return found


def _memory(space: Space, splits: Splits) -> Floats:
    """Bytes of the fullest GPU of each."""
    return _of_each(splits, lambda layout, schedule: memory_use(space.geometry, layout, space.cluster, schedule).total)


def _quick(space: Space, splits: Splits) -> Floats:
    return _of_each(
        splits,
        lambda layout, schedule: quick_bound(space.geometry, layout, space.cluster, schedule == "zero-bubble"),
    )


def _in_order(space: Space, splits: Splits, quick: Floats) -> Iterator[tuple[float, int]]:
    """(tighter bound, split) in the order of the bounds, which are worked out when no quick one lies below."""
    order = np.argsort(quick, kind="stable")
    waiting: list[tuple[float, int]] = []
    at = 0
    while at < len(order) or waiting:
        while at < len(order) and not (waiting and waiting[0][0] <= quick[order[at]]):
            some = order[at : at + AT_A_TIME]
            at += len(some)
            bounds = np.maximum(quick[some], _bounds(space, splits.at(some)))
            for bound, index in zip(bounds.tolist(), some.tolist(), strict=True):
                heappush(waiting, (bound, index))
        yield heappop(waiting)


def _bounds(space: Space, splits: Splits) -> Floats:
    return _of_each(
        splits,
        lambda layout, schedule: lower_bound(space.geometry, layout, space.cluster, schedule == "zero-bubble"),
    )


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
