"""What a weight-streaming step that was simulated comes down to: parts, what binds, busy links, wafer memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from wafersim.strategies.job import Job
from wafersim.strategies.kept import of_the_same
from wafersim.strategies.strategy import Account, Binding, Breakdown
from wafersim.strategies.weight_streaming.activations import WaferMemory
from wafersim.strategies.weight_streaming.choice import Choice
from wafersim.strategies.weight_streaming.periodic import PeriodicStep
from wafersim.strategies.weight_streaming.waits import parts_of_step
from wafersim.strategies.weight_streaming.words import STREAM_LINKS, WORDS
from wafersim.timeline.clock import to_seconds
from wafersim.timeline.timeline import KINDS, Column, Timeline


@dataclass(frozen=True)
class WaferMemoryUse:
    """SRAM of the wafer with the largest micro-batch, the activation policy behind it and why it is that one."""

    memory: WaferMemory
    policy: str
    reason: str

    @property
    def capacity_bytes(self) -> float:
        """The wafer's SRAM."""
        return float(self.memory.sram_bytes)

    @property
    def total_bytes(self) -> float:
        """What is taken of it."""
        return float(self.memory.total_bytes)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        memory = self.memory
        return {
            "sram_bytes": memory.sram_bytes,
            "reserved_bytes": memory.reserved_bytes,
            "weight_buffer_bytes": memory.weight_buffer_bytes,
            "drain_buffer_bytes": memory.drain_buffer_bytes,
            "activation_bytes": memory.activation_bytes,
            "working_set_bytes": memory.working_set_bytes,
            "total_bytes": memory.total_bytes,
            "capacity_bytes": memory.sram_bytes,
            "server_bytes": memory.server_bytes,
            "lanes": {"block": memory.block_lanes, "head": memory.head_lanes},
            "activation_policy": self.policy,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class DataParallel:
    """Every system does the same to its own sequences: nothing has to be split by hand but the batch."""

    systems: int

    @property
    def name(self) -> str:
        """`DP 16`."""
        return f"DP {self.systems}"

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Data alone."""
        return ("data",)

    def to_json(self) -> None:
        """There is no layout to state."""
        return


def account(job: Job, choice: Choice, periodic: PeriodicStep) -> Account:
    """Timeline -> Account, of the system that the others wait for."""
    plan = periodic.plan
    ticks = round(periodic.step_ticks)
    parts = parts_of_step(periodic.timeline, plan, ticks, None if plan.repeats else periodic.before)
    breakdown = Breakdown(tuple((name, to_seconds(value)) for name, value in parts.as_dict().items()))
    busy = utilisation(periodic.timeline, ticks)
    notes = choice.notes
    if plan.jitter is not None:
        notes = (*notes, f"jitter: mean of {periodic.cycle} steps with seed {plan.jitter.seed}")
    elif not periodic.exact:
        notes = (*notes, "no exact period found; step time is the mean of the last steps")
    return Account(
        batch_per_chip=max(choice.settings.shards),
        micro_batch=plan.micro_batch_sizes[0],
        micro_batches=plan.micro_batches,
        breakdown=breakdown,
        binding=binding(breakdown, busy),
        utilisation=tuple(busy.items()),
        memory=WaferMemoryUse(choice.memory, str(choice.policy), choice.reason),
        split=DataParallel(job.count),
        simulated=plan.systems,
        notes=notes,
    )


def binding(breakdown: Breakdown, busy: dict[str, float]) -> Binding:
    """The part of the step that is largest; an exposed stream is named by its busiest link."""
    largest = breakdown.largest
    resource = WORDS.part[largest].resource
    if largest != "exposed_stream":
        return Binding(largest, resource)
    links = {name: share for name, share in busy.items() if name in STREAM_LINKS or name.startswith("broadcast")}
    link = max(links, key=lambda name: links[name])
    return Binding(largest, f"{resource} ({STREAM_LINKS.get(link, link.replace('broadcast', 'SwarmX'))})")


def utilisation(timeline: Timeline, step_ticks: int) -> dict[str, float]:
    """Busy share of the busiest entity of every kind of resource; SwarmX told apart by level."""
    first, names = _entities(timeline.kind, timeline.level, timeline.entity)
    busy = np.add.reduceat(timeline.end - timeline.start, first)
    shares: dict[str, float] = {}
    for name, ticks in zip(names, busy.tolist(), strict=True):
        shares[name] = max(shares.get(name, 0.0), ticks / step_ticks)
    return shares


@of_the_same(8)
def _entities(kind: Column, level: Column, entity: Column) -> tuple[Column, list[str]]:
    """The first row of each entity's tasks, which stand side by side, and the kind of resource that it is."""
    place = np.stack((kind, level, entity))
    first = np.flatnonzero(np.concatenate(([True], np.any(place[:, 1:] != place[:, :-1], axis=0))))
    told = [(KINDS[kind], level) for kind, level in zip(*place[:2, first].tolist(), strict=True)]
    return first, [f"{name} level {level}" if name in ("broadcast", "reduce") else name for name, level in told]
