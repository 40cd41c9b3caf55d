"""The sections `run.energy` and `run.money` of an experiment: what electricity stands for, and what machines cost."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from wafersim import quantity
from wafersim.inputs.faults import WrongField
from wafersim.inputs.grid import grid_of
from wafersim.inputs.sourced import Dimension, Frozen, Sourced, sourced
from wafersim.numbers import DAY

LONGEST = 100 * 365.25 * DAY  # seconds: nothing here takes a century
THIS_EXPERIMENT = {"kind": "assumed", "source": "this experiment", "date": "2026"}

DEAREST = 1e14  # USD, or USD in an hour or a kWh

Definition = Literal["rent", "purchase", "amortised"]


def _number(dimension: str, value: Any) -> dict[str, Any]:
    """The fields of a `Sourced` from "2 MUSD", or from the same with its source: {value, kind, source, date, confidence}."""
    raw = value if isinstance(value, dict) else {"value": value, **THIS_EXPERIMENT}
    found: dict[str, Any] = sourced(Dimension(dimension), raw)
    return found


def _stated(dimension: str) -> tuple[BeforeValidator, WithJsonSchema]:
    """Marks a number of the experiment's that may bring its source along."""

    def read(value: Any) -> Any:
        return value if isinstance(value, Sourced) else _number(dimension, value)

    text = {"type": "string", "pattern": quantity.pattern(dimension)}
    whole = {"type": "object", "required": ["value", "kind", "source", "date"]}
    return BeforeValidator(read), WithJsonSchema({"anyOf": [text, whole]})


def _lasting(lifetime: Sourced) -> Sourced:
    if not 0 < lifetime.value <= LONGEST:
        raise ValueError(f"must be above 0 and up to 100 years (got {lifetime.written!r})")
    return lifetime


def _payable(price: Sourced) -> Sourced:
    if not price.value <= DEAREST:
        raise ValueError(f"is more than all the money there is (got {price.written!r})")
    return price


EnergyPrice = Annotated[Sourced, AfterValidator(_payable), *_stated("energy price")]
HourPrice = Annotated[Sourced, AfterValidator(_payable), *_stated("price")]
Amount = Annotated[Sourced, AfterValidator(_payable), *_stated("money")]
Mass = Annotated[Sourced, *_stated("mass")]
Lifetime = Annotated[Sourced, AfterValidator(_lasting), *_stated("time")]

PUE = Sourced(
    **_number(
        "fraction",
        {
            "value": 1.2, "kind": "assumed", "source": "that of Jean Zay, which trained BLOOM, P019", "date": "2022-11",
            "confidence": "second-hand", "note": "1.08 to 1.12 where an owner builds for himself, 1.54 in a survey of all sites",
        },
    )
)  # fmt: skip
ELECTRICITY = Sourced(
    **_number(
        "energy price",
        {
            "value": "0.0977 USD/kWh", "kind": "assumed", "source": "of industry in the United States, EIA, P021",
            "date": "2026-07", "confidence": "second-hand",
        },
    )
)  # fmt: skip
LIFETIME = Sourced(
    **_number(
        "time",
        {"value": "4 years", "kind": "assumed", "source": "nothing is published of these machines", "date": "2026"},
    )
)


class EnergySpec(Frozen):
    """Where the electricity comes from, what it costs, and what the site takes besides the machine."""

    pue: Annotated[float, Field(ge=1, le=10)] | None = Field(
        default=None, description=f"Power of the site over that of the machine; {PUE.written} (assumed) if left out."
    )
    grid: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="Carbon of a kWh: a grid such as france, us-average, quebec or gcp-us-central1, or a number such as "
        '"57 g/kWh"; no carbon if left out.',
    )
    year: Annotated[int, Field(ge=1990, le=2100, strict=True)] | None = Field(
        default=None, description="Year of the grid's figure; the newest that the table has if left out."
    )
    price_per_kwh: EnergyPrice | None = Field(
        default=None,
        description=f'Of electricity, such as "0.1 USD/kWh"; {ELECTRICITY.written} ({ELECTRICITY.source}) if left out.',
    )
    embodied: Mass | None = Field(
        default=None,
        description='Carbon of making the machine, this run\'s share of it, such as "11.2 t"; none if left out.',
    )

    @model_validator(mode="after")
    def _known_grid(self) -> EnergySpec:
        if self.grid is not None:
            try:
                grid_of(self.grid, self.year)
            except ValueError as error:
                raise WrongField("grid", str(error)) from None
        elif self.year is not None:
            raise WrongField("year", "is of a grid's figure: give grid, too")
        return self


class MoneySpec(Frozen):
    """What machines cost. Rent, purchase and amortised purchase are different things: one is the run's cost, all are named."""

    cost: Definition = Field(
        default="rent",
        description="The run's cost: rent (every hour that the machine is held), purchase (all systems bought) or amortised "
        "(the run's share of a purchase, and electricity).",
    )
    rent: HourPrice | None = Field(
        default=None,
        description='Of one wafer or GPU with what belongs to it, such as "2.5 USD/h"; the profile\'s if left out.',
    )
    offer: Annotated[str, Field(min_length=1, max_length=80)] | None = Field(
        default=None,
        description="One of the profile's other prices an hour, by name, such as aws-3-years; its usual one if left out.",
    )
    purchase: Amount | None = Field(
        default=None, description='Of the same, such as "2 MUSD"; the profile\'s if left out.'
    )
    lifetime: Lifetime | None = Field(
        default=None,
        description=f'Over which a purchase is written off, such as "5 years"; {LIFETIME.written} (assumed) if left out.',
    )
    residual: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="Share of its price that a machine is worth after that; 0 unless given."
    )

    @model_validator(mode="after")
    def _one_rent(self) -> MoneySpec:
        if self.rent is not None and self.offer is not None:
            raise WrongField("offer", "rent is given, too: give one of them")
        return self


NOTHING_STATED = MoneySpec()
