"""The page of a comparison: its answer, sides as bars with their ranges, a step of each, what each rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wafersim import numbers
from wafersim.inputs.experiment import Experiment
from wafersim.report.colours import LINES
from wafersim.report.comparison import bill_lines, comparison_lines
from wafersim.report.html.charts import breakdown_chart, memory_charts
from wafersim.report.html.in_words import words_explained
from wafersim.report.html.pages import answers, simulated_again
from wafersim.report.html.parts import Chart, Lines, Page, Part, Section, Table, category
from wafersim.report.html.plotted import BAR, CLOSE, whiskers
from wafersim.report.html.provenance import provenance_parts
from wafersim.report.html.sentences import comparison_in_words
from wafersim.report.html.timeline import step_timeline
from wafersim.report.html.whole_run import whole_run_section
from wafersim.report.screen.comparison import Compared, comparison_screen
from wafersim.report.words import Row, counted, seconds, with_interval
from wafersim.training_run.duration import Duration

MOST_STEPS = 4  # sides whose step is drawn
MEASURES = (
    ("days_to_train", "time to train", [(unit, size / numbers.DAY) for unit, size in numbers.TIMES]),
    ("cost_usd", "cost", numbers.DOLLARS),
    ("energy_j", "energy", numbers.JOULES),
    ("tokens_per_s", "tokens/s", [("", 1.0)]),
)
"""Key of a row, what it is called, units in which it may be told."""


@dataclass(frozen=True)
class ComparisonFindings:
    """What a comparison found: its sides as plain values, the experiment of each, and whole runs of those that ran."""

    title: str
    sides: Sequence[Row]
    experiments: Sequence[Experiment]
    durations: Sequence[Duration | None] | None = None


def comparison_page(found: ComparisonFindings) -> Page:
    """All of it."""
    screen = Compared(found.title, found.sides, None, 0.0)
    wide, narrow = answers(lambda width, most: comparison_screen(screen, width, most))
    words = words_explained(*(side["kind"] for side in found.sides if "kind" in side))
    return Page(found.title, wide, narrow, _sections(found), comparison_in_words(found.sides), words)


def _sections(found: ComparisonFindings) -> list[Section]:
    ran = [
        (side, experiment)
        for side, experiment in zip(found.sides, found.experiments, strict=True)
        if "infeasible" not in side
    ]
    bars = [(side["name"], side) for side, _ in ran]
    steps = [(side, simulated_again(experiment)) for side, experiment in ran[:MOST_STEPS]]
    sections = [Section("sides", "Side by side", "", [*_measures(bars), _table(found.sides)])]
    timelines = [
        step_timeline(
            simulated, f"One step of {side['name']}: {counted(side)}, {seconds(side['step_time_s'])}", f"step-{index}"
        )
        for index, (side, simulated) in enumerate(steps)
    ]
    drawn = [timeline for timeline in timelines if timeline is not None]
    if drawn:
        left_out = len(ran) - len(drawn)
        lead = f"Of {left_out} more sides no step is drawn." if left_out else ""
        sections.append(Section("timeline", "A step of each", lead, drawn))
    for side, duration in zip(found.sides, found.durations or (), strict=False):
        if duration is not None:
            sections.append(whole_run_section(duration, str(side["name"]), f"-{len(sections)}"))
    sections.append(Section("where", "Where time goes", "", [breakdown_chart(bars), *memory_charts(bars)]))
    sections.append(Section("why", "Why, and how sure", "", _reasons(found.sides)))
    parts = [
        part
        for side, simulated in steps
        for part in provenance_parts(simulated.job, tuple(side["assumed"]), side["name"])
    ]
    sections.append(Section("provenance", "What it rests on", "", parts))
    return sections


def _reasons(sides: Sequence[Row]) -> list[Part]:
    """What the numbers say; the sources of power and prices, which are long, behind a line that opens them."""
    bills = bill_lines(sides)
    said = [line for line in comparison_lines(sides) if line not in bills]
    return [Lines(said), Lines(bills, "What power and prices rest on")]


def _measures(bars: Sequence[tuple[str, Row]]) -> list[Chart]:
    """A chart for each of the measures that every side has, in the largest unit in which no side is below one."""
    charts = []
    for key, said, units in MEASURES:
        values = [side.get(key) for _, side in bars]
        known = [value for value in values if value is not None]
        if known and len(known) == len(values):
            unit, size = numbers.scale(min(known), units)
            charts.append(_measure(bars, key, f"{said}, {unit}" if unit else said, size))
    return charts


def _measure(bars: Sequence[tuple[str, Row]], key: str, said: str, unit: float) -> Chart:
    values = [side[key] / unit for _, side in bars]
    ranges = [side["interval"][key] if side.get("interval") else (side[key], side[key]) for _, side in bars]
    names = [f"{name}, {counted(side)}" for name, side in bars]
    spans = [(low / unit, value, high / unit) for (low, high), value in zip(ranges, values, strict=True)]
    trace: dict[str, Any] = {
        "type": "bar", "orientation": "h", "x": values, "marker": {"color": LINES[0]},
        "y": [category(name, counted(side)) for name, side in bars],
        "error_x": whiskers(spans, color="@ink"),
        "customdata": [with_interval(side, key, unit) for _, side in bars],
        "hovertemplate": "%{y}<br>" + said + ": %{customdata}<extra></extra>",
    }  # fmt: skip
    layout = {
        "height": 90 + BAR * len(bars), "margin": CLOSE,
        "xaxis": {"title": {"text": said}, "rangemode": "tozero"},
        "yaxis": {"autorange": "reversed", "type": "category"}, "showlegend": False,
    }  # fmt: skip
    best = min(range(len(bars)), key=lambda index: values[index] if key != "tokens_per_s" else -values[index])
    leads = f"{said[:1].upper()}{said[1:]}: {names[best]} is the best with {with_interval(bars[best][1], key, unit)}"
    summary = f"{leads}. Whiskers are 80 % intervals."
    table = Table(
        said,
        ["side", said],
        [[name, with_interval(side, key, unit)] for name, (_, side) in zip(names, bars, strict=True)],
        frozenset({1}),
        folded=True,
    )
    return Chart(f"measure-{key.replace('_', '-')}", summary, [trace], layout, table)


def _table(sides: Sequence[Row]) -> Table:
    heads = ["side", "model", "chips", "split", "step", "MFU", "kW", "binds", "tuned by hand"]
    rows = []
    for side in sides:
        if "infeasible" in side:
            rows.append([side["name"], side["model"], "-", f"cannot run: {side['infeasible']}", *[""] * 5])
            continue
        rows.append([
            side["name"], side["model"], f"{side['n_systems']:,}", side["split"]["name"], seconds(side["step_time_s"]),
            numbers.percent(side["mfu"]), f"{side['power_w'] / 1e3:,.0f}", side["binding_resource"],
            ", ".join(side["dimensions"]),
        ])  # fmt: skip
    return Table("Every side", heads, rows, frozenset({2, 4, 5, 6}))
