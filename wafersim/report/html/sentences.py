"""Answers of several jobs, sides or candidates in sentences: what is best, by how much, how sure, why, what would change it."""

from __future__ import annotations

from collections.abc import Sequence

from wafersim import numbers
from wafersim.planning.planned import CHEAPEST, FASTEST, Planned
from wafersim.planning.sharing import Shared
from wafersim.planning.whole_run import Whole
from wafersim.report.screen.binding import shares_of
from wafersim.report.screen.plan import in_short, named
from wafersim.report.screen.sharing import NOTICED
from wafersim.report.words import Row, chance, counted, same_job
from wafersim.training_run.duration import Spread
from wafersim.training_run.family import Family

HOURLY = "/h"  # with which a rent ends: a bill that is as many times the price as it lasts hours


def family_in_words(family: Family, rows: Sequence[Row], machine: str) -> str:
    """How long all jobs take packed and in turn, which one is the longest and what binds it, and what is sure."""
    packed, turn, members = family.packed, family.in_turn, family.members
    saved = turn.median - packed.median
    longest = max(range(len(members)), key=lambda place: members[place].alone.median)
    member, (what, share) = members[longest], _binds(rows[longest])
    last = max(members, key=lambda one: one.ends_s)
    gain = f"{numbers.duration(saved)} sooner" if saved > 0 else "no sooner"
    said = [
        f"All {len(members)} jobs take {_told(packed)} on {family.systems:,} systems of {machine} packed beside each other, "
        f"{gain} than one after the other, which takes {_told(turn)}.",
        f"{member.name} takes the longest, {_told(member.alone)} on {member.n_systems:,} systems, and {what} is "
        f"{numbers.percent(share)} of its step; more systems beside it bring the end of all no nearer than that.",
    ]
    if last.begins_s > 0:
        free = numbers.duration(last.begins_s)
        waits = f"{last.name} ends last, since its {last.n_systems:,} systems are free only after {free}"
        said.append(f"{waits}; packed jobs hold {numbers.percent(family.use)} of the systems' time.")
    return " ".join(said)


def sharing_in_words(jobs: Sequence[Shared], rows: Sequence[Row], machine: str) -> str:
    """Which job slows down most beside the others, by how much, and what binds it."""
    worst = max(range(len(jobs)), key=lambda place: jobs[place].slowdown)
    job, (what, share) = jobs[worst], _binds(rows[worst])
    begin = f"{len(jobs)} jobs share the MemoryX of {machine}."
    alone = f"{what} is {numbers.percent(share)} of its step alone"
    if job.slowdown - 1 < NOTICED:
        return f"{begin} None has a step longer by 0.1 %. The most has {job.name}, {100 * (job.slowdown - 1):.3f} %; {alone}."
    rest = sum(one.slowdown - 1 >= NOTICED for one in jobs) - 1
    others = f"{rest} other{'s slow' if rest > 1 else ' slows'} down, too" if rest else "no other one notices"
    took = f"from {numbers.step(job.alone_s)} to {numbers.step(job.together_s)}"
    slows = (
        f"{job.name} slows down most: its step is {numbers.change(job.slowdown - 1).removeprefix('+')} longer, {took}"
    )
    return f"{begin} {slows}; {others}. {alone[:1].upper()}{alone[1:]}."


def comparison_in_words(sides: Sequence[Row]) -> str:
    """The fastest and the cheapest of the sides that do the first one's job, beside the first or the next."""
    ran = [side for side in sides if "infeasible" not in side]
    first = ran[0]
    same = [side for side in ran if same_job(side, first)]
    if len(same) < 2:
        what, share = _binds(first)
        return (
            f"No other side trains the job of {first['name']}: {_took(first)}, {what} being {numbers.percent(share)} of its step."
            " Their times cannot be set beside each other."
        )
    fastest = min(same, key=lambda side: float(side["days_to_train"]))
    rival = first if fastest is not first else min(same[1:], key=lambda side: float(side["days_to_train"]))
    times = rival["days_to_train"] / fastest["days_to_train"]
    said = [
        f"Of {len(same)} sides that train {first['model']} on {numbers.amount(first['tokens'])} tokens {fastest['name']} is the "
        f"fastest: {_took(fastest)}; {rival['name']} takes {_took(rival)}, {numbers.digits(times)} times as long"
        f"{_surely(fastest, rival, first, 'faster', 'faster')}.",
        *_bill(same, first),
        _why(fastest, rival),
        f"For {rival['name']} to be as fast its step has to be {numbers.percent(1 - 1 / times)} shorter."
        if times > 1
        else "",
    ]
    return " ".join(one for one in said if one)


def plan_in_words(found: Planned) -> str:
    """The answer with how sure it is, the next hardware, what binds, and what the answer hangs on."""
    answer = found.answer
    assert answer is not None
    goal, changes = found.goal, found.changes
    bound = [name for name, limit in (("deadline", goal.within_days), ("budget", goal.budget)) if limit is not None]
    meets = f"; {numbers.percent(answer.met)} of its whole runs meet the {' and the '.join(bound)}" if bound else ""
    respect = CHEAPEST if found.best.get(CHEAPEST) is answer else "one of fewest chips"
    said = [
        f"{named(answer)}, is the {respect} that does it: done in {_told(answer.duration.elapsed)}{_for(answer)}{meets}."
    ]
    others = [one for one in found.of_each if one.candidate.hardware is not answer.candidate.hardware]
    if others:
        next_best = "; ".join(in_short(one) for one in others[:2])
        said.append(f"Of other hardware the best: {next_best}.")
    fastest = found.best.get(FASTEST)
    if fastest is not None and fastest is not answer:
        said.append(f"The fastest is {in_short(fastest)}.")
    row = answer.prediction.to_json()
    what, share = _binds(row)
    said.append(f"A step takes {numbers.step(row['step_time_s'])}, {numbers.percent(share)} of it {what}.")
    hangs = []
    if changes is not None and changes.rival is not None and changes.price_factor is not None:
        factor = numbers.change(changes.price_factor - 1.0)
        hangs.append(f"at a price {factor} of its own {in_short(changes.rival)} is as cheap")
    if changes is not None:
        other = next((one for one in changes.deadlines if one.answer is not answer), None)
        if other is not None:
            hangs.append(
                f"within {other.days:g} d it is {'nothing' if other.answer is None else in_short(other.answer)}"
            )
    return " ".join([*said, *([f"What would change it: {'; '.join(hangs)}."] if hangs else [])])


def _told(spread: Spread) -> str:
    """`20.0 d (17.3 to 23.9 in four of five runs)`."""
    span = numbers.span(spread.low, spread.high, spread.median).replace(" - ", " to ")
    return f"{numbers.duration(spread.median)} ({span} in four of five runs)"


def _took(side: Row) -> str:
    """`2.5 d (2.0 to 3.2 with 80 %) with 576 GPUs`."""
    span = numbers.interval(side, "days_to_train", numbers.DAY).replace(" - ", " to ")
    sure = f" ({span} with 80 %)" if span else ""
    return f"{numbers.duration(side['days_to_train'] * numbers.DAY)}{sure} with {counted(side)}"


def _binds(row: Row) -> tuple[str, float]:
    """What the largest share of a step is, and that share."""
    return next(iter(shares_of(row).items()))


def _surely(best: Row, rival: Row, first: Row, key: str, word: str) -> str:
    """How probable it is that the best is better than the rival, where one of them is the first, to which the others are held."""
    other = best if rival is first else rival
    probability = other.get("against_first", {}).get(key)
    if probability is None or first not in (best, rival):
        return ""
    return f" ({word} with {chance(probability if rival is first else 1 - probability)})"


def _bill(same: Sequence[Row], first: Row) -> list[str]:
    """The cheapest side with a price, and at which rent the first or the next would cost as much."""
    priced = [side for side in same if side["cost_usd"] is not None]
    if len(priced) < 2:
        return []
    ranked = sorted(priced, key=lambda side: float(side["cost_usd"]))
    best = ranked[0]
    rival = first if best is not first and first in priced else ranked[1]
    times = best["cost_usd"] / rival["cost_usd"]
    as_cheap = ""
    if rival["price"]["written"].endswith(HOURLY) and times < 1:
        as_cheap = (
            f"; {rival['name']} would cost as much at {numbers.percent(times)} of its {rival['price']['written']}"
        )
    return [
        f"{best['name']} is the cheapest with {numbers.amount(best['cost_usd'], 'USD')}, {rival['name']} takes "
        f"{numbers.amount(rival['cost_usd'], 'USD')}{_surely(best, rival, first, 'cheaper', 'cheaper')}{as_cheap}."
    ]


def _why(fastest: Row, rival: Row) -> str:
    (what, share), (other, rest) = _binds(fastest), _binds(rival)
    said = f"{numbers.percent(share)} of a step of {fastest['name']} is {what}"
    return f"{said}, {numbers.percent(rest)} of one of {rival['name']} {other}."


def _for(whole: Whole) -> str:
    """` for 5.0 MUSD (4.6 to 5.6 with 80 %)`."""
    cost = whole.duration.cost_usd
    if cost is None:
        return ""
    low, high = numbers.amount(cost.low, "USD"), numbers.amount(cost.high, "USD")
    return f" for {numbers.amount(cost.median, 'USD')} ({low} to {high})"
