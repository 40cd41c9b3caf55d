"""The first screen of `share`: how much each job slows down beside the others, and which one most."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wafersim import numbers
from wafersim.planning.sharing import Shared
from wafersim.report.screen.layout import LINES, Column, clipped, cut, sentence, table, titled, written

NOTICED = 1e-3  # a step that is longer by less is as good as alone


def sharing_screen(
    jobs: Sequence[Shared],
    checked: bool,
    took: float,
    width: int,
    most: int = LINES,
    first: str = "",
    directory: Path | None = None,
) -> list[str]:
    """At most so many lines; `first` is what was asked for first, of a `directory` the report is named."""
    unit = numbers.common_unit([job.alone_s for job in jobs])
    sayings = [
        *sentence("Answer", sharing_answer(jobs), width, 3, "; "),
        *sentence("Rests on", _rests_on(jobs, checked), width, 3, "; "),
        *([] if directory is None else [written(directory, "all numbers", True, width)]),
        *sentence("More", [f"next: wafersim run {first} (what binds a job alone)"] if first else [], width, 2),
    ]
    rows = table(
        [
            Column("job", tuple(job.name for job in jobs), left=True),
            Column("model", tuple(job.model for job in jobs), 2, left=True),
            Column("systems", tuple(f"{job.n_systems:,}" for job in jobs), 1),
            Column("alone", tuple(numbers.step(job.alone_s, unit) for job in jobs), 3),
            Column("together", tuple(numbers.step(job.together_s, unit) for job in jobs)),
            Column("longer", tuple(numbers.change(job.slowdown - 1) for job in jobs)),
        ],
        width,
    )
    title = titled(f"{len(jobs)} jobs on one MemoryX, first come first served", took, width)
    rows = cut(rows, most - 3 - len(sayings))
    return [clipped(line, width) for line in [title, "", *rows, "", *sayings]]


def sharing_answer(jobs: Sequence[Shared]) -> list[str]:
    """Which job slows down most and by how much, and whether others do."""
    worst = max(jobs, key=lambda job: job.slowdown)
    if worst.slowdown - 1 < NOTICED:
        return ["no job notices the others: none has a step longer by 0.1 %"]
    rest = [job for job in jobs if job is not worst and job.slowdown - 1 >= NOTICED]
    quiet = "the other one does not notice" if len(jobs) == 2 else "the others do not notice"
    others = f"{len(rest)} other{'s' * (len(rest) > 1)} slow{'s' * (len(rest) == 1)} down as well" if rest else quiet
    longer = numbers.change(worst.slowdown - 1).removeprefix("+")
    return [f"{worst.name} slows down most: its step takes {longer} longer than alone", others]


def _rests_on(jobs: Sequence[Shared], checked: bool) -> list[str]:
    steps = sum(job.steps for job in jobs)
    said = [f"means of {steps:,} simulated steps in all, every job from its own start"]
    return (
        [*said, "equal to the SimPy reference on every tick"]
        if checked
        else [*said, "--check compares each tick with SimPy"]
    )
