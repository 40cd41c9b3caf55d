"""What a lowered plan says of each bundle of tasks: its width, canonical key, duration and first-come server."""

from __future__ import annotations

import numpy as np

from wafersim.engine.graph import Ints
from wafersim.strategies.lowering import Keys
from wafersim.strategies.weight_streaming.blocks import Blocks, Pieces
from wafersim.strategies.weight_streaming.durations import Table, slowdowns
from wafersim.strategies.weight_streaming.plan import WeightStreamingPlan
from wafersim.timeline.timeline import KIND, PASS

MEMORY, PORT_DOWN, PORT_UP, SYSTEM_LINKS = range(4)  # numbers of the first-come servers


class Columns:
    """Arrays by bundle, filled family by family; durations are those of `tables`, then those of compute.

    Nothing here reads a plan's ticks, so that plans of one shape share it.
    """

    def __init__(self, plan: WeightStreamingPlan, blocks: Blocks, number: int, links_before: int) -> None:
        self._plan, self._blocks, self._number = plan, blocks, number
        n = blocks.count
        self.keys = Keys(*(np.zeros(n, np.int64) for _ in Keys._fields))
        self.width = np.ones(n, np.int64)
        self.duration_at, self.duration_stride = np.zeros(n, np.int64), np.zeros(n, np.int64)
        self.server, self.server_stride, self.rank = (
            np.full(n, -1, np.int64),
            np.zeros(n, np.int64),
            np.zeros(n, np.int64),
        )
        self.tables: list[Table] = []
        self._size = 0
        self._chunks = np.cumsum([0] + [layer.chunks for layer in plan.layers])
        self._system_links = SYSTEM_LINKS + links_before
        self.per_system = plan.jitter is not None or len(set(plan.size_of)) > 1  # compute differs between systems
        self._memoryx()
        self._links()
        self._systems()
        self._activations()
        compute, entities = blocks.compute, plan.systems if self.per_system else 1
        self.duration_at[compute] = self._size + np.arange(len(compute)) * entities
        self.duration_stride[compute] = int(self.per_system)

    def _memoryx(self) -> None:
        plan, at, s = self._plan, self._blocks, self._blocks.slices
        streamed, drained = np.flatnonzero(s.streams), np.flatnonzero(s.drains)
        self._family(at.stream, "stream", streamed)
        self._link(at.stream, streamed, "send")
        self._family(at.accumulate, "accumulate", drained)
        self._link(at.accumulate, drained, "accumulate")
        units = np.arange(len(at.update))
        self.keys.kind[at.update], self.keys.pass_[at.update] = KIND["update"], PASS["update"]
        self.keys.layer[at.update] = units
        self._ticks(at.update, Table("update"), units, len(units))
        self.keys.kind[at.tail], self.keys.pass_[at.tail] = KIND["tail"], PASS["update"]
        self._ticks(at.tail, Table("tail"), np.zeros(len(at.tail), np.int64), 1)
        if at.reads:
            self._family(at.leave, "read", streamed)
            self._link(at.leave, streamed, "read")
            for source, users in enumerate((at.leave, at.accumulate, at.update)):
                self._serve(users, MEMORY, 3 * self._number + source)
        if "ports" in plan.arrival_order:
            self._serve(at.stream, PORT_DOWN, self._number)
            self._serve(at.reduce(0), PORT_UP, self._number)

    def _links(self) -> None:
        plan, at, s, tree = self._plan, self._blocks, self._blocks.slices, self._plan.tree
        streamed, drained = np.flatnonzero(s.streams), np.flatnonzero(s.drains)
        for level in range(1, at.depth):
            self._family(at.down(level), "broadcast", streamed, tree.nodes[level], level)
            self._link(at.down(level), streamed, "down", level)
        for level in range(at.depth):
            self._family(at.reduce(level), "reduce", drained, tree.nodes[level], level)
            self._link(at.reduce(level), drained, "up" if level else "root", level)
        for tasks, name, of, first in (
            (at.down(at.depth), "ingress", streamed, self._system_links),
            (at.egress, "egress", drained, self._system_links + 1),
        ):
            self._family(tasks, name, of, plan.systems, at.depth)
            self._link(tasks, of, name, at.depth)
            if name in plan.arrival_order:
                self._serve(tasks, first, 0, apart=2)

    def _systems(self) -> None:
        plan, at, s = self._plan, self._blocks, self._blocks.slices
        self._family(at.compute, "compute", np.arange(len(at.compute)), plan.systems)
        if len(at.input):
            self._family(at.input, "input", np.flatnonzero(s.inputs), plan.systems)
            self._ticks(at.input, Table("input"), np.arange(plan.micro_batches), plan.micro_batches, plan.systems)

    def _activations(self) -> None:
        plan, s = self._plan, self._blocks.slices
        transfers: tuple[tuple[str, Pieces, int], ...] = (
            ("fetch", self._blocks.fetch, self._system_links),
            ("offload", self._blocks.offload, self._system_links + 1),
        )
        for name, pieces, first in transfers:
            if not len(pieces.position):
                continue
            self._family(pieces.position, name, pieces.slice, plan.systems)
            self.keys.chunk[pieces.position] = pieces.piece
            each = max(max(k.offloads, k.fetches) for k in plan.kernels)
            index = s.micro_batch[pieces.slice] * each + pieces.piece
            self._ticks(pieces.position, Table("activations"), index, plan.micro_batches * each, plan.systems)
            self._serve(pieces.position, first, 1, apart=2)

    def _family(self, at: Ints, kind: str, of: Ints, entities: int = 1, level: int = 0) -> None:
        """Tasks at positions `at` around the slices `of`, one for each entity of a level."""
        s, keys = self._blocks.slices, self.keys
        keys.kind[at], keys.level[at], self.width[at] = KIND[kind], level, entities
        keys.pass_[at], keys.micro_batch[at] = s.pass_[of], s.micro_batch[of]
        keys.layer[at], keys.chunk[at] = s.layer[of], s.chunk[of]

    def _ticks(self, at: Ints, table: Table, index: Ints, rows: int, entities: int = 1) -> None:
        """Row `index` of a table of `rows` x `entities` holds the durations; one entity's serve all."""
        self.duration_at[at], self.duration_stride[at] = self._size + index * entities, int(entities > 1)
        self.tables.append(table)
        self._size += rows * entities

    def _link(self, at: Ints, of: Ints, name: str, level: int = 0) -> None:
        """A link's ticks for the chunks of every layer, and for each entity of a level where one link is slow."""
        s = self._blocks.slices
        index = self._chunks[s.layer[of]] + s.chunk[of]
        factors = slowdowns(self._plan, level)
        entities = 1 if factors is None else len(factors)
        self._ticks(at, Table(name, level), index, int(self._chunks[-1]), entities)

    def _serve(self, at: Ints, server: int, rank: int, apart: int = 0) -> None:
        """Entity i needs first-come server `server + apart * i`."""
        self.server[at], self.server_stride[at], self.rank[at] = server, apart, rank
