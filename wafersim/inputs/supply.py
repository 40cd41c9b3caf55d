"""What a machine draws and costs: watts busy, idle and at most, rent and purchase, each with where it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot
from typing import Literal

from wafersim.inputs.sourced import Sourced

Part = Literal["chip", "host", "switches"]


@dataclass(frozen=True)
class Dollars:
    """An amount, and the price that it was worked out from."""

    usd: float
    price: Sourced

    @property
    def source(self) -> str:
        """The price as written, with source, confidence and date."""
        return f"{self.price.written}: {self.price.cited}"


@dataclass(frozen=True)
class Draw:
    """Parts of a machine that are alike. Without a share a part draws its rated power, which is at least what it would draw."""

    part: Part
    what: str  # in words, one of them
    count: float
    rated: Sourced  # W, at most
    busy_share: Sourced | None = None  # of the rated power, in training
    idle_share: Sourced | None = None  # of it, without a job or waiting for one

    @property
    def peak_watts(self) -> float:
        """All of them at their rated power."""
        return self.count * self.rated.value

    @property
    def busy_watts(self) -> float:
        """All of them in training."""
        return self.peak_watts * (1.0 if self.busy_share is None else self.busy_share.value)

    @property
    def idle_watts(self) -> float:
        """All of them without a job."""
        return self.peak_watts * (1.0 if self.idle_share is None else self.idle_share.value)

    @property
    def sources(self) -> tuple[str, ...]:
        """Of the rated power and of both shares."""
        shares = {"busy": self.busy_share, "idle": self.idle_share} if self.part != "switches" else {}
        return (
            f"power {self.rated.written} a {self.what}: {self.rated.cited}",
            *(f"a {self.what}, {state}: {_share(share)}" for state, share in shares.items()),
        )


def _error(draw: Draw, share: Sourced | None) -> float:
    """Standard error of the logarithm of what a part draws: of its rated power, where that is not exact, and of its share."""
    return hypot(draw.rated.standard_error or 0.0, 0.0 if share is None else share.standard_error or 0.0)


def _share(share: Sourced | None) -> str:
    return "all of it, as no share is given" if share is None else f"{share.written} of it, {share.kind}: {share.cited}"


@dataclass(frozen=True)
class Supply:
    """Watts of a machine in training (`busy`), without a job or waiting for one (`idle`) and at most (`peak`, that an
    installation must be able to give); dollars of rent an hour and to buy it, None without a price; and the parts that draw it.
    """

    busy_watts: float
    busy_error: float  # standard error of its logarithm: how far another installation's may lie
    idle_watts: float
    idle_error: float
    peak_watts: float
    rent: Dollars | None
    purchase: Dollars | None
    draws: tuple[Draw, ...]

    @property
    def usd_per_hour(self) -> float | None:
        """The rent; None where no price is known."""
        return None if self.rent is None else self.rent.usd

    @property
    def power_sources(self) -> tuple[str, ...]:
        """Of the power of all parts."""
        return tuple(line for draw in self.draws for line in draw.sources)

    @property
    def sources(self) -> tuple[str, ...]:
        """Of power and rent."""
        return self.power_sources if self.rent is None else (*self.power_sources, f"price {self.rent.source}")


def supply_of(draws: Sequence[Draw], count: int, rent: Sourced | None, purchase: Sourced | None) -> Supply:
    """The draws of a machine's parts together, and `count` times what one wafer or GPU costs."""

    def of_all(price: Sourced | None) -> Dollars | None:
        return None if price is None else Dollars(count * price.value, price)

    return Supply(
        *_with_error([(draw.busy_watts, _error(draw, draw.busy_share)) for draw in draws]),
        *_with_error([(draw.idle_watts, _error(draw, draw.idle_share)) for draw in draws]),
        sum(draw.peak_watts for draw in draws),
        of_all(rent),
        of_all(purchase),
        tuple(draws),
    )


def _with_error(parts: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """(watts of all parts, standard error of their logarithm), for parts that err independently."""
    watts = sum(each for each, _ in parts)
    return watts, hypot(*(each * error for each, error in parts)) / watts if watts else 0.0
