"""The first screen of several jobs on one cluster: how long each takes, and all of them in turn and packed."""

from __future__ import annotations

from dataclasses import dataclass

from wafersim import numbers
from wafersim.report.screen.duration import span_of, told
from wafersim.report.screen.layout import LINES, Column, cut, sentence, table, titled
from wafersim.report.screen.lines import shortened
from wafersim.training_run.family import Family


@dataclass(frozen=True)
class Packed:
    """What became of jobs that share a cluster, seconds that the answer `took`, what is published of all of them in words."""

    title: str
    family: Family
    published: tuple[str, ...]
    took: float


def family_screen(packed: Packed, width: int) -> list[str]:
    """At most 24 lines."""
    family = packed.family
    members = family.members
    columns = [
        Column("job", tuple(shortened([member.name for member in members])), left=True),
        Column("systems", tuple(f"{member.n_systems:,}" for member in members)),
        Column("steps", tuple(f"{member.steps:,}" for member in members), 3),
        Column("steps take", tuple(numbers.duration(member.steps_s) for member in members), 2),
        Column("whole run", tuple(numbers.duration(member.alone.median) for member in members)),
        Column("80 % range", tuple(span_of(member.alone) for member in members), 1),
        Column("packed: from", tuple(_day(member.begins_s) for member in members)),
        Column("to", tuple(_day(member.ends_s) for member in members)),
    ]
    last = [
        *sentence("In turn", [f"{told(family.in_turn)}, one after the other"], width),
        *sentence(
            "Packed", [f"{told(family.packed)} on {family.systems} systems, {numbers.percent(family.use)} held"], width
        ),
        *sentence("Published", list(packed.published), width),
        *sentence(
            "Trust", [f"{family.runs:,} runs, seed {family.seed}", "one factor of step times for all jobs"], width
        ),
        *sentence("More", ["--json", "--runs 10000"], width),
    ]
    rows = cut(table(columns, width), LINES - 3 - len(last))
    return [titled(packed.title, packed.took, width), "", *rows, "", *last]


def _day(seconds: float) -> str:
    return f"{numbers.tenths(seconds / numbers.DAY)} d"
