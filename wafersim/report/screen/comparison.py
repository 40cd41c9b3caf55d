"""The first screen of a comparison: which side is faster and cheaper, how sure that is, what binds, what had to be tuned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from wafersim import numbers
from wafersim.inputs.machine_names import known_machine
from wafersim.report.imports import in_short
from wafersim.report.screen.binding import shares_of
from wafersim.report.screen.layout import (
    GUTTER,
    LINES,
    Column,
    clipped,
    cut,
    first_that_fits,
    fits,
    sentence,
    table,
    titled,
    written,
)
from wafersim.report.screen.splits import alike_but_split, splits_of, tuned
from wafersim.report.words import Row, chance, prices, same_job, unmeasured, within

OPEN = (0.1, 0.9)  # probabilities between which nobody can call it
NAME = 30  # characters of a side's name at least, and what numbers need beside it
NUMBERS = 50
NO_RUN = "no measured run "


@dataclass(frozen=True)
class Compared:
    """What a comparison found, its `sides` as plain values; seconds that it `took`, whether its directory has a figure."""

    title: str
    sides: Sequence[Row]
    directory: Path | None
    took: float
    report: bool = False  # whether its directory has one
    figure: bool = True


def comparison_screen(found: Compared, width: int, most: int = LINES) -> list[str]:
    """At most 24 lines; up to three more where sides cannot run."""
    ran = [side for side in found.sides if "infeasible" not in side]
    main, block = _tables(ran, width)
    sayings = _sayings(found, ran, width, roomy=True)
    if 1 + len(main) + len(block) + len(sayings) > most:
        sayings = _sayings(found, ran, width, roomy=False)
    if 1 + len(main) + len(block) + len(sayings) > most:
        sayings = _sayings(found, ran, width, roomy=False, tight=True)
    room = most - 1 - len(sayings)
    if len(main) + len(block) > room:
        main, block = cut(_one_table(ran, width), room), []
    left = room - len(main) - len(block)
    gaps = (left >= 1, left >= 2 and bool(block), left >= 2 + bool(block))
    warning = _refused(found.sides, width)
    out = [titled(found.title, found.took, width), *[""] * gaps[0], *main, *[""] * gaps[1], *block, *[""] * gaps[2]]
    return [*out, *warning, *sayings]


def _tables(ran: Sequence[Row], width: int) -> tuple[list[str], list[str]]:
    """One row a side; what it is beside the first stands there, too, or in a block of its own where the screen is narrow.

    Where sides differ in how they split one job over the same chips the block says what each split costs.
    """
    names = tuple(_name(side, ran[0], width) for side in ran)
    side = Column("side", names, left=True)
    if alike_but_split(ran):
        return table([side, *_main(ran)], width), table([side, *splits_of(ran)], width)
    main, beside = _main(ran), _beside(ran, ran[0])
    if fits([side, *main, *beside], width):
        return _one_table(ran, width), []
    same = [index for index, one in enumerate(ran) if index and same_job(one, ran[0])]
    if not same:
        return table([side, *main], width), []
    head = f"beside {ran[0]['name']}"
    block = [Column(clipped(head, max(NAME, width - NUMBERS)), tuple(names[index] for index in same), left=True)]
    block += [_picked(column, same) for column in beside]
    return table([side, *main], width), table(block, width)


def _one_table(ran: Sequence[Row], width: int) -> list[str]:
    names = tuple(_name(side, ran[0], width) for side in ran)
    return table([Column("side", names, left=True), *_main(ran), *_beside(ran, ran[0])], width)


def _picked(column: Column, rows: Sequence[int]) -> Column:
    return Column(column.head, tuple(column.cells[row] for row in rows), column.gives_way)


def _name(side: Row, first: Row, width: int) -> str:
    """A side's name, whether its job is another one, and a star where nobody has measured its chip or stack."""
    mark = ("" if same_job(side, first) else " (other job)") + (" *" if unmeasured(side) else "")
    return clipped(side["name"], max(NAME, width - NUMBERS) - len(mark)) + mark


def _main(ran: Sequence[Row]) -> list[Column]:
    step_unit = numbers.common_unit([side["step_time_s"] for side in ran])
    unit, size = numbers.unit_of(min(side["days_to_train"] for side in ran) * numbers.DAY)
    energy, joules = numbers.scale(min(side["energy_j"] for side in ran), numbers.JOULES)
    costs = [side["cost_usd"] for side in ran if side["cost_usd"] is not None]
    money, dollars = numbers.scale(min(costs, default=0.0), numbers.DOLLARS)

    def spans(side: Row) -> str:
        bounds = side.get("interval", {}).get("days_to_train")
        return "-" if bounds is None else " - ".join(numbers.tenths(bound * numbers.DAY / size) for bound in bounds)

    def train(side: Row) -> str:
        return f"{numbers.tenths(side['days_to_train'] * numbers.DAY / size)} {unit}"

    def cost(side: Row) -> str:
        return "-" if side["cost_usd"] is None else numbers.grouped(side["cost_usd"] / dollars)

    return [
        _column("chips", ran, lambda side: f"{side['n_systems']:,}", 1),
        _column("step", ran, lambda side: numbers.step(side["step_time_s"], step_unit), 6),
        _column("train", ran, train),
        _column("80 % range", ran, spans, 5),
        _column(energy, ran, lambda side: numbers.grouped(side["energy_j"] / joules), 7),
        _column(money, ran, cost, 2),
    ]


def _beside(ran: Sequence[Row], first: Row) -> list[Column]:
    """Time, energy and cost over the first side's, and how likely each is smaller; blank for another job."""

    def ratio(key: str) -> Callable[[Row], str]:
        def said(side: Row) -> str:
            if side is first or not same_job(side, first):
                return ""
            if side[key] is None or first[key] is None:
                return "-" * any(one[key] is not None for one in ran if one is not first and first[key] is not None)
            return f"{numbers.digits(side[key] / first[key], 2)} x"

        return said

    def likely(key: str) -> Callable[[Row], str]:
        def said(side: Row) -> str:
            probability = side.get("against_first", {}).get(key)
            return chance(probability) if probability is not None and same_job(side, first) else ""

        return said

    return [
        _column("time", ran, ratio("days_to_train")),
        _column("faster", ran, likely("faster"), 1),
        _column("energy", ran, ratio("energy_j"), 8),
        _column("less", ran, likely("less_energy"), 9),
        _column("cost", ran, ratio("cost_usd"), 4),
        _column("cheaper", ran, likely("cheaper"), 3),
    ]


def _column(head: str, ran: Sequence[Row], cell: Callable[[Row], str], gives_way: int = 0) -> Column:
    return Column(head, tuple(cell(side) for side in ran), gives_way)


def _refused(sides: Sequence[Row], width: int) -> list[str]:
    """Sides that cannot run, each with its reason as far as three lines hold it."""
    refused = [(side["name"], side["infeasible"]) for side in sides if "infeasible" in side]
    said = [f"{name}: {reason}" for name, reason in refused]
    short = [f"{name}: {reason.rpartition(': ')[0] or reason}" for name, reason in refused]
    return first_that_fits("Cannot run", [said, short], width, 3, "; ") if said else []


def _unsure(ran: Sequence[Row]) -> list[str]:
    """Sides that may not fit in memory, and how likely they do."""
    memories = [(side["name"], side["memory"]) for side in ran if side["memory"].get("verdict", "fits") != "fits"]
    return [f"{name} ({numbers.percent(memory['fits_probability'])} likely to fit)" for name, memory in memories]


def _sayings(found: Compared, ran: Sequence[Row], width: int, roomy: bool, tight: bool = False) -> list[str]:
    """What the tables come down to; `tight`: in as few lines as it takes to name it."""
    more, place = "--all, --why; next: wafersim validate", found.directory
    held = "figure, reasons" if found.figure else "reasons"
    where = [] if place is None else [written(place, held, found.report, width)]
    both = f"{place}/; {more}"
    if place is not None and not roomy and GUTTER + len(both) <= width:
        more, where = both, []
    otherwise = [f"{side['name']}: {side['note']}" for side in ran if side.get("note")]
    return [
        *sentence("May not fit", _unsure(ran), width, 1, "; "),
        *sentence("Note", otherwise, width, 1 if tight else 2, "; "),
        *sentence("Model", in_short(found.sides), width, 2 if roomy else 1, "; "),
        *sentence("Answer", _answer(ran, roomy), width, 1 if tight else 3 if roomy else 2, "; "),
        *sentence("Binds", _binds(ran), width, 2 if roomy else 1, "; "),
        *first_that_fits("Tuned", _tuned(ran), width, 1 if tight else 2 if roomy or not where else 1, "; "),
        *sentence("Trust", _trust(ran, roomy), width, 1 if tight else 5 if roomy else 2, "; "),
        *first_that_fits(
            "Prices", [prices(ran), prices(ran, short=True)], width, 1 if tight else 3 if roomy else 2, "; "
        ),
        *where,
        *sentence("More", [more], width, 1),
    ]


def _answer(ran: Sequence[Row], roomy: bool) -> list[str]:
    """The fastest and the cheapest side of those with the first one's job, and which are too close to it to call."""
    first = ran[0]
    same = [side for side in ran if same_job(side, first)]
    if len(same) < 2:
        return [f"no other side trains the job of {first['name']}: their times cannot be set beside each other"]
    priced = [side for side in same if side["cost_usd"] is not None]
    said = [_best("fastest", same, first, "days_to_train", "faster", roomy)]
    said += [_best("cheapest", priced, first, "cost_usd", "cheaper", roomy)] if len(priced) > 1 else []
    chances = {side["name"]: side.get("against_first", {}).get("faster") for side in same}
    close = [f"{name} ({chance(one)})" for name, one in chances.items() if one and OPEN[0] < one < OPEN[1]]
    return [*said, *(f"too close to call: {text}" for text in close)]


def _best(word: str, same: Sequence[Row], first: Row, key: str, likely: str, roomy: bool) -> str:
    best = min(same, key=lambda side: float(side[key]))
    if best is first or first[key] is None:
        unpriced = "" if first[key] is not None else f" (no price of {first['name']})"
        return f"{word}: {best['name']}{unpriced}"
    probability = best.get("against_first", {}).get(likely)
    sure = "" if probability is None else f" ({chance(probability)})"
    rival = min(
        (side for side in same if side is not best and side is not first),
        key=lambda side: float(side[key]),
        default=None,
    )
    if rival is not None and rival[key] < best["interval"][key][1]:
        return f"{word}: {best['name']} or {rival['name']} (a tie)" if roomy else f"{word} (a tie): {best['name']}"
    ratio = f", {numbers.digits(best[key] / first[key], 2)} x {first['name']}'s{sure}"
    return f"{word}: {best['name']}{ratio if roomy else ''}"  # the table has it as well


def _binds(ran: Sequence[Row]) -> list[str]:
    """What the largest share of each side's step is, sides that the same binds told together."""
    bound: dict[str, list[tuple[str, float]]] = {}
    for side in ran:
        name, share = next(iter(shares_of(side).items()))
        bound.setdefault(name, []).append((side["name"], share))
    said = []
    for name, sides in bound.items():
        shares = sorted(share for _, share in sides)
        low, high = numbers.percent(shares[0]), numbers.percent(shares[-1])
        span = low if low == high else f"{low.removesuffix(' %')} to {high}"
        who = sides[0][0] if len(sides) == 1 else f"{len(sides)} sides"
        said.append(f"{name} {span} ({who})")
    return said


def _tuned(ran: Sequence[Row]) -> list[list[str]]:
    """What somebody had to choose, in wordings of which the first that fits is told: by how much of it is said."""
    return [tuned(ran)] if alike_but_split(ran) else [_split_by(ran, 2), _split_by(ran, 1)]


def _split_by(ran: Sequence[Row], most: int) -> list[str]:
    """How each job is split over chips, which somebody had to choose; of sides that split alike up to `most` are named."""
    by_split: dict[str, list[str]] = {}
    for side in ran:
        by_split.setdefault(" x ".join(side["dimensions"]) or "nothing", []).append(side["name"])
    ranked = sorted(by_split.items(), key=lambda item: item[0].count(" x "))
    return [f"{split}: {', '.join(names) if len(names) <= most else f'{len(names)} sides'}" for split, names in ranked]


def _trust(ran: Sequence[Row], roomy: bool) -> list[str]:
    """How sure the times are; what nobody measured, and what lies beyond what was measured, on every side."""
    halves = [side["interval"]["half_width"] for side in ran if side.get("interval")]
    said = []
    if halves:
        said.append(f"80 % within {within(halves)}")
    called = ((side["profile"], known_machine(side["profile"])) for side in ran)
    said += dict.fromkeys(machine.said(name) for name, machine in called if machine is not None and machine.assumed)
    groups = list(dict.fromkeys(name.removeprefix(NO_RUN) for side in ran for name in unmeasured(side)))
    beyond: dict[str, list[str]] = {}
    for side in ran:
        for way in side.get("interval", {}).get("outside", []):
            if way["value"] is not None:
                value, low, high = (numbers.amount(float(f"{way[key]:.4g}")) for key in ("value", "low", "high"))
                measure = way["measure"].removesuffix("s") if low == high == "1" else way["measure"]
                measured = f"{low if low == high else f'{low} to {high}'} {measure}"
                beyond.setdefault(measured, []).append(value)
    kinds = {side["kind"] for side in ran if unmeasured(side)}
    starred = (
        ["* no run measured of this stack" if kinds == {"gpu"} else "* no run measured of this chip or stack"]
        if groups
        else []
    )
    outside = [f"{measured} (here {' and '.join(dict.fromkeys(values))})" for measured, values in beyond.items()]
    outside = [f"measured: {outside[0]}", *outside[1:]] if outside else []
    return [*said, *starred, *outside, *(f"none {group}" for group in groups if roomy)]
