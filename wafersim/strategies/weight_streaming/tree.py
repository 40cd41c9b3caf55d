"""The SwarmX tree: which node feeds which systems, level by level.

Level 0 is the root, fed by MemoryX. Systems hang below the nodes of the last level; a node has at most `fan_out`
children and children are filled from the left, so five systems on a 1:4 tree are a root with two nodes of four and one.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tree:
    """`nodes[level]` counts a level's nodes; `children[level][node]` lists its children's indices one level down."""

    systems: int
    fan_out: int
    nodes: tuple[int, ...]

    @property
    def depth(self) -> int:
        """Levels of nodes between MemoryX and the systems."""
        return len(self.nodes)

    def children(self, level: int, node: int) -> range:
        """Children of a node: nodes of the next level, or systems below the last."""
        below = self.nodes[level + 1] if level + 1 < self.depth else self.systems
        return range(node * self.fan_out, min((node + 1) * self.fan_out, below))

    def parent(self, index: int) -> int:
        """The node above a node or system."""
        return index // self.fan_out


def build_tree(systems: int, fan_out: int) -> Tree:
    """The lowest tree that reaches every system; one node even for one system."""
    counts = [systems]
    while counts[-1] > 1 or len(counts) == 1:
        counts.append(-(-counts[-1] // fan_out))
    return Tree(systems, fan_out, tuple(reversed(counts[1:])))
