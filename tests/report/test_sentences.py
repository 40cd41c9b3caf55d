"""Answers in sentences: what is best, by how much, how sure, why, what would change it; every number from the rows."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from wafersim import numbers
from wafersim.planning.goal import plan
from wafersim.planning.planned import Planned
from wafersim.planning.sharing import Shared
from wafersim.report.html.sentences import comparison_in_words, plan_in_words, sharing_in_words

Row = dict[str, Any]
Make = Callable[..., Row]


@pytest.fixture
def side(row: Make) -> Make:
    """A side of 8 B tokens that takes `days` (20 % to both sides) and costs `usd`."""

    def make(name: str, days: float, usd: float | None, **fields: Any) -> Row:
        interval = {"days_to_train": [0.8 * days, 1.2 * days]}
        price = None if usd is None else {"written": fields.pop("written", "2 USD/h")}
        return row(
            name=name,
            days_to_train=days,
            cost_usd=usd,
            tokens=8e9,
            interval=interval,
            price=price,
            profile=name,
            **fields,
        )

    return make


def test_a_side_that_beats_the_first(side: Make) -> None:
    """Hand: 10 d / 4 d = 2.5 times, so 60 % shorter; 20 of 80 kUSD is a quarter of the price."""
    chances = {"against_first": {"faster": 0.97, "cheaper": 0.6}}
    said = comparison_in_words([side("a", 10.0, 80e3), side("b", 4.0, 20e3, **chances)])
    assert "the fastest is “b”: 4.0 d (3.2 to 4.8 in four of five such runs)" in said
    assert "“a” takes 10.0 d (8.0 to 12.0 in four of five such runs) with 1 system, 2.5 times as long" in said
    assert "(slower with a probability of 97 %)" in said and "(dearer with a probability of 60 %)" in said
    assert "The cheapest is “b” with 20 kUSD; “a” costs 80 kUSD" in said
    assert "75 % of a step of “b” is wafer compute" in said  # 1.5 of 2 s
    assert "a step 60 % shorter would make “a” as fast; 25 % of its 2 USD/h would make “a” as cheap" in said


def test_the_first_beats_the_next_of_several(side: Make) -> None:
    others = [side("b", 6.0, 90e3, against_first={"faster": 0.1, "cheaper": 0.3}), side("c", 20.0, 85e3)]
    said = comparison_in_words([side("a", 5.5, 80e3), *others])
    assert "the fastest is “a”" in said and "“b” takes 6.0 d" in said and "a probability of 90 %" in said
    assert "“c” costs 85 kUSD" in said


def test_of_sides_that_take_and_cost_the_same_none_is_the_fastest_or_the_cheapest(side: Make) -> None:
    alike = {"against_first": {"faster": 0.5, "cheaper": 0.5}}
    said = comparison_in_words([side("a", 10.0, 80e3), side("b", 10.0, 80e3, **alike)])
    assert "none is faster than “a”" in said and "None is cheaper than “a” with 80 kUSD; “b” costs as much" in said
    assert not re.search("the fastest|The cheapest|times as long|What would change", said)


def test_what_lies_within_the_range_of_the_fastest_is_named(side: Make) -> None:
    said = comparison_in_words(
        [side("a", 10.0, None), side("b", 4.0, None), side("c", 4.5, None), side("d", 4.9, None)]
    )
    assert "within the range of the fastest is “c”, 4.5 d" in said and "and 1 more" not in said  # 4.9 > 4.8
    assert "cheapest" not in said and "as cheap" not in said


def test_a_price_that_is_no_rent_is_not_scaled(side: Make) -> None:
    said = comparison_in_words([side("a", 10.0, 80e3, written="3 MUSD"), side("b", 4.0, 20e3)])
    assert "The cheapest is “b”" in said and "as cheap" not in said


def test_another_job_is_not_set_beside(side: Make) -> None:
    refused = {"name": "c", "kind": "wafer", "model": "m", "n_systems": 1, "infeasible": "too large"}
    said = comparison_in_words([side("a", 10.0, 1.0), side("b", 4.0, 1.0, model="other"), refused])
    assert said.startswith("No other side trains the job of “a”")


def test_who_slows_down(row: Make) -> None:
    jobs = [Shared("small", "m", 2, 0.1, 0.12, 1.2, 100), Shared("large", "m", 2, 5.0, 5.0, 1.0, 10)]
    said = sharing_in_words(jobs, [row(), row()], "andromeda")
    assert "small slows down most: its step is 20 % longer, from 100 ms to 120 ms; no other one notices" in said
    assert "Wafer compute is 75 % of its step alone." in said
    said = sharing_in_words([jobs[1], jobs[1]], [row(), row()], "andromeda")
    assert "None has a step longer by 0.1 %" in said


JOB = {"model": "cerebras-gpt-1.3b", "training": {"sequence_length": 2048, "batch": 512, "tokens": "260B"}}
SPACE = [{"on": "h100", "sizes": [16, 32]}, {"on": "a100", "sizes": [64], "price": "2 USD/h"}]


@pytest.fixture(scope="module")
def found() -> Planned:
    return plan({"goal": {"days": 5.0}, "common": JOB, "candidates": SPACE}, runs=100)


def test_a_plan_in_words_has_the_numbers_of_its_json(found: Planned) -> None:
    said, answer = plan_in_words(found), found.answer
    assert answer is not None
    told = found.to_json()["best"]["cheapest"]
    days = {name: told["days"][name] * numbers.DAY for name in ("low", "median", "high")}
    span = numbers.span(days["low"], days["high"], days["median"]).replace(" - ", " to ")
    assert f"done in {numbers.duration(days['median'])} ({span} in four of five runs)" in said
    assert said.startswith(f"{answer.candidate.count:,} {answer.candidate.hardware.name}")
    assert f"for {numbers.amount(answer.usd or 0.0, 'USD')} (" in said
    share = re.search(r"A step takes [\d.]+ m?s, (\d+) % of it", said)
    assert share is not None and 0 < int(share[1]) <= 100
    changes = found.changes
    assert changes is not None and changes.price_factor is not None
    assert f"were its price {numbers.change(changes.price_factor - 1)}" in said
    assert changes.deadlines[0].answer is not None and changes.rival is changes.deadlines[0].answer
    assert f"within 2.5 d it is {changes.rival.label}." in said and said.count("20 kUSD") == 1  # in full once
