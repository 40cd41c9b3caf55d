"""Lowering: a weight-streaming plan as a bundle graph, with vectorised NumPy.

Every slice of the wafer's work stands in a block with the tasks around it, in this order: fetches, input, the chunk on
its way down, the slice, the gradient on its way up, offloads; the optimizer closes the step. Because a chunk is streamed
before its use and credits come back from earlier uses, that order is topological.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from wafersim.engine.graph import (
    FROM_ALL,
    FROM_CHILDREN,
    TO_ALL,
    TO_CHILDREN,
    BundleGraph,
    Edges,
    Ints,
    build_graph,
)
from wafersim.strategies.weight_streaming.plan import INPUT_SLOTS, Kernel, WeightStreamingPlan
from wafersim.timeline.timeline import KIND, PASS, Timeline

NONE, HOP, MEMORYX, CREDIT = range(4)
MEMORY, PORT_DOWN, PORT_UP, SYSTEM_LINKS = range(4)  # numbers of the first-come servers


class Keys(NamedTuple):
    """The canonical key of every bundle, without entity and step."""

    kind: Ints
    level: Ints
    pass_: Ints
    micro_batch: Ints
    layer: Ints
    chunk: Ints


@dataclass(frozen=True)
class Lowered:
    """A plan's graph, its lags and what its durations are made from."""

    plan: WeightStreamingPlan
    graph: BundleGraph
    keys: Keys
    lags: Ints
    _links: Ints  # durations of everything but compute
    _compute_at: int
    _slice_kernel: Ints  # [slice of a micro-batch]
    _per_system: bool

    def durations(self, step: int = 0) -> Ints:
        """The durations that the graph reads, in one step."""
        return self._same if self.plan.jitter is None else np.concatenate((self._links, self._compute(step)))

    @cached_property
    def _same(self) -> Ints:
        return np.concatenate((self._links, self._compute(0)))

    def _compute(self, step: int) -> Ints:
        """[micro-batch, slice] or [micro-batch, slice, system], flat."""
        plan = self.plan
        table = np.array([[ticks for kernel in size for ticks in kernel] for size in plan.compute_ticks], np.int64)
        if not self._per_system:
            return table[np.array(plan.size_of[0])].ravel()  # type: ignore[no-any-return]
        ticks = table[np.array(plan.size_of).T].transpose(0, 2, 1)
        if plan.jitter is not None:
            factors = plan.jitter.factors(step, plan.systems, plan.micro_batches, len(plan.kernels))
            drawn = factors.transpose(1, 2, 0)[:, self._slice_kernel]
            ticks = np.rint(ticks * drawn).astype(np.int64)
        return ticks.ravel()  # type: ignore[no-any-return]

    def timeline(self, ends: Ints, step: int, durations: Ints) -> Timeline:
        """One step's tasks as columns, sorted by canonical key; without the tasks that the plan leaves out."""
        graph = self.graph
        bundle = graph.bundle_of
        entity = np.arange(graph.tasks) - graph.offset[bundle]
        ticks = durations[graph.duration_at[bundle] + graph.duration_stride[bundle] * entity]
        keys = self.keys
        columns = [keys.kind[bundle], keys.level[bundle], entity, *(key[bundle] for key in keys[2:])]
        order = _order(columns)
        ends = ends[order]
        return Timeline(np.full(len(ends), step), *(column[order] for column in columns), ends - ticks[order], ends)  # type: ignore[call-arg]


def _order(columns: list[Ints]) -> Ints:
    """The canonical order, by one packed number a task."""
    packed = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        packed = packed * (int(column.max()) + 1) + column
    return np.argsort(packed, kind="stable")


class _Slices:
    """The slices of a step in the wafer's order, with what happens around each."""

    def __init__(self, plan: WeightStreamingPlan) -> None:
        kernels, chunks = plan.kernels, [plan.layers[k.layer].chunks for k in plan.kernels]
        one = np.repeat(np.arange(len(kernels)), chunks)
        chunk = np.arange(len(one)) - np.repeat(np.cumsum(chunks) - chunks, chunks)

        def of(values: list[int]) -> Ints:
            return np.tile(np.array(values, np.int64)[one], plan.micro_batches)

        def flag(name: str) -> Ints:
            return of([int(getattr(k, name)) for k in kernels])

        self.one = one
        self.kernel = np.tile(one, plan.micro_batches)
        self.chunk = np.tile(chunk, plan.micro_batches)
        self.micro_batch = np.repeat(np.arange(plan.micro_batches), len(one))
        self.layer = of([k.layer for k in kernels])
        self.pass_ = of([PASS[k.pass_] for k in kernels])
        self.first = self.chunk == 0
        self.last = self.chunk + 1 == of(chunks)
        self.streams, self.frees, self.drains = (flag(name).astype(bool) for name in ("streams", "frees", "drains"))
        self.fetches = flag("fetches") * self.first
        self.offloads = flag("offloads") * self.last
        self.takes_slot = (flag("offloads") > 0) & self.first
        self.releases = (flag("releases_fetch") > 0) & self.last
        self.inputs = (self.micro_batch != np.concatenate(([-1], self.micro_batch[:-1]))) & (max(plan.input_ticks) > 0)


def lower(plan: WeightStreamingPlan, number: int = 0, links_before: int = 0) -> Lowered:
    """The graph of a plan; `number` and `links_before` (system links of the jobs before it) tell jobs apart."""
    return _Lowering(plan, number, links_before).lowered()


class _Lowering:
    """Bundles are numbered by position: block after block, the optimizer last."""

    def __init__(self, plan: WeightStreamingPlan, number: int, links_before: int) -> None:
        self.plan, self.number, self.links_before = plan, number, links_before
        self.slices = s = _Slices(plan)
        self.depth = depth = plan.tree.depth
        self.reads = int("memory" in plan.arrival_order)
        down = np.where(s.streams, self.reads + 1 + depth, 0)
        up = np.where(s.drains, depth + 2, 0)
        block = s.fetches + s.inputs + down + 1 + up + s.offloads
        begin = np.cumsum(block) - block
        self.n = int(block.sum()) + len(plan.updates)
        self.update = np.arange(len(plan.updates)) + int(block.sum())
        self.fetch_at = begin
        self.input = (begin + s.fetches)[s.inputs]
        stream = begin + s.fetches + s.inputs + self.reads
        self.stream = stream[s.streams]
        self.compute = begin + s.fetches + s.inputs + down
        self.egress = (self.compute + 1)[s.drains]
        self.accumulate = self.egress + depth + 1
        self.offload_at = self.compute + 1 + up
        self.edges: list[Edges] = []
        self.maps = [*plan.tree.parents]

    def level_down(self, level: int) -> Ints:
        """Broadcasts of a level, or ingress at the tree's depth."""
        return self.stream + level  # type: ignore[no-any-return]

    def reduce(self, level: int) -> Ints:
        """Reductions at a level."""
        return self.egress + self.depth - level  # type: ignore[no-any-return]

    def edge(
        self, to: Ints, source: Ints, relation: int = 0, lag: int = NONE, distance: Ints | int = 0, map: int = 0
    ) -> None:
        self.edges.append(Edges(to, source, relation, lag, distance, map))

    def back(self, to: Ints, events: Ints, by: int, relation: int = 0, lag: int = NONE) -> None:
        """Number i of `to` waits for number i - `by` of `events`, counted on through the steps."""
        if len(to):
            steps, at = np.divmod(np.arange(len(to)) - by, len(events))
            self.edge(to, events[at], relation, lag, -steps)

    def chain(self, tasks: Ints) -> None:
        """One after the other, and on into the next step."""
        self.back(tasks, tasks, 1)

    def lowered(self) -> Lowered:
        """Assemble graph, keys and durations."""
        plan, s = self.plan, self.slices
        self._down()
        self._wafer()
        self._up()
        self._activations()
        width, keys, duration, stride, servers = self._columns()
        per_system = plan.jitter is not None or len(set(plan.size_of)) > 1
        compute_at = int(self._durations.size)
        duration[self.compute] = compute_at + np.arange(len(self.compute)) * (plan.systems if per_system else 1)
        stride[self.compute] = int(per_system)
        graph = build_graph(width, duration, stride, self.edges, self.maps, servers)
        latencies = plan.latencies
        lags = np.array([0, latencies.hop, latencies.memoryx, latencies.credit_return], np.int64)
        return Lowered(plan, graph, keys, lags, self._durations, compute_at, s.one, per_system)

    def _down(self) -> None:
        plan, s = self.plan, self.slices
        if not len(self.stream):
            return
        leave = self.stream - self.reads  # where weights leave MemoryX's memory
        self.chain(self.stream)
        if self.reads:
            self.chain(leave)
            self.edge(self.stream, leave)
        self.back(leave, self.compute[s.frees], plan.weight_credits, FROM_ALL, CREDIT)
        unit = np.array([plan.update_of(layer) for layer in range(len(plan.layers))])
        self.edge(leave, self.update[unit[s.layer[s.streams]]], distance=1)
        for level in range(1, self.depth + 1):
            here = self.level_down(level)
            self.chain(here)
            self.edge(here, here - 1, TO_CHILDREN, MEMORYX if level == 1 else HOP, map=level - 1)

    def _wafer(self) -> None:
        plan, s = self.plan, self.slices
        self.chain(self.compute)
        self.edge(self.compute[s.streams], self.level_down(self.depth), lag=HOP)
        self.back(self.compute[s.drains], self.accumulate, plan.drain_credits, TO_ALL, CREDIT)
        if len(self.input):
            self.chain(self.input)
            self.edge(self.compute[s.inputs], self.input)
            ends = np.flatnonzero(np.concatenate((s.inputs[1:], [True])))
            self.back(self.input, self.compute[ends], INPUT_SLOTS)

    def _up(self) -> None:
        plan, s, depth = self.plan, self.slices, self.depth
        self.chain(self.egress)
        self.edge(self.egress, self.compute[s.drains])
        for level in range(depth - 1, -1, -1):
            here = self.reduce(level)
            self.chain(here)
            self.edge(here, here - 1, FROM_CHILDREN, HOP, map=level)
        self.chain(self.accumulate)
        self.edge(self.accumulate, self.accumulate - 1, lag=MEMORYX)
        self.chain(self.update)
        if plan.clipping_barrier:
            self.edge(self.update[:1], self.accumulate[-1:])
        ends = (s.last & (s.micro_batch + 1 == plan.micro_batches))[s.drains]
        gradient = dict(zip(s.layer[s.drains][ends].tolist(), self.accumulate[ends].tolist(), strict=True))
        pairs = [(self.update[i], gradient[layer]) for i, unit in enumerate(plan.updates) for layer in unit.layers]
        self.edge(np.array([to for to, _ in pairs]), np.array([source for _, source in pairs]))

    def _activations(self) -> None:
        """Traffic with the activation servers, piece by piece."""
        plan, s = self.plan, self.slices
        self.offload, self.fetch = _pieces(self.offload_at, s.offloads), _pieces(self.fetch_at, s.fetches)
        if not len(self.offload):
            return
        offloading, fetching = s.offloads > 0, s.fetches > 0
        first_out, last_out = self.offload_at[offloading], (self.offload_at + s.offloads - 1)[offloading]
        first_in, last_in = self.fetch_at[fetching], (self.fetch_at + s.fetches - 1)[fetching]
        self.chain(self.offload)
        self.edge(first_out, self.compute[offloading])
        self.back(self.compute[s.takes_slot], last_out, plan.activation_slots)
        self.chain(self.fetch)
        layer_of = s.micro_batch * len(plan.layers) + s.layer
        where = dict(zip(layer_of[offloading].tolist(), last_out.tolist(), strict=True))
        self.edge(first_in, np.array([where[key] for key in layer_of[fetching].tolist()], np.int64))
        self.back(first_in, self.compute[s.releases], plan.activation_slots)
        self.edge(self.compute[fetching], last_in)

    def _columns(self) -> tuple[Ints, Keys, Ints, Ints, tuple[Ints, Ints, Ints]]:
        """Width, key, duration and server of every bundle."""
        plan, s, tree = self.plan, self.slices, self.plan.tree
        n, systems = self.n, plan.systems
        zeros = [np.zeros(n, np.int64) for _ in range(9)]
        width, (kind, level, pass_, micro_batch, layer, chunk), duration, stride = (
            np.ones(n, np.int64),
            zeros[:6],
            *zeros[6:8],
        )
        server, server_stride, rank = np.full(n, -1, np.int64), zeros[8], np.zeros(n, np.int64)
        tables: list[Ints] = []
        size = 0

        def family(
            at: Ints, name: str, of: Ints, *, entities: int = 1, tree_level: int = 0, piece: Ints | None = None
        ) -> None:
            kind[at], level[at], width[at] = KIND[name], tree_level, entities
            pass_[at], micro_batch[at], layer[at] = s.pass_[of], s.micro_batch[of], s.layer[of]
            chunk[at] = s.chunk[of] if piece is None else piece

        def ticks(at: Ints, table: Ints, index: Ints, rows: int = 1) -> None:
            """`table[index * rows + entity]` are the durations; one row serves every entity if `rows` is 1."""
            nonlocal size
            duration[at], stride[at] = size + index * rows, int(rows > 1)
            tables.append(table)
            size += table.size

        chunks = np.cumsum([0] + [each.chunks for each in plan.layers])
        flat = {
            name: np.array([t for each in plan.layers for t in getattr(each, f"{name}_ticks")], np.int64)
            for name in ("send", "down", "ingress", "egress", "up", "root", "accumulate", "read")
        }

        def link(at: Ints, of: Ints, name: str, tree_level: int = 0) -> None:
            index = chunks[s.layer[of]] + s.chunk[of]
            factors = np.array(tree.slowdown[tree_level - 1]) if tree_level else np.ones(1)
            if np.all(factors == 1.0):
                ticks(at, flat[name], index)
            else:
                ticks(at, np.rint(flat[name][:, None] * factors).astype(np.int64).ravel(), index, len(factors))

        def serve(at: Ints, number: int, source: int, apart: int = 0) -> None:
            server[at], server_stride[at], rank[at] = number, apart, source

        streamed, drained = np.flatnonzero(s.streams), np.flatnonzero(s.drains)
        family(self.compute, "compute", np.arange(len(self.compute)), entities=systems)
        family(self.stream, "stream", streamed)
        link(self.stream, streamed, "send")
        for each in range(1, self.depth + 1):
            name = "broadcast" if each < self.depth else "ingress"
            entities = tree.nodes[each] if each < self.depth else systems
            family(self.level_down(each), name, streamed, entities=entities, tree_level=each)
            link(self.level_down(each), streamed, "down" if each < self.depth else "ingress", each)
        family(self.egress, "egress", drained, entities=systems, tree_level=self.depth)
        link(self.egress, drained, "egress", self.depth)
        for each in range(self.depth):
            family(self.reduce(each), "reduce", drained, entities=tree.nodes[each], tree_level=each)
            link(self.reduce(each), drained, "up" if each else "root", each)
        family(self.accumulate, "accumulate", drained)
        link(self.accumulate, drained, "accumulate")
        kind[self.update], pass_[self.update], layer[self.update] = (
            KIND["update"],
            PASS["update"],
            np.arange(len(self.update)),
        )
        ticks(self.update, np.array([unit.ticks for unit in plan.updates], np.int64), np.arange(len(self.update)))
        base = SYSTEM_LINKS + self.links_before
        if self.reads:
            family(self.stream - 1, "read", streamed)
            link(self.stream - 1, streamed, "read")
            for source, at in enumerate((self.stream - 1, self.accumulate, self.update)):
                serve(at, MEMORY, 3 * self.number + source)
        if "ports" in plan.arrival_order:
            serve(self.stream, PORT_DOWN, self.number)
            serve(self.reduce(0), PORT_UP, self.number)
        sizes = np.array(plan.size_of)  # [system, micro-batch]
        if len(self.input):
            family(self.input, "input", np.flatnonzero(s.inputs), entities=systems)
            pass_[self.input], layer[self.input] = PASS[plan.kernels[0].pass_], plan.kernels[0].layer
            table = np.array(plan.input_ticks, np.int64)[sizes].T
            ticks(self.input, table.ravel(), np.arange(plan.micro_batches), systems)
            stride[self.input] = 1
        if "ingress" in plan.arrival_order:
            serve(self.level_down(self.depth), base, 0, 2)
            serve(self.egress, base + 1, 0, 2)
        for name, at, counts, first in (
            ("fetch", self.fetch, s.fetches, base),
            ("offload", self.offload, s.offloads, base + 1),
        ):
            of = np.repeat(np.arange(len(counts)), counts)
            piece = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)
            family(at, name, of, entities=systems, piece=piece)
            if len(at):
                table = np.array(plan.fetch_ticks, np.int64)[sizes].transpose(1, 2, 0)  # [micro-batch, piece, system]
                index = s.micro_batch[of] * table.shape[1] + piece
                ticks(at, table.ravel(), index, systems)
                stride[at] = 1
                serve(at, first, 1, 2)
        self._durations = np.concatenate(tables)
        return (
            width,
            Keys(kind, level, pass_, micro_batch, layer, chunk),
            duration,
            stride,
            (server, server_stride, rank),
        )


def _pieces(at: Ints, counts: Ints) -> Ints:
    """The positions at .. at + count - 1 of every block."""
    inside = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(at, counts) + inside


__all__ = ["Kernel", "Lowered", "lower"]
