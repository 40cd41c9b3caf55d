"""The fastest split that fits: the whole space in columns, bounded from below, simulated in order of the bound.

A layout whose lower bound is above the k-th best simulated step cannot be among the k fastest, so the search is exact: it
finds what simulating everything would.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from itertools import product

import numpy as np
import numpy.typing as npt

from wafersim.engine.graph import Ints
from wafersim.errors import Infeasible
from wafersim.gpu.gemm import PRECISIONS
from wafersim.gpu.layout import FULL, NONE, RECOMPUTE, SELECTIVE, Geometry, Layout
from wafersim.gpu.machine import Cluster
from wafersim.gpu.memory import memory_use
from wafersim.gpu.verdict import DoesNotFit, check, may_fit
from wafersim.inputs.strategy import GpuParallelSpec
from wafersim.strategies.best_first import best_first
from wafersim.strategies.gpu_parallel.closed_form import estimate, lower_bound
from wafersim.strategies.gpu_parallel.layouts import (
    blocks_divide,
    check_model,
    check_precision,
    exchanges,
    expert_split,
    heads_divide,
    listed_stages,
    nearest,
    schedule_of,
    uneven_allowed,
)
from wafersim.strategies.gpu_parallel.periodic import run_to_period
from wafersim.strategies.gpu_parallel.planner import build_gpu_plan
from wafersim.timeline.clock import to_seconds
from wafersim.workload.model import Model

Floats = npt.NDArray[np.float64]
MOST_TENSOR_NODES = 2  # a tensor-parallel group spans so many nodes at the most
LARGEST_MICRO_BATCH = 4096  # sequences
AS_SMALL = 1.01  # of the smallest, where none is likely to fit
FRONT = 6  # splits of the front of time against memory that are simulated and shown


@dataclass(frozen=True)
class Candidate:
    """A layout that was simulated: seconds of a step, bytes of the fullest GPU."""

    layout: Layout
    seconds: float
    memory: float


@dataclass(frozen=True)
class Found:
    """The fastest layouts in order, the front of time against memory, and what became of the others."""

    best: tuple[Candidate, ...]
    front: tuple[Candidate, ...]
    considered: int
    too_large: int
    bounded: int
    simulated: int


@dataclass(frozen=True)
class Space:
    """Everything that a search holds fixed."""

    geometry: Geometry
    model: Model
    cluster: Cluster
    gpus: int
    batch: int
    clipping: bool


def layouts(space: Space, spec: GpuParallelSpec) -> Layout:
    """Every layout that a specification allows, as columns. Raises Infeasible where there is none."""
    per_node = space.cluster.network.gpus_per_node
    listed = bool(_listed(space, spec))

    def placed(t: int) -> bool:
        even = per_node % t == 0 or t % per_node == 0  # others straddle nodes
        return heads_divide(space.model, t) and (even or t == spec.tensor)

    tensors = _values(spec.tensor, range(1, MOST_TENSOR_NODES * per_node + 1), placed)

    def even(p: int) -> bool:
        layers = space.model.layers
        if space.model.encoder_layers:  # encoder and decoder are not cut apart
            return p == 1 and spec.context == 1
        return listed or blocks_divide(layers, p) or (spec.uneven_stages and uneven_allowed(layers, p))

    check_precision(spec, space.cluster)
    pipelines = _values(spec.pipeline, range(1, space.model.layers + 1), even)
    recomputes = [FULL, NONE] if spec.flash_attention else [FULL, SELECTIVE, NONE]
    if spec.recompute != "auto":
        recomputes = [RECOMPUTE[spec.recompute]]
    exchanged = exchanges(spec, space.cluster)
    rows = []
    for t, p in product(tensors, pipelines):
        d, rest = divmod(space.gpus, t * p * spec.context)
        if rest or d == 0 or space.batch % d or (spec.data != "auto" and d != spec.data):
            continue
        split = expert_split(spec, d, t, spec.context)
        if not split or (exchanged and space.model.heads // t % spec.context):
            continue
        for b, m in _micro_batches(spec, space.batch // d):
            rows += [(d, t, p, v, b, m, r, split) for v in _chunks(space, spec, p, m) for r in recomputes]
    if not rows:
        raise Infeasible(_why_none(space, spec, tensors, pipelines))
    d, t, p, v, b, m, r, split_experts = np.array(rows, float).T
    full = np.ones(len(rows))
    replicas = d * spec.context
    several = np.maximum(replicas, replicas * t / (spec.expert * split_experts)) > 1  # of anything
    shard = replicas if spec.shard_group == "auto" else np.minimum(replicas, spec.shard_group)
    sequence = np.where((t > 1) & (spec.sequence_parallel in ("auto", True)), 1.0, 0.0)
    return Layout(
        data=d, tensor=t, pipeline=p, context=full * spec.context, expert=full * spec.expert, virtual_stages=v,
        micro_batch=b, micro_batches=m, zero_stage=np.where(several, spec.zero_stage, 0.0), shard=shard,
        sequence_parallel=sequence, recompute=r, flash=full * spec.flash_attention, fp8=full * PRECISIONS.index(spec.precision),
        stages=_listed(space, spec), exchanges=full * exchanged, expert_tensor=split_experts,
        capacity=full * (spec.expert_capacity or 0.0), imbalance=full * spec.expert_imbalance,
    )  # fmt: skip


def _listed(space: Space, spec: GpuParallelSpec) -> tuple[int, ...]:
    """Blocks of every virtual stage, where they are said; stages and virtual stages are numbers then."""
    if not spec.lists_stages:
        return ()
    assert isinstance(spec.pipeline, int) and isinstance(spec.virtual_stages, int)
    return listed_stages(spec, space.model.layers, spec.pipeline, spec.virtual_stages)


def _why_none(space: Space, spec: GpuParallelSpec, tensors: list[int], pipelines: list[int]) -> str:
    """The first thing that keeps every split from working, with the nearest that would."""

    def fixed(value: int | str) -> int:
        return value if isinstance(value, int) else 1

    t, p, v = (fixed(value) for value in (spec.tensor, spec.pipeline, spec.virtual_stages))
    try:
        check_model(spec, space.model, t, p, v)
    except Infeasible as reason:
        return str(reason)
    groups = sorted({t * p * spec.context for t, p in product(tensors, pipelines)})
    replicas = sorted({space.gpus // group for group in groups if space.gpus % group == 0})
    if spec.data != "auto":
        replicas = [d for d in replicas if d == spec.data]
    replicas = [d for d in replicas if any(expert_split(spec, d, t, spec.context) for t in tensors)]
    said = [f"{name} {getattr(spec, name)}" for name in ("data", "tensor", "pipeline", "context", "expert")
            if getattr(spec, name) not in ("auto", 1)]  # fmt: skip
    if not replicas:
        with_ = f" with {', '.join(said)}" if said else ""
        least = groups[0] * (spec.data if isinstance(spec.data, int) else spec.expert)
        return f"no split of {space.gpus} GPUs{with_}: a multiple of {least} is needed"
    units = [d * fixed(spec.micro_batch) for d in replicas]
    if all(space.batch % unit for unit in units):
        good = nearest(space.batch, lambda n: any(n % unit == 0 for unit in units), 2 * space.batch + units[0])
        return (
            f"batch {space.batch} does not divide by data x micro_batch of any split of {space.gpus} GPUs "
            f"({', '.join(map(str, units[:6]))}{', ...' if len(units) > 6 else ''}); {good}"
        )
    return (
        f"no split of {space.gpus} GPUs has virtual_stages {spec.virtual_stages} and schedule {spec.schedule}: stages times "
        f"virtual stages divide the {space.model.layers} layers"
    )


def _micro_batches(spec: GpuParallelSpec, replica: int) -> list[tuple[int, int]]:
    """(size, number) of the micro-batches of a replica's sequences."""
    sizes = _values(spec.micro_batch, range(1, min(replica, LARGEST_MICRO_BATCH) + 1), lambda b: replica % b == 0)
    return [(b, replica // b) for b in sizes]


def _values(fixed: int | str, every: range, good: Callable[[int], bool]) -> list[int]:
    return [n for n in ([fixed] if isinstance(fixed, int) else every) if good(n)]


def _chunks(space: Space, spec: GpuParallelSpec, p: int, m: int) -> list[int]:
    """Virtual stages to try: one, and with a pipeline whose micro-batches come in groups, those that divide its blocks."""
    if spec.schedule in ("gpipe", "1f1b", "zero-bubble") or p == 1:
        return _values(spec.virtual_stages, range(1, 2), lambda v: v == 1)

    def good(v: int) -> bool:
        if v == 1:
            return spec.schedule == "auto"
        if isinstance(
            spec.virtual_stages, int
        ):  # any number of micro-batches runs; a search tries those that lose nothing
            dealt = spec.uneven_stages and uneven_allowed(space.model.layers, p * v)
            return bool(_listed(space, spec)) or blocks_divide(space.model.layers, p, v) or dealt
        return blocks_divide(space.model.layers, p, v) and m % p == 0

    return _values(spec.virtual_stages, range(1, (space.model.layers + 2) // p + 1), good)


def row(columns: Layout, index: int) -> Layout:
    """One layout of columns, in plain numbers."""
    of_layout = {name: float(column[index]) for name, column in _columns(columns).items()}
    whole = {name: int(value) if value.is_integer() else value for name, value in of_layout.items()}
    return Layout(**whole, stages=columns.stages)


def _columns(layouts: Layout) -> dict[str, np.ndarray]:
    return {f.name: np.asarray(getattr(layouts, f.name)) for f in fields(Layout) if f.name != "stages"}


def estimated(space: Space, spec: GpuParallelSpec) -> float:
    """Seconds of the fastest split that fits, by the closed form alone. Raises Infeasible where none does."""
    columns = layouts(space, spec)
    memory = np.asarray(memory_use(space.geometry, columns, space.cluster, spec.schedule).total)
    fits = _fitting(space, spec, columns, memory)
    return float(np.asarray(estimate(space.geometry, columns, space.cluster))[fits].min())


def _fitting(space: Space, spec: GpuParallelSpec, columns: Layout, memory: Floats) -> npt.NDArray[np.bool_]:
    """Which layouts more likely fit than not; where none does, those as small as the smallest, which may.

    Raises DoesNotFit with the nearest miss where that does not either.
    """
    fits = memory <= space.cluster.device.memory
    if fits.any():
        return fits
    least = memory.min()
    if not may_fit(least, space.cluster):
        try:
            check(space.geometry, row(columns, int(memory.argmin())), space.cluster, spec.schedule)
        except DoesNotFit as miss:
            raise DoesNotFit(f"no split of {len(memory)} fits; the smallest {miss}", miss.verdict) from None
    smallest: npt.NDArray[np.bool_] = memory <= AS_SMALL * least
    return smallest


def search(space: Space, spec: GpuParallelSpec, prune: bool = True) -> Found:
    """The `spec.show` fastest layouts that fit, in order. Raises Infeasible with the nearest miss where none does."""
    columns = layouts(space, spec)
    memory = np.asarray(memory_use(space.geometry, columns, space.cluster, spec.schedule).total)
    fits = _fitting(space, spec, columns, memory)
    at = np.flatnonzero(fits)
    kept = Layout(**{name: column[at] for name, column in _columns(columns).items()}, stages=columns.stages)
    bounds = np.asarray(lower_bound(space.geometry, kept, space.cluster, spec.schedule == "zero-bubble"))
    keep = spec.show if prune else len(at)
    times = best_first(bounds.tolist(), lambda index: _simulated(space, spec, row(kept, index)), keep)
    best = sorted(times, key=lambda index: (times[index], index))[: spec.show]
    found = {index: Candidate(row(kept, index), times[index], float(memory[at[index]])) for index in best}
    front = []
    for index in _front(np.asarray(estimate(space.geometry, kept, space.cluster)), memory[at])[:FRONT]:
        if index not in times:
            times[index] = _simulated(space, spec, row(kept, index))
        front.append(Candidate(row(kept, index), times[index], float(memory[at[index]])))
    return Found(
        tuple(found[index] for index in best),
        tuple(sorted(front, key=lambda one: one.seconds)),
        len(memory),
        int((~fits).sum()),
        len(at) - len(times),
        len(times),
    )


def _simulated(space: Space, spec: GpuParallelSpec, layout: Layout) -> float:
    schedule = schedule_of(spec, int(layout.virtual_stages))
    plan = build_gpu_plan(space.geometry, layout, space.cluster, schedule, space.clipping, space.model.tied_embeddings)
    return to_seconds(float(run_to_period(plan).step_ticks))


def _front(seconds: np.ndarray, memory: np.ndarray) -> list[int]:
    """Layouts that none beats in both, the fastest first."""
    out: list[int] = []
    smallest = np.inf
    order: Ints = np.lexsort((memory, seconds))
    for index in order.tolist():
        if memory[index] < smallest:
            out.append(index)
            smallest = memory[index]
    return out


def settled(spec: GpuParallelSpec, layout: Layout) -> GpuParallelSpec:
    """A specification with everything that was `auto` as a layout has it."""
    recompute = next(name for name, code in RECOMPUTE.items() if code == int(layout.recompute))
    return spec.model_copy(
        update={
            **{
                name: int(getattr(layout, name))
                for name in ("data", "tensor", "pipeline", "virtual_stages", "micro_batch")
            },
            "recompute": recompute,
            "schedule": schedule_of(spec, int(layout.virtual_stages)),
        }
    )
