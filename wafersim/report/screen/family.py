"""The first screen of several jobs on one cluster: how long each takes, and all of them in turn and packed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wafersim import numbers
from wafersim.inputs.jobs import SaidSpec
from wafersim.report.screen.duration import span_of, told
from wafersim.report.screen.layout import LINES, Column, cut, sentence, table, titled, written
from wafersim.report.screen.lines import shortened
from wafersim.training_run.family import Family, Member


@dataclass(frozen=True)
class Packed:
    """What became of jobs that share a cluster, what is published of how long they took, and seconds that the answer `took`."""

    title: str
    family: Family
    said: Sequence[SaidSpec] = ()
    took: float = 0.0
    directory: Path | None = None
    figures: bool = False
    report: bool = False

    @property
    def published(self) -> list[str]:
        """Of which job, and what is said of it."""
        return [f"{one.job or 'all of them'}: {one.words}" for one in self.said]


def family_screen(packed: Packed, width: int, most: int = LINES) -> list[str]:
    """At most so many lines."""
    family = packed.family
    members = family.members
    columns = [
        Column("job", tuple(shortened([member.name for member in members])), left=True),
        Column("systems", tuple(f"{member.n_systems:,}" for member in members), 1),
        Column("steps", tuple(f"{member.steps:,}" for member in members), 4),
        Column("steps take", tuple(numbers.duration(member.steps_s) for member in members), 3),
        Column("whole run", tuple(numbers.duration(member.alone.median) for member in members)),
        Column("80 % range", tuple(span_of(member.alone) for member in members), 2),
        Column("packed, days", tuple(_days(member) for member in members)),
    ]
    what = "figure, all numbers" if packed.figures else "all numbers"
    last = [
        *sentence("In turn", [f"{told(family.in_turn)}, one after the other"], width),
        *sentence(
            "Packed", [f"{told(family.packed)} on {family.systems} systems, {numbers.percent(family.use)} held"], width
        ),
        *sentence("Published", packed.published, width),
        *sentence(
            "Trust", [f"{family.runs:,} runs, seed {family.seed}", "one factor of step times for all jobs"], width
        ),
        *([] if packed.directory is None else [written(packed.directory, what, packed.report, width)]),
        *sentence("More", ["--json", "--runs 10000", *([] if packed.report else ["--report"])], width),
    ]
    rows = cut(table(columns, width), most - 3 - len(last))
    return [titled(packed.title, packed.took, width), "", *rows, "", *last]


def _days(member: Member) -> str:
    """`20.0 - 26.6`: days from the first start."""
    return " - ".join(numbers.tenths(at / numbers.DAY) for at in (member.begins_s, member.ends_s))


def day(seconds: float) -> str:
    """Days from the first start: `3.2 d`."""
    return f"{numbers.tenths(seconds / numbers.DAY)} d"
