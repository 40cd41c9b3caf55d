"""One matmul on a system's wafer: its cost under a dataflow, and the grid simulated PE by PE."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wafersim.errors import WafersimError
from wafersim.inputs.profile import SystemProfile
from wafersim.inputs.profile_file import kernel_constants
from wafersim.wafer.device import device_of
from wafersim.wafer.kernel_cost import KernelCost, mesh_cost, weight_streaming_cost
from wafersim.wafer.mapping import best_mapping
from wafersim.wafer.measured_kernels import ELEMENT_CYCLES
from wafersim.wafer.mesh import KernelCode
from wafersim.wafer.weight_streaming import PE, Run, simulate_cycles

UPDATES_OF_A_RUN = 10**9  # about a second of the simulated grid
TICKS = 1000  # of a cycle: what a weight and a SIMD group take is not whole cycles


def kernel_cost(profile: SystemProfile, dataflow: str, m: int, k: int, n: int, density: float = 1.0) -> KernelCost:
    """One matmul on a system's wafer; the mesh dataflows with the loop code measured on WSE-3 (no other was, in fp16)."""
    device = device_of(profile)
    clock, sram = device.clock, int(profile.values.core_sram.value)
    if dataflow == "weight-streaming":
        return weight_streaming_cost(device.grid, clock, m, k, n, density, sram)
    if density < 1.0:
        raise WafersimError(f"--density {density}: {dataflow} moves dense tiles; only weight-streaming is sparse")
    # Loop code as it was measured, each by its own third party: SUMMA with the library's broadcasts (fp32), the meshes in fp16.
    owner, family = ("cs2", "summa") if dataflow == "summa" else ("cs3", "mesh-gemm")
    loop = kernel_constants(owner, family)
    # A narrower unit cannot keep the pace of the one that was measured.
    loop["per_element"] = max(loop.get("per_element", ELEMENT_CYCLES["conflict"]), 1.0 / device.simd_width)
    p = min(device.grid_rows, device.grid_columns)
    return mesh_cost(dataflow, p, device.grid, KernelCode(**{"per_k": 0.0, **loop}), clock, m, k, n, sram)


def kernel_run(profile: SystemProfile, cost: KernelCost) -> tuple[Run, int]:
    """(simulated grid in `TICKS` of a cycle, outputs simulated) of a weight-streaming kernel: one replica, as many outputs as
    take a second."""
    device = device_of(profile)
    mapping = best_mapping(cost.m, cost.k, cost.n, cost.density, device.grid)
    updates = mapping.token_axis * mapping.hidden_axis * mapping.hidden_per_pe
    outputs = max(1, min(cost.n, UPDATES_OF_A_RUN // updates))
    issue, group = (round(TICKS * cycles) for cycles in (device.weight_issue, device.group_cost))
    pe = PE(int(device.simd_width), issue, group, hop=TICKS, wavelet=TICKS, words_per_partial=TICKS)
    axes = (mapping.token_axis, mapping.hidden_axis)
    shape = (mapping.tokens_per_pe, mapping.hidden_per_pe, outputs)
    return simulate_cycles(*shape, *axes, pe, density=cost.density), outputs


def busy_shares(cost: KernelCost, run: Run, outputs: int) -> npt.NDArray[np.float64]:
    """Share of the whole kernel's cycles in which each PE of a `kernel_run` works on a weight; their mean is `pe_utilisation`."""
    return run.busy.astype(np.float64) * (cost.n / outputs / TICKS / cost.cycles)
