"""The numbers that a prediction was made of, on a page: assumed ones first, each with its source."""

from __future__ import annotations

from wafersim.inputs.machine import numbers
from wafersim.inputs.sourced import Sourced
from wafersim.numbers import percent
from wafersim.report.html.parts import Lines, Part, Section, Table
from wafersim.simulation import Job

ORDER = ("assumed", "calibrated", "measured", "derived", "datasheet")
HEADS = ("number", "value", "error", "source", "date")


def provenance_section(job: Job, moving: tuple[str, ...], run: str) -> Section:
    """Every number of the machine of a run; those that are assumed and move its prediction, `moving`, stand first."""
    move = (
        "No assumed one moves"
        if not moving
        else "1 assumed one moves"
        if len(moving) == 1
        else f"{len(moving)} assumed ones move"
    )
    lead = f"Numbers of the machine of {run}. {move} its prediction."
    return Section("provenance", "What it rests on", lead, provenance_parts(job, moving))


def provenance_parts(job: Job, moving: tuple[str, ...], side: str = "") -> list[Part]:
    """The same of one side of several, by kind."""
    stated = [(path, number) for path, number, _ in numbers(job.machine)]
    of = f"{side}: " if side else ""
    moved = [pair for pair in stated if pair[0] in moving]
    parts: list[Part] = [_table(f"{of}assumed, and it moves the step, the memory or the bill", moved)] if moved else []
    for kind in ORDER:
        found = [pair for pair in stated if pair[1].kind == kind and pair[0] not in moving]
        if found:
            title = "assumed, and it moves nothing here" if kind == "assumed" else kind
            parts.append(_table(f"{of}{title}: {len(found)}", found, folded=True))
    profiles = {part: getattr(job.machine, part) for part in (path.partition(".")[0] for path, _ in stated)}
    return [*parts, Lines([f"{of}{part} {profile.name}: {profile.title}" for part, profile in profiles.items()])]


def _table(title: str, found: list[tuple[str, Sourced]], folded: bool = False) -> Table:
    rows = [
        [path, number.written, _error(number), " ".join(filter(None, (number.origin, number.note))), number.date]
        for path, number in found
    ]
    return Table(title, HEADS, rows, frozenset({1, 2, 4}), folded)


def _error(number: Sourced) -> str:
    return "" if number.standard_error is None else f"± {percent(number.standard_error)}"
