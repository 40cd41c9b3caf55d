"""The part of a page about a whole run: when it is done, and where its time goes."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np

from wafersim import numbers
from wafersim.report.colours import FIRST, MATCHED
from wafersim.report.html.parts import Chart, Lines, Part, Section, Table
from wafersim.report.html.plotted import ABOVE, MARGIN, stack_layout, stacked
from wafersim.report.screen.duration import Lasted, duration_screen
from wafersim.report.screen.layout import WIDTH
from wafersim.strategies import palette
from wafersim.training_run.duration import Duration
from wafersim.training_run.words import WORDS

SHARES = np.linspace(0.0, 0.99, 100)  # of the runs, at which the curve is told; the last percent may take years


def whole_run_section(found: Duration, name: str, suffix: str = "") -> Section:
    """When runs like this one end, and what their time is lost to; a `suffix` keeps the places of several on a page apart."""
    low, middle, high = (
        numbers.duration(value) for value in (found.elapsed.low, found.elapsed.median, found.elapsed.high)
    )
    lead = f"{found.runs:,} simulated runs of {name}: half are done in {middle}, 80 % in {low} to {high}."
    said = duration_screen(Lasted(name, name, found, None, None, 0.0), WIDTH)
    parts: list[Part] = [
        _finishes(found, f"finish{suffix}"),
        _losses(found, f"goodput{suffix}"),
        Lines(_sentences(said[1:])),
    ]
    return Section(f"whole-run{suffix}", f"The whole run: {name}" if suffix else "The whole run", lead, parts)


def _sentences(lines: list[str]) -> list[str]:
    """Lines of a screen, those that go on joined to what they go on from; without the commands."""
    joined: list[str] = []
    for line in lines:
        if line.startswith(" ") and joined:
            joined[-1] += " " + line.strip()
        elif line and not line.startswith("More "):
            label, _, rest = line.partition("  ")
            joined.append(f"{label}: {rest.strip()}")
    return joined


def _finishes(found: Duration, identity: str) -> Chart:
    traces: list[dict[str, Any]] = []
    dated = found.start_stated
    curves = [("with all that is not known", found.ends_s, MATCHED, "solid")]
    spreads = [("with all that is not known", found.elapsed)]
    if found.chance != found.elapsed:  # else nobody asked for it
        curves.append(("by chance alone", found.chance_ends_s, FIRST, "dash"))
        spreads.append(("by chance alone", found.chance))
    for name, ends, colour, dash in curves:
        at = np.quantile(ends, SHARES)
        traces.append({
            "type": "scatter", "mode": "lines", "name": name, "x": [_when(found, each) for each in at.tolist()],
            "y": (100 * SHARES).tolist(), "line": {"color": colour, "width": 2, "dash": dash},
            "hovertemplate": "%{y:.0f} % of runs are done by %{x}<extra>" + name + "</extra>",
        })  # fmt: skip
    if found.deadline_s is not None:
        traces.append({
            "type": "scatter", "mode": "lines", "name": "deadline", "x": [_when(found, found.deadline_s)] * 2, "y": [0, 100],
            "line": {"color": palette.RED, "width": 2, "dash": "dot"}, "hovertemplate": "deadline: %{x}<extra></extra>",
        })  # fmt: skip
    layout = {
        "height": 360, "margin": MARGIN, "legend": ABOVE,
        "xaxis": {"type": "date"} if dated else {"title": {"text": "days from the first start"}},
        "yaxis": {"title": {"text": "runs that are done, %"}, "range": [0, 100]},
    }  # fmt: skip
    table = Table(
        "Done in",
        ["", "10 % of runs", "half", "90 %", "mean"],
        [
            [name, *(numbers.duration(value) for value in (one.low, one.median, one.high, one.mean))]
            for name, one in spreads
        ],
        frozenset({1, 2, 3, 4}),
        folded=True,
    )
    met = "" if found.deadline_met is None else f" {numbers.percent(found.deadline_met)} meet the deadline."
    summary = f"Share of {found.runs:,} simulated runs that are done by each day.{met}"
    return Chart(identity, summary, traces, layout, table)


def _when(found: Duration, seconds: float) -> str | float:
    """A day where the experiment says when the run begins, else days."""
    if not found.start_stated:
        return seconds / numbers.DAY
    begin = datetime.datetime.combine(found.start, datetime.time())
    try:
        return (begin + datetime.timedelta(seconds=seconds)).isoformat(timespec="minutes")
    except OverflowError:
        return datetime.datetime.max.isoformat(timespec="minutes")


def _losses(found: Duration, identity: str) -> Chart:
    elapsed = found.elapsed.mean
    words = {each.key: each for each in WORDS.values()}
    named = [(words[key], value) for key, value in found.losses if value > 5e-4 * elapsed]
    traces = [
        stacked(
            part.label,
            part.colour,
            [100 * value / elapsed],
            ["mean run"],
            f"{part.label}: %{{x:.2f}} % of the run, {numbers.duration(value)}",
        )
        for part, value in named
    ]
    layout = stack_layout(220, {"title": {"text": "share of the run, %"}, "range": [0, 100]})
    table = Table(
        "What the mean run spends its time on",
        ["", "time", "share"],
        [[part.label, numbers.duration(value), f"{100 * value / elapsed:.2f} %"] for part, value in named],
        frozenset({1, 2}),
        folded=True,
    )
    summary = f"Goodput {numbers.percent(found.goodput.mean)}: the share of the run in steps that count."
    return Chart(identity, summary, traces, layout, table)
