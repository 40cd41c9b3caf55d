"""Alike systems by one representative: what a tree's symmetry saves, exactly.

Two children of a node are alike when the links above them are equally slow and what hangs below them is alike: systems
with the same micro-batches at the same pace, nodes with the same classes of children. Alike entities do the same things
at the same ticks, a broadcast serves each child by a link of its own, and a reduction waits for the latest child, so
leaving out all but one child of a class moves nothing, and it does not matter how many were left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from wafersim.strategies.run import Folded
from wafersim.strategies.weight_streaming.plan import WeightStreamingPlan
from wafersim.strategies.weight_streaming.tree import Tree
from wafersim.timeline.timeline import KIND, Timeline

OF_SYSTEMS = ("ingress", "compute", "egress", "fetch", "offload", "input")


@dataclass(frozen=True)
class Standing:
    """`stands_for[level][entity]` is the representative of an entity of the whole plan; level `depth` holds the systems."""

    stands_for: tuple[tuple[int, ...], ...]

    def unfold(self, timeline: Timeline) -> Timeline:
        """The timeline of the whole plan, every entity beside its representative."""
        parts = []
        depth = len(self.stands_for) - 1
        systems = np.isin(timeline.kind, [KIND[name] for name in OF_SYSTEMS])
        for level, standing in enumerate(self.stands_for):
            on_level = systems if level == depth else ~systems & (timeline.level == level)
            for entity, representative in enumerate(standing):
                rows = timeline.select(on_level & (timeline.entity == representative))
                parts.append(replace(rows, entity=np.full(len(rows), entity)))
        return Timeline.concatenate(parts)


def fold(plan: WeightStreamingPlan) -> Folded[WeightStreamingPlan]:
    """One representative for each class of alike systems; jitter makes every system its own class."""
    if plan.jitter is not None:
        return Folded(plan, lambda timeline: timeline)
    smaller, kept, standing = _representatives(plan.tree, plan.size_of)
    if len(kept) == plan.systems:
        return Folded(plan, standing.unfold)
    return Folded(replace(plan, tree=smaller, size_of=tuple(plan.size_of[system] for system in kept)), standing.unfold)


def standing_of(plan: WeightStreamingPlan) -> Standing:
    """Who stands for whom in what `fold` makes of a plan."""
    if plan.jitter is not None:
        return Standing(tuple(tuple(range(count)) for count in (*plan.tree.nodes, plan.systems)))
    return _representatives(plan.tree, plan.size_of)[2]


SizeOf = tuple[tuple[int, ...], ...]


@lru_cache(maxsize=32)
def _representatives(tree: Tree, size_of: SizeOf) -> tuple[Tree, tuple[int, ...], Standing]:
    """The tree of representatives, the systems that they are, and whom each stands for."""
    classes = _classes(tree, size_of)
    stands_for: list[list[int]] = [[0]]
    parents, slowdown = [], []
    kept: list[int] = [0]
    for level in range(tree.depth):
        number: dict[tuple[int, object], int] = {}  # of a class below a representative
        kept, standing = [], []
        for child, parent in enumerate(tree.parents[level]):
            key = (stands_for[level][parent], classes[level + 1][child])
            if key not in number:
                number[key] = len(kept)
                kept.append(child)
            standing.append(number[key])
        stands_for.append(standing)
        parents.append(tuple(parent for parent, _ in number))
        slowdown.append(tuple(tree.slowdown[level][child] for child in kept))
    smaller = Tree(tree.fan_out, tuple(parents), tuple(slowdown))
    return smaller, tuple(kept), Standing(tuple(tuple(level) for level in stands_for))


def _classes(tree: Tree, size_of: SizeOf) -> list[list[object]]:
    """The class of every entity, level by level; the link above it included."""
    below: list[object] = list(zip(size_of, tree.slowdown[-1], strict=True))
    classes = [below]
    for level in range(tree.depth - 1, -1, -1):
        slowdown = tree.slowdown[level - 1] if level else (1.0,)
        known: dict[object, int] = {}
        named = [known.setdefault(each, len(known)) for each in below]
        below = [
            (frozenset(named[child] for child in tree.children(level, node)), slowdown[node])
            for node in range(tree.nodes[level])
        ]
        classes.insert(0, below)
    return classes
