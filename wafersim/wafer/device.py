"""A system's profile as the costs of ops read it."""

from __future__ import annotations

from wafersim.inputs.profile import SystemProfile
from wafersim.wafer.op_cost import WaferDevice


def device_of(profile: SystemProfile, speed: float = 1.0) -> WaferDevice:
    """A system's numbers as an op's cost reads them."""
    system = profile.values
    return WaferDevice(
        cores=system.cores.value,
        simd_width=system.simd_width.value,
        clock=system.clock.value,
        grid_rows=int(system.grid_rows.value),
        grid_columns=int(system.grid_columns.value),
        weight_issue=system.weight_issue.value,
        group_cost=system.group_cost.value,
        attention_cost=system.attention_cost.value,
        exchange_cost=system.exchange_cost.value,
        elementwise_cost=system.elementwise_cost.value,
        kernel_latency=system.kernel_latency.value,
        speed=speed,
    )
