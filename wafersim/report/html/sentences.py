"""Answers of several jobs, sides or candidates in sentences: what is best, by how much, how sure, why, what would change it."""

from __future__ import annotations

from collections.abc import Sequence

from wafersim import numbers
from wafersim.planning.planned import CHEAPEST, FASTEST, Planned
from wafersim.planning.sharing import Shared
from wafersim.planning.whole_run import Whole
from wafersim.report.screen.binding import shares_of
from wafersim.report.screen.plan import in_short, paid
from wafersim.report.screen.sharing import NOTICED
from wafersim.report.words import Row, chance, counted, same_job
from wafersim.training_run.duration import Spread
from wafersim.training_run.family import Family

ALIKE = 5e-4  # share by which two numbers differ without a digit that shows
HOURLY = "/h"  # with which a rent ends: a bill that is as many times the price as it lasts hours


def family_in_words(family: Family, rows: Sequence[Row], machine: str) -> str:
    """How long all jobs take packed and in turn, which one is the longest and what binds it, and what is sure.

    Of one job how long it takes and what binds it.
    """
    packed, turn, members = family.packed, family.in_turn, family.members
    saved = turn.median - packed.median
    longest = max(range(len(members)), key=lambda place: members[place].alone.median)
    member, (what, share) = members[longest], _binds(rows[longest])
    if len(members) == 1:
        took = f"takes {_told(packed)} on {member.n_systems:,} of {family.systems:,} systems of {machine}"
        return f"{member.name}, the only job, {took}; {what} is {numbers.percent(share)} of its step."
    last = max(members, key=lambda one: one.ends_s)
    gain = f"{numbers.duration(saved)} sooner" if saved > 0 else "no sooner"
    said = [
        f"All {len(members)} jobs take {_told(packed)} on {family.systems:,} systems of {machine} packed beside each other, "
        f"{gain} than one after the other, which takes {_told(turn)}.",
        f"{member.name} takes the longest, {_told(member.alone)} on {member.n_systems:,} systems, and {what} is "
        f"{numbers.percent(share)} of its step; however many systems the others get, all jobs are done no sooner than that.",
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
            f"No other side trains the job of {_called(first)}, so that no time can be set beside its own: {_took(first)}, "
            f"and {numbers.percent(share)} of its step is {what}."
        )
    fastest, rival = _best_and_rival(same, first, "days_to_train")
    job = f"{first['model']} on {numbers.amount(first['tokens'])} tokens"
    times = rival["days_to_train"] / fastest["days_to_train"]
    slower = times - 1 >= ALIKE
    best = f"the fastest is {_called(fastest)}" if slower else f"none is faster than {_called(fastest)}"
    longer = f"{numbers.digits(times, 2)} times as long" if slower else "as long"
    beside = f"{_took(rival)}, {longer}{_surely(fastest, rival, first, 'faster', 'slower')}"
    said = [
        f"Of {len(same)} sides that train {job} {best}: {_took(fastest)}. "
        f"{_called(rival)} takes {beside}{_tie(same, fastest, rival)}."
    ]
    shorter = f"a step {numbers.percent(1 - 1 / times)} shorter would make {_called(rival)} as fast"
    changes = [shorter] if slower else []
    priced = [side for side in same if side["cost_usd"] is not None]
    if len(priced) > 1:
        cheapest, dearer = _best_and_rival(priced, first, "cost_usd")
        share = cheapest["cost_usd"] / dearer["cost_usd"]
        dear = 1 - share >= ALIKE
        said.append(
            f"{'The cheapest is' if dear else 'None is cheaper than'} {_called(cheapest)} with "
            f"{numbers.amount(cheapest['cost_usd'], 'USD')}; {_called(dearer)} costs "
            f"{numbers.amount(dearer['cost_usd'], 'USD') if dear else 'as much'}"
            f"{_surely(cheapest, dearer, first, 'cheaper', 'dearer')}."
        )
        written = dearer["price"]["written"]
        if dear and written.endswith(HOURLY):
            changes.append(f"{numbers.percent(share)} of its {written} would make {_called(dearer)} as cheap")
    said.append(_why(fastest, rival))
    return " ".join([*said, *([f"What would change it: {'; '.join(changes)}."] if changes else [])])


def _best_and_rival(same: Sequence[Row], first: Row, key: str) -> tuple[Row, Row]:
    """The side of the least, and what it is set beside: the first one, or the next where that is itself or has no such number."""
    best, following = sorted(same, key=lambda side: float(side[key]))[:2]
    return best, first if best is not first and any(side is first for side in same) else following


def plan_in_words(found: Planned) -> str:
    """The answer with how sure it is, the next hardware, what binds, and what the answer hangs on."""
    answer = found.answer
    assert answer is not None
    goal, changes = found.goal, found.changes
    bound = [name for name, limit in (("deadline", goal.within_days), ("budget", goal.budget)) if limit is not None]
    meets = f"; {chance(answer.met)} of its whole runs meet the {' and the '.join(bound)}" if bound else ""
    respect = CHEAPEST if found.best.get(CHEAPEST) is answer else "one of fewest chips"
    said = [
        f"{_used(answer)}: the {respect} that does it, done in {_told(answer.duration.elapsed)}{_for(answer)}{meets}."
    ]
    others = [one for one in found.of_each if one.candidate.hardware is not answer.candidate.hardware][:2]
    told: list[Whole] = []  # in full already

    def called(whole: Whole) -> str:
        if any(whole is one for one in told):
            return whole.label
        told.append(whole)
        return in_short(whole)

    fastest = found.best.get(FASTEST)
    if others:
        said.append(f"Of other hardware the best: {'; '.join(map(called, others))}.")
    if fastest is not None:
        said.append("It is the fastest, too." if fastest is answer else f"The fastest is {called(fastest)}.")
    row = answer.prediction.to_json()
    what, share = _binds(row)
    said.append(f"A step takes {numbers.step(row['step_time_s'])}, {numbers.percent(share)} of it {what}.")
    hangs = []
    if changes is not None and changes.rival is not None and changes.price_factor is not None:
        factor = numbers.change(changes.price_factor - 1.0)
        hangs.append(f"were its price {factor}, {called(changes.rival)} would be as cheap")
    other = None if changes is None else next((one for one in changes.deadlines if one.answer is not answer), None)
    if other is not None:
        hangs.append(f"within {other.days:g} d it is {'nothing' if other.answer is None else called(other.answer)}")
    return " ".join([*said, *([f"What would change it: {'; '.join(hangs)}."] if hangs else [])])


def _told(spread: Spread) -> str:
    """`20.0 d (17.3 to 23.9 in four of five runs)`."""
    span = numbers.span(spread.low, spread.high, spread.median).replace(" - ", " to ")
    return f"{numbers.duration(spread.median)} ({span} in four of five runs)"


def _took(side: Row) -> str:
    """`2.5 d (2.0 to 3.2 in four of five such runs) with 576 GPUs`."""
    span = numbers.interval(side, "days_to_train", numbers.DAY).replace(" - ", " to ")
    sure = f" ({span} in four of five such runs)" if span else ""
    return f"{numbers.duration(side['days_to_train'] * numbers.DAY)}{sure} with {counted(side)}"


def _binds(row: Row) -> tuple[str, float]:
    """What the largest share of a step is, and that share."""
    return next(iter(shares_of(row).items()))


def _surely(best: Row, rival: Row, first: Row, key: str, worse: str) -> str:
    """How probable it is that the rival is `worse`, where one of them is the first, to which the others are held."""
    other = best if rival is first else rival
    probability = other.get("against_first", {}).get(key)
    if probability is None or first not in (best, rival):
        return ""
    return f" ({worse} with a probability of {chance(probability if rival is first else 1 - probability)})"


def _tie(same: Sequence[Row], fastest: Row, rival: Row) -> str:
    """Others whose time lies in the range of the fastest."""
    high = fastest["interval"]["days_to_train"][1] if fastest.get("interval") else 0.0
    close = [side for side in same if side is not fastest and side is not rival and side["days_to_train"] < high]
    close.sort(key=lambda side: float(side["days_to_train"]))
    if not close:
        return ""
    took = numbers.duration(close[0]["days_to_train"] * numbers.DAY)
    more = f" and {len(close) - 1} more" if len(close) > 1 else ""
    return f"; within the range of the fastest is {_called(close[0])}, {took}{more}"


def _why(fastest: Row, rival: Row) -> str:
    (what, share), (other, rest) = _binds(fastest), _binds(rival)
    said = f"Why: {numbers.percent(share)} of a step of {_called(fastest)} is {what}"
    return f"{said}, {numbers.percent(rest)} of one of {_called(rival)} {other}."


def _called(side: Row) -> str:
    """A side's name, which may be of several words."""
    return f"\N{LEFT DOUBLE QUOTATION MARK}{side['name']}\N{RIGHT DOUBLE QUOTATION MARK}"


def _used(whole: Whole) -> str:
    """`80 b200 and 8 spare, rented`."""
    spare = whole.duration.spare_chips
    stand_by = f" and {spare:,} spare" if spare else ""
    return f"{whole.candidate.count:,} {whole.candidate.hardware.name}{stand_by}{paid(whole)}"


def _for(whole: Whole) -> str:
    """` for 5.0 MUSD (4.6 to 5.6 with 80 %)`."""
    cost = whole.duration.cost_usd
    if cost is None:
        return ""
    low, high = numbers.amount(cost.low, "USD"), numbers.amount(cost.high, "USD")
    return f" for {numbers.amount(cost.median, 'USD')} ({low} to {high})"
