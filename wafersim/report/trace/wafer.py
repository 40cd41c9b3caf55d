"""A weight-streaming step as a trace: MemoryX, the links of SwarmX and every system that was simulated."""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Iterator, Sequence

import numpy as np

from wafersim.report.trace.view import Flow, Numbering, StepView
from wafersim.report.trace.wafer_counters import buffers, link_use
from wafersim.report.trace.wafer_tasks import WaferTasks
from wafersim.simulation import Simulated
from wafersim.strategies.weight_streaming.plan import WeightStreamingPlan
from wafersim.strategies.weight_streaming.symmetry import OF_SYSTEMS, standing_of
from wafersim.strategies.weight_streaming.waits import gaps_of_step
from wafersim.strategies.weight_streaming.words import WORDS
from wafersim.timeline.timeline import KIND, KINDS, PASS, Timeline

OF_MEMORYX = ("read", "stream", "reduce", "accumulate", "tail", "update")


def wafer_view(simulated: Simulated) -> StepView:
    """The lanes from MemoryX down to the systems, as the plan was simulated: alike systems by one of them."""
    periodic = simulated.periodic
    plan, timeline = periodic.plan, periodic.timeline
    gaps = gaps_of_step(
        timeline, plan, round(periodic.step_ticks), None if plan.repeats else periodic.before
    )  # of the system that the others wait for
    named = _names(simulated, plan)
    numbering = _numbering(plan, timeline, named)
    counters = (*link_use(timeline, plan), *buffers(simulated, gaps.system, named[-1][gaps.system]))
    return StepView(
        tuple(numbering.lanes),
        numbering.lane_of(timeline),
        WaferTasks(simulated, gaps),
        tuple(_flows(timeline, plan, gaps.system)),
        counters,
    )


def _names(simulated: Simulated, plan: WeightStreamingPlan) -> list[list[str]]:
    """[level][entity] -> what it is called: the first of those that it stands for, and how many more there are."""
    found = []
    for level, stands_for in enumerate(standing_of(simulated.plan).stands_for):
        first = {representative: entity for entity, representative in reversed(list(enumerate(stands_for)))}
        alike = Count(stands_for)
        what = "system" if level == plan.tree.depth else f"level {level}, node"
        more = [f" (and {alike[i] - 1:,} alike)" if alike[i] > 1 else "" for i in range(len(first))]
        found.append([f"{what} {first[i]}{said}" for i, said in enumerate(more)])
    return found


def _numbering(plan: WeightStreamingPlan, timeline: Timeline, named: Sequence[Sequence[str]]) -> Numbering:
    there = {KINDS[code] for code in np.unique(timeline.kind).tolist()}
    depth, found = plan.tree.depth, Numbering(plan.tree.depth + 1)
    for kind in OF_MEMORYX:
        if kind in there:
            found.add("MemoryX", "into MemoryX" if kind == "reduce" else WORDS.task[kind], [(kind, 0)])
    for kind, way in (("broadcast", "down"), ("reduce", "up")):
        for level in range(1, depth):
            for node in range(plan.tree.nodes[level]):
                found.add("SwarmX", f"link {way}, {named[level][node]}", [(kind, level)], node)
    of_a_system = (
        ("link in", (("ingress", depth), ("fetch", 0))),  # weights and activations share it, one at a time
        ("wafer", (("compute", 0),)),
        ("link out", (("egress", depth), ("offload", 0))),
        ("input workers", (("input", 0),)),
    )
    for system, name in enumerate(named[depth]):
        for label, kinds in of_a_system:
            if any(kind in there for kind, _ in kinds):
                found.add(name, label, kinds, system)
    return found


def _flows(timeline: Timeline, plan: WeightStreamingPlan, system: int) -> Iterator[Flow]:
    """Of every layer that is trained, the way of its last chunk in the last micro-batch, from MemoryX to its update."""
    row = _of_last_chunks(timeline, plan, system)
    depth, streams = plan.tree.depth, dict[int, str]()  # layer -> the pass that its weights came down for
    units = timeline.layer[row_range(timeline, "update")]
    first_update = int(np.searchsorted(timeline.kind, KIND["update"]))
    tails = row_range(timeline, "tail")
    last = max(index for index, kernel in enumerate(plan.kernels) if kernel.drains)
    for index, kernel in enumerate(plan.kernels):
        layer = kernel.layer
        if kernel.streams:
            streams[layer] = kernel.pass_
        if not kernel.drains:
            continue
        down = streams.get(layer, kernel.pass_)
        keys = [("read", 0, down), ("stream", 0, down)]
        keys += [("broadcast", level, down) for level in range(1, depth)]
        keys += [("ingress", depth, down), ("compute", 0, down), ("compute", 0, kernel.pass_)]
        keys += [("egress", depth, kernel.pass_)]
        keys += [("reduce", level, kernel.pass_) for level in reversed(range(depth))]
        keys += [("accumulate", 0, kernel.pass_)]
        rows = [row[kind, level, pass_, layer] for kind, level, pass_ in keys if (kind, level, pass_, layer) in row]
        if index == last:
            rows += range(tails.start, tails.stop)
        unit = int(np.flatnonzero(units == plan.unit_of(layer))[0])
        rows.append(first_update + unit)
        yield Flow(f"weights to update of {plan.layer_names[layer]}", tuple(dict.fromkeys(rows)))


def _of_last_chunks(timeline: Timeline, plan: WeightStreamingPlan, system: int) -> dict[tuple[str, int, str, int], int]:
    """(kind, level, pass, layer) -> row of the last chunk of the last micro-batch, on a system's way to MemoryX."""
    above = {plan.tree.depth: system}
    for level in range(plan.tree.depth - 1, -1, -1):
        above[level] = plan.tree.parents[level][above[level + 1]]
    chunks = np.array([layer.chunks for layer in plan.layers])
    rows = np.flatnonzero(timeline.micro_batch == plan.micro_batches - 1)
    alone = np.isin(timeline.kind[rows], [KIND["update"], KIND["tail"]])
    rows = rows[~alone]
    of_system = np.isin(timeline.kind[rows], [KIND[name] for name in OF_SYSTEMS])
    node = np.array([above[level] for level in range(plan.tree.depth + 1)])[timeline.level[rows]]
    rows = rows[timeline.entity[rows] == np.where(of_system, system, node)]
    rows = rows[timeline.chunk[rows] == chunks[timeline.layer[rows]] - 1]
    passes = list(PASS)
    return {
        (
            KINDS[timeline.kind[row]],
            int(timeline.level[row]),
            passes[timeline.pass_[row]],
            int(timeline.layer[row]),
        ): row
        for row in rows.tolist()
    }


def row_range(timeline: Timeline, kind: str) -> slice:
    """The rows of a kind in the timeline of one step."""
    low, high = np.searchsorted(timeline.kind, (KIND[kind], KIND[kind] + 1)).tolist()
    return slice(low, high)
