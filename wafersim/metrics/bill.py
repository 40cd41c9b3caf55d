"""Power, energy and money of a machine while it works on a job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wafersim.inputs.machine import AnyMachine
from wafersim.inputs.sourced import Sourced
from wafersim.inputs.supply import Supply


@dataclass(frozen=True)
class Bill:
    """What a machine draws and costs, joules and dollars of the steps (None without a price), the price of one chip's hour."""

    supply: Supply
    energy_j: float
    cost_usd: float | None
    price: Sourced | None

    @property
    def power_w(self) -> float:
        """Watts in training."""
        return self.supply.busy_watts

    @property
    def power_error(self) -> float:
        """Standard error of the logarithm of the watts in training: how far another installation's may lie."""
        return self.supply.busy_error

    @property
    def peak_power_w(self) -> float:
        """Watts at most."""
        return self.supply.peak_watts

    @property
    def usd_per_hour(self) -> float | None:
        """Dollars of rent; None without a price."""
        return self.supply.usd_per_hour

    @property
    def sources(self) -> tuple[str, ...]:
        """Of power and rent."""
        return self.supply.sources


def bill_of(machine: AnyMachine, phases: Sequence[tuple[int, float]]) -> Bill:
    """Of (wafers or GPUs, seconds that they work), phase after phase; watts and dollars an hour are the last one's."""
    supplies = [(machine.supply(count), seconds) for count, seconds in phases]
    last, _ = supplies[-1]
    energy = sum(supply.busy_watts * seconds for supply, seconds in supplies)
    cost = None
    if last.usd_per_hour is not None:
        cost = sum((supply.usd_per_hour or 0.0) * seconds for supply, seconds in supplies) / 3600.0
    return Bill(last, energy, cost, machine.price)
