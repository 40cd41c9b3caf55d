"""What a machine costs: one way to state it, that the bill of steps and that of a whole run both read."""

from typing import Any

import pytest
from pydantic import ValidationError

from wafersim.errors import InputFaults, WafersimError
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.footprint import MoneySpec
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.machine import load_any
from wafersim.inputs.price import rent_of, with_switches
from wafersim.inputs.sourced import Sourced
from wafersim.metrics.footprint import Use, footprint_of
from wafersim.simulation import simulate


def number(written: str, value: float, dimension: str = "money", **fields: Any) -> Sourced:
    whole = {"kind": "datasheet", "source": "a list: a site", "date": "2025", **fields}
    return Sourced(written=written, value=value, dimension=dimension, **whole)


def hello(system: dict[str, Any] | None = None, **money: Any) -> Experiment:
    fields = load_experiment("hello_111m").model_dump(exclude_none=True)
    return Experiment.model_validate(
        {**fields, "system": {**fields["system"], **(system or {})}, "run": {"money": money}}
    )


@pytest.mark.parametrize(
    ("money", "an_hour"),
    [({}, 188.0), ({"rent": "100 USD/h"}, 100.0), ({"offer": "cirrascale-week"}, 357.0)],
)
def test_the_steps_and_the_whole_run_are_billed_at_one_price(money: dict[str, Any], an_hour: float) -> None:
    experiment = hello(**money)
    bill = simulate(experiment).bill
    assert bill.usd_per_hour == an_hour
    assert bill.cost_usd == pytest.approx(an_hour * bill.energy_j / bill.power_w / 3600)
    whole = footprint_of(load_any("cs2"), [Use(1, 3600.0, 0.0)], experiment.run.energy, experiment.run.money)
    assert whole.rent.usd == pytest.approx(an_hour)
    assert whole.rent.price == bill.price


def test_an_overridden_price_is_read_by_both_too() -> None:
    experiment = hello({"overrides": {"system.rent": "50 USD/h", "system.purchase": "1 MUSD"}})
    whole = footprint_of(experiment.machine, [Use(2, 3600.0, 0.0)], experiment.run.energy, experiment.run.money)
    assert (simulate(experiment).bill.usd_per_hour, whole.rent.usd, whole.purchase.usd) == (50.0, 100.0, 2e6)


@pytest.mark.parametrize(
    ("overrides", "money", "blamed"),
    [
        ({"system.rent": "2 USD/h"}, {"rent": "3 USD/h"}, "run.money.rent"),
        ({"system.rent": "2 USD/h"}, {"offer": "cirrascale-week"}, "run.money.offer"),
        ({"system.purchase": "2 MUSD"}, {"purchase": "3 MUSD"}, "run.money.purchase"),
        ({}, {"rent": "3 USD/h", "offer": "cirrascale-week"}, "offer"),
    ],
)
def test_two_prices_for_one_thing_are_refused(overrides: dict[str, str], money: dict[str, Any], blamed: str) -> None:
    with pytest.raises(ValidationError) as refused:
        hello({"overrides": overrides}, **money)
    wrong = refused.value.errors()[0]["ctx"]["error"]
    assert "is given, too: give one of them" in str(wrong) and wrong.path == blamed


@pytest.mark.parametrize("path", ["system.price", "system.rent", "price", "run.price", "run.money.price"])
def test_a_price_that_stands_where_nothing_reads_it_is_told_where_it_belongs(path: str) -> None:
    with pytest.raises(InputFaults, match=r"unknown field; here it is run\.money\.rent"):
        load_experiment("hello_111m", [f"{path}=2 USD/h"])


def test_an_offer_that_nobody_makes_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(
        ValidationError, match=r"cs2 has no offer called 'cirrascale'; did you mean .*known: cirrascale-month"
    ):
        hello(offer="cirrascale")
    with pytest.raises(WafersimError, match="cs3 has no offer called 'mine'; known: none"):
        rent_of("cs3", None, {}, MoneySpec(offer="mine"))


def test_switches_are_a_share_of_what_nodes_and_they_cost_together() -> None:
    # 81 kUSD of nodes are 81 % of 100 kUSD.
    node = number("81 kUSD", 81e3, source="a node: its list", confidence="read")
    whole = with_switches(node, number("0.19", 0.19, "fraction", source="a study", confidence="recalled"))
    assert whole.value == pytest.approx(100e3) and whole.written == "100 kUSD"
    assert whole.source == "a node with 19 % of it all for switches: its list; a study"
    assert whole.unchecked and whole.kind == "derived"  # as sure as the less sure of both


def test_a_price_in_short_says_who_when_and_how_sure() -> None:
    price = number(
        "2 USD/h", 2.0, "price", source="AWS on-demand list, p4d 32.77 USD/h for 8: a site", date="2025-03-02"
    )
    assert price.in_short == "AWS on-demand list, 2025-03-02"
    assert price.model_copy(update={"confidence": "recalled"}).in_short.endswith("2025-03-02, unchecked")
    assert price.model_copy(update={"confidence": "second-hand"}).in_short.endswith("2025-03-02, second-hand")
