"""The cost of one op on one wafer: matmul efficiency, attention per score element, a latency floor per kernel.

This is section 4 of the physics notes in its simplest form; three constants of the system profile carry it
(`matmul_efficiency`, `attention_cost`, `kernel_latency`), fitted by `wafersim calibrate` on the CS-2 rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from wafersim.timeline.clock import to_ticks
from wafersim.workload.transformer import Op

PASS_WORK = {
    # A pass's work as a multiple of the forward work. Attention's backward is four products for the forward's two, and all
    # of it happens in the input-gradient pass: scores and values hold no weights.
    "matmul": {"forward": 1.0, "recompute": 1.0, "dgrad": 1.0, "wgrad": 1.0},
    "attention": {"forward": 1.0, "recompute": 1.0, "dgrad": 2.0, "wgrad": 0.0},
    "elementwise": {"forward": 1.0, "recompute": 1.0, "dgrad": 1.0, "wgrad": 0.0},
}
PRECISION_SLOWDOWN = {"fp16": 1.0, "bf16": 1.0, "fp32": 2.0}  # the SIMD unit is 64 bits wide


@dataclass(frozen=True)
class OpCost:
    """What an op takes: ticks, what bounds it, the SRAM it needs in bytes, and the ticks above its work (the floor)."""

    ticks: int
    bound: str  # matmul | attention | vector | latency | none
    sram_bytes: int
    floor_ticks: int = 0


NOTHING = OpCost(0, "none", 0)


@dataclass(frozen=True)
class WaferDevice:
    """The numbers of a system that an op's cost reads, in SI units; `speed` is the software release's factor."""

    cores: float
    simd_width: float
    clock: float
    matmul_efficiency: float
    attention_cost: float
    elementwise_cost: float
    kernel_latency: float
    speed: float = 1.0

    @property
    def peak_flops(self) -> float:
        """Dense fp16 FLOP/s: cores x SIMD width x 2 x clock."""
        return self.cores * self.simd_width * 2.0 * self.clock


class OpCosts(Protocol):
    """The interface every cost model keeps, on the wafer and on the GPU."""

    def __call__(
        self, op: Op, pass_: str, tokens: float, precision: str, density: float, device: WaferDevice
    ) -> OpCost: ...


def op_cost(op: Op, pass_: str, tokens: float, precision: str, density: float, device: WaferDevice) -> OpCost:
    """max(work, floor) of one op and pass over `tokens` tokens (batch x sequence), in ticks.

    Zeros of a sparse weight trigger no work, so a matmul scales with `density`. Element-wise ops ride on the kernel before
    them and have no floor. An op without work in this pass costs nothing and is not launched.
    """
    amount = PASS_WORK[op.kind][pass_] * op.share * tokens
    if pass_ == "dgrad" and not op.has_dgrad:
        amount = 0.0
    if amount == 0.0:
        return NOTHING
    core_cycles_per_second = device.cores * device.clock
    if op.kind == "matmul":
        flops = 2.0 * op.k * op.n * amount * density * PRECISION_SLOWDOWN[precision]
        work, bound = flops / (device.peak_flops * device.matmul_efficiency), "matmul"
        sram = int(2 * amount * (op.k + op.n))
    elif op.kind == "attention":
        work, bound = op.elements * amount * device.attention_cost / core_cycles_per_second, "attention"
        sram = 0
    else:
        work, bound = op.elements * amount * device.elementwise_cost / core_cycles_per_second, "vector"
        sram = int(2 * amount * op.elements)
    work /= device.speed
    floor = 0.0 if op.kind == "elementwise" else device.kernel_latency / device.speed
    if floor > work:
        ticks = to_ticks(floor)
        return OpCost(ticks, "latency", sram, ticks - to_ticks(work))
    return OpCost(to_ticks(work), bound, sram)
