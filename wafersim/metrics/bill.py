"""Power, energy and money of a machine while it works on a job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wafersim.inputs.machine import AnyMachine
from wafersim.inputs.sourced import Sourced


@dataclass(frozen=True)
class Bill:
    """Watts in training and at most, dollars of rent an hour (None without a price), joules and dollars of the steps, sources.

    `price` is that of an hour of one chip. `power_error` is the standard error of the logarithm of the watts in training: how far
    another installation's may lie.
    """

    power_w: float
    power_error: float
    peak_power_w: float
    usd_per_hour: float | None
    energy_j: float
    cost_usd: float | None
    price: Sourced | None
    sources: tuple[str, ...]


def bill_of(machine: AnyMachine, phases: Sequence[tuple[int, float]]) -> Bill:
    """Of (wafers or GPUs, seconds that they work), phase after phase; watts and dollars an hour are the last one's."""
    supplies = [(machine.supply(count), seconds) for count, seconds in phases]
    last, _ = supplies[-1]
    energy = sum(supply.busy_watts * seconds for supply, seconds in supplies)
    cost = None
    if last.usd_per_hour is not None:
        cost = sum((supply.usd_per_hour or 0.0) * seconds for supply, seconds in supplies) / 3600.0
    return Bill(
        last.busy_watts, last.busy_error, last.peak_watts, last.usd_per_hour, energy, cost, machine.price, last.sources
    )
