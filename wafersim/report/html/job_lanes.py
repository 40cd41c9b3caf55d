"""Charts of jobs that share a cluster: when each runs, how many systems are held, and how much longer steps take."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from wafersim import numbers
from wafersim.planning.beside import Beside
from wafersim.planning.sharing import Shared
from wafersim.report.colours import FIRST, LINES, MATCHED
from wafersim.report.html.parts import Chart, Table, category, drawn
from wafersim.report.html.plotted import ABOVE, BAR, CLOSE, MARGIN
from wafersim.report.screen.family import day
from wafersim.report.screen.sharing import sharing_answer
from wafersim.training_run.family import Family, Member

DAYS = {"title": {"text": "days from the first start"}, "rangemode": "tozero"}


def lanes_chart(family: Family) -> Chart:
    """A lane a job, with its span in the packed order and in turn."""
    members = family.members
    names = [category(member.name, _systems(member.n_systems)) for member in members]
    orders = (
        ("packed", MATCHED, [(member.begins_s, member.ends_s) for member in members]),
        ("one after the other", FIRST, [(member.in_turn_begins_s, member.in_turn_ends_s) for member in members]),
    )
    traces: list[dict[str, Any]] = [
        {
            "type": "bar", "orientation": "h", "name": name, "y": names, "marker": {"color": colour},
            "base": [low / numbers.DAY for low, _ in spans], "x": [(high - low) / numbers.DAY for low, high in spans],
            "customdata": [f"{day(low)} to {day(high)}" for low, high in spans],
            "hovertemplate": "%{y}<br>" + name + ": %{customdata}<extra></extra>",
        }
        for name, colour, spans in orders
    ]  # fmt: skip
    layout = {
        "barmode": "group", "bargap": 0.25, "height": 110 + BAR * len(members), "margin": MARGIN, "legend": ABOVE, "xaxis": DAYS,
        "yaxis": {"autorange": "reversed", "type": "category"},
    }  # fmt: skip
    longest = max(members, key=lambda member: member.alone.median)
    summary = (
        f"When each job runs: packed, all are done after {numbers.duration(family.packed.median)}, one after the other after "
        f"{numbers.duration(family.in_turn.median)}; {longest.name} alone takes {numbers.duration(longest.alone.median)}. "
        f"Medians of {family.runs:,} runs."
    )
    rows = [
        [
            member.name, f"{member.n_systems:,}", f"{member.steps:,}", numbers.duration(member.alone.median),
            f"{numbers.duration(member.alone.low)} - {numbers.duration(member.alone.high)}", day(member.begins_s),
            day(member.ends_s), day(member.in_turn_begins_s), day(member.in_turn_ends_s),
        ]
        for member in members
    ]  # fmt: skip
    heads = ["job", "systems", "steps", "run alone", "80 % of runs", "packed: from", "to", "in turn: from", "to"]
    return Chart("job-lanes", summary, traces, layout, Table("Every job", heads, rows, frozenset(range(1, 9))))


def held_chart(family: Family) -> Chart:
    """Systems that packed jobs hold over time, a layer a job."""
    members = family.members
    moments = sorted({0.0, *(at for member in members for at in (member.begins_s, member.ends_s))})
    there = [[_held(member, low, high) for low, high in pairwise(moments)] for member in members]
    middles = [at / numbers.DAY for at in moments for _ in range(2)][1:-1]  # both ends of each span
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter", "mode": "lines", "stackgroup": "held", "name": drawn(member.name), "x": middles,
            "y": [held for held in holds for _ in range(2)], "line": {"width": 0.5, "color": LINES[index % len(LINES)]},
            "fillcolor": LINES[index % len(LINES)],
            "hovertemplate": drawn(member.name) + ": %{y} systems<extra></extra>",
        }
        for index, (member, holds) in enumerate(zip(members, there, strict=True))
    ]  # fmt: skip
    layout = {
        "height": 330, "margin": MARGIN, "legend": ABOVE, "xaxis": DAYS, "hovermode": "closest",
        "yaxis": {"title": {"text": "systems held"}, "range": [0, 1.05 * family.systems]},
        "shapes": [
            {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": family.systems, "y1": family.systems,
             "line": {"color": "@ink", "width": 1, "dash": "dash"}}
        ],
    }  # fmt: skip
    summary = (
        f"Systems that packed jobs hold, of {family.systems:,} (dashed): {numbers.percent(family.use)} of their time. "
        "A job holds its most systems from its begin to its end."
    )
    rows = [
        [day(low), day(high), f"{sum(column):,}", ", ".join(_names(members, column))]
        for (low, high), column in zip(pairwise(moments), zip(*there, strict=True), strict=True)
    ]
    table = Table("Systems held", ["from", "to", "systems", "jobs"], rows, frozenset({0, 1, 2}), folded=True)
    return Chart("held", summary, traces, layout, table)


def _held(member: Member, low: float, high: float) -> int:
    return member.n_systems if member.begins_s <= low and member.ends_s >= high else 0


def _names(members: Sequence[Member], held: Sequence[int]) -> list[str]:
    return [member.name for member, count in zip(members, held, strict=True) if count] or ["none"]


def sharing_chart(sets: Sequence[tuple[str, Sequence[Shared]]]) -> Chart:
    """How much longer the step of each job is beside the others, of (when, jobs that run together then)."""
    jobs = [(when, job) for when, some in sets for job in some]
    unit = numbers.common_unit([job.alone_s for _, job in jobs])
    longer = [100 * (job.slowdown - 1) for _, job in jobs]
    times = [(numbers.step(job.alone_s, unit), numbers.step(job.together_s, unit)) for _, job in jobs]
    ends = [min(0.0, 1.1 * min(longer)), max(1.0, 1.1 * max(longer))]  # a percent at least: what is little looks little
    traces = [
        {
            "type": "bar", "orientation": "h", "x": longer, "marker": {"color": MATCHED},
            "y": [category(job.name, when or _systems(job.n_systems)) for when, job in jobs],
            "customdata": [f"{alone} alone, {together} together" for alone, together in times],
            "hovertemplate": "%{y}<br>%{x:.3f} % longer: %{customdata}<extra></extra>",
        }
    ]  # fmt: skip
    layout = {
        "height": 90 + BAR * len(jobs), "margin": CLOSE, "showlegend": False,
        "xaxis": {"title": {"text": "step longer than alone, %"}, "range": ends},
        "yaxis": {"autorange": "reversed", "type": "category"},
    }  # fmt: skip
    answers = dict.fromkeys("; ".join(sharing_answer(some)) for _, some in sets)
    said = ". ".join(answer[:1].upper() + answer[1:] for answer in answers)
    rows = [
        [job.name, when, f"{job.n_systems:,}", *both, f"{100 * (job.slowdown - 1):+.3f} %", f"{job.steps:,}"]
        for (when, job), both in zip(jobs, times, strict=True)
    ]
    heads = ["job", "when", "systems", "step alone", "together", "longer", "steps counted"]
    if len(sets) == 1 and not sets[0][0]:  # of jobs that begin together nothing is told apart by when
        heads, rows = [heads[0], *heads[2:]], [[row[0], *row[2:]] for row in rows]
    numeric = frozenset(range(len(heads) - 5, len(heads)))
    return Chart(
        "shared", f"{said}.", traces, layout, Table("A step alone and beside the others", heads, rows, numeric)
    )


def when_of(beside: Beside) -> str:
    """`0.0 d to 2.5 d`."""
    return f"{day(beside.from_s)} to {day(beside.to_s)}"


def _systems(count: int) -> str:
    return f"{count:,} system{'s' * (count != 1)}"
