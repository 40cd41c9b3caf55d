"""Measured kernels of a GPU: single products, the grouped products of experts, fused attention, in seconds.

The source (github.com/MooreThreads/SimuMax @4dcaae5, its measured columns; Transformer Engine ran them) states efficiencies of a
peak. A product's FLOPs are 2 m k n. Attention is causal and counted as if it were not, two products forward and five backward:
only so counted are the rates of one kernel alike over sequences, and A100's what FlashAttention 2 is known for. Layouts are those
of a linear layer's stages: TN forward, NN input gradient, NT weight gradient, which is added to what `out` holds. Products of
experts stand there twice; that the second weight gradient, faster by half, adds to bf16 is inferred from single products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal, get_args

import numpy as np

from wafersim.errors import Infeasible
from wafersim.evidence.cells import flag, stated
from wafersim.evidence.kinds import Kind
from wafersim.evidence.rows import Cells, Rows, ValidatedRow, read_rows
from wafersim.evidence.tables import shipped
from wafersim.gpu.attention import fused
from wafersim.gpu.cluster import device_of, software_of
from wafersim.gpu.gemm import FP16_BYTES, gemm, memory_rate
from wafersim.gpu.machine import Device, Software
from wafersim.inputs.fit import load_fit
from wafersim.inputs.gpu_profile import GpuProfile
from wafersim.inputs.machine import load_software
from wafersim.inputs.profile_file import load_profile
from wafersim.inputs.resources import kind_of, names
from wafersim.metrics.interval import NUDGE, uncertainty
from wafersim.strategies.features import logs

Op = Literal["matmul", "group_matmul", "sdp_fwd", "sdp_bwd"]
Stage = Literal["fwd", "bwd_grad_act", "bwd_grad_w"]
SOFTWARE = "megatron-core-2026"  # calls the same Transformer Engine
GROUPS: dict[Op, str] = {
    "matmul": "products", "group_matmul": "products of experts", "sdp_fwd": "attention forward", "sdp_bwd": "attention backward",
}  # fmt: skip
PRODUCT = ("gemm_efficiency", "gemm_backward")
CONSTANTS: dict[Op, tuple[str, ...]] = {  # of a GPU, that a kernel's time depends on
    "matmul": (*PRODUCT, "operand_share"),
    "group_matmul": (*PRODUCT, "group_share", "group_latency"),
    "sdp_fwd": ("flash_share", "flash_tail", "wide_heads"),
    "sdp_bwd": ("flash_share", "flash_backward_share", "flash_backward_tail", "wide_heads_backward"),
}
LAYOUTS: dict[str, Stage] = {"TN": "fwd", "NN": "bwd_grad_act", "NT": "bwd_grad_w"}
FEATURES = ("FLOPs", "products of a group, or heads")
BACKWARD_PRODUCTS = 2.5  # of attention over those forward: scores again, and two gradients for each of two products


@dataclass(frozen=True)
class MeasuredGpuKernel:
    """A row of the table; fields of other kernels than its own are 1."""

    id: str
    use: str
    profile: str
    op: Op
    stage: Stage
    groups: int
    m: int
    k: int
    n: int
    added_to: float  # bytes of an element that a weight gradient is added to; 0: it is not
    sequence: int
    heads: int
    query: int  # elements of a head's query
    value: int
    published: float
    unit: str = "s"

    @property
    def group(self) -> str:
        """What it is, on its GPU."""
        return f"{GROUPS[self.op]} ({self.profile})"

    @property
    def features(self) -> tuple[float, ...]:
        """Logarithms of `FEATURES`."""
        return logs(self.flops, self.groups * self.heads)

    @property
    def flops(self) -> float:
        """As its source counts them."""
        if self.op in ("matmul", "group_matmul"):
            return 2.0 * self.groups * self.m * self.k * self.n
        forward = 2.0 * self.sequence**2 * self.heads * (self.query + self.value)
        return forward * (BACKWARD_PRODUCTS if self.op == "sdp_bwd" else 1.0)

    def seconds(self, device: Device, software: Software) -> float:
        """Predicted, on some device."""
        if self.op in ("sdp_fwd", "sdp_bwd"):
            met = (
                self.sequence**2 * self.heads * (self.query + self.value)
            )  # FLOPs of two products over half of the scores
            passes = fused(met, self.sequence * self.heads, self.query, device, software)
            return float(np.asarray(passes[self.op == "sdp_bwd"]))
        one = gemm(self.m, self.k, self.n, device, products=self.groups)
        if self.stage == "fwd":
            return float(np.asarray(one))
        extra = max(0.0, 2.0 * self.added_to - FP16_BYTES)  # read and written, where a product writes 2 bytes
        adding = extra * self._weights / memory_rate(device)
        return float(np.asarray(0.5 * device.gemm_backward * one + adding))

    @property
    def _weights(self) -> float:
        return float(self.groups * self.k * self.n if self.op == "group_matmul" else self.m * self.n)

    def elasticities(self, device: Device, of: Sequence[str]) -> list[float]:
        """d ln(seconds) / d ln(constant)."""
        software = kernel_software()
        base = self.seconds(device, software)
        nudged = (
            self.seconds(replace(device, **{name: getattr(device, name) * (1.0 + NUDGE)}), software) for name in of
        )
        return [float(np.log(each / base) / np.log(1.0 + NUDGE)) for each in nudged]

    @property
    def what(self) -> str:
        """In words."""
        if self.op == "matmul":
            return f"{self.m} x {self.k} x {self.n}, {self.stage}"
        if self.op == "group_matmul":
            return f"{self.groups} experts, {self.m} tokens x {self.k} x {self.n}, {self.stage}"
        return f"{self.sequence} tokens, {self.heads} heads of {self.query} and {self.value}"

    def judge(self) -> ValidatedRow:
        """Seconds beside the measured ones."""
        device = gpu_device(self.profile)
        seconds = self.seconds(device, kernel_software())
        used = CONSTANTS[self.op]
        numbers = (f"{self.profile}: values.{name}" for name in used)
        elasticities = dict(zip(numbers, self.elasticities(device, used), strict=True))
        found = uncertainty((load_fit("gpu-kernel"),), elasticities, self.group, self.features)
        low, high = found.bounds(seconds)
        return ValidatedRow(
            self.id,
            self.use,
            self.what,
            seconds,
            self.published,
            self.unit,
            group=self.group,
            set="gpu-kernel",
            low=low,
            high=high,
        )


def gpu_device(profile: str) -> Device:
    """The device of a GPU's profile."""
    loaded = load_profile(profile)
    assert isinstance(loaded, GpuProfile)
    return device_of(loaded)


@cache
def kernel_software() -> Software:
    """Whose kernels the source measured."""
    return software_of(load_software(SOFTWARE))


@cache
def published_rows() -> Rows[MeasuredGpuKernel]:
    """The shipped rows."""
    return read_rows(shipped("gpu-kernel"), read_row)


def read_row(cells: Cells) -> MeasuredGpuKernel:
    """A row of a table, shipped or a user's; raises Infeasible where it is out of scope."""
    profile = cells["device"].strip().lower()
    if profile not in names("hardware") or kind_of(profile) != "gpu":
        raise Infeasible(f"device {cells['device']!r} is no GPU profile (`wafersim list hardware`)")
    op = cells["op"]
    if op not in get_args(Op):
        raise Infeasible(f"op {op!r} is none of {', '.join(get_args(Op))}")
    needed = {"matmul": ("m", "k", "n"), "group_matmul": ("groups", "m", "k", "n")}
    missing = [name for name in needed.get(op, ("sequence", "heads", "qk_dim", "v_dim")) if not cells[name]]
    if missing:
        raise Infeasible(f"{', '.join(missing)} not stated")
    stage = LAYOUTS.get(cells["layout"], "fwd") if op == "matmul" else stated(cells, "stage") or "fwd"
    if stage not in get_args(Stage):
        raise Infeasible(f"stage {stage!r} is none of {', '.join(get_args(Stage))}")
    added = {"fp32": 4.0, "bf16": 2.0}.get(cells["out"], 2.0) if flag("accumulate", cells["accumulate"]) else 0.0
    groups, m, k, n, sequence, heads, query, value = (
        int(cells[name] or 1) for name in ("groups", "m", "k", "n", "sequence", "heads", "qk_dim", "v_dim")
    )
    row = MeasuredGpuKernel(
        cells["id"], cells.get("use") or "test", profile, op, stage, groups, m, k, n, added, sequence, heads, query,  # type: ignore[arg-type]
        value, 0.0,
    )  # fmt: skip
    return replace(row, published=row.flops / (float(cells["peak_tflops"]) * 1e12 * float(cells["efficiency"])))


KIND = Kind(
    name="gpu-kernel",
    title="GPU kernels: seconds",
    needed=("id", "device", "op", "m", "k", "n", "peak_tflops", "efficiency"),
    numbers=("groups", "m", "k", "n", "sequence", "heads", "kv_heads", "qk_dim", "v_dim", "peak_tflops", "efficiency"),
    fractional=("peak_tflops", "efficiency"),
    read=read_row,
    published=published_rows,
    fit="gpu-kernel",
)
