"""Every split that a specification leaves open, as columns; where there is none, the first thing that keeps it from working."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cache
from itertools import product

import numpy as np
import numpy.typing as npt

from wafersim.engine.graph import Ints
from wafersim.errors import Infeasible
from wafersim.gpu.gemm import PRECISIONS, matmul_rates
from wafersim.gpu.layout import FULL, MLP, NONE, RECOMPUTE, SELECTIVE, Geometry, Layout
from wafersim.gpu.machine import Cluster
from wafersim.inputs.strategy import GpuParallelSpec
from wafersim.strategies.gpu_parallel.layouts import (
    blocks_divide,
    check_model,
    check_precision,
    exchanges,
    expert_split,
    heads_divide,
    listed_stages,
    nearest,
    uneven_allowed,
)
from wafersim.strategies.gpu_parallel.schedules import SCHEDULES
from wafersim.workload.model import Model

Floats = npt.NDArray[np.float64]
MOST_TENSOR_NODES = 2  # a tensor-parallel group spans so many nodes at the most
MOST_CONTEXT = 64  # GPUs that share a sequence at the most
LARGEST_MICRO_BATCH = 4096  # sequences
ZERO_STAGES = (1, 0, 2, 3)  # of splits that take equally long the first is shown first


@dataclass(frozen=True)
class Space:
    """Everything that a search holds fixed."""

    geometry: Geometry
    model: Model
    cluster: Cluster
    gpus: int
    batch: int
    clipping: bool
    grain: int = 0  # what the batches of all phases of the run are multiples of; 0: it has but one

    @property
    def divided(self) -> int:
        """What replicas and their micro-batches have to divide."""
        return self.grain or self.batch


SHARES = ("capacity", "imbalance")  # columns of a layout that are no whole numbers


@dataclass(frozen=True)
class Splits:
    """Layouts as columns, and the schedule of each by its place in SCHEDULES."""

    layout: Layout
    schedule: Ints

    def __len__(self) -> int:
        return len(self.schedule)

    def at(self, index: Ints) -> Splits:
        """Some of them."""
        columns = {name: column[index] for name, column in _columns(self.layout).items()}
        return Splits(Layout(**columns, stages=self.layout.stages), self.schedule[index])

    def one(self, index: int) -> tuple[Layout, str]:
        """One of them, in plain numbers, and its schedule."""
        numbers = {name: float(column[index]) for name, column in _columns(self.layout).items()}
        plain = {name: value if name in SHARES else int(value) for name, value in numbers.items()}
        return Layout(**plain, stages=self.layout.stages), SCHEDULES[self.schedule[index]]

    @property
    def split_backward(self) -> npt.NDArray[np.bool_]:
        """Whether the schedule of each works out gradients of weights apart."""
        split: npt.NDArray[np.bool_] = self.schedule == SCHEDULES.index("zero-bubble")
        return split

    def by_schedule(self) -> list[tuple[str, Ints]]:
        """Where the splits of each schedule are."""
        return [(SCHEDULES[code], np.flatnonzero(self.schedule == code)) for code in np.unique(self.schedule)]


def _columns(layouts: Layout) -> dict[str, np.ndarray]:
    return {f.name: np.asarray(getattr(layouts, f.name)) for f in fields(Layout) if f.name != "stages"}


def splits_of(space: Space, spec: GpuParallelSpec) -> Splits:
    """Every split that a specification allows. Raises Infeasible where there is none."""
    splits, _ = splits_of_sizes(space, spec, sizes_of(space, spec))
    return splits


def sizes_of(space: Space, spec: GpuParallelSpec) -> Floats:
    """Every way to share the GPUs out, a row for each: what of a split is a number of GPUs, of stages or of sequences.

    Each has a split or more. Raises Infeasible where there is none.
    """
    per_node = space.cluster.network.gpus_per_node
    listed = bool(_listed(space, spec))

    def placed(t: int) -> bool:
        # Others straddle nodes, but for those of a rack that is taken in part: 64 of 72.
        even = per_node % t == 0 or t % per_node == 0 or (space.gpus <= per_node and space.gpus % t == 0)
        return heads_divide(space.model, t) and (even or t == spec.tensor)

    tensors = _values(spec.tensor, range(1, MOST_TENSOR_NODES * per_node + 1), placed)

    def even(p: int) -> bool:
        layers = space.model.layers
        if space.model.encoder_layers:  # encoder and decoder are not cut apart
            return p == 1
        return listed or blocks_divide(layers, p) or (spec.uneven_stages and uneven_allowed(layers, p))

    check_precision(spec, space.cluster)
    pipelines = _values(spec.pipeline, range(1, space.model.layers + 1), even)
    sequence = int(space.geometry.sequence)
    most = 1 if space.model.encoder_layers else min(space.gpus, MOST_CONTEXT)
    contexts = _values(spec.context, range(1, most + 1), lambda c: sequence % c == 0 or c == spec.context)
    exchanged = exchanges(spec, space.cluster)

    @cache
    def chunks(p: int, whole_groups: bool) -> list[int]:
        return _chunks(space, spec, p, whole_groups)

    micro_batches = cache(lambda d: _micro_batches(spec, space, d))
    rows: list[tuple[int, ...]] = []
    for t, p, c in product(tensors, pipelines, contexts):
        d, rest = divmod(space.gpus, t * p * c)
        if rest or d == 0 or space.divided % d or (spec.data != "auto" and d != spec.data):
            continue
        if (space.model.encoder_layers and c > 1) or (exchanged and space.model.heads // t % c):
            continue
        if spec.shard_group != "auto" and (d * c) % min(d * c, spec.shard_group):
            continue
        sizes = [(b, m, v) for b, m in micro_batches(d) for v in chunks(p, m % p == 0)]
        for e, split in _experts(space, spec, d, t, c):
            rows += [(d, t, p, c, e, split, v, b, m) for b, m, v in sizes]
    found = np.array(rows, float).reshape(-1, 9)
    if not _good(found, _choices(space, spec)).any():
        raise Infeasible(_why_none(space, spec, tensors, pipelines))
    return found


def splits_of_sizes(space: Space, spec: GpuParallelSpec, sizes: Floats) -> tuple[Splits, Ints]:
    """The splits of some sizes under every schedule, sharding, precision and recompute that each may have, and where those are
    among all combinations: size x combinations + combination."""
    choices = _choices(space, spec)
    at = np.flatnonzero(_good(sizes, choices))
    size, choice = np.divmod(at, len(choices))
    layouts = layouts_of(space, spec, sizes[size], choices[choice, 1:])
    return Splits(layouts, choices[choice, 0].astype(np.int64)), at


def _choices(space: Space, spec: GpuParallelSpec) -> Floats:
    """(schedule, sharding, precision, recompute), every combination, by their codes."""
    schedules = [SCHEDULES.index(name) for name in _schedules(spec)]
    every = product(schedules, _stages(spec), _precisions(space, spec), _recomputes(space, spec))
    return np.array(list(every), float)


def _good(sizes: Floats, choices: Floats) -> npt.NDArray[np.bool_]:
    """Which combinations of each size are splits of their own that can run."""
    _, _, p, _, _, _, v, _, _ = (np.repeat(column, len(choices)) for column in sizes.T)
    several = np.repeat(_several(sizes), len(choices))
    schedule, zero, _, _ = (np.tile(column, len(sizes)) for column in choices.T)
    interleaved = SCHEDULES.index("interleaved")
    good: npt.NDArray[np.bool_] = (v > 1) == (schedule == interleaved)
    # Without replicas nothing is shared, and without a pipeline all schedules are one.
    good &= several | (zero == choices[0, 1])
    first = next((code for code in choices[:, 0] if code != interleaved), float(interleaved))
    good &= (p > 1) | (schedule == first) | (v > 1)
    # Zero-bubble splits the backward pass, which sharded weights are not gathered for.
    good &= (schedule != SCHEDULES.index("zero-bubble")) | (zero < 3) | ~several
    return good


def _several(sizes: Floats) -> npt.NDArray[np.bool_]:
    """Whether any parameter of each has replicas."""
    d, t, _, c, e, split, _, _, _ = sizes.T
    several: npt.NDArray[np.bool_] = np.maximum(d * c, d * c * t / (e * split)) > 1
    return several


def layouts_of(space: Space, spec: GpuParallelSpec, sizes: Floats, choices: Floats) -> Layout:
    """Layouts as columns, of sizes and as many (sharding, precision, recompute)."""
    d, t, p, c, e, split, v, b, m = sizes.T
    zero, fp8, recompute = choices.T
    zero = np.where(_several(sizes), zero, 0.0)
    replicas = d * c
    shard = replicas if spec.shard_group == "auto" else np.minimum(replicas, spec.shard_group)
    columns = {
        "data": d, "tensor": t, "pipeline": p, "context": c, "expert": e, "virtual_stages": v, "micro_batch": b,
        "micro_batches": m, "zero_stage": zero, "shard": shard, "recompute": recompute, "fp8": fp8,
        "sequence_parallel": np.where((t > 1) & (spec.sequence_parallel in ("auto", True)), 1.0, 0.0),
        "flash": np.full(len(d), float(spec.flash_attention)), "expert_tensor": split,
        "exchanges": np.full(len(d), float(exchanges(spec, space.cluster))),
        "capacity": np.full(len(d), spec.expert_capacity or 0.0), "imbalance": np.full(len(d), spec.expert_imbalance),
    }  # fmt: skip
    return Layout(**columns, stages=_listed(space, spec))


def of_all(space: Space, spec: GpuParallelSpec) -> tuple[object, ...]:
    """What a machine has a say in of which splits there are: equal for spaces that differ in its other numbers alone."""
    known = tuple(bool(rate) for rate in matmul_rates(space.cluster.device).values())
    return _choices(space, spec).tobytes(), known, space.cluster.network.gpus_per_node, exchanges(spec, space.cluster)


def combinations(space: Space, spec: GpuParallelSpec) -> int:
    """Of schedule, sharding, precision and recompute, for each size."""
    return len(_choices(space, spec))


def fastest_choices(space: Space, spec: GpuParallelSpec) -> Floats:
    """(sharding, precision, recompute) of which one is the fastest under any schedule: what recomputes most takes longest."""
    recomputes = _recomputes(space, spec)
    least = [NONE] if NONE in recomputes else recomputes
    return np.array(list(product(_stages(spec), _precisions(space, spec), least)), float)


def splits_backward(spec: GpuParallelSpec) -> bool:
    """Whether a schedule that may be taken works out gradients of weights apart."""
    return "zero-bubble" in _schedules(spec)


def _schedules(spec: GpuParallelSpec) -> Sequence[str]:
    if spec.schedule == "auto":
        return ("1f1b", "interleaved")
    return ("1f1b", "interleaved", "gpipe", "zero-bubble") if spec.schedule == "any" else (spec.schedule,)


def _stages(spec: GpuParallelSpec) -> Sequence[int]:
    return ZERO_STAGES if spec.zero_stage == "auto" else (spec.zero_stage,)


def _precisions(space: Space, spec: GpuParallelSpec) -> Sequence[int]:
    """By their place in PRECISIONS."""
    if spec.precision != "auto":
        return (PRECISIONS.index(spec.precision),)
    return [PRECISIONS.index(name) for name, rate in matmul_rates(space.cluster.device).items() if rate]


def _recomputes(space: Space, spec: GpuParallelSpec) -> Sequence[int]:
    if spec.recompute not in ("auto", "any"):
        return (RECOMPUTE[spec.recompute],)
    by_module = (MLP,) if spec.recompute == "any" else ()
    # With a fused attention kernel, which keeps no scores, it saves what the stack drops besides.
    selective = not spec.flash_attention or space.cluster.software.selective_share > 0
    return (FULL, *by_module, *((SELECTIVE,) if selective else ()), NONE)


def _experts(space: Space, spec: GpuParallelSpec, data: int, tensor: int, context: int) -> list[tuple[int, int]]:
    """(GPUs that share the experts of a layer, GPUs that split one expert)."""
    experts = space.model.experts
    every = _values(spec.expert or "auto", range(1, experts + 1), lambda e: experts % e == 0)
    splits = ((e, expert_split(spec, data, tensor, context, e)) for e in every)
    return [(e, split) for e, split in splits if split]


def _listed(space: Space, spec: GpuParallelSpec) -> tuple[int, ...]:
    """Blocks of every virtual stage, where they are said; stages and virtual stages are numbers then."""
    if not spec.lists_stages:
        return ()
    assert isinstance(spec.pipeline, int) and isinstance(spec.virtual_stages, int)
    return listed_stages(spec, space.model.layers, spec.pipeline, spec.virtual_stages)


def _why_none(space: Space, spec: GpuParallelSpec, tensors: list[int], pipelines: list[int]) -> str:
    """The first thing that keeps every split from working, with the nearest that would."""

    def fixed(value: int | str | None) -> int:
        return value if isinstance(value, int) else 1

    t, p, v, c, e = (
        fixed(value) for value in (spec.tensor, spec.pipeline, spec.virtual_stages, spec.context, spec.expert)
    )
    try:
        check_model(spec, space.model, t, p, v)
    except Infeasible as reason:
        return str(reason)
    if spec.schedule == "zero-bubble" and spec.zero_stage == 3:
        return "zero-bubble splits the backward pass, which sharded weights (zero_stage 3) are not gathered for"
    groups = sorted({t * p * c for t, p in product(tensors, pipelines)})
    replicas = sorted({space.gpus // group for group in groups if space.gpus % group == 0})
    if spec.data != "auto":
        replicas = [d for d in replicas if d == spec.data]
    replicas = [d for d in replicas if any(expert_split(spec, d, t, c, e) for t in tensors)]
    said = [f"{name} {getattr(spec, name)}" for name in ("data", "tensor", "pipeline", "context", "expert")
            if getattr(spec, name) not in ("auto", None, 1)]  # fmt: skip
    if not replicas:
        with_ = f" with {', '.join(said)}" if said else ""
        least = groups[0] * (spec.data if isinstance(spec.data, int) else e)
        return f"no split of {space.gpus} GPUs{with_}: a multiple of {least} is needed"
    units = [d * fixed(spec.micro_batch) for d in replicas]
    if all(space.divided % unit for unit in units) and not all(space.batch % unit for unit in units):
        return (
            f"no split of {space.gpus} GPUs goes round in every phase: data x micro_batch has to divide {space.divided}, "
            f"which all batches are multiples of (data may be {', '.join(map(str, replicas[:6]))})"
        )
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


def _micro_batches(spec: GpuParallelSpec, space: Space, replicas: int) -> list[tuple[int, int]]:
    """(size, number) of the micro-batches of one of so many replicas."""
    replica = space.divided // replicas
    sizes = _values(spec.micro_batch, range(1, min(replica, LARGEST_MICRO_BATCH) + 1), lambda b: replica % b == 0)
    return [(b, space.batch // replicas // b) for b in sizes]


def _values(fixed: int | str, every: range, good: Callable[[int], bool]) -> list[int]:
    return [n for n in ([fixed] if isinstance(fixed, int) else every) if good(n)]


def _chunks(space: Space, spec: GpuParallelSpec, p: int, whole_groups: bool) -> list[int]:
    """Virtual stages to try: one, and with a pipeline whose micro-batches come in groups, those that divide its blocks."""
    if spec.schedule in ("gpipe", "1f1b", "zero-bubble") or p == 1:
        return _values(spec.virtual_stages, range(1, 2), lambda v: v == 1)

    def good(v: int) -> bool:
        if v == 1:
            return spec.schedule in ("auto", "any")
        if isinstance(
            spec.virtual_stages, int
        ):  # any number of micro-batches runs; a search tries those that lose nothing
            dealt = spec.uneven_stages and uneven_allowed(space.model.layers, p * v)
            return bool(_listed(space, spec)) or blocks_divide(space.model.layers, p, v) or dealt
        return blocks_divide(space.model.layers, p, v) and whole_groups

    return _values(spec.virtual_stages, range(1, (space.model.layers + 2) // p + 1), good)
