"""The first screen of a whole run: the date it is done and how sure that is, where the time goes, what would change it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wafersim import numbers
from wafersim.inputs.run import PublishedRunSpec
from wafersim.metrics.footprint import Cost
from wafersim.report.screen.layout import GUTTER, clipped, sentence, titled, whole, written
from wafersim.strategies.registry import words_of
from wafersim.timeline.clock import to_seconds
from wafersim.training_run.duration import USUAL, Duration, Spread
from wafersim.training_run.plan import Loss
from wafersim.training_run.words import WORDS

NAMED = {"rent": "rented", "purchase": "to buy it all", "amortised": "amortised"}
SHOWN = 0.0005  # of the elapsed time: smaller losses are not named
SCREEN = 24  # lines
UNITS = {"wafer": "system", "gpu": "node"}  # that fail and are replaced as one


@dataclass(frozen=True)
class Lasted:
    """What `--duration` found of an experiment; seconds that it `took`, what is published, and its directory."""

    title: str
    experiment: str
    duration: Duration
    published: PublishedRunSpec | None
    directory: Path | None
    took: float
    trace: Path | None = None  # of one run
    report: bool = False  # whether its directory has one
    figures: bool = True  # likewise


def duration_screen(lasted: Lasted, width: int) -> list[str]:
    """At most 24 lines: where there is more to say, less is said of causes and assumptions, and no line is left empty."""
    for most in (3, 2, 1):
        lines = _lines(lasted, width, most)
        if len(lines) <= SCREEN:
            return lines
        lines = [lines[0], *(line for line in lines[1:] if line)]
        if len(lines) <= SCREEN:
            return lines
    return lines


def _lines(lasted: Lasted, width: int, most: int) -> list[str]:
    """With so many lines at most for each of the longer answers."""
    found = lasted.duration
    days = [
        *sentence("Done in", _elapsed(lasted), width, separator="; "),
        *_line("By date", _dates(found), width),
        *sentence("Steps", _steps(found), width),
        *_line("Goodput", _goodput(found), width),
    ]
    rest = [
        *sentence("Lost to", _losses(found), width),
        *sentence("By cause", _causes(found), width, most),
        *sentence("Saves", _saves(found), width, separator="; "),
        *sentence("Spares", _spares(found), width, separator="; "),
        *sentence("Takes", _takes(found), width),
        *sentence("Costs", costs(found), width, most + 1, "; "),
        *sentence("Deadline", _deadline(found), width),
        *sentence("Trust", _trust(found), width, most),
        *sentence("Note", [*_given_up(found), *found.built.notes], width, most),
    ]
    what = f"{'figures, ' if lasted.figures else ''}all numbers"
    last = [] if lasted.directory is None else [written(lasted.directory, what, lasted.report, width)]
    last += [] if lasted.trace is None else [whole("Trace", str(lasted.trace), "", width)]
    more = sentence("More", [f"wafersim show {USUAL[found.kind]}", "--json", "--runs 10000"], width)
    title = f"{lasted.title}: the whole run on {_chips(found.kind, found.n_systems)}"
    return [titled(title, lasted.took, width), "", *days, "", *rest, *last, *more]


def _given_up(found: Duration) -> list[str]:
    if found.unfinished == 0:
        return []
    return [f"{numbers.percent(found.unfinished)} of the runs fail as fast as they start and never end"]


def _chips(kind: str, count: int) -> str:
    """`16 wafers`, `1 GPU`."""
    words = words_of(kind)
    one, many = ("GPU", "GPUs") if kind == "gpu" else (words.one, words.many)
    return f"{count:,} {one if count == 1 else many}"


def _line(label: str, text: str, width: int) -> list[str]:
    """A label and one line; nothing where there is nothing to say."""
    return [] if not text else [clipped(label.ljust(GUTTER) + text, width)]


def span_of(spread: Spread) -> str:
    """`105 - 128`: the middle 80 % of runs, in the unit of the median, which stands beside it."""
    return numbers.span(spread.low, spread.high, spread.median)


def told(spread: Spread) -> str:
    """`114 d (105 - 128 with 80 %)`."""
    return f"{numbers.duration(spread.median)} ({span_of(spread)} with 80 %)"


def _elapsed(lasted: Lasted) -> list[str]:
    spread, chance = lasted.duration.elapsed, lasted.duration.chance
    said = [told(spread)]
    if lasted.published is not None:
        took = lasted.published.days * numbers.DAY
        said.append(f"published {numbers.duration(took)} ({numbers.change(spread.median / took - 1.0)})")
    return said if chance == spread else [*said, f"chance alone {_range(chance)}"]  # equal where nobody asked for it


def _range(spread: Spread) -> str:
    """`112 - 114 d`; one number where both ends are told alike."""
    unit = numbers.unit_of(spread.median)[0]
    low, high = span_of(spread).split(" - ")
    return f"{low} {unit}" if low == high else f"{low} - {high} {unit}"


def _dates(found: Duration) -> str:
    return f"{found.finish(0.5)} with 50 %, {found.finish(0.9)} with 90 %, from {found.start}"


def _steps(found: Duration) -> list[str]:
    said = [f"{found.steps:,} in {numbers.duration(found.steps_s)} without any loss"]
    if found.ramp_s > SHOWN * found.steps_s:
        said.append(f"{numbers.duration(found.ramp_s)} of it for smaller batches")
    return said


def _goodput(found: Duration) -> str:
    good = found.goodput
    low, high = (numbers.percent(share) for share in (good.low, good.high))
    return f"{numbers.percent(good.mean)} ({low[:-2]} to {high}) of the time goes into steps that count"


def _losses(found: Duration) -> list[str]:
    labels = {word.key: word.label for loss, word in WORDS.items() if loss is not Loss.PRODUCTIVE}
    lost = [(labels[name], seconds) for name, seconds in found.losses if name in labels]
    ranked = sorted(lost, key=lambda one: -one[1])
    return [
        f"{name} {numbers.duration(seconds)}" for name, seconds in ranked if seconds > SHOWN * found.elapsed.mean
    ] or ["nothing"]


def _causes(found: Duration) -> list[str]:
    return [
        f"{cause.name.replace('-', ' ')} {numbers.duration(cause.lost_s)} ({numbers.grouped(cause.failures)} x)"
        for cause in found.causes
        if cause.lost_s > 0
    ]


def _saves(found: Duration) -> list[str]:
    run, best = found.plan.jobs[0], found.best
    if not found.save_every:
        return ["none"] if best is None else [f"none, where every {best.steps[-1]:,} steps would be best"]
    every = found.save_every * to_seconds(run.stretches[-1].whole_ticks)
    each = numbers.duration(to_seconds(run.saving.save_ticks))
    mode: str = run.saving.mode
    if mode == "asynchronous":
        mode += f" ({numbers.duration(to_seconds(run.saving.pause_ticks))} pause)"
    often = f"every {found.save_every:,} steps ({numbers.duration(every)})"
    if found.save_every >= run.steps:
        often = "only at the end"
    said = [f"{often}, {each} each, {mode}"]
    if best is None:
        return said
    if best.steps[-1] == found.save_every >= run.steps:
        return [*said, "the best"]
    if best.steps[-1] >= run.steps:
        return [*said, "best only at the end"]
    if found.save_every == best.steps[-1]:
        third, three = (100 * (best.waste(factor) - best.waste()) for factor in (1 / 3, 3.0))
        return [*said, f"the best: a third of it costs {third:.1f} % more time, three times {three:.1f} %"]
    worse = 100 * (best.waste_at(every) - best.waste())
    return [*said, f"best every {best.steps[-1]:,} ({numbers.duration(best.seconds)}), {worse:.1f} % less time"]


def _spares(found: Duration) -> list[str]:
    """What stands by, and what fewer and more of them would change."""
    choice = found.spares
    if choice is None:
        return []
    unit = UNITS[found.kind] if choice.spares == 1 else f"{UNITS[found.kind]}s"
    said = [
        f"{choice.spares:,} {unit} stand{'s' if choice.spares == 1 else ''} by"
        if choice.spares
        else f"no {UNITS[found.kind]} stands by"
    ]
    for name, gain, change in (("without", choice.over_none, "longer"), ("one more", choice.one_more, "sooner")):
        if gain is not None:
            told = gain.certain and gain.saved_s > 0
            said.append(f"{name}: {f'{numbers.duration(gain.saved_s)} {change}' if told else 'no difference'}")
    return said


def _takes(found: Duration) -> list[str]:
    energy = found.energy_j
    low, high = numbers.energy(energy.low), numbers.energy(energy.high)
    said = [f"{numbers.energy(energy.median)} ({low} to {high}) with PUE {found.footprint.energy.pue:g}"]
    if found.carbon_kg is not None:
        said.append(f"{numbers.amount(found.carbon_kg.median / 1000.0)} t CO2e")
    return said


def costs(found: Duration) -> list[str]:
    """The run's own definition first, or which field gives its price; the other two beside it where theirs are known."""
    own = found.footprint.cost
    known = [own, *(cost for cost in _all_costs(found) if cost is not own)]
    said = [
        f"{numbers.amount(float(np.mean(cost.usd)), 'USD')} {NAMED[cost.definition]} {cost.at}"
        for cost in known
        if cost.usd is not None
    ]
    return said if own.usd is not None else [f"no {own.definition} price is known: {own.missing} gives one", *said]


def _all_costs(found: Duration) -> list[Cost]:
    return [found.footprint.rent, found.footprint.purchase, found.footprint.amortised]


def _deadline(found: Duration) -> list[str]:
    if found.deadline_s is None or found.deadline_met is None:
        return []
    return [
        f"{found.day(found.deadline_s)} ({numbers.duration(found.deadline_s)}): met with {numbers.percent(found.deadline_met)}"
    ]


def _trust(found: Duration) -> list[str]:
    rates = [name for name in found.built.assumed if name.endswith("per_1000_days")]
    parts = [f"{found.runs:,} runs, seed {found.seed}"]
    if found.built.assumed:
        parts.append(f"{len(found.built.assumed)} numbers of operation are assumed, wide, in the range")
    if rates:
        parts.append(f"{len(rates)} of them failure rates" if len(rates) > 1 else "one of them a failure rate")
    return parts
