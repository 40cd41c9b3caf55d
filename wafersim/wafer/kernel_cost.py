"""One matmul on a whole wafer under each dataflow: cycles, time, efficiency, utilisation, bound."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

from wafersim.errors import Infeasible
from wafersim.wafer import mesh, weight_streaming
from wafersim.wafer.mapping import Grid, Mapping, best_mapping
from wafersim.wafer.mesh import KernelCode, Mesh


@dataclass(frozen=True)
class KernelCost:
    """What a kernel takes. Shares are of the wafer's peak (efficiency) or of a resource's time (utilisation)."""

    dataflow: str
    m: int
    k: int
    n: int
    density: float
    cycles: float
    time_s: float
    efficiency: float  # useful multiply-accumulates over the grid's peak
    pe_utilisation: float  # a PE works on a weight or a tile, its loop's overhead included
    simd_utilisation: float
    link_utilisation: float
    memory_utilisation: float  # of two 64-bit reads and one 64-bit write a cycle
    bound: str
    tile: tuple[int, int, int]
    bytes_per_pe: int
    refused: str | None = None  # why the tiles do not fit

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**vars(self), "tile": list(self.tile)}


FP16_BYTES = 2
PORT_BYTES = 24.0  # two reads and one write of 8 bytes a cycle


def weight_streaming_cost(grid: Grid, clock: float, m: int, k: int, n: int, density: float, sram: int) -> KernelCost:
    """The AXPY dataflow at its best split."""
    mapping: Mapping = best_mapping(m, k, n, density, grid)
    t, h = mapping.tokens_per_pe, mapping.hidden_per_pe
    groups = ceil(t / grid.simd_width)
    vector_cycles = n * h * density * groups
    busy = n * h * density * (grid.weight_issue + grid.group_cost * groups)
    needed = weight_streaming.tile_bytes(t, h)
    return KernelCost(
        "weight-streaming", m, k, n, density,
        cycles=mapping.cycles,
        time_s=mapping.cycles / clock,
        efficiency=m * k * n * density / (mapping.cycles * grid.peak_macs),
        pe_utilisation=busy / mapping.cycles,
        simd_utilisation=vector_cycles / mapping.cycles,
        link_utilisation=max(n * h * density, n * t if mapping.hidden_axis > 1 else 0) / mapping.cycles,
        memory_utilisation=vector_cycles * grid.simd_width * 3 * FP16_BYTES / PORT_BYTES / mapping.cycles,
        bound=mapping.bound,
        tile=(t, h, n),
        bytes_per_pe=needed,
        refused=None if needed <= sram else f"needs {needed} bytes of a PE's {sram}; the step works through it in sub-batches",
    )  # fmt: skip


def mesh_cost(
    dataflow: str, p: int, grid: Grid, code: KernelCode, clock: float, m: int, k: int, n: int, sram: int
) -> KernelCost:
    """A square-mesh dataflow on p x p PEs."""
    tile = (ceil(m / p), ceil(k / p), ceil(n / p))
    links = Mesh(sram_bytes=sram)
    cycles = mesh.closed_form(dataflow, p, *tile, code, links)
    work = code.step(*tile)
    words = mesh.tile_words(tile[0], tile[1], FP16_BYTES, links), mesh.tile_words(tile[1], tile[2], FP16_BYTES, links)
    move = max(mesh.move_cycles(dataflow, p, word, links) for word in words)
    macs = tile[0] * tile[1] * tile[2]
    vector_cycles = p * tile[1] * tile[2] * ceil(tile[0] / grid.simd_width)
    try:
        mesh.check_fits(*tile, FP16_BYTES, links)
        refused = None
    except Infeasible as reason:
        refused = str(reason)
    return KernelCost(
        dataflow, m, k, n, 1.0,
        cycles=cycles,
        time_s=cycles / clock,
        efficiency=m * k * n / (cycles * p * p * grid.simd_width),
        pe_utilisation=p * (work - code.sync) / cycles,
        simd_utilisation=vector_cycles / cycles,
        link_utilisation=p * max(words) / cycles,
        memory_utilisation=p * macs * 3 * FP16_BYTES / PORT_BYTES / cycles,
        bound="tile moves" if move > work else "compute" if work - code.sync > code.sync else "step synchronisation",
        tile=tile,
        bytes_per_pe=mesh.tile_bytes(*tile, FP16_BYTES),
        refused=refused,
    )  # fmt: skip
