"""The charts of a run's page: where steps go, how they scale, what takes memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wafersim import numbers
from wafersim.report.colours import LINES
from wafersim.report.figures.series import Axis, Series, drawn_against, named_lines
from wafersim.report.html.parts import Chart, Table, category, drawn
from wafersim.report.html.plotted import ABOVE, BAR, DASHES, MARGIN, SYMBOLS, stack_layout, stacked
from wafersim.report.words import Row, counted, seconds, with_interval
from wafersim.strategies.registry import words_of
from wafersim.strategies.words import Part

SHOWN = 5e-4  # of a step: what is less is in no legend
MEMORY_COLOURS = LINES[:1] + LINES[1:2] + LINES[3:4] + LINES[7:8] + LINES[4:5] + LINES[2:3]
GB = 1e9
REST = "reserved"

Bars = Sequence[tuple[str, Row]]  # points that ran, and what each is called


def largest_of(rows: Sequence[Row]) -> list[tuple[str, Row]]:
    """Each line of a sweep at its largest cluster."""
    ran = [line for line in named_lines(rows) if line.ran]
    return [(line.name, line.ran[-1]) for line in ran]


def breakdown_chart(bars: Bars) -> Chart:
    """A bar of the parts of a step for each of some points."""
    parts: dict[str, Part] = {}
    for _, row in bars:
        for part in words_of(row["kind"]).parts:
            if row["breakdown"][part.key] > SHOWN * row["step_time_s"]:
                parts.setdefault(part.label, part)
    traces = [_part_trace(part, bars) for part in parts.values()]
    layout = stack_layout(130 + BAR * len(bars), {"title": {"text": "share of the step, %"}, "range": [0, 100]})
    table = Table(
        "Where each step goes, in percent of it",
        ["run", "step", *parts],
        [
            [f"{name}, {counted(row)}", seconds(row["step_time_s"]), *(_share(row, label) for label in parts)]
            for name, row in bars
        ],
        frozenset(range(1, 2 + len(parts))),
        folded=True,
    )
    working = [
        sum(row["breakdown"][part.key] for part in words_of(row["kind"]).parts if part.working) / row["step_time_s"]
        for _, row in bars
    ]
    low, high = numbers.percent(min(working)), numbers.percent(max(working))
    span = low if low == high else f"{low.removesuffix(' %')} to {high}"
    summary = (
        f"Chips work during {span} of a step; the rest is told by what they wait for. Hover a part for its seconds."
    )
    return Chart("breakdown", summary, traces, layout, table)


def _part_trace(part: Part, bars: Bars) -> dict[str, Any]:
    values = [_of_label(row, part.label) for _, row in bars]
    shares = [100 * value / row["step_time_s"] for value, (_, row) in zip(values, bars, strict=True)]
    hover = "%{y}<br>" + part.label + ": %{x:.2f} % of the step, %{customdata}"
    trace = stacked(part.label, part.colour, shares, [category(name, counted(row)) for name, row in bars], hover)
    return {**trace, "customdata": [seconds(value) for value in values]}


def _of_label(row: Row, label: str) -> float:
    """Seconds of the parts of that label, 0 where the machine has none."""
    return float(sum(row["breakdown"][part.key] for part in words_of(row["kind"]).parts if part.label == label))


def _share(row: Row, label: str) -> str:
    if not any(part.label == label for part in words_of(row["kind"]).parts):
        return "-"
    return f"{100 * _of_label(row, label) / row['step_time_s']:.2f}"


def scaling_charts(rows: Sequence[Row]) -> list[Chart]:
    """Throughput and step time against the number that a sweep varies, with 80 % intervals; none where nothing varies."""
    found = drawn_against(rows)
    if found is None:
        return []
    axis, series = found
    return [
        _against(axis, series, "tokens_per_s", "tokens/s", "throughput", ideal=axis.chips),
        _against(axis, series, "step_time_s", "step time, s", "step-time", ideal=False),
    ]


def _against(axis: Axis, series: Sequence[Series], key: str, said: str, identity: str, ideal: bool) -> Chart:
    traces: list[dict[str, Any]] = []
    for index, each in enumerate(series):
        colour = LINES[index % len(LINES)]
        xs, name = [point.x for point in each.points], drawn(each.name)
        bands = [(point.x, *point.row["interval"][key]) for point in each.points if point.row.get("interval")]
        if len(bands) > 1:
            there = [*[x for x, *_ in bands], *[x for x, *_ in reversed(bands)]]
            edge = [*[high for *_, high in bands], *[low for _, low, _ in reversed(bands)]]
            traces.append({
                "type": "scatter", "x": there, "y": edge, "fill": "toself", "fillcolor": _faint(colour), "line": {"width": 0},
                "mode": "lines", "hoverinfo": "skip", "showlegend": False, "legendgroup": name,
            })  # fmt: skip
        if ideal:
            first = each.points[0]
            traces.append({
                "type": "scatter", "x": xs, "y": [first.row[key] / first.x * x for x in xs], "mode": "lines", "hoverinfo": "skip",
                "line": {"color": colour, "dash": "dot", "width": 1}, "showlegend": False, "legendgroup": name,
            })  # fmt: skip
        traces.append({
            "type": "scatter", "mode": "lines+markers", "name": name, "legendgroup": name, "x": xs,
            "y": [point.row[key] for point in each.points],
            "line": {"color": colour, "width": 2, "dash": DASHES[index // len(LINES) % len(DASHES)]},
            "marker": {"symbol": SYMBOLS[index % len(SYMBOLS)], "size": 7, "color": colour},
            "customdata": [with_interval(point.row, key) for point in each.points],
            "hovertemplate": name + "<br>%{x}: %{customdata} " + said.rpartition(", ")[2] + "<extra></extra>",
        })  # fmt: skip
    values = [point.row[key] for each in series for point in each.points]
    logarithmic = axis.chips or max(values) >= 10 * min(values)
    layout = {
        "height": 430, "margin": MARGIN, "hovermode": "closest",
        "xaxis": {
            "title": {"text": drawn(axis.name)}, "type": "log" if axis.logarithmic else "linear",
            "tickvals": [x for x, _ in axis.ticks], "ticktext": [drawn(text) for _, text in axis.ticks],
        },
        "yaxis": {"title": {"text": said}, **({"type": "log"} if logarithmic else {"rangemode": "tozero"})},
        "legend": ABOVE,
    }  # fmt: skip
    summary = f"{said.partition(',')[0].capitalize()} by {axis.name}. Shaded: 80 % intervals, where one is known."
    if ideal:
        summary += " Dotted: as many times the first point's rate as there are more chips."
    body = [
        [each.name, _tick(axis, point.x), with_interval(point.row, key)] for each in series for point in each.points
    ]
    table = Table(f"{said} (80 % interval)", ["run", axis.name, said], body, frozenset({1, 2}), folded=True)
    return Chart(identity, summary, traces, layout, table)


def _tick(axis: Axis, x: float) -> str:
    return next((text for at, text in axis.ticks if at == x), numbers.amount(x))


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[index : index + 2], 16) for index in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.16)"


def memory_charts(bars: Bars) -> list[Chart]:
    """What takes the memory of a chip, for each of some points: a chart for wafers, one for GPUs."""
    kinds = dict.fromkeys(row["kind"] for _, row in bars)
    return [_memory(kind, [(name, row) for name, row in bars if row["kind"] == kind]) for kind in kinds]


def _memory(kind: str, bars: Bars) -> Chart:
    words = words_of(kind)
    keys = [key for key, _ in words.memory]
    memories = [{**row["memory"], REST: _rest(row["memory"], keys)} for _, row in bars]
    known = [(key, head) for key, head in (*words.memory, (REST, REST)) if any(memory.get(key) for memory in memories)]
    beside = [category(name, counted(row)) for name, row in bars]
    named = [f"{name}, {counted(row)}" for name, row in bars]
    traces = [
        stacked(
            head,
            MEMORY_COLOURS[index % len(MEMORY_COLOURS)],
            [_gb(memory.get(key)) for memory in memories],
            beside,
            "%{y}<br>" + head + ": %{x:.3g} GB",
        )
        for index, (key, head) in enumerate(known)
    ]
    traces.append({
        "type": "scatter", "mode": "markers", "name": "there is", "y": beside,
        "x": [_gb(memory["capacity_bytes"]) for memory in memories],
        "marker": {"symbol": "line-ns-open", "size": 22, "line": {"width": 3, "color": "@ink"}, "color": "@ink"},
        "hovertemplate": "%{y}<br>there is: %{x:.4g} GB<extra></extra>",
    })  # fmt: skip
    layout = stack_layout(130 + BAR * len(bars), {"title": {"text": "GB"}, "rangemode": "tozero"})
    used, fullest = max(
        (memory["total_bytes"] / memory["capacity_bytes"], name) for memory, name in zip(memories, named, strict=True)
    )
    chip = "a wafer" if kind == "wafer" else "the fullest GPU"
    summary = f"Memory of {chip}: {fullest} takes the most, {numbers.percent(used)} of what there is."
    table = Table(
        f"Memory of {chip}, GB",
        ["run", *(head for _, head in known), "in all", "there is"],
        [
            [
                name,
                *(f"{_gb(memory.get(key)):.3g}" for key, _ in known),
                f"{_gb(memory['total_bytes']):.4g}",
                f"{_gb(memory['capacity_bytes']):.4g}",
            ]
            for name, memory in zip(named, memories, strict=True)
        ],
        frozenset(range(1, 3 + len(known))),
        folded=True,
    )
    return Chart(f"memory-{kind}", summary, traces, layout, table)


def _rest(memory: Row, keys: Sequence[str]) -> float:
    """Bytes of the whole that are none of its parts: code on a wafer, what the driver takes of a GPU."""
    rest = float(memory["total_bytes"] - sum(memory.get(key) or 0.0 for key in keys))
    return rest if rest > 1e-3 * memory["total_bytes"] else 0.0


def _gb(value: float | None) -> float:
    return (value or 0.0) / GB
