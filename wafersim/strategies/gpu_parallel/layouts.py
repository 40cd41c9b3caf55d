"""From what the user wrote to a layout; a split that cannot run gets one line with the nearest that can."""

from __future__ import annotations

from collections.abc import Callable

from wafersim.errors import Infeasible
from wafersim.gpu.gemm import PRECISIONS, matmul_rates
from wafersim.gpu.layout import RECOMPUTE, Geometry, Layout
from wafersim.gpu.machine import Cluster
from wafersim.inputs.strategy import GpuParallelSpec
from wafersim.workload.model import Model


def nearest(value: int, good: Callable[[int], bool], most: int) -> str:
    """`3 or 4`: the good values next below and next above, up to `most`."""
    below = next((v for v in range(min(value - 1, most), 0, -1) if good(v)), None)
    above = next((v for v in range(value + 1, most + 1) if good(v)), None)
    found = " or ".join(str(v) for v in (below, above) if v is not None)
    return f"nearest: {found}" if found else "nothing near does"


def nearest_multiple(value: int, step: int) -> str:
    """The same for what has to be a multiple of `step`."""
    below, above = (value - 1) // step * step, (value // step + 1) * step
    return "nearest: " + " or ".join(str(v) for v in (below, above) if v)


def blocks_divide(layers: int, pipeline: int, virtual_stages: int = 1) -> bool:
    """Evenly, or with embedding and head counted as a block each."""
    parts = pipeline * virtual_stages
    return layers % parts == 0 or (pipeline > 1 and (layers + 2) % parts == 0 and layers > pipeline)


def listed_stages(spec: GpuParallelSpec, layers: int, p: int, v: int) -> tuple[int, ...]:
    """Blocks of every virtual stage where they are said, else nothing. Raises Infeasible where they do not add up."""
    if spec.stages:
        if len(spec.stages) != p * v:
            raise Infeasible(
                f"stages lists {len(spec.stages)} numbers; pipeline {p} x virtual_stages {v} needs {p * v}"
            )
        if sum(spec.stages) != layers:
            raise Infeasible(f"stages add up to {sum(spec.stages)} blocks; the model has {layers}")
        if any(blocks == 0 for blocks in spec.stages[1:-1]):
            raise Infeasible("stages: only the first and the last may have no block")
        if spec.first_stage_layers is not None or spec.last_stage_layers is not None:
            raise Infeasible("stages and first_stage_layers or last_stage_layers say the same: give one")
        return spec.stages
    first, last = spec.first_stage_layers, spec.last_stage_layers
    if first is None and last is None:
        return ()
    ends = (first is not None) + (last is not None)
    left, others = layers - (first or 0) - (last or 0), p - ends
    if p < 2 or (others == 0) != (left == 0) or left < others or (others and left % (others * v)):
        raise Infeasible(
            f"first_stage_layers {first or 'even'} and last_stage_layers {last or 'even'} leave {left} blocks for {others} other "
            f"stages of {v} chunks, which they do not fill evenly"
        )
    if (first or 0) % v or (last or 0) % v:
        raise Infeasible(f"virtual_stages {v} does not divide first_stage_layers or last_stage_layers")
    each = left // others if others else 0
    of_stage = [each] * p
    if first is not None:
        of_stage[0] = first
    if last is not None:
        of_stage[-1] = last
    return tuple(blocks // v for blocks in of_stage) * v


def heads_divide(model: Model, tensor: int) -> bool:
    """Over so many GPUs; keys and values go as whole heads, or each to as many GPUs as hold copies of it."""
    kv = model.kv_heads
    return model.heads % tensor == 0 and (kv % tensor == 0 or tensor % kv == 0)


def schedule_of(spec: GpuParallelSpec, virtual_stages: int) -> str:
    """The schedule that `auto` stands for."""
    if spec.schedule != "auto":
        return spec.schedule
    return "interleaved" if virtual_stages > 1 else "1f1b"


def resolve(spec: GpuParallelSpec, model: Model, gpus: int, batch: int, cluster: Cluster) -> Layout:
    """The layout of a specification without `auto` but for what follows from the rest.

    Raises Infeasible with one line: which numbers do not go together, and the nearest that do.
    """
    t, p, c, e = (_number(each) for each in (spec.tensor, spec.pipeline, spec.context, spec.expert or 1))
    v, b = _number(spec.virtual_stages), _number(spec.micro_batch)
    check_model(spec, model, t, p, v)
    d = _replicas(spec, gpus, t, p, c)
    if batch % (d * b):
        good = nearest_multiple(batch, d * b)
        raise Infeasible(f"batch {batch} does not divide by data {d} x micro_batch {b} = {d * b}; {good}")
    m = batch // (d * b)
    schedule = schedule_of(spec, v)
    if (schedule == "interleaved") != (v > 1):
        raise Infeasible(
            f"schedule {schedule} and virtual_stages {v}: interleaving has two or more, the others have one"
        )
    if schedule == "zero-bubble" and spec.zero_stage == 3:
        raise Infeasible(
            "zero-bubble splits the backward pass, which sharded weights (zero_stage 3) are not gathered for"
        )
    shard = d * c if spec.shard_group == "auto" else spec.shard_group
    if (d * c) % shard:
        good = nearest(shard, lambda n: (d * c) % n == 0, d * c)
        raise Infeasible(f"shard_group {shard} does not divide the {d * c} replicas; {good}")
    each = expert_split(spec, d, t, c, e)
    if not each:
        said = f"data {d}" if t * c == 1 else f"data {d} x context {c} x tensor {t}"
        said += f" / expert_tensor {spec.expert_tensor}" if spec.expert_tensor not in ("auto", 1) else ""
        good = nearest(e, lambda n: bool(expert_split(spec, d, t, c, n)), min(d * t * c, model.experts))
        raise Infeasible(f"expert {e} does not divide {said}; {good}")
    several = max(d * c, d * c * t // (e * each)) > 1  # of anything
    check_context(spec, model, t, c, cluster)
    check_precision(spec, cluster)
    sequence_parallel = t > 1 if spec.sequence_parallel == "auto" else spec.sequence_parallel and t > 1
    assert spec.recompute not in ("auto", "any")
    return Layout(
        data=d, tensor=t, pipeline=p, context=c, expert=e, virtual_stages=v, micro_batch=b, micro_batches=m,
        zero_stage=_number(spec.zero_stage) if several else 0, shard=shard, sequence_parallel=int(sequence_parallel),
        recompute=RECOMPUTE[spec.recompute], flash=int(spec.flash_attention), fp8=PRECISIONS.index(spec.precision),
        stages=listed_stages(spec, model.layers, p, v), exchanges=int(exchanges(spec, cluster)), expert_tensor=each,
        capacity=spec.expert_capacity or 0.0, imbalance=spec.expert_imbalance,
    )  # fmt: skip


def expert_split(spec: GpuParallelSpec, d: int, t: int, c: int, expert: int) -> int:
    """GPUs that split one expert, 0 where they and the experts' GPUs do not divide data x context x tensor."""
    if spec.expert_tensor == "auto":
        return t if (d * c) % expert == 0 else 1 if (d * c * t) % expert == 0 else 0
    return spec.expert_tensor if (d * c * t) % (expert * spec.expert_tensor) == 0 else 0


def exchanges(spec: GpuParallelSpec, cluster: Cluster) -> bool:
    """Whether context parallelism goes by all-to-all."""
    if spec.context_kind == "auto":
        return cluster.software.exchanges_context
    return spec.context_kind == "all-to-all"


def check_context(spec: GpuParallelSpec, model: Model, t: int, c: int, cluster: Cluster) -> None:
    """Raises Infeasible where an all-to-all has no heads to deal out."""
    heads = model.heads // t
    if c > 1 and exchanges(spec, cluster) and heads % c:
        good = nearest(c, lambda n: heads % n == 0, heads)
        raise Infeasible(f"context {c} by all-to-all does not divide the {heads} heads of a GPU; {good}")


def check_precision(spec: GpuParallelSpec, cluster: Cluster) -> None:
    """Raises Infeasible for a GPU without the units."""
    rates = matmul_rates(cluster.device)
    if spec.precision != "auto" and not rates[spec.precision]:
        known = ", ".join(precision for precision, rate in rates.items() if rate)
        raise Infeasible(f"precision {spec.precision}: this GPU has no units for it; use {known}")


def uneven_allowed(layers: int, pipeline: int) -> bool:
    """Whether stages that differ by a block can be dealt out."""
    return 2 < pipeline <= layers // 2


def _number(value: int | str) -> int:
    assert isinstance(value, int), "a search settles what is auto"
    return value


def check_model(spec: GpuParallelSpec, model: Model, t: int, p: int, v: int) -> None:
    """Raises Infeasible for a model that cannot be split like this, with the nearest that can."""
    for name, value in (("pipeline", p), ("context", spec.context)):
        if model.encoder_layers and value not in (1, "auto"):
            raise Infeasible(
                f"{name} {value}: encoder and decoder of {model.name} run on all GPUs of a replica; {name} must be 1"
            )
    if model.heads % t:
        good = nearest(t, lambda n: model.heads % n == 0, model.heads)
        raise Infeasible(f"tensor {t} does not divide the {model.heads} heads of {model.name}; {good}")
    if not heads_divide(model, t):
        good = nearest(t, lambda n: heads_divide(model, n), model.heads)
        raise Infeasible(
            f"tensor {t} neither divides nor is a multiple of the {model.kv_heads} key and value heads of {model.name}; {good}"
        )
    if listed_stages(spec, model.layers, p, v):
        pass  # which says how
    elif not blocks_divide(model.layers, p) and not (spec.uneven_stages and uneven_allowed(model.layers, p)):
        good = nearest(p, lambda n: blocks_divide(model.layers, n), model.layers)
        raise Infeasible(f"pipeline {p} does not divide the {model.layers} layers of {model.name}; {good}")
    elif (
        v > 1
        and not blocks_divide(model.layers, p, v)
        and not (spec.uneven_stages and uneven_allowed(model.layers, p * v))
    ):
        good = nearest(v, lambda n: blocks_divide(model.layers, p, n), model.layers // p)
        said = f"the {model.layers // p} layers of a stage ({model.layers} over {p})"
        if model.layers % p:
            said = f"the {model.layers} layers over {p} stages"
        raise Infeasible(f"virtual_stages {v} does not divide {said}; {good}")
    if isinstance(spec.expert, int) and model.experts % spec.expert:
        good = nearest(spec.expert, lambda n: model.experts % n == 0, model.experts)
        raise Infeasible(f"expert {spec.expert} does not divide the {model.experts} experts of {model.name}; {good}")


def _replicas(spec: GpuParallelSpec, gpus: int, t: int, p: int, c: int) -> int:
    group = t * p * c
    factors = f"tensor {t} x pipeline {p}" + (f" x context {c}" if c > 1 else "")
    if spec.data == "auto":
        if gpus % group:
            good = nearest_multiple(gpus, group)
            raise Infeasible(f"{factors} = {group} does not divide {gpus} GPUs; GPUs {good}")
        return gpus // group
    if spec.data * group != gpus:
        fits = f"data {gpus // group}, or " if gpus % group == 0 else ""
        raise Infeasible(
            f"data {spec.data} x {factors} = {spec.data * group} GPUs, not {gpus}; nearest: {fits}{spec.data * group} GPUs"
        )
    return spec.data


def notes_of(geometry: Geometry, layout: Layout, cluster: Cluster) -> tuple[str, ...]:
    """What a user should know of a layout that runs."""
    t, p, m = int(layout.tensor), int(layout.pipeline), int(layout.micro_batches)
    notes = []
    if t > cluster.network.gpus_per_node:
        notes.append(f"tensor {t} spans nodes of {cluster.network.gpus_per_node} GPUs")
    if m < p:
        notes.append(f"{m} micro-batches cannot fill a pipeline of {p} stages: batch, data or micro_batch")
    if not int(layout.flash) and float(geometry.head_dim) % 8:
        notes.append(f"heads of {geometry.head_dim:g} elements are misaligned (no multiple of 8) and slow")
    return tuple(notes)
