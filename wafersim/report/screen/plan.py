"""The first screen of a plan: what to use and how sure that is, each hardware beside it, what the answer hangs on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wafersim import numbers
from wafersim.errors import Infeasible
from wafersim.inputs.training import DEFAULT_TOKENS
from wafersim.planning.planned import CHEAPEST, FASTEST, FEWEST, LEAST_ENERGY, Planned
from wafersim.planning.whole_run import Whole
from wafersim.report.screen.layout import LINES, Column, sentence, table, titled, written

PAID = {"rent": "rented", "purchase": "bought", "amortised": "amortised"}


def plan_screen(
    found: Planned,
    took: float,
    width: int,
    directory: Path | None = None,
    figures: bool = False,
    report: bool = False,
    most: int = LINES,
) -> list[str]:
    """At most 24 lines: where there is more to say, less is said of what was rejected and of the front."""
    last = [
        *_written(found, directory, figures, report, width),
        *sentence("More", ["--all", "--json", "wafersim run ... --duration"], width),
    ]
    for each in (3, 2, 1):
        lines = _lines(found, took, width, each)
        if len(lines) + len(last) <= most:
            return lines + last
    return [line for line in lines if line][: most - len(last)] + last


def _written(found: Planned, directory: Path | None, figures: bool, report: bool, width: int) -> list[str]:
    """Where the directory is, and which figures it has not for want of a price."""
    if directory is None:
        return []
    priced = any(one.usd is not None for one in found.wholes)
    drawn = "figures (none of money: no price), " if not priced else "figures, "
    return [written(directory, f"{drawn if figures else ''}all candidates", report, width)]


def _lines(found: Planned, took: float, width: int, most: int) -> list[str]:
    answer = found.answer
    assert answer is not None
    return [
        titled(f"{title_of(found)}: what to use", took, width),
        "",
        *sentence("Use", [_answer(found, answer)], width, 3),
        "",
        *table(columns_of(found.of_each), width),
        "",
        *sentence("Also", _others(found, answer), width, most, "; "),
        *sentence("Front", _front(found), width, 2, "; "),
        *sentence("If", _changes(found, answer), width, most + 1, "; "),
        *sentence(
            "Not", [f"{one.name}: {one.reason}" for one in found.rejected if not one.meets], width, most + 1, "; "
        ),
        *sentence("Prices", _prices(found), width, most, "; "),
        *sentence("Assumed", list(found.assumed), width, most, "; "),
        *sentence("Searched", [_searched(found)], width),
    ]


def title_of(found: Planned) -> str:
    """`llama2-70b on 2.0 T tokens within 60 d and 10 MUSD`."""
    goal, limits = found.goal, []
    if goal.by is not None:
        limits.append(f"by {goal.by} ({goal.within_days:g} d)")
    elif goal.days is not None:
        limits.append(f"within {goal.days:g} d")
    if goal.budget is not None:
        limits.append(f"for {numbers.amount(goal.budget, 'USD')}")
    if goal.power is not None:
        unit, watts = numbers.scale(goal.power, numbers.WATTS)
        limits.append(f"under {numbers.two(goal.power / watts)} {unit}")
    return " ".join([f"{found.model} on {numbers.amount(found.tokens)} tokens", ", ".join(limits)]).rstrip()


def named(whole: Whole) -> str:
    """`448+24 h200, rented`."""
    return whole.label + paid(whole)


def paid(whole: Whole) -> str:
    """`, rented`; nothing where no price is known."""
    return f", {PAID[whole.candidate.hardware.pay]}" if whole.usd is not None else ""


def _answer(found: Planned, answer: Whole) -> str:
    """Chips, days and dollars with their spread, the day, and the share of runs that meets the goal."""
    elapsed, cost, spare = answer.duration.elapsed, answer.duration.cost_usd, answer.duration.spare_chips
    what = answer.candidate.label + (f" and {spare:,} spare" if spare else "") + paid(answer)
    said = [f"{what}: {numbers.duration(elapsed.median)} ({numbers.span(elapsed.low, elapsed.high, elapsed.median)})"]
    if cost is not None:
        said.append(f"{numbers.amount(cost.median, 'USD')} ({_spread(cost.low, cost.high, cost.median)})")
    goal = found.goal
    bound = [name for name, limit in (("deadline", goal.within_days), ("budget", goal.budget)) if limit is not None]
    meet = f"; {numbers.percent(answer.met)} of whole runs meet {' and '.join(bound)}" if bound else ""
    batch = answer.candidate
    near = f"; batch {batch.batch:,} instead of {batch.asked:,}" if batch.batch != batch.asked else ""
    return ", ".join(said) + meet + near


def _spread(low: float, high: float, median: float) -> str:
    """Both ends in the unit in which the median is said."""
    _, size = numbers.scale(median if median >= 9_999.5 else 0.0, numbers.DOLLARS)  # a few thousand are said in dollars
    return f"{numbers.grouped(low / size)} - {numbers.grouped(high / size)}"


def columns_of(rows: Sequence[Whole]) -> list[Column]:
    """Each hardware's own best: chips, days, dollars, energy, power, the share that meets the goal."""
    priced = [whole.usd for whole in rows if whole.usd is not None]
    money, dollars = numbers.scale(min(priced, default=0.0), numbers.DOLLARS)
    energy, joules = numbers.scale(min((whole.joules for whole in rows), default=0.0), numbers.JOULES)
    power, watts = numbers.scale(min((whole.watts for whole in rows), default=0.0), numbers.WATTS)

    def cost(whole: Whole) -> str:
        return "no price" if whole.usd is None else numbers.two(whole.usd / dollars)

    def spread(whole: Whole) -> str:
        spread = whole.duration.cost_usd
        return "" if spread is None else f"{numbers.two(spread.low / dollars)} - {numbers.two(spread.high / dollars)}"

    def days(whole: Whole) -> str:
        spread = whole.duration.elapsed
        return numbers.span(spread.low, spread.high, spread.median)

    return [
        Column("each at its best", tuple(named(whole) for whole in rows), left=True),
        Column("done in", tuple(numbers.duration(whole.duration.elapsed.median) for whole in rows)),
        Column("80 % range", tuple(days(whole) for whole in rows), 4),
        Column("USD/h", tuple(_hourly(whole) for whole in rows), 4),
        Column(money, tuple(cost(whole) for whole in rows)),
        Column("80 % range", tuple(spread(whole) for whole in rows), 5),
        Column(energy, tuple(numbers.grouped(whole.joules / joules) for whole in rows), 3),
        Column(f"peak {power}", tuple(numbers.two(whole.watts / watts) for whole in rows), 2),
        Column("meet", tuple(numbers.percent(whole.met) for whole in rows), 1),
    ]


def _hourly(whole: Whole) -> str:
    """Rent of a chip."""
    price = whole.duration.footprint.cost.price
    return "" if price is None or whole.candidate.hardware.pay != "rent" else f"{price.value:,.2f}"


def in_short(whole: Whole) -> str:
    """`384+24 h200, 52.1 d, 5.0 MUSD`."""
    money = "" if whole.usd is None else f", {numbers.amount(whole.usd, 'USD')}"
    return f"{whole.label}, {numbers.duration(whole.duration.elapsed.median)}{money}"


def _others(found: Planned, answer: Whole) -> list[str]:
    """The best in other respects; one that is the answer itself is said to be."""
    said, alike = [], []
    for name in (CHEAPEST, FASTEST, LEAST_ENERGY, FEWEST):
        whole = found.best.get(name)
        if whole is None:
            continue
        if whole is answer:
            alike.append(name)
            continue
        energy = f", {numbers.energy(whole.joules)}" if name == LEAST_ENERGY else ""
        said.append(f"{name}: {in_short(whole)}{energy}")
    return [f"it is the {' and the '.join(alike)}", *said] if alike else said


def _front(found: Planned) -> list[str]:
    """Both ends and the middle of the front; all of it with `--all`."""
    front = found.front
    if len(front) < 2:
        return []
    places = sorted({0, len(front) // 2, len(front) - 1})
    return [f"{len(front)} from fast to cheap", *(in_short(front[place]) for place in places)]


def _changes(found: Planned, answer: Whole) -> list[str]:
    changes = found.changes
    assert changes is not None
    said = []
    for one in changes.deadlines:
        what = "nothing" if one.answer is None else "the same" if one.answer is answer else in_short(one.answer)
        said.append(f"{one.days:g} d: {what}")
    if all(one.answer is answer for one in changes.deadlines) and said:
        said = [f"{changes.deadlines[0].days:g} to {changes.deadlines[-1].days:g} d: the same"]
    if changes.one_more is not None:
        more = changes.one_more
        unit = more.candidate.count - answer.candidate.count
        money = "" if more.usd is None or answer.usd is None else f" and {_signed(more.usd - answer.usd)}"
        days = (more.days - answer.days) * numbers.DAY
        said.append(
            f"{unit} more: {_sign(days)}{numbers.duration(abs(days))}{money}, {numbers.percent(more.met)} meet it"
        )
    if changes.rival is not None and changes.price_factor is not None:
        factor = numbers.change(changes.price_factor - 1.0)
        said.append(f"its price {factor}: {in_short(changes.rival)} is as cheap")
    if changes.tokens_factor is not None:
        said.append(f"it would do {numbers.amount(changes.tokens_factor * found.tokens)} tokens")
    return said


def _signed(usd: float) -> str:
    return f"{_sign(usd)}{numbers.amount(abs(usd), 'USD')}"


def _sign(value: float) -> str:
    return "-" if value < 0 else "+"


def _prices(found: Planned) -> list[str]:
    """Each price that was read, with who says so, when and how sure; which option gives one that is not known."""
    said = []
    for whole in found.of_each:
        cost, name = whole.duration.footprint.cost, whole.candidate.hardware.name
        said.append(
            f"{name} {cost.at.removeprefix('at ')}"
            if cost.at
            else f"{name}: none known, --price '{name}=... USD/h' gives it"
        )
    return said


def _searched(found: Planned) -> str:
    return f"{found.considered:,} sizes, {found.simulated:,} with whole runs; by their bounds no other is better"


def plan_lines(found: Planned, width: int) -> list[str]:
    """The whole front, and every price with its source."""
    lines = ["Front, from fast to cheap", *table(columns_of(found.front), width), ""]
    for whole in found.of_each:
        lines += [f"{whole.candidate.hardware.name}: {source}" for source in whole.duration.footprint.cost.sources]
    return [*lines, ""]


def unmet(found: Planned) -> Infeasible:
    """One line that says what comes closest, and one for each hardware."""
    goal, near = found.goal, found.near
    fastest, cheapest = near.get(FASTEST), near.get(CHEAPEST)
    said = f"no candidate meets it in {numbers.percent(goal.sure)} of runs"
    if fastest is not None:
        said += f"; the fastest: {in_short(fastest)}"
    if cheapest is not None and cheapest is not fastest:
        said += f"; the cheapest: {in_short(cheapest)}"
    if any(line.startswith("tokens ") for line in found.assumed):
        said += f" (tokens {DEFAULT_TOKENS}, as none are given)"
    lines = [f"{title_of(found)}: {said}", *(f"{one.name}: {one.reason}" for one in found.rejected)]
    return Infeasible("\n".join(lines))
