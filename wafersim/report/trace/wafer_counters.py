"""Counters of a weight-streaming step: how much links and wafers are in use, and what the slowest system's buffers hold."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from wafersim.report.trace.counters import edges_of, held, use
from wafersim.report.trace.events import Counter
from wafersim.report.trace.wafer_tasks import Sizes
from wafersim.simulation import Simulated
from wafersim.strategies.weight_streaming.activations import Policy, segments
from wafersim.strategies.weight_streaming.plan import WeightStreamingPlan
from wafersim.timeline.timeline import KIND, PASS, Column, Timeline
from wafersim.workload.transformer import Workload

USE = "in use"


def link_use(timeline: Timeline, plan: WeightStreamingPlan) -> Iterator[Counter]:
    """Of MemoryX's port, each level of SwarmX and the systems' links, either way, and of the wafers: the mean of all alike."""
    edges = edges_of(int(timeline.start.min()), int(timeline.end.max()))
    depth, systems = plan.tree.depth, plan.systems
    shown: list[tuple[str, tuple[str, ...], int | None, int]] = [("MemoryX sends", ("stream",), 0, 1)]
    shown += [(f"SwarmX down, level {i}", ("broadcast",), i, plan.tree.nodes[i]) for i in range(1, depth)]
    shown += [("system links in", ("ingress", "fetch"), None, systems), ("wafers", ("compute",), None, systems)]
    shown += [("system links out", ("egress", "offload"), None, systems)]
    shown += [(f"SwarmX up, level {i}", ("reduce",), i, plan.tree.nodes[i]) for i in reversed(range(1, depth))]
    shown += [("into MemoryX", ("reduce",), 0, 1)]
    for name, kinds, level, entities in shown:
        mine = np.isin(timeline.kind, [KIND[kind] for kind in kinds])
        if level is not None:
            mine &= timeline.level == level
        share = use(timeline.start[mine], timeline.end[mine], entities, edges)
        yield Counter(USE, name, "%", edges, np.append(share, 0.0))


def buffers(simulated: Simulated, system: int, process: str) -> Iterator[Counter]:
    """Bytes on a system: chunks of weights that have come, of gradients that have not left, activations that are kept."""
    plan: WeightStreamingPlan = simulated.periodic.plan
    timeline: Timeline = simulated.periodic.timeline
    sizes, mine = Sizes(simulated), timeline.entity == system

    def of(kind: str) -> Timeline:
        return timeline.select(mine & (timeline.kind == KIND[kind]))

    came, worked, left = of("ingress"), of("compute"), of("egress")
    frees, drains = (np.zeros((len(PASS), len(plan.layers)), bool) for _ in range(2))
    for kernel in plan.kernels:
        frees[PASS[kernel.pass_], kernel.layer] |= kernel.frees
        drains[PASS[kernel.pass_], kernel.layer] |= kernel.drains
    freed = worked.select(frees[worked.pass_, worked.layer])
    weights = held(came.end, sizes.bytes_of(came), freed.end, sizes.down_bytes(freed))
    yield Counter(process, "weight buffer", "bytes", *weights)
    made = worked.select(drains[worked.pass_, worked.layer])
    gradients = held(made.start, sizes.up_bytes(made), left.end, sizes.bytes_of(left))
    yield Counter(process, "gradient buffer", "bytes", *gradients)
    workload, policy = simulated.job.workload, simulated.choice.policy
    kept = kept_by_layer(workload, policy)
    if any(kept):
        tokens = np.array(plan.micro_batch_sizes)[np.array(plan.size_of[system])] * workload.sequence_length
        where = "activations kept" if policy.place == "wafer" else "activations on servers"
        at = _activations(worked, of("offload"), plan, np.array(kept), tokens)
        yield Counter(process, where, "bytes", *at)


def kept_by_layer(workload: Workload, policy: Policy) -> list[int]:
    """Bytes of a token that are kept of every layer between its passes; 0 of most where blocks are recomputed together."""
    kept = [0] * len(workload.layers)
    if workload.mode == "forward":
        return kept
    mean = workload.kept_bytes / len(workload.blocks)  # as the traffic to servers is counted
    for segment in segments(workload, policy):
        block = workload.layers[segment[0]]
        kept[segment[0]] = block.input_bytes if policy.every else block.kept_bytes
        if policy.place == "servers" and not policy.every:
            kept[segment[0]] = round(mean)
    return kept


def _activations(
    worked: Timeline, offloaded: Timeline, plan: WeightStreamingPlan, kept: Column, tokens: Column
) -> tuple[Column, Column]:
    """From the end of a layer's forward pass (or of its transfer to a server) until the end of its weight gradient."""
    chunks = np.array([layer.chunks for layer in plan.layers])
    last = worked.select((worked.chunk == chunks[worked.layer] - 1) & (kept[worked.layer] > 0))
    until = last.select(last.pass_ == PASS["wgrad"])
    since = last.select(last.pass_ == PASS["forward"])
    if len(offloaded):
        since = offloaded.select(offloaded.chunk == offloaded.chunk.max())
    taken, freed = (kept[tasks.layer] * tokens[tasks.micro_batch] for tasks in (since, until))
    return held(since.end, taken, until.end, freed)
