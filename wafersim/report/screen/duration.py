"""The first screen of a whole run: the date it is done and how sure that is, where the time goes, what would change it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wafersim import numbers
from wafersim.inputs.run import PublishedRunSpec
from wafersim.metrics.footprint import Cost
from wafersim.report.screen.layout import GUTTER, clipped, sentence, titled, whole
from wafersim.strategies.registry import words_of
from wafersim.timeline.clock import TICKS_PER_SECOND
from wafersim.training_run.build import step_seconds
from wafersim.training_run.duration import USUAL, Duration
from wafersim.training_run.plan import Loss
from wafersim.training_run.words import WORDS

NAMED = {"rent": "rented", "purchase": "to buy it all", "amortised": "amortised, with electricity"}
UNSURE = ("recalled", "unchecked", "assumed")  # words of a source of which the reader should know
SHOWN = 0.0005  # of the elapsed time: smaller losses are not named
MOST_CAUSES = 4


@dataclass(frozen=True)
class Lasted:
    """What `--duration` found of an experiment; seconds that it `took`, what is published, and where figures are."""

    title: str
    experiment: str
    duration: Duration
    published: PublishedRunSpec | None
    directory: Path | None
    took: float


def duration_screen(lasted: Lasted, width: int) -> list[str]:
    """At most 24 lines."""
    found = lasted.duration
    chips = "GPUs" if found.kind == "gpu" else words_of(found.kind).many
    title = f"{lasted.title}: the whole run on {found.n_systems:,} {chips}"
    days = [
        *sentence("Done in", _elapsed(lasted), width, separator="; "),
        *_line("By date", _dates(found), width),
        *sentence("Steps", _steps(found), width),
        *_line("Goodput", _goodput(found), width),
    ]
    rest = [
        *sentence("Lost to", _losses(found), width),
        *sentence("By cause", _causes(found), width, 3),
        *sentence("Saves", _saves(found), width, separator="; "),
        *sentence("Takes", _takes(found), width),
        *sentence("Costs", _costs(found), width),
        *sentence("Deadline", _deadline(found), width),
        *sentence("Trust", _trust(found), width, 3),
        *sentence("Note", list(found.built.notes), width, 3),
    ]
    where = "Figures, all numbers: " if lasted.directory is not None else ""
    last = [] if lasted.directory is None else [whole("Written", f"{lasted.directory}/", where, width)]
    more = sentence(
        "More", ["--json", "--runs 10000", "--set run.spares=4", f"wafersim show {USUAL[found.kind]}"], width
    )
    return [titled(title, lasted.took, width), "", *days, "", *rest, *last, *more]


def _line(label: str, text: str, width: int) -> list[str]:
    """A label and one line; nothing where there is nothing to say."""
    return [] if not text else [clipped(label.ljust(GUTTER) + text, width)]


def _elapsed(lasted: Lasted) -> list[str]:
    spread, chance = lasted.duration.elapsed, lasted.duration.chance
    said = [f"{numbers.duration(spread.median)} ({numbers.span(spread.low, spread.high, spread.median)} with 80 %)"]
    if lasted.published is not None:
        took = lasted.published.days * numbers.DAY
        said.append(f"published {numbers.duration(took)} ({numbers.change(spread.median / took - 1.0)})")
    return [*said, f"chance alone {numbers.span(chance.low, chance.high, spread.median)}"]


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
    every = found.save_every * step_seconds(run.stretches[-1])
    each = numbers.duration(run.saving.save_ticks / TICKS_PER_SECOND)
    said = [f"every {found.save_every:,} steps ({numbers.duration(every)}), {each} each, {run.saving.mode}"]
    if best is None:
        return said
    if found.save_every == best.steps[-1]:
        third, three = (100 * (best.waste(factor) - best.waste()) for factor in (1 / 3, 3.0))
        return [*said, f"the best: a third of it costs {third:.1f} % more time, three times {three:.1f} %"]
    worse = 100 * (best.waste_at(every) - best.waste())
    return [*said, f"best every {best.steps[-1]:,} ({numbers.duration(best.seconds)}), {worse:.1f} % less time"]


def _takes(found: Duration) -> list[str]:
    energy = found.energy_j
    low, high = numbers.energy(energy.low), numbers.energy(energy.high)
    said = [f"{numbers.energy(energy.median)} ({low} to {high}) with PUE {found.footprint.energy.pue:g}"]
    if found.carbon_kg is not None:
        said.append(f"{numbers.amount(found.carbon_kg.median / 1000.0)} t CO2e")
    return said


def _costs(found: Duration) -> list[str]:
    """The run's own definition first; the other two beside it where their prices are known."""
    known = [found.footprint.cost, *(cost for cost in _all_costs(found) if cost is not found.footprint.cost)]
    said = [
        f"{numbers.amount(float(np.mean(cost.usd)), 'USD')} {NAMED[cost.definition]}"
        for cost in known
        if cost.usd is not None
    ]
    own = found.footprint.cost
    if own.usd is None:
        return [f"no {own.definition} price is known: {own.missing} gives one", *said]
    unsure = next((word for word in UNSURE for source in own.sources if word in source), "")
    return [f"{said[0]}{f' ({unsure} price)' if unsure else ''}", *said[1:]]


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
    if rates:
        several = len(rates) > 1
        parts.append(f"{len(rates)} failure rate{'s are' if several else ' is'} assumed, wide, in the range")
    if found.built.assumed:
        parts.append(f"{len(found.built.assumed)} numbers of operation are")
    return parts
