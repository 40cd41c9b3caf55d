"""The cost of one op on one wafer: matmuls by their weights, attention by its score elements, a latency floor per kernel.

- matmul: the weight-streaming AXPY on all cores (`mapping.streamed_cycles`); experts' matrices one after another in one kernel;
- attention: (a + 6 x head dimension x r / SIMD) / 3 core-cycles per score element and forward unit: a is the softmax and
  all that goes with it, the rest six products, two forward and four backward, at the matmul's rate r of a SIMD group;
- exchange (rotary halves, gates): elements of other places cross their row of PEs, `exchange_cost` cycles each whatever the
  SIMD width;
- element-wise work rides on the vector unit.

A kernel takes sqrt(work^2 + floor^2): launch and pipeline fill overlap long work and bound short. Constants are cycles of the
system profile, shared by the generations, fitted by `wafersim calibrate`; errors by form are in the physics notes, section 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot
from typing import Protocol

from wafersim.timeline.clock import to_ticks
from wafersim.wafer.mapping import Grid, streamed_cycles
from wafersim.workload.layer import Op

PASS_WORK = {
    # A pass's work as a multiple of the forward work. Attention's backward is four products for the forward's two, and all
    # of it happens in the input-gradient pass: scores and values hold no weights.
    "matmul": {"forward": 1.0, "recompute": 1.0, "dgrad": 1.0, "wgrad": 1.0},
    "attention": {"forward": 1.0, "recompute": 1.0, "dgrad": 2.0, "wgrad": 0.0},
    "exchange": {"forward": 1.0, "recompute": 1.0, "dgrad": 2.0, "wgrad": 0.0},
    "elementwise": {"forward": 1.0, "recompute": 1.0, "dgrad": 1.0, "wgrad": 0.0},
}
BAKED_IN_SAVING = 0.187
"""Share of a forward pass that frozen weights save per share of them that were zero when the job was compiled.

Measured on CS-3 with unstructured zeros (rows N22 to N33): 4.6, 9.3 and 14.1 % of a forward pass at 25, 50 and 75 %; of a LoRA
step, which has one forward pass in 3.86, 3.4 % at 75 %. That is not what `density` says, of weights that the stream leaves out.
"""

PRECISION_SLOWDOWN = {"fp8": 1.0, "fp16": 1.0, "bf16": 1.0, "fp32": 2.0}
"""Cycles of a product by the precision of its weights: the SIMD unit of WSE-2 is 64 bits wide.

Weights of 8 bits save the stream alone: they are widened where they arrive and multiply as 16 bits do. A chip that multiplies
8 bits twice as fast is one of twice the SIMD width.
"""


@dataclass(frozen=True)
class OpCost:
    """What an op takes: ticks, what bounds it, the SRAM it needs in bytes, and the ticks above its work (the floor)."""

    ticks: int
    bound: str  # matmul | attention | exchange | vector | latency | none
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
    exchange_cost: float
    elementwise_cost: float
    kernel_latency: float
    speed: float = 1.0

    @property
    def grid(self) -> Grid:
        """The PEs that a program of one's own may use, with the costs of the inner loop."""
        return Grid(self.grid_rows, self.grid_columns, int(self.simd_width), self.weight_issue, self.group_cost)

    @property
    def hidden_axis(self) -> float:
        """PEs over which the hidden dimension lies where all cores compute."""
        return self.cores / self.grid_rows

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
    """sqrt(work^2 + floor^2) of one op and pass over `tokens` tokens (batch x sequence), in ticks.

    Zeros of a sparse weight trigger no work, so a matmul scales with `density`. Element-wise ops and exchanges ride on the
    kernel before them and have no floor. An op without work in this pass costs nothing and is not launched.
    """
    amount = PASS_WORK[op.kind][pass_] * op.share * tokens
    if (pass_ == "dgrad" and not op.has_dgrad) or (pass_ == "wgrad" and not op.has_wgrad):
        amount = 0.0
    if amount == 0.0:
        return NOTHING
    core_cycles_per_second = device.cores * device.clock
    slowdown, sram = PRECISION_SLOWDOWN[precision], 0
    if op.kind == "matmul":
        # Every weight of an expert meets the tokens of that expert alone, and costs its issue whether they are many or few.
        each = streamed_cycles(amount / op.matrices, op.k, op.n, density, device.hidden_axis, device.grid)
        cycles = op.matrices * each
        work, bound, sram = cycles * slowdown / device.clock, "matmul", int(2 * amount * (op.k + op.n))
    elif op.kind == "attention":
        products = 6.0 * op.head_dim * device.group_cost / device.simd_width * slowdown
        per_score = (device.attention_cost + products) / 3.0
        work, bound = op.elements * amount * per_score / core_cycles_per_second, "attention"
    elif op.kind == "exchange":
        work, bound = op.elements * amount / device.grid_rows * device.exchange_cost / device.clock, "exchange"
    else:
        work, bound = op.elements * amount * device.elementwise_cost / core_cycles_per_second, "vector"
        sram = int(2 * amount * op.elements)
    work /= device.speed
    if op.kind in ("elementwise", "exchange"):
        return OpCost(to_ticks(work), bound, sram)
    floor = device.kernel_latency / device.speed
    ticks = to_ticks(hypot(work, floor))
    return OpCost(ticks, "latency" if floor > work else bound, sram, ticks - to_ticks(work))
