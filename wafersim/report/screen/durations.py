"""The first screen of whole runs beside each other: when each side is done, and what it loses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wafersim import numbers
from wafersim.report.screen.duration import NAMED, span_of
from wafersim.report.screen.layout import Column, sentence, table, titled, written
from wafersim.training_run.duration import Duration

MOST_CAUSES = 2


def durations_screen(
    title: str,
    names: Sequence[str],
    found: Sequence[Duration | None],
    took: float,
    width: int,
    directory: Path | None = None,
    report: bool = False,
) -> list[str]:
    """A line for each side that can run, what they lose time to, and how likely each is done before the first.

    Of its `directory` what says more than this: what the comparison of steps has.
    """
    sides = [(name, run) for name, run in zip(names, found, strict=True) if run is not None]
    columns = [
        Column("side", tuple(name for name, _ in sides), left=True),
        Column("chips", tuple(f"{run.n_systems:,}" for _, run in sides), 3),
        Column("steps take", tuple(numbers.duration(run.steps_s) for _, run in sides), 2),
        Column("whole run", tuple(numbers.duration(run.elapsed.median) for _, run in sides)),
        Column("80 % range", tuple(span_of(run.elapsed) for _, run in sides)),
        Column("goodput", tuple(numbers.percent(run.goodput.mean) for _, run in sides)),
        Column("cost", tuple(_cost(run) for _, run in sides)),
        Column("failures", tuple(numbers.grouped(_failures(run)) for _, run in sides), 1),
        Column("90 % by", tuple(str(run.finish(0.9)) for _, run in sides), 4),
    ]
    losses = [f"{name}: {', '.join(_causes(run))}" for name, run in sides if _causes(run)]
    first = sides[0][1] if sides else None
    sooner = [f"{name} with {numbers.percent(_before(run, first))}" for name, run in sides[1:] if first is not None]
    rates = [name for _, run in sides for name in run.built.assumed if name.endswith("per_1000_days")]
    trust = [f"{sides[0][1].runs:,} runs of each"] if sides else []
    if rates:
        trust.append(
            f"{len(set(rates))} failure rates are assumed, wide, in the ranges; nothing is published for wafers"
        )
    return [
        titled(f"{title}: whole runs", took, width),
        "",
        *table(columns, width),
        "",
        *sentence("Lost to", losses, width, 3, "; "),
        *sentence("Done before", [f"{sides[0][0]}: {', '.join(sooner)}"] if sooner else [], width, 3),
        *sentence("Costs", _prices(sides), width, 4, "; "),
        *sentence("Trust", trust, width),
        *([] if directory is None else [written(directory, "comparison of the steps", report, width)]),
        *sentence("More", ["--json", "--runs 10000", "without --duration: steps"], width),
    ]


def _cost(run: Duration) -> str:
    """By the run's own definition, of the mean run."""
    usd = run.footprint.cost.usd
    return "-" if usd is None else numbers.amount(float(np.mean(usd)), "USD")


def _prices(sides: Sequence[tuple[str, Duration]]) -> list[str]:
    """How each side is paid and at what price, those alike together; or which field gives a price."""
    alike: dict[str, list[str]] = {}
    for name, run in sides:
        cost = run.footprint.cost
        said = f"no price; {cost.missing} gives one" if cost.usd is None else f"{NAMED[cost.definition]} {cost.at}"
        alike.setdefault(said, []).append(name)
    return [f"{names[0] if len(names) == 1 else f'{len(names)} sides'} {said}" for said, names in alike.items()]


def _failures(run: Duration) -> float:
    return sum(cause.failures for cause in run.causes)


def _causes(run: Duration) -> list[str]:
    return [
        f"{cause.name.replace('-', ' ')} {numbers.duration(cause.lost_s)}"
        for cause in run.causes[:MOST_CAUSES]
        if cause.lost_s
    ]


def _before(run: Duration, first: Duration | None) -> float:
    """Chance that a side is done before the first, their unknowns drawn apart."""
    return 0.0 if first is None else float(np.mean(run.ends_s < first.ends_s))
