"""The timeline of a page: slices in lanes, counters below, in the colours of the figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from wafersim import numbers
from wafersim.report import colours
from wafersim.report.html.slices import Slices, slices_of
from wafersim.report.trace.events import Counter
from wafersim.report.trace.step import VIEWS, on_circuit
from wafersim.simulation import Simulated
from wafersim.strategies.registry import words_of
from wafersim.timeline.clock import to_seconds
from wafersim.timeline.timeline import KIND, KINDS, PASSES, Timeline

MOST_COUNTERS = 12
MOST_VALUES = 1200  # of a counter: what a screen has room for
OF_NO_PASS = {
    **colours.CHANNELS,
    "tail": "exposed_reduction",
    "read": "exposed_stream",
    "input": "exposed_input",
}  # kind -> colour, or the part of the step whose colour it has


@dataclass(frozen=True)
class StepTimeline:
    """One periodic step that can be zoomed: lanes of slices, and what is counted over the same time."""

    id: str
    title: str
    notes: Sequence[str]
    legend: Sequence[tuple[str, str]]  # (what, its colour)
    data: dict[str, Any]  # for timeline.js
    template: ClassVar[str] = "timeline.html"


def step_timeline(simulated: Simulated, title: str, identity: str) -> StepTimeline | None:
    """The last step that was simulated; None of a strategy that has no lanes."""
    view_of = VIEWS.get(simulated.job.kind)
    if view_of is None:
        return None
    view, timeline = view_of(simulated), simulated.periodic.timeline
    slices = slices_of(timeline, view, on_circuit(simulated))
    data = slices.packed()
    own = _colours(simulated.prediction.kind)
    data["colours"] = own
    data["pass_colours"] = colours.PASSES
    data["counters"] = [_counter(each, timeline) for each in _shown(view.counters, slices)]
    data["has_critical"] = known = bool(slices.critical.any())
    return StepTimeline(identity, title, _notes(slices, known), _legend(slices, own), data)


def _legend(slices: Slices, own: dict[str, str]) -> list[tuple[str, str]]:
    """Passes, then what belongs to none, as far as they are drawn."""
    kinds = [KINDS[code] for code in np.unique(slices.kind).tolist()]
    alone = [KIND[kind] for kind in own]
    passes = [PASSES[code] for code in np.unique(slices.pass_[~np.isin(slices.kind, alone)]).tolist()]
    return [*((name, colours.PASSES[name]) for name in passes), *((kind, own[kind]) for kind in kinds if kind in own)]


def _colours(kind: str) -> dict[str, str]:
    """Of kinds of tasks that belong to no pass."""
    part = words_of(kind).part
    found = {name: part[said].colour if said in part else said for name, said in OF_NO_PASS.items()}
    return {name: colour for name, colour in found.items() if colour.startswith("#")}


def _shown(counters: Sequence[Counter], slices: Slices) -> list[Counter]:
    """Those of all systems, and those of what has lanes."""
    there = {lane.process for lane in slices.lanes}
    alone = {each.process for each in counters} - {lane.process for lane in slices.lanes}
    return [each for each in counters if each.process in there | alone][:MOST_COUNTERS]


def _counter(counter: Counter, timeline: Timeline) -> dict[str, Any]:
    """Its values where they change, thinned to the largest of neighbours."""
    at, values = np.asarray(counter.at, float), np.asarray(counter.values, float)
    if len(at) > MOST_VALUES:
        group = -(-len(at) // MOST_VALUES)
        first = np.arange(0, len(at), group)
        at, values = at[first], np.maximum.reduceat(values, first)
    origin, span = int(timeline.start.min()), max(1, int(timeline.end.max() - timeline.start.min()))
    return {
        "process": counter.process,
        "name": counter.name,
        "unit": counter.unit,
        "at": np.round((at - origin) / span, 7).tolist(),
        "values": [float(f"{value:.5g}") for value in values.tolist()],
    }


def _notes(slices: Slices, circuit: bool) -> list[str]:
    said = []
    if slices.lanes_left_out:
        said.append(
            f"{slices.lanes_left_out:,} more lanes, of systems, links or stages that work alongside, are not drawn."
        )
    if slices.window:
        short = numbers.step(to_seconds(float(slices.window)))
        said.append(
            f"The step has {slices.tasks:,} tasks. Neighbours in a lane that begin within {short} are drawn as one "
            "slice, which says how many it is; --trace has every task."
        )
    if not circuit:
        said.append("No critical circuit is known of this step.")
    return said
