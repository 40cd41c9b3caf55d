"""Timeline -> Prediction on GPUs: where the busiest stage's step goes, what binds, memory, MFU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wafersim.gpu.layout import RECOMPUTE, Geometry, Layout
from wafersim.gpu.machine import Cluster
from wafersim.gpu.memory import memory_use
from wafersim.gpu.stages import stage_times
from wafersim.inputs.optimizer import OptimizerName
from wafersim.metrics.prediction import Prediction, critical
from wafersim.strategies.gpu_parallel.periodic import PeriodicStep
from wafersim.strategies.gpu_parallel.plan import GpuPlan
from wafersim.strategies.gpu_parallel.search import Candidate, Found
from wafersim.timeline.clock import to_seconds
from wafersim.timeline.timeline import KIND, Timeline
from wafersim.workload.transformer import Workload

BINDING = {
    "compute": "GPU compute",
    "recompute": "GPU compute",
    "launch": "kernel launches (host)",
    "tensor": "collectives inside layers",
    "bubble": "pipeline bubble",
    "sends": "transfers between stages",
    "data": "data-parallel collectives",
    "optimizer": "optimizer",
}


@dataclass(frozen=True)
class GpuCase:
    """What was simulated: the model's dimensions, the split and the machine."""

    workload: Workload
    geometry: Geometry
    layout: Layout
    cluster: Cluster
    schedule: str
    optimizer: OptimizerName


def predict_gpu(
    periodic: PeriodicStep, case: GpuCase, batch: int, tokens: float, notes: tuple[str, ...], assumed: tuple[str, ...]
) -> Prediction:
    """The prediction of a periodic step in which the cluster works through `batch` sequences."""
    step = to_seconds(float(periodic.step_ticks))
    workload, layout = case.workload, case.layout
    gpus = int(layout.gpus)
    sequence = workload.sequence_length
    flops = workload.model_flops_per_token * batch * sequence
    parts = gpu_breakdown(periodic.timeline, periodic.plan, case, round(periodic.step_ticks))
    rate = batch * sequence / step
    return Prediction(
        kind="gpu",
        model=workload.model.name,
        n_systems=gpus,
        batch=batch,
        batch_per_system=batch / gpus,
        micro_batch=int(layout.micro_batch),
        micro_batches=int(layout.micro_batches),
        sequence_length=sequence,
        parameters=workload.parameters,
        step_time_s=step,
        samples_per_s=batch / step,
        tokens_per_s=rate,
        mfu=flops / (step * gpus * case.cluster.device.peak_fp16),
        model_flops_per_step=flops,
        training_flops=workload.published_flops_per_token * tokens,
        breakdown=parts,
        binding_resource=BINDING[max(parts, key=lambda name: parts[name])],
        utilisation=_utilisation(periodic.timeline, periodic.plan, round(periodic.step_ticks)),
        memory=_memory(case),
        tokens=tokens,
        days_to_train=tokens / rate / 86_400.0,
        engine=periodic.engine,
        engine_reason=periodic.reason,
        steps_simulated=periodic.steps_simulated,
        systems_simulated=periodic.plan.stages,
        critical=critical(periodic),
        layout=layout_json(layout, case.schedule),
        notes=notes,
        assumed=assumed,
    )


def layout_json(layout: Layout, schedule: str) -> dict[str, Any]:
    """The split in the words of an experiment."""
    names = ("data", "tensor", "pipeline", "context", "expert", "virtual_stages", "micro_batch", "zero_stage")
    plain: dict[str, Any] = {name: int(getattr(layout, name)) for name in names}
    recompute = next(name for name, code in RECOMPUTE.items() if code == int(layout.recompute))
    return {
        **plain,
        "shard_group": int(layout.shard),
        "schedule": schedule,
        "recompute": recompute,
        "sequence_parallel": bool(layout.sequence_parallel),
        "flash_attention": bool(layout.flash),
        "precision": "fp8" if int(layout.fp8) else "bf16",
    }


def search_json(found: Found, schedule: str, batch: int, sequence: int) -> dict[str, Any]:
    """What a search found: the fastest splits, the front of time against memory, and how many it left behind and why."""

    def plain(candidates: Sequence[Candidate]) -> list[dict[str, Any]]:
        return [
            {
                **layout_json(one.layout, "interleaved" if int(one.layout.virtual_stages) > 1 else schedule),
                "step_time_s": one.seconds,
                "tokens_per_s": batch * sequence / one.seconds,
                "memory_bytes": one.memory,
            }
            for one in candidates
        ]

    return {
        "considered": found.considered,
        "too_large": found.too_large,
        "bounded": found.bounded,
        "simulated": found.simulated,
        "best": plain(found.best),
        "front": plain(found.front),
    }


def split_name(layout: dict[str, Any]) -> str:
    """`TP 8 x PP 12 x DP 4`, with what is not plain."""
    said = [f"TP {layout['tensor']}", f"PP {layout['pipeline']}", f"DP {layout['data']}"]
    said += [f"{short} {layout[name]}" for name, short in (("context", "CP"), ("expert", "EP")) if layout[name] > 1]
    rest = [f"v{layout['virtual_stages']}"] if layout["virtual_stages"] > 1 else []
    rest += [f"ZeRO-{layout['zero_stage']}"] if layout["zero_stage"] else []
    rest += [f"{layout['recompute']} recompute"] if layout["recompute"] != "none" else []
    return " x ".join(said) + (", " + ", ".join(rest) if rest else "")


def gpu_breakdown(timeline: Timeline, plan: GpuPlan, case: GpuCase, step_ticks: int) -> dict[str, float]:
    """Seconds of one step on the stage that works longest; the parts add up to the step."""
    work = timeline.of("compute")
    busy = np.bincount(work.entity, weights=(work.end - work.start).astype(float), minlength=plan.stages)
    stage = int(busy.argmax())
    mine = work.select(work.entity == stage)
    mine = mine.select(np.lexsort((mine.chunk, mine.end, mine.start)))
    step = to_seconds(step_ticks)
    parts = dict.fromkeys(BINDING, 0.0)
    shares = _work_shares(stage, plan, case)
    for name, share in shares.items():
        parts[name] += share * to_seconds(int(busy[stage]))
    sends = timeline.of("send")
    sends = sends.select(sends.entity == stage)
    held = dict(zip(sends.start.tolist(), sends.end.tolist(), strict=True)) if plan.blocking_sends else {}
    gathers = timeline.of("gather")
    gathered = set(gathers.select(gathers.entity == stage).end.tolist())
    for begin, end in zip(mine.end[:-1].tolist(), mine.start[1:].tolist(), strict=True):
        if end > begin:
            sending = min(end, held.get(begin, begin)) - begin
            parts["sends"] += to_seconds(sending)
            waits = "data" if plan.stages == 1 or (plan.gathers and end in gathered) else "bubble"
            parts[waits] += to_seconds(end - begin - sending)
    tail = _tail(timeline, plan, stage)
    parts["data"] += tail["data"]
    parts["optimizer"] += tail["optimizer"]
    parts["data" if plan.stages == 1 else "bubble"] += max(
        0.0, step - sum(parts.values())
    )  # without a pipeline none waits
    return parts


def _work_shares(stage: int, plan: GpuPlan, case: GpuCase) -> dict[str, float]:
    """What a stage's busy time is made of, as shares."""
    times = stage_times(case.geometry, case.layout, case.cluster)
    at = 0 if stage == 0 else 2 if stage + 1 == plan.stages else 1
    passes = [
        (times.block.forward, _one(times.blocks[at]), False),
        (times.block.backward, _one(times.blocks[at]), False),
        (times.block.recompute, _one(times.blocks[at]), True),
    ]
    if at == 0 or plan.stages == 1:
        passes += [(each, 1.0, False) for each in times.embedding]
    if stage + 1 == plan.stages:
        passes += [(each, 1.0, False) for each in times.head]
    parts = dict.fromkeys(("compute", "recompute", "launch", "tensor"), 0.0)
    for each, count, again in passes:
        gpu = _one(each.matmul + each.attention + each.traffic)
        collectives, seconds = _one(each.collectives), _one(each.seconds)
        parts["recompute" if again else "compute"] += count * gpu
        parts["tensor"] += count * collectives
        parts["launch"] += count * max(0.0, seconds - gpu - collectives)
    parts["launch"] += _one(times.launch)
    total = sum(parts.values())
    return {name: value / total for name, value in parts.items()}


def _one(value: Any) -> float:
    return float(np.asarray(value).reshape(-1)[0])


def _tail(timeline: Timeline, plan: GpuPlan, stage: int) -> dict[str, float]:
    """What a stage waits for between its last slot and its next step."""
    work = timeline.of("compute")
    over = int(work.end[work.entity == stage].max())
    update = timeline.of("update")
    mine = update.entity == stage
    begin, end = int(update.start[mine][0]), int(update.end[mine][0])
    scatters = timeline.of("scatter")
    ends = scatters.end[scatters.entity == stage]
    reduced = max(over, int(ends.max())) if len(ends) else over
    regather = 0 if plan.overlap_regather else plan.regather[stage]
    data = max(0, reduced - over) + regather + min(plan.tie, max(0, begin - reduced))
    return {"data": to_seconds(data), "optimizer": to_seconds(end - begin)}


def _utilisation(timeline: Timeline, plan: GpuPlan, step_ticks: int) -> dict[str, float]:
    """Busy share of the busiest stage's compute, links and channel."""
    shares = {}
    for kind in ("compute", "send", "gather", "scatter"):
        tasks = timeline.select(timeline.kind == KIND[kind])
        if len(tasks):
            busy = np.bincount(tasks.entity, weights=(tasks.end - tasks.start).astype(float))
            shares[kind] = float(busy.max() / step_ticks)
    return shares


def _memory(case: GpuCase) -> dict[str, Any]:
    use = memory_use(case.geometry, case.layout, case.cluster, case.optimizer, case.schedule)
    names = ("weights", "gradients", "optimizer", "activations", "buffers")
    return {
        **{f"{name}_bytes": _one(getattr(use, name)) for name in names},
        "total_bytes": _one(use.total),
        "memory_bytes": case.cluster.device.memory,
        "reason": "",
    }
