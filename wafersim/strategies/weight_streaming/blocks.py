"""Where every task of a lowered step stands: block after block around the slices of the wafer's work.

A block holds, in this order: the pieces of a fetch, an input, the chunk on its way down, the slice, its gradient on the way
up, the pieces of an offload; the reduction's tail and the optimizer close the step. A chunk is streamed before its use and
credits come back from earlier uses, so that order is topological.
"""

from __future__ import annotations

from operator import attrgetter

import numpy as np

from wafersim.engine.graph import Ints
from wafersim.strategies.weight_streaming.plan import WeightStreamingPlan
from wafersim.timeline.timeline import PASS


class Slices:
    """The slices of a step in the wafer's order, with what happens around each."""

    def __init__(self, plan: WeightStreamingPlan) -> None:
        kernels, chunks = plan.kernels, [plan.layers[k.layer].chunks for k in plan.kernels]
        one = np.repeat(np.arange(len(kernels)), chunks)
        chunk = np.arange(len(one)) - np.repeat(np.cumsum(chunks) - chunks, chunks)

        names = ("layer", "streams", "frees", "drains", "fetches", "offloads", "releases_fetch")
        of_kernels = [list(map(attrgetter(name), kernels)) for name in names]
        rows = np.array([chunks, [PASS[k.pass_] for k in kernels], *of_kernels], np.int64)[:, one]
        self.one = one
        self.chunk = np.tile(chunk, plan.micro_batches)
        self.micro_batch = np.repeat(np.arange(plan.micro_batches), len(one))
        chunks_of, self.pass_, self.layer, *flags = np.tile(rows, plan.micro_batches)
        self.streams, self.frees, self.drains = (flag > 0 for flag in flags[:3])
        fetches, offloads, releases = flags[3:]
        self.first = self.chunk == 0
        self.last = self.chunk + 1 == chunks_of
        self.fetches = fetches * self.first
        self.offloads = offloads * self.last
        self.takes_slot = (offloads > 0) & self.first
        self.releases = (releases > 0) & self.last
        self.inputs = (self.micro_batch != np.concatenate(([-1], self.micro_batch[:-1]))) & (max(plan.input_ticks) > 0)


class Pieces:
    """Transfers with the activation servers: `count[slice]` pieces from position `at[slice]` on."""

    def __init__(self, at: Ints, count: Ints) -> None:
        some = count > 0
        self.slice = np.repeat(np.arange(len(count)), count)
        self.piece = np.arange(len(self.slice)) - np.repeat(np.cumsum(count) - count, count)
        self.position: Ints = at[self.slice] + self.piece
        self.first: Ints = at[some]
        self.last: Ints = (at + count - 1)[some]


class Blocks:
    """The positions of each family of tasks, in the order of their slices."""

    def __init__(self, plan: WeightStreamingPlan) -> None:
        self.slices = s = Slices(plan)
        self.depth = depth = plan.tree.depth
        self.reads = int("memory" in plan.arrival_order)
        down = np.where(s.streams, self.reads + 1 + depth, 0)
        up = np.where(s.drains, depth + 2, 0)
        block = s.fetches + s.inputs + down + 1 + up + s.offloads
        begin = np.cumsum(block) - block
        inner = begin + s.fetches
        closing = int(block.sum())
        tails = int(plan.reduction_tail > 0)
        self.count = closing + tails + len(plan.updates)
        self.fetch = Pieces(begin, s.fetches)
        self.input: Ints = inner[s.inputs]
        self.leave: Ints = (inner + s.inputs)[s.streams]  # where weights leave MemoryX's memory
        self.stream: Ints = self.leave + self.reads
        self.compute: Ints = inner + s.inputs + down
        self.egress: Ints = (self.compute + 1)[s.drains]
        self.accumulate: Ints = self.egress + depth + 1
        self.offload = Pieces(self.compute + 1 + up, s.offloads)
        self.tail = np.arange(closing, closing + tails)
        self.update = np.arange(closing + tails, self.count)

    def down(self, level: int) -> Ints:
        """Broadcasts of a level, or ingress at the tree's depth."""
        there: Ints = self.stream + level
        return there

    def reduce(self, level: int) -> Ints:
        """Reductions at a level."""
        there: Ints = self.egress + self.depth - level
        return there
