"""Published bills from their own hours and prices: arithmetic that the definitions of cost meet, no validation of a run."""

import re

import pytest

from tests.checkout import ROOT
from wafersim.inputs.footprint import EnergySpec, MoneySpec
from wafersim.inputs.machine import load_any
from wafersim.metrics.footprint import Energy, Use, amortised_of, footprint_of

PAGE = (ROOT / "docs/howto/energy_and_money.md").read_text(encoding="utf-8")
# GPUs and GPU-hours as published; by what the machine was rented or bought.
BLOOM = Use(384, 1_082_990 / 384 * 3600.0, 0.0)  # arXiv 2211.02001, RBLOOM
MPT = Use(440, 9.5 * 86_400.0, 0.0)  # databricks.com/blog/mpt-7b, RMPT7: 100,320 h
FALCON = Use(4096, 1.0, 0.0)  # M305: only what it takes to buy them is known
RESERVED, NODE_OF_2020 = "1.81 USD/h", "dgx-a100-40gb"  # M002 for 3 years; M014 at release with M301


def bought(use: Use) -> float:
    """The node of 2020 and its switches: 199 kUSD / 8 / 0.81 = 30,710 USD a GPU."""
    usd = footprint_of(load_any(NODE_OF_2020), [use], EnergySpec(), MoneySpec()).purchase.usd
    assert isinstance(usd, float)
    return usd


def rented(use: Use, price: str) -> float:
    usd = footprint_of(load_any("dgx-a100-80gb"), [use], EnergySpec(), MoneySpec(rent=price)).rent.usd
    assert isinstance(usd, float)
    return usd


def amortised() -> float:
    """Four years, and 433,196 kWh (P014) x PUE 1.2 at 0.0977 USD."""
    energy = Energy(433_196 * 3.6e6, 0.0, 0.0, 1.2, 0.0, ())
    usd = amortised_of(load_any(NODE_OF_2020), [BLOOM], energy, EnergySpec(), MoneySpec()).usd
    assert isinstance(usd, float)
    return usd


BILLS = {
    # What the table calls it: (published MUSD, MUSD by the definitions, MUSD by hand)
    "BLOOM, rented": (1.98, rented(BLOOM, RESERVED) / 1e6, 1.082990 * 1.81),
    "BLOOM, bought": (12.05, bought(BLOOM) / 1e6, 384 * 0.0248750 / 0.81),
    "BLOOM, amortised": (0.996, amortised() / 1e6, 11.793 * 1_082_990 / 384 / (4 * 8766) + 0.433196 * 1.2 * 0.0977),
    "Falcon-180B, bought": (126.9, bought(FALCON) / 1e6, 4096 * 0.0248750 / 0.81),
    "MPT-7B, rented": (0.2, rented(MPT, "2 USD/h") / 1e6, 0.100320 * 2),
}


@pytest.mark.parametrize("name", BILLS)
def test_a_bill_is_what_a_pocket_calculator_says(name: str) -> None:
    _, found, by_hand = BILLS[name]
    assert found == pytest.approx(by_hand, rel=1e-4)


def test_the_page_shows_what_is_worked_out() -> None:
    rows = re.findall(
        r"^\| ([^|]+, (?:rented|bought|amortised)) \|.*\| ([\d.]+) \| ([\d.]+) \| ([-+][\d.]+) % \|$", PAGE, re.M
    )
    assert [name for name, *_ in rows] == list(BILLS)
    for name, published, found, change in rows:
        told, worked_out, _ = BILLS[name]
        assert float(published) == told
        assert float(found) == pytest.approx(worked_out, abs=0.6 * 10.0 ** -len(found.partition(".")[2]))
        assert float(change) == pytest.approx(100 * (worked_out / told - 1), abs=0.06)


def test_one_run_costs_twelve_times_another_by_definition() -> None:
    assert BILLS["BLOOM, bought"][1] / BILLS["BLOOM, amortised"][1] == pytest.approx(12, abs=0.5)
