"""`run.energy` and `run.money` as they are written: grids by name and year, prices with units, and what is refused."""

from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel, ValidationError

from wafersim.inputs.footprint import EnergySpec, MoneySpec
from wafersim.inputs.grid import grid_of

G_PER_KWH = 1e-3 / 3.6e6


@pytest.mark.parametrize(
    ("written", "grams"),
    [
        ("france", 56.039), ("us-average", 369.473), ("United States", 369.473), ("quebec", 2.0), ("gcp-us-central1", 430),
        ("57 g/kWh", 57), ("0.423 kg/kWh", 423), ("423 kgCO2e/MWh", 423), ("0 g/kWh", 0),
    ],
)  # fmt: skip
def test_a_grid_by_name_or_by_number(written: str, grams: float) -> None:
    assert grid_of(written).kg_per_j == pytest.approx(grams * G_PER_KWH)


def test_the_year_of_a_figure_is_said_and_another_one_is_refused() -> None:
    assert (grid_of("france").year, grid_of("qatar", 2023).year, grid_of("world").year) == (2023, 2023, 2019)
    with pytest.raises(
        ValueError, match=r'^of france the year 2023 is known, not 2022; give a number such as "57 g/kWh"'
    ):
        grid_of("france", 2022)


BAD: list[tuple[type[BaseModel], dict[str, Any], str, str]] = [
    (
        EnergySpec,
        {"grid": "francs"},
        "grid",
        "unknown grid 'francs'; did you mean \"france\"?; must be a grid such as france",
    ),
    (EnergySpec, {"grid": "57"}, "grid", "needs a unit"),
    (EnergySpec, {"grid": "57 kWh"}, "grid", "kWh is a unit of energy, not of carbon intensity"),
    (EnergySpec, {"grid": "-3 g/kWh"}, "grid", "must be from 0 up to 5000 g/kWh"),
    (EnergySpec, {"grid": " "}, "grid", "unknown grid"),
    (EnergySpec, {"grid": "france", "year": 2022}, "grid", "of france the year 2023 is known, not 2022"),
    (EnergySpec, {"year": 2023}, "year", "is of a grid's figure: give grid, too"),
    (EnergySpec, {"grid": "france", "year": "2023"}, "year", "valid integer"),
    (EnergySpec, {"pue": 0.9}, "pue", "greater than or equal to 1"),
    (EnergySpec, {"price_per_kwh": "0.1 USD"}, "price_per_kwh", "USD is a unit of money, not of energy price"),
    (
        EnergySpec,
        {"price_per_kwh": 0.1},
        "price_per_kwh",
        'needs a unit (got 0.1); must be an energy price such as "0.1 USD/kWh"',
    ),
    (EnergySpec, {"price_per_kwh": "-0.1 USD/kWh"}, "price_per_kwh", "must be >= 0"),
    (EnergySpec, {"embodied": "11.2"}, "embodied", "needs a unit"),
    (MoneySpec, {"rent": "2 USD"}, "rent", "USD is a unit of money, not of price"),
    (MoneySpec, {"rent": "-2 USD/h"}, "rent", "must be >= 0"),
    (MoneySpec, {"rent": "1e308 USD/h"}, "rent", "more than all the money"),
    (MoneySpec, {"purchase": "1e200 USD"}, "purchase", "more than all the money"),
    (MoneySpec, {"rent": {"value": "2 USD/h"}}, "kind", "Field required"),
    (MoneySpec, {"purchase": "2 MUSD/h"}, "purchase", "unknown unit"),
    (MoneySpec, {"purchase": [2]}, "purchase", "must be a money"),
    (MoneySpec, {"lifetime": "0 years"}, "lifetime", "must be above 0 and up to 100 years"),
    (MoneySpec, {"lifetime": "101 years"}, "lifetime", "must be above 0 and up to 100 years"),
    (MoneySpec, {"residual": 1.0}, "residual", "less than 1"),
    (MoneySpec, {"cost": "lease"}, "cost", "'rent', 'purchase' or 'amortised'"),
    (MoneySpec, {"prise": "2 USD/h"}, "prise", "Extra inputs"),
]


@pytest.mark.parametrize(("section", "fields", "where", "problem"), BAD)
def test_what_is_refused(section: type[BaseModel], fields: dict[str, Any], where: str, problem: str) -> None:
    with pytest.raises(ValidationError) as refused:
        section.model_validate(fields)
    fault = refused.value.errors()[0]
    blamed = getattr(fault.get("ctx", {}).get("error"), "path", fault["loc"])
    assert problem in fault["msg"] and where in blamed


def test_a_price_brings_its_source_along_and_comes_back_from_a_run_directory() -> None:
    quoted = {"value": "2.5 USD/h", "kind": "measured", "source": "our offer", "date": "2026-05", "confidence": "read"}
    money = MoneySpec.model_validate({"rent": quoted, "purchase": "2 MUSD", "lifetime": "5 years"})
    assert money.rent is not None and (money.rent.value, money.rent.source) == (2.5, "our offer")
    energy = EnergySpec(grid="quebec", year=2023, embodied="3 t", price_per_kwh="50 USD/MWh")
    assert energy.price_per_kwh is not None and energy.price_per_kwh.value == pytest.approx(0.05 / 3.6e6)
    for spec in (money, energy):
        assert type(spec).model_validate(spec.model_dump()) == spec
        assert type(spec).model_validate_json(spec.model_dump_json()) == spec


def test_the_schema_takes_what_the_models_take() -> None:
    jsonschema.validate({"rent": "2.5 USD/h", "lifetime": "5 years"}, MoneySpec.model_json_schema())
    jsonschema.validate(
        {"grid": "france", "price_per_kwh": "0.1 USD/kWh", "embodied": "11.2 t"}, EnergySpec.model_json_schema()
    )
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"rent": "2.5 USD"}, MoneySpec.model_json_schema())


@pytest.mark.parametrize("section", [EnergySpec, MoneySpec])
def test_every_field_says_what_it_is_and_what_it_is_without(section: type[BaseModel]) -> None:
    for name, field in section.model_fields.items():
        assert field.description, name
        assert field.default is not None or "if left out" in field.description, name
