"""Plans against simulating every candidate, and what they say of goals that nothing meets."""

from functools import cache
from math import inf
from typing import Any

import pytest

from wafersim.inputs.goal import Offer, PlanSpec, offers_of, plan_file, with_values
from wafersim.planning.candidates import Hardware, candidate_of, least_at_peak, near
from wafersim.planning.goal import answered, plan
from wafersim.planning.planned import CHEAPEST, FASTEST, FEWEST, LEAST_ENERGY, Planned
from wafersim.planning.whole_run import SAMPLED, Whole, whole_of

RUNS = 100
SPACE = [
    {"on": "h100", "sizes": [8, 16, 24, 32, 64]},
    {"on": "a100", "sizes": [8, 32, 64, 128], "price": "1 USD/h"},
    {"on": "a100", "sizes": [16, 64], "pay": "amortised"},
    {"on": "cs2", "sizes": [1, 2, 4, 8]},
    {"on": "cs3", "sizes": [1, 4]},
]


def asked(
    goal: dict[str, Any], candidates: list[dict[str, Any]] = SPACE, **common: Any
) -> tuple[PlanSpec, list[Offer]]:
    job = {"model": "cerebras-gpt-1.3b", "training": {"sequence_length": 2048, "batch": 512, "tokens": "26B"}} | common
    file, beside = plan_file(None)
    return offers_of(with_values(file, {"name": "p", "goal": goal, "common": job, "candidates": candidates}), beside)


@cache
def every_whole() -> tuple[Whole, ...]:
    """The whole runs of all candidates of the space."""
    spec, offers = asked({})
    hardware = [Hardware.of(offer) for offer in offers]
    return tuple(whole_of(candidate_of(*form), spec.goal, RUNS) for one in hardware for form in one.forms(spec.goal))


def found_by_all(goal: dict[str, Any]) -> dict[str, tuple[str, int, int] | None]:
    spec, _ = asked(goal)
    limits = spec.goal

    def meets(whole: Whole) -> bool:
        fits = limits.power is None or whole.watts <= limits.power
        return fits and whole.share_within(limits.within_days, limits.budget) >= limits.sure

    values = {
        CHEAPEST: lambda whole: inf if whole.usd is None else whole.usd,
        FASTEST: lambda whole: whole.days,
        LEAST_ENERGY: lambda whole: whole.joules,
        FEWEST: lambda whole: float(whole.candidate.count + whole.duration.spare_chips),
    }
    good = [whole for whole in every_whole() if meets(whole)]
    found = {name: min(good, key=value, default=None) for name, value in values.items()}
    return {name: None if one is None or values[name](one) == inf else named(one) for name, one in found.items()}


def named(whole: Whole) -> tuple[str, int, int]:
    return (
        whole.candidate.hardware.name + whole.candidate.hardware.pay,
        whole.candidate.count,
        whole.duration.spare_chips,
    )


@pytest.mark.parametrize(
    "goal",
    [
        {},
        {"days": 12.0},
        {"days": 3.0, "sure": 0.95},
        {"days": 20.0, "budget": "20 kUSD"},
        {"days": 30.0, "power": "60 kW"},
        {"budget": "9 kUSD", "sure": 0.5},
        {"days": 0.1},
    ],
    ids=str,
)
def test_a_plan_finds_what_simulating_all_finds(goal: dict[str, Any]) -> None:
    found = answered(*asked(goal), runs=RUNS)
    wanted = found_by_all(goal)
    assert {name: named(whole) for name, whole in found.best.items()} == {
        name: one for name, one in wanted.items() if one
    }
    assert found.considered == len(every_whole())


def test_workers_change_no_answer() -> None:
    goal = {"days": 12.0, "budget": "30 kUSD"}
    one, two = (answered(*asked(goal), runs=RUNS, workers=workers).to_json() for workers in (1, 2))
    assert one | {"simulated": 0} == two | {"simulated": 0}


def test_the_front_is_that_of_simulating_all() -> None:
    found = answered(*asked({"days": 40.0}), runs=RUNS)
    good = [whole for whole in every_whole() if whole.usd is not None and whole.share_within(40.0, None) >= 0.8]
    front = [
        one
        for one in good
        if not any(other.days <= one.days and (other.usd or 0) <= (one.usd or 0) and other is not one for other in good)
    ]
    assert [named(whole) for whole in found.front] == [named(one) for one in sorted(front, key=lambda one: one.days)]
    assert len(found.front) > 2


def test_nothing_beats_its_bounds() -> None:
    for whole in every_whole():
        candidate = whole.candidate
        for least in (candidate.least, least_at_peak(candidate.size, candidate.spares)):
            assert least is not None
            assert least.days <= whole.days * (1 + SAMPLED) and least.joules <= whole.joules * (1 + SAMPLED)
            assert least.watts <= whole.watts
            assert (least.usd is None) == (whole.usd is None)
            assert least.usd is None or least.usd <= (whole.usd or 0.0) * (1 + SAMPLED)


def test_a_goal_that_nothing_meets_says_what_comes_closest() -> None:
    found = answered(*asked({"days": 0.1}), runs=RUNS)
    assert found.answer is None and not found.best and not found.front
    assert [(one.name, one.meets) for one in found.rejected] == [(str(one["on"]), False) for one in SPACE]
    assert all(one.reason for one in found.rejected)
    assert named(found.near[FASTEST]) == named(min(every_whole(), key=lambda whole: whole.days))
    assert named(found.near[CHEAPEST])[1] == 64, "only two sizes may be done in time and a half"


def test_without_a_price_hardware_stays_by_time_and_energy() -> None:
    found = answered(*asked({"days": 30.0, "budget": "30 kUSD"}, [{"on": "cs3", "sizes": [1, 2, 4]}]), runs=RUNS)
    assert set(found.best) == {FASTEST, LEAST_ENERGY, FEWEST}
    assert [whole.usd for whole in found.front] == [None] * len(found.front) != []
    answer = found.answer
    assert answer is not None and answer.duration.footprint.cost.missing == "run.money.rent"


def test_a_price_changes_who_is_cheapest() -> None:
    def cheapest(price: str) -> str:
        space = [{"on": "h100", "sizes": [32]}, {"on": "a100", "sizes": [64], "price": price}]
        answer = answered(*asked({"days": 30.0}, space), runs=RUNS).answer
        assert answer is not None
        return answer.candidate.hardware.name

    assert (cheapest("0.5 USD/h"), cheapest("50 USD/h")) == ("a100", "h100")


def test_what_the_answer_hangs_on() -> None:
    found: Planned = answered(*asked({"days": 20.0, "budget": "20 kUSD"}), runs=RUNS)
    answer, changes = found.answer, found.changes
    assert answer is not None and changes is not None
    assert changes.one_more is not None
    assert changes.one_more.candidate.count == answer.candidate.count + answer.candidate.hardware.machine.unit
    assert [one.days for one in changes.deadlines] == [10.0, 15.0, 30.0]
    times = changes.tokens_factor
    assert times is not None
    # So many times the tokens are as likely to be done as was asked: 80 % of runs.
    assert answer.share_within(20.0 / times, 20_000.0 / times) == pytest.approx(0.8, abs=0.015)


def test_a_question_in_python_is_that_of_a_file() -> None:
    common = {"model": "cerebras-gpt-111m", "training": {"tokens": "2B"}}
    found = plan({"common": common, "goal": {"days": 1.0}, "candidates": [{"on": "h100", "sizes": [8, 16]}]}, runs=RUNS)
    assert found.answer is not None and found.answer.candidate.count == 8
    assert repr(found) == f"<Plan plan for cerebras-gpt-111m: {found.answer!r}>"


@pytest.mark.parametrize(
    ("batch", "units", "wanted"),
    [
        (1024, 32, 1024),
        (1024, 40, 1040),
        (1024, 36, 1008),
        (1024, 72, 1008),
        (10, 3, 9),
        (10, 4, 10),
        (1, 1, 1),
        (2, 64, 2),
    ],
)
def test_a_batch_near_goes_round_within_an_eighth(batch: int, units: int, wanted: int) -> None:
    assert near(batch, units) == wanted


def test_sizes_are_four_an_octave_in_whole_nodes() -> None:
    spec, offers = asked(
        {"chips": 100}, [{"on": "h100"}, {"on": "h100", "chips": 20, "pay": "amortised"}, {"on": "andromeda"}]
    )
    nodes, few, wafers = (Hardware.of(offer).sizes(spec.goal) for offer in offers)
    assert nodes == (8, 16, 24, 32, 40, 48, 56, 64, 80, 96)
    assert few == (8, 16)
    assert wafers == (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16)
