"""The cost of one op on one wafer: matmuls on the PE grid, attention per score element, a latency floor per kernel.

Matmuls follow the weight-streaming AXPY at the real grid (`mapping.py`); attention costs so many core-cycles per score
element whatever the head dimension; element-wise work rides on the vector unit. A kernel takes max(work, floor).
Constants are cycles of the system profile, shared by the generations, fitted by `wafersim calibrate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from wafersim.timeline.clock import to_ticks
from wafersim.wafer.mapping import Grid, weight_streaming_cycles
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
    bound: str  # matmul | reduce link | attention | vector | latency | none
    sram_bytes: int
    floor_ticks: int = 0


NOTHING = OpCost(0, "none", 0)


@dataclass(frozen=True)
class WaferDevice:
    """The numbers of a system that an op's cost reads, in SI units; `speed` is the software release's factor."""

    cores: float
    simd_width: float
    clock: float
    grid_rows: int
    grid_columns: int
    weight_issue: float
    group_cost: float
    attention_cost: float
    elementwise_cost: float
    kernel_latency: float
    speed: float = 1.0

    @property
    def grid(self) -> Grid:
        """The usable PEs with the costs of the inner loop."""
        return Grid(self.grid_rows, self.grid_columns, int(self.simd_width), self.weight_issue, self.group_cost)

    @property
    def peak_flops(self) -> float:
        """Dense fp16 FLOP/s: cores x SIMD width x 2 x clock."""
        return self.cores * self.simd_width * 2.0 * self.clock


class OpCosts(Protocol):
    """The interface every cost model keeps, on the wafer and on the GPU."""

    def __call__(
        self, op: Op, pass_: str, tokens: float, precision: str, density: float, device: WaferDevice
    ) -> OpCost: ...

    def __hash__(self) -> int: ...


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
        # The input gradient multiplies by the transpose: the outputs are the stationary dimension.
        hidden, outputs = (op.n, op.k) if pass_ == "dgrad" else (op.k, op.n)
        mapping = weight_streaming_cycles(amount, hidden, outputs, density, device.grid)
        work = mapping.cycles * PRECISION_SLOWDOWN[precision] / device.clock
        bound = "matmul" if mapping.bound == "compute" else mapping.bound
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
