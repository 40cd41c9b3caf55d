"""Tasks of a weight-streaming step by its plan: what the wafers, the tree and MemoryX do for every chunk of every kernel."""

from __future__ import annotations

from collections.abc import Sequence

from wafersim.strategies.tally import Tally
from wafersim.strategies.weight_streaming.plan import Kernel, WeightStreamingPlan


def tally(plan: WeightStreamingPlan) -> Tally:
    """Of all systems that a plan has: alike ones that were left out of it do not count."""
    chunks = [layer.chunks for layer in plan.layers]
    each = tasks_of(plan.kernels, chunks, plan.systems, plan.tree.nodes, "memory" in plan.arrival_order)
    inputs = plan.systems if max(plan.input_ticks) > 0 else 0
    tasks = plan.micro_batches * (each + inputs) + int(plan.reduction_tail > 0) + len(plan.updates)
    return told(tasks, chunks, plan.micro_batches, plan.systems, plan.jitter is not None)


def tasks_of(
    kernels: Sequence[Kernel],
    chunks: Sequence[int],
    systems: int = 1,
    nodes: Sequence[int] = (1,),
    reads: bool = False,
) -> int:
    """Tasks of a micro-batch, but for its input: `nodes` of each level of the tree; `reads` where MemoryX's memory is shared."""
    below = sum(nodes[1:])  # nodes that others feed
    tasks = 0
    for kernel in kernels:
        of_chunk = systems  # a slice of the kernel on each
        if kernel.streams:
            of_chunk += int(reads) + 1 + below + systems
        if kernel.drains:
            of_chunk += systems + below + 1 + 1  # the last: MemoryX adds
        tasks += chunks[kernel.layer] * of_chunk + systems * (kernel.fetches + kernel.offloads)
    return tasks


def told(tasks: int, chunks: Sequence[int], micro_batches: int, systems: int, jitter: bool) -> Tally:
    """So many tasks, and why."""
    made_of = [f"{len(chunks):,} layers in {sum(chunks):,} chunks of weights"]
    fewer = []
    if micro_batches > 1:
        made_of.append(f"{micro_batches:,} micro-batches")
        fewer.append("a larger strategy.micro_batch")
    if systems > 1:
        made_of.append(f"{systems:,} systems {'with jitter' if jitter else 'that differ'}")
        fewer.append("no disturbances.jitter" if jitter else "a training.batch that all systems share evenly")
        fewer.append("fewer system.systems")
    return Tally(tasks, tuple(made_of), (*fewer, "fewer strategy.chunks_per_layer"))
