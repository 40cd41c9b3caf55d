"""The cost of one matmul on the console, one column a dataflow."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from wafersim.report.console import print_table, say
from wafersim.report.words import figure, seconds
from wafersim.wafer.kernel_cost import KernelCost

MESH_CODE = (
    "Mesh dataflows run third parties' loops as they were measured (SUMMA: fp32 on WSE-2; the others: fp16 on WSE-3, "
    "tiles of 1 to 8)."
)


def print_kernels(profile: str, costs: Sequence[KernelCost], console: Console) -> None:
    """Every number of a `KernelCost`."""
    first = costs[0]
    table = Table(title=f"{first.m} x {first.k} by {first.k} x {first.n} on {profile}, density {first.density:g}")
    table.add_column("")
    for cost in costs:
        table.add_column(cost.dataflow, justify="right")
    lines = {
        "cycles": [figure(cost.cycles) for cost in costs],
        "time": [seconds(cost.time_s) for cost in costs],
        "efficiency": [f"{cost.efficiency:.1%}" for cost in costs],
        "PE busy": [f"{cost.pe_utilisation:.1%}" for cost in costs],
        "SIMD busy": [f"{cost.simd_utilisation:.1%}" for cost in costs],
        "links busy": [f"{cost.link_utilisation:.1%}" for cost in costs],
        "memory ports busy": [f"{cost.memory_utilisation:.1%}" for cost in costs],
        "bound": [cost.bound for cost in costs],
        "tile per PE": [" x ".join(map(str, cost.tile)) for cost in costs],
        "bytes per PE": [f"{cost.bytes_per_pe:,}" for cost in costs],
    }
    for name, values in lines.items():
        table.add_row(name, *values)
    print_table(console, table)


def print_kernel_reasons(costs: Sequence[KernelCost], console: Console) -> None:
    """Why tiles do not fit, what a PE and its parts do in that time, whose loops the mesh dataflows run."""
    for cost in costs:
        say(
            console,
            f"{cost.dataflow}: bound by {cost.bound}; a PE is busy {cost.pe_utilisation:.1%} of the time, its SIMD unit "
            f"{cost.simd_utilisation:.1%}, its links {cost.link_utilisation:.1%}, its memory ports {cost.memory_utilisation:.1%}",
        )
    for cost in costs:
        if cost.refused:
            say(console, f"{cost.dataflow}: {cost.refused}")
    if any(cost.dataflow != "weight-streaming" for cost in costs):
        say(console, MESH_CODE)
    console.file.write("\n")
