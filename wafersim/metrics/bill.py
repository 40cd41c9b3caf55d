"""Power, energy and money of a machine while it works on a job."""

from __future__ import annotations

from dataclasses import dataclass

from wafersim.inputs.machine import AnyMachine


@dataclass(frozen=True)
class Bill:
    """Watts while working, dollars an hour (None without a price), joules and dollars of the whole run, and their sources."""

    power_w: float
    usd_per_hour: float | None
    energy_j: float
    cost_usd: float | None
    sources: tuple[str, ...]


def bill_of(machine: AnyMachine, count: int, seconds: float) -> Bill:
    """Of so many wafers or GPUs that work for so long."""
    supply = machine.supply(count)
    cost = None if supply.usd_per_hour is None else supply.usd_per_hour * seconds / 3600.0
    return Bill(supply.watts, supply.usd_per_hour, supply.watts * seconds, cost, supply.sources)
