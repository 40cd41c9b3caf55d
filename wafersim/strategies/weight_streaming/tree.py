"""The SwarmX tree: which node feeds which nodes and systems, level by level, and how healthy each link is.

Level 0 is the root, fed by MemoryX. Systems hang below the nodes of the last level. `build_tree` gives a node at most
`fan_out` children and fills from the left, so five systems on a 1:4 tree are a root with two nodes of four and one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from wafersim.errors import Infeasible


@dataclass(frozen=True)
class Tree:
    """`parents[level][child]` is the node of `level` above a node of the next level, or above a system on the last.

    `slowdown[level][child]` stretches the service of the link between the two, in both directions; 1 is healthy.
    """

    fan_out: int
    parents: tuple[tuple[int, ...], ...]
    slowdown: tuple[tuple[float, ...], ...]

    @property
    def systems(self) -> int:
        """How many systems the tree reaches."""
        return len(self.parents[-1])

    @property
    def depth(self) -> int:
        """Levels of nodes between MemoryX and the systems."""
        return len(self.parents)

    @cached_property
    def nodes(self) -> tuple[int, ...]:
        """Nodes of each level."""
        return (1, *(len(below) for below in self.parents[:-1]))

    @cached_property
    def _children(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        levels = []
        for count, below in zip(self.nodes, self.parents, strict=True):
            lists: list[list[int]] = [[] for _ in range(count)]
            for child, parent in enumerate(below):
                lists[parent].append(child)
            levels.append(tuple(tuple(children) for children in lists))
        return tuple(levels)

    def children(self, level: int, node: int) -> tuple[int, ...]:
        """Children of a node: nodes of the next level, or systems below the last."""
        return self._children[level][node]

    def slow_link(self, level: int, child: int, factor: float) -> Tree:
        """The same tree with the link above a node of `level` (or above a system, at `depth`) slower by `factor`."""
        row = list(self.slowdown[level - 1])
        row[child] *= factor
        return replace(self, slowdown=(*self.slowdown[: level - 1], tuple(row), *self.slowdown[level:]))

    def lose_node(self, level: int, node: int) -> Tree:
        """The tree after a node died: its children go to the least loaded nodes of its level, one by one, left first.

        A node with more children than ports shares them in turn, which slows each of its links by children / ports.
        Raises Infeasible when the level has no other node.
        """
        count = self.nodes[level]
        if count == 1:
            raise Infeasible(f"SwarmX node {level}.{node} is the only one of its level: nothing to route around it")
        below = list(self.parents[level])
        load = [len(self.children(level, other)) for other in range(count)]
        for child in self.children(level, node):
            adopter = min((n for n in range(count) if n != node), key=lambda n: (load[n], n))
            below[child] = adopter
            load[adopter] += 1
        factors = [
            factor * max(1.0, load[parent] / self.fan_out)
            for factor, parent in zip(self.slowdown[level], below, strict=True)
        ]
        parents, slowdown = list(self.parents), list(self.slowdown)
        parents[level], slowdown[level] = tuple(below), tuple(factors)
        return Tree(self.fan_out, tuple(parents), tuple(slowdown))._without(level, node)

    def _without(self, level: int, node: int) -> Tree:
        """Remove a node that has no children; those after it move up by one, and a parent left childless goes too."""
        parents, slowdown = list(self.parents), list(self.slowdown)
        parents[level] = tuple(parent - (parent > node) for parent in parents[level])
        above = parents[level - 1][node]
        parents[level - 1] = (*parents[level - 1][:node], *parents[level - 1][node + 1 :])
        slowdown[level - 1] = (*slowdown[level - 1][:node], *slowdown[level - 1][node + 1 :])
        smaller = Tree(self.fan_out, tuple(parents), tuple(slowdown))
        return smaller if smaller.children(level - 1, above) else smaller._without(level - 1, above)


def depth(systems: int, fan_out: int) -> int:
    """Levels of nodes of the lowest tree that reaches every system; one even for one system."""
    return len(_counts(systems, fan_out)) - 1


@lru_cache(maxsize=64)
def build_tree(systems: int, fan_out: int) -> Tree:
    """The lowest healthy tree that reaches every system; one node even for one system."""
    below = _counts(systems, fan_out)[-2::-1]
    return Tree(
        fan_out,
        tuple(tuple(child // fan_out for child in range(count)) for count in below),
        tuple((1.0,) * count for count in below),
    )


def _counts(systems: int, fan_out: int) -> list[int]:
    """Systems, then nodes of every level up to the root."""
    counts = [systems]
    while counts[-1] > 1 or len(counts) == 1:
        counts.append(-(-counts[-1] // fan_out))
    return counts
