"""Where a step goes: the wafer's busy time and, gap by gap, what it waited for. The parts add up to the step exactly.

A gap before a slice is put down to the last thing that arrived: a weight chunk, a fetch of activations, a gradient
buffer, an input batch. A wait for a weight chunk is followed back: as long as the weights were not yet current it was
the gradient drain, the tail of the reduction over all systems or the optimizer, then the stream itself, and the hops and
MemoryX's latency are kept apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from itertools import accumulate, pairwise

import numpy as np

from wafersim.strategies.weight_streaming.places import Places, places_of
from wafersim.strategies.weight_streaming.plan import WeightStreamingPlan
from wafersim.timeline.timeline import PASS, Column, Timeline


@dataclass(frozen=True)
class TicksByPart:
    """Ticks of one step on the system that the others wait for."""

    compute: int
    kernel_latency: int
    exposed_stream: int
    exposed_drain: int
    exposed_reduction: int
    exposed_activations: int
    exposed_input: int
    optimizer: int
    fixed_latency: int

    @property
    def total(self) -> int:
        """The step."""
        return sum(self.as_dict().values())

    def as_dict(self) -> dict[str, int]:
        """Ticks by part, in reading order."""
        return {field.name: int(getattr(self, field.name)) for field in fields(self)}


def parts_of_step(
    timeline: Timeline, plan: WeightStreamingPlan, step_ticks: int, before: Timeline | None = None
) -> TicksByPart:
    """The parts of one periodic step of `step_ticks`.

    Where nothing repeats, the step `before` says where this one began, and its parts are scaled to the mean step.
    """
    gaps = gaps_of_step(timeline, plan, step_ticks, before)
    floors = [sum(ticks) for ticks in plan.floor_ticks]
    floor = sum(floors[size] for size in plan.size_of[gaps.system])
    parts = {field.name: 0 for field in fields(TicksByPart)}
    parts["kernel_latency"] = floor
    parts["compute"] = gaps.busy - floor
    for gap in range(len(gaps.rows)):
        for part, ticks in gaps.parts(gap):
            parts[part] += ticks
    if before is not None:
        parts = _scaled(parts, gaps.step_ticks, step_ticks)
    return TicksByPart(**parts)


@dataclass(frozen=True)
class Gaps:
    """Times at which the wafer that the others wait for stood still. Gap i is before the slice in row `rows[i]` of the timeline.

    `busy` are the ticks of all its slices, `step_ticks` what this step took on it.
    """

    system: int
    rows: Column
    begins: Column
    busy: int
    step_ticks: int
    waits: _Waits

    def parts(self, gap: int) -> list[tuple[str, int]]:
        """[(part of a step, ticks)] of a gap; a part of no ticks may be among them."""
        return self.waits.of(gap, int(self.begins[gap]))


def gaps_of_step(
    timeline: Timeline, plan: WeightStreamingPlan, step_ticks: int, before: Timeline | None = None
) -> Gaps:
    """The gaps of one step of the slowest system, in the order in which it works; arguments as of `parts_of_step`."""
    system = slowest_system(timeline.of("compute"), plan.systems) if plan.systems > 1 else 0
    places = places_of(timeline, system)
    order = _in_time(timeline, places.slices)
    rows = places.slices[order]
    start, end = timeline.start[rows], timeline.end[rows]
    own_ticks = step_ticks
    if before is not None:
        own_ticks = int(end[-1] - before.end[places_of(before, system).slices].max())
    ends = np.concatenate(([end[-1] - own_ticks], end[:-1]))
    late = np.flatnonzero(start > ends)
    waits = _Waits(timeline, plan, places, own_ticks, order[late])
    return Gaps(system, rows[late], ends[late], int((end - start).sum()), own_ticks, waits)


def _in_time(timeline: Timeline, rows: Column) -> Column:
    """The order of some slices by start, end and chunk."""
    start = timeline.start[rows]
    order = np.argsort(start, kind="stable")
    if np.all(np.diff(start[order])):
        return order
    return np.lexsort((timeline.chunk[rows], timeline.end[rows], start))


def _scaled(parts: dict[str, int], total: int, wanted: int) -> dict[str, int]:
    """The same shares of another total, to the tick."""
    edges = [edge * wanted // total for edge in accumulate(parts.values(), initial=0)]
    return {name: high - low for name, (low, high) in zip(parts, pairwise(edges), strict=True)}


def slowest_system(compute: Timeline, systems: int) -> int:
    """The system whose wafer works longest."""
    busy = np.bincount(compute.entity, weights=(compute.end - compute.start).astype(float), minlength=systems)
    return int(busy.argmax())


class _Waits:
    """What one system's gaps were waits for: those before each of some `late` slices."""

    def __init__(
        self, timeline: Timeline, plan: WeightStreamingPlan, places: Places, step_ticks: int, late: Column
    ) -> None:
        def keys(rows: Column) -> list[list[int]]:
            return [column[rows].tolist() for column in (timeline.pass_, timeline.micro_batch, timeline.layer)]

        def times(rows: Column) -> list[tuple[int, int]]:
            return list(zip(timeline.start[rows].tolist(), timeline.end[rows].tolist(), strict=True))

        def around(rows: Column) -> list[tuple[int, int] | None]:
            each = zip(rows.tolist(), times(rows), strict=True)
            return [None if row < 0 else time for row, time in each]

        self._plan, self._step = plan, step_ticks
        slices = places.slices[late]
        self._slices = list(zip(*keys(slices), strict=True))
        self._begins = timeline.start[slices].tolist()
        self._ingress, self._stream = around(places.ingress[late]), around(places.stream[late])
        self._updates = dict(zip(timeline.layer[places.updates].tolist(), times(places.updates), strict=True))
        self._tails = times(places.tails)
        self._inputs = set(zip(*keys(places.inputs), timeline.end[places.inputs].tolist(), strict=True))
        down = plan.latencies
        self._down_latency = down.memoryx + plan.tree.depth * down.hop
        self._up_latency = down.hop * plan.tree.depth + down.memoryx

    def of(self, row: int, begin: int) -> list[tuple[str, int]]:
        """[(part, ticks)] of the gap from `begin` to a slice."""
        (pass_, micro_batch, layer), end = self._slices[row], self._begins[row]
        arrived, sent = self._ingress[row], self._stream[row]
        if arrived is not None and sent is not None and arrived[1] + self._plan.latencies.hop == end:
            return self._weights(layer, sent[0], begin, end)
        if arrived is None and pass_ == PASS["wgrad"]:
            return [("exposed_drain", end - begin)]
        if (pass_, micro_batch, layer, end) in self._inputs:
            return [("exposed_input", end - begin)]
        return [("exposed_activations", end - begin)]

    def _weights(self, layer: int, sent: int, begin: int, end: int) -> list[tuple[str, int]]:
        parts: list[tuple[str, int]] = []
        sent = max(begin, min(end, sent))
        if sent > begin:
            begin_stream = begin
            unit = self._plan.update_of(layer)
            # The update that this step's stream waited for ended in the step before; frozen weights wait for none.
            current = begin if unit is None else self._updates[unit][1] - self._step
            if current > begin:
                until = min(sent, current)
                reducing = self._overlap(self._tails, begin, until)
                updating = self._updating(begin, until)
                drain = until - begin - reducing - updating
                fixed = min(drain, self._up_latency)
                parts += [("optimizer", updating), ("exposed_reduction", reducing)]
                parts += [("exposed_drain", drain - fixed), ("fixed_latency", fixed)]
                begin_stream = until
            parts.append(("exposed_stream", sent - begin_stream))
        fixed = min(end - sent, self._down_latency)
        return [*parts, ("fixed_latency", fixed), ("exposed_stream", end - sent - fixed)]

    def _updating(self, begin: int, end: int) -> int:
        """Ticks of [begin, end) in which the optimizer of the step before was at work, and no reduction was under way."""
        spans = list(self._updates.values())
        during = [(max(start, low), min(stop, high)) for start, stop in spans for low, high in self._tails]
        return self._overlap(spans, begin, end) - self._overlap(during, begin, end)

    def _overlap(self, spans: Iterable[tuple[int, int]], begin: int, end: int) -> int:
        """Ticks of [begin, end) that spans of the step before cover; those do not cover each other."""
        return sum(max(0, min(stop - self._step, end) - max(start - self._step, begin)) for start, stop in spans)
