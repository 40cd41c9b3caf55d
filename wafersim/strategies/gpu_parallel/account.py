"""What a step on GPUs that was simulated comes down to: where the busiest stage's step goes, what binds, memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wafersim.engine.graph import Ints
from wafersim.gpu.gemm import PRECISIONS
from wafersim.gpu.layout import RECOMPUTE, Layout
from wafersim.gpu.memory import MemoryUse, memory_of_one
from wafersim.gpu.verdict import Verdict
from wafersim.strategies.gpu_parallel.choice import Choice, cluster_of_job, clusters_of
from wafersim.strategies.gpu_parallel.periodic import PeriodicStep
from wafersim.strategies.gpu_parallel.plan import GpuPlan
from wafersim.strategies.gpu_parallel.search import Candidate, Found
from wafersim.strategies.gpu_parallel.waits import idle_part, waits_between, waits_of_update
from wafersim.strategies.gpu_parallel.words import WORDS
from wafersim.strategies.job import Job
from wafersim.strategies.strategy import Account, Binding, Breakdown
from wafersim.timeline.clock import to_seconds
from wafersim.timeline.timeline import KIND, Timeline


@dataclass(frozen=True)
class GpuMemoryUse:
    """Bytes of the fullest GPU, by what takes them."""

    weights: float
    gradients: float
    optimizer: float
    activations: float
    buffers: float
    capacity_bytes: float
    reason: str = ""

    @classmethod
    def of(cls, use: MemoryUse, capacity: float) -> GpuMemoryUse:
        """Of one layout."""
        parts = (use.weights, use.gradients, use.optimizer, use.activations, use.buffers)
        weights, gradients, optimizer, activations, buffers = map(_one, parts)
        return cls(weights, gradients, optimizer, activations, buffers, capacity)

    @property
    def total_bytes(self) -> float:
        """Everything."""
        return self.weights + self.gradients + self.optimizer + self.activations + self.buffers

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        names = ("weights", "gradients", "optimizer", "activations", "buffers")
        return {
            **{f"{name}_bytes": getattr(self, name) for name in names},
            **Verdict(self.total_bytes, self.capacity_bytes).to_json(),
            "memory_bytes": self.capacity_bytes,
            "reason": self.reason,
        }


USUAL_SCHEDULES = ("1f1b", "interleaved")  # which the number of virtual stages tells apart


@dataclass(frozen=True)
class GpuSplit:
    """A layout in the words of an experiment."""

    data: int
    tensor: int
    pipeline: int
    context: int
    expert: int
    virtual_stages: int
    micro_batch: int
    zero_stage: int
    shard_group: int
    schedule: str
    recompute: str
    sequence_parallel: bool
    flash_attention: bool
    precision: str

    @classmethod
    def of(cls, layout: Layout, schedule: str) -> GpuSplit:
        """Of one layout."""
        names = ("data", "tensor", "pipeline", "context", "expert", "virtual_stages", "micro_batch", "zero_stage")
        recompute = next(name for name, code in RECOMPUTE.items() if code == int(layout.recompute))
        return cls(
            **{name: int(getattr(layout, name)) for name in names},
            shard_group=int(layout.shard),
            schedule=schedule,
            recompute=recompute,
            sequence_parallel=bool(layout.sequence_parallel),
            flash_attention=bool(layout.flash),
            precision=PRECISIONS[int(layout.fp8)],
        )

    @property
    def name(self) -> str:
        """`TP 8 x PP 12 x DP 4`, with what is not plain."""
        said = [f"TP {self.tensor}", f"PP {self.pipeline}", f"DP {self.data}"]
        said += [f"{short} {size}" for size, short in ((self.context, "CP"), (self.expert, "EP")) if size > 1]
        rest = [f"v{self.virtual_stages}"] if self.virtual_stages > 1 else []
        rest += [self.schedule] if self.pipeline > 1 and self.schedule not in USUAL_SCHEDULES else []
        rest += [self.precision] if self.precision != PRECISIONS[0] else []
        rest += [f"ZeRO-{self.zero_stage}"] if self.zero_stage else []
        rest += [f"{self.recompute} recompute"] if self.recompute != "none" else []
        return " x ".join(said) + (", " + ", ".join(rest) if rest else "")

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Those with more than one part."""
        kinds = ("data", "tensor", "pipeline", "context", "expert")
        return tuple(kind for kind in kinds if getattr(self, kind) > 1)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**vars(self)}


@dataclass(frozen=True)
class SplitSearch:
    """What a search found: the fastest splits, the front of time against memory, and how many it left behind and why."""

    found: Found
    tokens: int  # of a step
    capacity: float  # bytes of a GPU
    chances: tuple[float, ...] = ()  # of each of the best to be the fastest of them

    @property
    def seconds(self) -> tuple[float, ...]:
        """A step of each of the best."""
        return tuple(one.seconds for one in self.found.best)

    @property
    def kernels(self) -> tuple[tuple[int, ...], ...]:
        """What splits that run the same kernels have in common."""
        names = ("tensor", "context", "micro_batch", "fp8")
        return tuple(tuple(int(getattr(one.layout, name)) for name in names) for one in self.found.best)

    def with_chances(self, chances: tuple[float, ...]) -> SplitSearch:
        """With how likely each of the best is the fastest of them."""
        return replace(self, chances=chances)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        found = self.found
        return {
            "considered": found.considered,
            "too_large": found.too_large,
            "bounded": found.bounded,
            "simulated": found.simulated,
            "best": [
                {**self._plain(one), "fastest_probability": chance}
                for one, chance in zip(found.best, self.chances or [None] * len(found.best), strict=True)
            ],
            "front": [self._plain(one) for one in found.front],
        }

    def _plain(self, one: Candidate) -> dict[str, Any]:
        split = GpuSplit.of(one.layout, one.schedule)
        return {
            **split.to_json(),
            "split": split.name,
            "step_time_s": one.seconds,
            "tokens_per_s": self.tokens / one.seconds,
            "memory_bytes": one.memory,
            "fits_probability": Verdict(one.memory, self.capacity).probability,
        }


def account(job: Job, choice: Choice, periodic: PeriodicStep) -> Account:
    """Timeline -> Account, of the stage that works longest."""
    layout, batch = choice.layout, job.training.batch
    cluster = cluster_of_job(job, clusters_of(job.machine))
    ticks = round(periodic.step_ticks)
    breakdown = Breakdown(tuple(parts_of_step(periodic.timeline, periodic.plan, ticks).items()))
    use, capacity = memory_of_one(choice.geometry, layout, cluster, choice.schedule), float(cluster.device.memory)
    tokens = batch * job.workload.sequence_length
    return Account(
        batch_per_chip=batch / job.count,
        micro_batch=int(layout.micro_batch),
        micro_batches=int(layout.micro_batches),
        breakdown=breakdown,
        binding=Binding(breakdown.largest, WORDS.part[breakdown.largest].resource),
        utilisation=tuple(_utilisation(periodic.timeline, periodic.plan, ticks).items()),
        memory=GpuMemoryUse.of(use, capacity),
        split=GpuSplit.of(layout, choice.schedule),
        simulated=periodic.plan.stages,
        notes=choice.notes,
        search=None if choice.found is None else SplitSearch(choice.found, tokens, capacity),
    )


def parts_of_step(timeline: Timeline, plan: GpuPlan, step_ticks: int) -> dict[str, float]:
    """Seconds of one step on the stage that works longest; the parts add up to the step."""
    work = timeline.of("compute")
    busy = np.bincount(work.entity, weights=(work.end - work.start).astype(float), minlength=plan.stages)
    stage = int(busy.argmax())
    step = to_seconds(step_ticks)
    parts = {part.key: 0.0 for part in WORDS.parts}
    for name, share in plan.work[stage]:
        parts[name] += share * to_seconds(int(busy[stage]))
    for wait in waits_between(timeline, plan, stage):
        parts[wait.part] += to_seconds(wait.ticks)
    gradients, _ = waits_of_update(timeline, plan, stage)
    updated = int(timeline.end[gradients.row] - timeline.start[gradients.row])
    regather = 0 if plan.overlap_regather else sum(plan.regather[stage])
    parts["data"] += to_seconds(gradients.ticks + regather)
    parts["optimizer"] += to_seconds(updated)
    parts[idle_part(plan)] += max(0.0, step - sum(parts.values()))
    return parts


def _one(value: Any) -> float:
    return float(np.asarray(value).reshape(-1)[0])


def _utilisation(timeline: Timeline, plan: GpuPlan, step_ticks: int) -> dict[str, float]:
    """Busy share of the busiest stage's compute, port and channel."""
    shares = {}
    for kind in ("compute", "send", "gather", "scatter"):
        tasks = timeline.select(timeline.kind == KIND[kind])
        if len(tasks):
            place = 2 * tasks.entity + _ports(tasks, plan) if kind == "send" else tasks.entity
            busy = np.bincount(place, weights=(tasks.end - tasks.start).astype(float))
            shares[kind] = float(busy.max() / step_ticks)
    return shares


def _ports(sends: Timeline, plan: GpuPlan) -> Ints:
    """The port that each transfer leaves by."""
    slots = zip(sends.pass_.tolist(), sends.layer.tolist(), sends.entity.tolist(), strict=True)
    return np.array([plan.ports[plan.boundary(*slot)] for slot in slots], np.int64)
