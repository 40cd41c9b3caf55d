"""Lanes of a weight-streaming step: the way down from MemoryX, the wafer, and the way back up, of the slowest system."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from wafersim.strategies.weight_streaming.plan import WeightStreamingPlan
from wafersim.strategies.weight_streaming.symmetry import OF_SYSTEMS
from wafersim.strategies.weight_streaming.waits import slowest_system
from wafersim.strategies.weight_streaming.words import WORDS
from wafersim.timeline.clock import TICKS_PER_SECOND
from wafersim.timeline.timeline import KIND, Timeline


@dataclass(frozen=True)
class Lane:
    """Tasks that one resource serves; in a `colour` of their own where they belong to no pass."""

    name: str
    tasks: Timeline
    colour: str | None = None

    def within(self, low: float, high: float, origin: float) -> Lane:
        """What of it falls into a window, in seconds after the origin."""
        start, end = seconds_of(self.tasks, origin)
        return replace(self, tasks=self.tasks.select((end > low) & (start < high)))


@dataclass(frozen=True)
class Window:
    """Seconds after the origin, and what happens there."""

    low: float
    high: float
    said: str
    layers: tuple[tuple[str, float, float], ...]


def lanes_of(timeline: Timeline, plan: WeightStreamingPlan) -> list[Lane]:
    """Every lane from the top, those without a task too."""
    depth = plan.tree.depth
    first = of_slowest(timeline, plan)
    broadcast, reduce = first.of("broadcast"), first.of("reduce")
    return [
        Lane("MemoryX sends", first.of("stream")),
        *(Lane(f"SwarmX down, level {i}", broadcast.select(broadcast.level == i)) for i in range(1, depth)),
        Lane("system link in", first.of("ingress")),
        Lane("activations in", first.of("fetch")),
        Lane("wafer compute", first.of("compute")),
        Lane("activations out", first.of("offload")),
        Lane("gradient egress", first.of("egress")),
        *(Lane(f"SwarmX up, level {i}", reduce.select(reduce.level == i)) for i in reversed(range(1, depth))),
        Lane("into MemoryX", reduce.select(reduce.level == 0)),
        Lane("MemoryX adds", first.of("accumulate")),
        Lane("reduction tail", first.of("tail"), WORDS.part["exposed_reduction"].colour),
        Lane("optimizer", first.of("update")),
    ]


def seconds_of(tasks: Timeline, origin: float) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends in seconds after the origin."""
    return tasks.start / TICKS_PER_SECOND - origin, tasks.end / TICKS_PER_SECOND - origin


def of_slowest(timeline: Timeline, plan: WeightStreamingPlan) -> Timeline:
    """The tasks of the slowest system, of the nodes above it and of MemoryX."""
    system = slowest_system(timeline.of("compute"), plan.systems)
    above = {plan.tree.depth: system}
    for level in range(plan.tree.depth - 1, -1, -1):
        above[level] = plan.tree.parents[level][above[level + 1]]
    of_system = np.isin(timeline.kind, [KIND[name] for name in OF_SYSTEMS])
    node = np.array([above[level] for level in range(plan.tree.depth + 1)])[timeline.level]
    return timeline.select(timeline.entity == np.where(of_system, system, node))


def close_up(timeline: Timeline, plan: WeightStreamingPlan, origin: float) -> Window:
    """Three layers in the middle of the last micro-batch, of its backward pass if it has one."""
    tasks = of_slowest(timeline, plan).of("compute")
    tasks = tasks.select(tasks.micro_batch == plan.micro_batches - 1)
    trains = any(kernel.pass_ != "forward" for kernel in plan.kernels)
    if trains:
        tasks = tasks.select(tasks.pass_ != 0)
    middle = len(plan.layers) // 2
    layers = []
    for layer in (middle + 1, middle, middle - 1):
        if 0 <= layer < len(plan.layers):
            start, end = seconds_of(tasks.select(tasks.layer == layer), origin)
            layers.append((plan.layer_names[layer], float(start.min()), float(end.max())))
    low, high = min(start for _, start, _ in layers), max(end for *_, end in layers)
    margin = 0.03 * (high - low)
    names = ", ".join(name for name, *_ in layers)
    said = f"three layers of the {'backward' if trains else 'forward'} pass: {names}"
    return Window(low - margin, high + margin, said, tuple(layers))
