"""`plan`: of hardware in all sizes what meets a goal, and is cheapest, fastest, least in energy or size; and why others lose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from wafersim import numbers
from wafersim.errors import Infeasible
from wafersim.inputs.goal import GoalSpec, Offer, PlanSpec, offers_of, plan_file, with_values
from wafersim.planning.candidates import Hardware, Refused
from wafersim.planning.plan_search import AIMS, Others, PlanSearch
from wafersim.planning.planned import CHEAPEST, FASTEST, FEWEST, AtDeadline, Changes, Planned, Rejected
from wafersim.planning.whole_run import RUNS, Whole
from wafersim.simulation import jobs_of

DEADLINES = (0.5, 0.75, 1.5)  # of the goal's: what these would cost is told beside the answer


def plan(question: str | Path | Mapping[str, Any], runs: int = RUNS, seed: int = 0, workers: int = 1) -> Planned:
    """The answer to a plan's question: a YAML file, the name of a shipped one, or its fields.

    Raises InputFaults, one line each, for what is wrong with it.
    """
    if isinstance(question, Mapping):
        file, beside = plan_file(None)
        file = with_values(file, {"name": "plan", **question})
    else:
        file, beside = plan_file(question)
    spec, offers = offers_of(file, beside)
    return answered(spec, offers, runs, seed, workers=workers)


def answered(
    spec: PlanSpec,
    offers: Sequence[Offer],
    runs: int = RUNS,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
    workers: int = 1,
    others: Others | None = None,
) -> Planned:
    """What meets a goal and is the best in each respect; where nothing meets it `near` says what comes closest.

    `workers` processes simulate candidates beside each other, or `others` do, which changes no answer.
    """
    hardware = [Hardware.of(offer) for offer in offers]
    with PlanSearch(spec.goal, hardware, runs, seed, max(DEADLINES), progress, workers, others) as search:
        return _planned(spec, offers, hardware, search)


def _planned(spec: PlanSpec, offers: Sequence[Offer], hardware: Sequence[Hardware], search: PlanSearch) -> Planned:
    bounded, considered = len(search.candidates), len(search.candidates) + len(search.refused)
    places = search.promising()
    of_each = [whole for one in hardware if (whole := _own_best(search, one, places)) is not None]
    bests = {name: whole for name in AIMS if (whole := search.best(name, places)) is not None}
    answer = bests.get(CHEAPEST, bests.get(FEWEST))
    used = None if answer is None else answer.candidate.hardware
    near = {}
    if answer is None:
        found = {name: search.best(name, search.powered(), judged=False) for name in (FASTEST, CHEAPEST)}
        near = {name: whole for name, whole in found.items() if whole is not None}
    on_front = search.front(places)
    of_each.sort(key=lambda whole: (whole.usd is None, whole.usd or whole.chips))
    changes = None if answer is None else _changes(search, answer, of_each)
    return Planned(
        spec=spec,
        offers=tuple(offers),
        model=offers[0].experiment.model_name,
        tokens=_tokens(search, hardware[0]),
        best=bests,
        of_each=tuple(of_each),
        front=tuple(on_front),
        rejected=tuple(_rejected(search, one, of_each, answer) for one in hardware if one is not used),
        changes=changes,
        near=near,
        considered=considered,
        bounded=bounded,
        simulated=search.simulated,
        wholes=tuple(search.wholes()),
    )


def _own_best(search: PlanSearch, hardware: Hardware, places: Sequence[int]) -> Whole | None:
    """The cheapest of one hardware that meets the goal; without a price the one of fewest chips."""
    own = [place for place in places if search.candidates[place].hardware is hardware]
    priced = any(search.candidates[place].least.usd is not None for place in own)
    return search.best(CHEAPEST if priced else FEWEST, own)


def _changes(search: PlanSearch, answer: Whole, of_each: Sequence[Whole]) -> Changes:
    goal, hardware = search.goal, answer.candidate.hardware
    by = CHEAPEST if answer.usd is not None else FEWEST
    days = goal.within_days
    deadlines = [] if days is None else [
        AtDeadline(days * times, search.best(by, search.promising(times), times)) for times in DEADLINES
    ]  # fmt: skip
    rivals = [whole for whole in of_each if whole.candidate.hardware is not hardware and whole.usd is not None]
    rival = None if answer.usd is None else min(rivals, key=lambda whole: whole.usd or 0.0, default=None)
    return Changes(
        deadlines=tuple(deadlines),
        one_more=search.added(answer.candidate, answer.candidate.count + hardware.machine.unit),
        rival=rival,
        price_factor=None if rival is None or not answer.usd else (rival.usd or 0.0) / answer.usd,
        tokens_factor=answer.times_the_tokens(days, goal.budget, goal.sure),
    )


def _tokens(search: PlanSearch, hardware: Hardware) -> float:
    """Tokens of the whole run; they are one number for all candidates."""
    if search.candidates:
        return search.candidates[0].tokens
    try:
        return sum(job.training.tokens for job in jobs_of(hardware.paid))
    except Infeasible:
        return 0.0


def _rejected(search: PlanSearch, hardware: Hardware, of_each: Sequence[Whole], answer: Whole | None) -> Rejected:
    """Why a hardware is not the answer."""
    own = next((whole for whole in of_each if whole.candidate.hardware is hardware), None)
    if own is None:
        return Rejected(hardware.name, _why_not(search, hardware), False)
    if own.usd is None:
        missing = own.duration.footprint.cost.missing
        return Rejected(hardware.name, f"no price is known: {missing} or --price gives it", True)
    assert answer is not None and answer.usd is not None
    dearer = (
        f"{numbers.digits(own.usd / answer.usd, 3)} times as much" if answer.usd else numbers.amount(own.usd, "USD")
    )
    return Rejected(hardware.name, f"costs {dearer}", True)


def _why_not(search: PlanSearch, hardware: Hardware) -> str:
    """Why no size of a hardware meets the goal."""
    goal = search.goal
    own = [place for place, one in enumerate(search.candidates) if one.hardware is hardware]
    judged = [whole for place in own if (whole := search.judged(place)) is not None]
    if judged:
        return _why_judged(judged, goal)
    if not own:
        return _why_refused([one for one in search.refused if one.hardware is hardware], goal)
    candidates = [search.candidates[place] for place in own]
    powered = [one for one in candidates if goal.power is None or one.least.watts <= goal.power]
    if not powered:
        least = min(candidates, key=lambda one: one.least.watts)
        return f"{least.label} may draw {least.least.watts / 1e3:,.0f} kW"
    in_time = [one for one in powered if goal.within_days is None or one.least.days <= goal.within_days]
    if not in_time:
        fastest = min(powered, key=lambda one: one.least.days)
        return f"{fastest.label} takes {numbers.duration(fastest.least.days * numbers.DAY)} at least"
    cheapest = min(in_time, key=lambda one: one.least.usd or 0.0)
    return f"{cheapest.label}, in time, costs {numbers.amount(cheapest.least.usd or 0.0, 'USD')} at least"


def _why_judged(judged: Sequence[Whole], goal: GoalSpec) -> str:
    """Of sizes whose whole runs were simulated: the one that comes nearest."""
    powered = [whole for whole in judged if goal.power is None or whole.watts <= goal.power]
    if not powered:
        least = min(judged, key=lambda whole: whole.watts)
        return f"{least.label} may draw {least.watts / 1e3:,.0f} kW"
    nearest = max(powered, key=lambda whole: whole.met)
    if nearest.met == 0.0:
        fastest = min(powered, key=lambda whole: whole.days)
        days = numbers.duration(fastest.duration.elapsed.median)
        if goal.within_days is not None and fastest.days > goal.within_days:
            return f"{fastest.label} takes {days} at the fastest"
    money = "" if nearest.usd is None else f" and {numbers.amount(nearest.usd, 'USD')}"
    days = numbers.duration(nearest.duration.elapsed.median)
    return f"{nearest.label} takes {days}{money}: {numbers.percent(nearest.met)} of runs meet the goal"


def _why_refused(refused: Sequence[Refused], goal: GoalSpec) -> str:
    """Of sizes that cannot run, or miss the goal at their peak: what keeps the largest from it that the power allows."""
    if not refused:
        return "no size is within the limits on chips (GPUs come in whole nodes)"
    least = [(one.count, one.least) for one in refused if one.least is not None]
    broken = [one for one in refused if one.least is None]
    if broken:
        return f"{broken[-1].count:,} chips: {broken[-1].reason}"
    powered = [(count, one) for count, one in least if goal.power is None or one.watts <= goal.power]
    if not powered:
        count, one = min(least, key=lambda pair: pair[1].watts)
        return f"{count:,} may draw {one.watts / 1e3:,.0f} kW"
    count, one = powered[-1]
    if goal.within_days is not None and one.days > goal.within_days:
        under = "" if count == least[-1][0] else ", as many as the power allows,"
        return f"{count:,}{under} need {numbers.duration(one.days * numbers.DAY)} even at their peak FLOP/s"
    count, one = min(powered, key=lambda pair: pair[1].usd or 0.0)
    return f"{count:,} cost {numbers.amount(one.usd or 0.0, 'USD')} even at their peak FLOP/s"
