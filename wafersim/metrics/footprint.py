"""What a whole run takes: energy of busy, waiting and spare chips, the carbon of it, and money by three definitions.

energy = PUE x (busy watts x busy time + idle watts x waiting time + idle watts of spares x elapsed time); carbon = energy x the
grid's carbon intensity. Rent, purchase and amortised purchase are three different sums (2.0, 12 and 1.0 MUSD of BLOOM's run, by
Epoch AI): each goes by its name. Seconds may be numpy columns, one run an entry, and so are then joules, kilograms and dollars.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from wafersim.inputs.footprint import ELECTRICITY, LIFETIME, PUE, THIS_EXPERIMENT, Definition, EnergySpec, MoneySpec
from wafersim.inputs.grid import grid_of
from wafersim.inputs.machine import AnyMachine
from wafersim.inputs.price import PURCHASE, RENT, price_json
from wafersim.inputs.sourced import Sourced

Number = float | npt.NDArray[np.float64]
GRID = "run.energy.grid"  # the field that gives a grid


@dataclass(frozen=True)
class Use:
    """Wafers or GPUs that a run holds: seconds in which they compute and in which they wait; spares stand by all the time."""

    count: int
    busy_s: Number
    idle_s: Number
    spares: int = 0

    @property
    def elapsed_s(self) -> Number:
        """Of the calendar."""
        return self.busy_s + self.idle_s


@dataclass(frozen=True)
class Energy:
    """Joules of a run: of the machine busy, waiting, and of its spares; `pue` times their sum is what the site takes.

    `error` is the standard error of the logarithm of the power behind them; time has its own.
    """

    busy_j: Number
    idle_j: Number
    spare_j: Number
    pue: float
    error: Number
    sources: tuple[str, ...]

    @property
    def machine_j(self) -> Number:
        """Without what the site takes besides."""
        return self.busy_j + self.idle_j + self.spare_j

    @property
    def total_j(self) -> Number:
        """With cooling and losses of the site."""
        return self.pue * self.machine_j


@dataclass(frozen=True)
class Carbon:
    """Kilograms of CO2e: of the electricity, and of making the machine where the experiment states that."""

    operational_kg: Number
    embodied_kg: float | None
    sources: tuple[str, ...]

    @property
    def total_kg(self) -> Number:
        """Both."""
        return self.operational_kg + (self.embodied_kg or 0.0)


@dataclass(frozen=True)
class Cost:
    """Dollars of a run by one definition, and the price of a chip behind them; without one the field that would give it."""

    definition: Definition
    usd: Number | None
    sources: tuple[str, ...]
    missing: str = ""
    price: Sourced | None = None
    at: str = ""  # the same in short: price, who says so, when and how sure


@dataclass(frozen=True)
class Footprint:
    """Energy, carbon (None without a grid) and money of a whole run; `definition` is the run's own of the three costs."""

    energy: Energy
    carbon: Carbon | None
    rent: Cost
    purchase: Cost
    amortised: Cost
    definition: Definition

    @property
    def cost(self) -> Cost:
        """By the run's own definition."""
        return {"rent": self.rent, "purchase": self.purchase, "amortised": self.amortised}[self.definition]

    def to_json(self) -> dict[str, Any]:
        """Plain values of one run; columns as lists."""
        energy, carbon = self.energy, self.carbon
        return {
            "energy_j": _plain(energy.total_j),
            "busy_j": _plain(energy.busy_j),
            "idle_j": _plain(energy.idle_j),
            "spare_j": _plain(energy.spare_j),
            "pue": energy.pue,
            "power_error": _plain(energy.error),
            "energy_sources": list(energy.sources),
            "carbon_kg": None if carbon is None else _plain(carbon.total_kg),
            "embodied_kg": None if carbon is None else carbon.embodied_kg,
            "carbon_sources": [f"{GRID} gives it"] if carbon is None else list(carbon.sources),
            "costs": {
                cost.definition: {
                    "usd": _plain(cost.usd),
                    "price": price_json(cost.price),
                    "sources": list(cost.sources),
                    "missing": cost.missing or None,
                }
                for cost in (self.rent, self.purchase, self.amortised)
            },
            "cost_definition": self.definition,
            "cost_usd": _plain(self.cost.usd),
        }


def _plain(value: Number | None) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def footprint_of(machine: AnyMachine, uses: Sequence[Use], energy: EnergySpec, money: MoneySpec) -> Footprint:
    """Of a run that uses a machine so, part after part."""
    joules = energy_of(machine, uses, energy)
    return Footprint(
        joules,
        carbon_of(joules, energy),
        rent_of(machine, uses, money),
        purchase_of(machine, uses, money),
        amortised_of(machine, uses, joules, energy, money),
        money.cost,
    )


def energy_of(machine: AnyMachine, uses: Sequence[Use], spec: EnergySpec) -> Energy:
    """Busy power while chips compute, idle power while they wait and of spares all the time."""
    of_parts = [(machine.supply(use.count), machine.supply(use.spares).idle_watts, use) for use in uses]
    busy = sum(supply.busy_watts * use.busy_s for supply, _, use in of_parts)
    idle = sum(supply.idle_watts * use.idle_s for supply, _, use in of_parts)
    spare = sum(watts * use.elapsed_s for _, watts, use in of_parts)
    waited = idle + spare
    squared = (of_parts[0][0].busy_error * busy) ** 2 + (of_parts[0][0].idle_error * waited) ** 2
    pue = PUE.value if spec.pue is None else spec.pue
    of_site = f"PUE {PUE.written}, assumed: {PUE.cited}" if spec.pue is None else f"PUE {pue:g}: this experiment"
    return Energy(busy, idle, spare, pue, squared**0.5 / (busy + waited), (*of_parts[0][0].power_sources, of_site))


def carbon_of(energy: Energy, spec: EnergySpec) -> Carbon | None:
    """Of the site's electricity by its grid, and what is embodied if that is stated; None without a grid."""
    if spec.grid is None:
        return None
    grid, embodied = grid_of(spec.grid, spec.year), spec.embodied
    sources = [f"{grid.written} of {grid.name}: {grid.source}"]
    sources += [] if embodied is None else [f"embodied {embodied.written}: {embodied.cited}"]
    return Carbon(grid.kg_per_j * energy.total_j, None if embodied is None else embodied.value, tuple(sources))


def rent_of(machine: AnyMachine, uses: Sequence[Use], spec: MoneySpec) -> Cost:
    """Every hour that the machine and its spares are held, busy or not; electricity is in the price."""
    price = replace(machine, money=spec).price
    if price is None:
        return Cost("rent", None, (), RENT)
    hours = sum((use.count + use.spares) * use.elapsed_s for use in uses) / 3600.0
    return Cost("rent", price.value * hours, (_said("price", price),), price=price, at=f"at {price.quoted}")


def purchase_of(machine: AnyMachine, uses: Sequence[Use], spec: MoneySpec) -> Cost:
    """All systems that the run needs at once, bought; nothing for electricity."""
    price = replace(machine, money=spec).purchase
    if price is None:
        return Cost("purchase", None, (), PURCHASE)
    usd = price.value * installed(uses)
    return Cost("purchase", usd, (_said("purchase", price),), price=price, at=f"at {price.quoted}")


def amortised_of(
    machine: AnyMachine, uses: Sequence[Use], energy: Energy, of_energy: EnergySpec, spec: MoneySpec
) -> Cost:
    """The run's share of what a purchase loses over its lifetime, (1 - residual) x elapsed / lifetime, and the electricity."""
    price = replace(machine, money=spec).purchase
    electricity, lifetime = of_energy.price_per_kwh or ELECTRICITY, spec.lifetime or LIFETIME
    if price is None:
        return Cost("amortised", None, (), PURCHASE)
    elapsed = sum(use.elapsed_s for use in uses)
    share = (1.0 - spec.residual) * elapsed / lifetime.value
    sources = (
        _said("purchase", price),
        _said("lifetime", lifetime),
        f"residual value {spec.residual:g} of the price",
        _said("electricity", electricity),
    )
    usd = price.value * installed(uses) * share + electricity.value * energy.total_j
    at = f"at {price.quoted} over {_in_short(lifetime)}, electricity at {_in_short(electricity)}"
    return Cost("amortised", usd, sources, price=price, at=at)


def installed(uses: Sequence[Use]) -> int:
    """Wafers or GPUs that have to be there at once, spares included."""
    return max(use.count + use.spares for use in uses)


def _in_short(number: Sourced) -> str:
    return f"{number.written}{' (assumed)' if _assumed(number) else ''}"


def _assumed(number: Sourced) -> bool:
    """Not the reader's own."""
    return number.kind == "assumed" and number.source != THIS_EXPERIMENT["source"]


def _said(what: str, number: Sourced) -> str:
    assumed = ", assumed" if _assumed(number) else ""
    note = f" ({number.note})" if number.note else ""
    return f"{what} {number.written}{assumed}: {number.cited}{note}"
