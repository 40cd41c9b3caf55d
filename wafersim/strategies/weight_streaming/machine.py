"""What a plan is made from: the numbers of a cluster, what the user chose of a step, what makes systems differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from wafersim.inputs.optimizer import OptimizerName
from wafersim.strategies.weight_streaming.plan import Jitter
from wafersim.wafer.op_cost import WaferDevice


class Sram(NamedTuple):
    """A wafer's memory in bytes, the share that is reserved, and the share of a block's activations that a lane holds at once."""

    size: float
    reserved: float
    working_set: float


@dataclass(frozen=True)
class Machine:
    """The numbers of a cluster that a plan reads, in SI units (bytes/s, seconds, bytes)."""

    device: WaferDevice
    sram: float
    sram_reserved: float
    working_set: float  # share of a block's activations and gradients that a lane holds at once
    system_bandwidth: float
    memoryx_bandwidth: float
    memoryx_latency: float
    accumulate_bandwidth: float
    optimizer_bandwidth: float
    link_bandwidth: float
    hop_latency: float
    reduction_tail: float
    reduction_tail_per_parameter: float
    fan_out: int
    compute_jitter: float = 0.0
    system_spread: float = 0.0

    @property
    def memory(self) -> Sram:
        """Of a wafer."""
        return Sram(self.sram, self.sram_reserved, self.working_set)


@dataclass(frozen=True)
class Disturbances:
    """What makes systems differ: paces of slow systems, slow links by (level, child), nodes lost in turn, jitter."""

    paces: tuple[tuple[int, float], ...] = ()  # (system, times as long)
    slow_links: tuple[tuple[int, int, float], ...] = ()
    lost_nodes: tuple[tuple[int, int], ...] = ()
    jitter: Jitter | None = None


@dataclass(frozen=True)
class Settings:
    """What the user chose of a step: shards and micro-batches, buffers, precisions, when an update may start."""

    shards: tuple[int, ...]  # sequences of each system in one step
    micro_batches: int
    chunks_per_layer: int | None  # None: 4, or as many as keep a chunk of a block below 1 % of SRAM and 0.4 GB
    weight_credits: int
    drain_credits: int
    retain_output_weights: bool
    optimizer: OptimizerName
    clipping_barrier: bool
    weight_precision: str
    gradient_precision: str
    density: float
    baked_in_zeros: float = 0.0  # share of frozen weights that were zero when the job was compiled
    shared_memory: bool = False
    disturbances: Disturbances = Disturbances()
    input_rate: float | None = None  # sequences/s that the input workers of a system deliver; None never binds
