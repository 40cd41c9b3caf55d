"""Lowering: a weight-streaming plan as a bundle graph, with vectorised NumPy.

`blocks.py` says where every task stands, `columns.py` what it is; the edges between them are here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np

from wafersim.engine.graph import (
    FROM_ALL,
    FROM_CHILDREN,
    SAME,
    TO_ALL,
    TO_CHILDREN,
    Edges,
    Ints,
    build_graph,
)
from wafersim.strategies.kept import kept, of_the_same
from wafersim.strategies.lowering import Lowered, Tasks
from wafersim.strategies.weight_streaming.blocks import Blocks
from wafersim.strategies.weight_streaming.columns import Columns
from wafersim.strategies.weight_streaming.durations import Table, compute_table, table_of
from wafersim.strategies.weight_streaming.plan import (
    INPUT_SLOTS,
    Jitter,
    Latencies,
    PlanLayer,
    UpdateUnit,
    WeightStreamingPlan,
)

NONE, HOP, MEMORYX, CREDIT = range(4)
MOST_TASKS = 200_000  # of the structures that are kept: half a kilobyte each


@dataclass(frozen=True)
class Structure:
    """What plans of one shape share: everything but ticks."""

    tasks: Tasks
    tables: tuple[Table, ...]
    slice_kernel: Ints  # [slice of a micro-batch]
    per_system: bool  # compute differs between systems


class _Durations:
    """The durations that a lowered plan reads, step by step; those without jitter are worked out once."""

    def __init__(self, plan: WeightStreamingPlan, structure: Structure) -> None:
        self._plan, self._structure = plan, structure

    def __call__(self, step: int) -> Ints:
        jitter, plan = self._plan.jitter, self._plan
        if jitter is None:
            return self._undisturbed
        factors = jitter.factors(step, plan.systems, plan.micro_batches, len(plan.kernels))
        compute = self._compute * factors.transpose(1, 2, 0)[:, self._structure.slice_kernel]
        return np.concatenate((self._links, np.rint(compute).astype(np.int64).ravel()))

    @cached_property
    def _undisturbed(self) -> Ints:
        return np.concatenate((self._links, self._compute.ravel()))

    @cached_property
    def _links(self) -> Ints:
        return np.concatenate([table_of(self._plan, table) for table in self._structure.tables])

    @cached_property
    def _compute(self) -> Ints:
        return compute_table(self._plan, self._structure.per_system)


def lower(plan: WeightStreamingPlan, number: int = 0, links_before: int = 0) -> Lowered:
    """The graph of a plan; `number` and `links_before` (system links of the jobs before it) tell jobs apart."""
    latencies = plan.latencies
    lags = np.array([0, latencies.hop, latencies.memoryx, latencies.credit_return], np.int64)
    structure = _structure(_Shape(plan), number, links_before)
    return Lowered(structure.tasks, lags, _Durations(plan, structure))


class _Shape:
    """A plan, equal to those that share its structure: it differs from them in ticks alone."""

    __slots__ = ("hash", "key", "plan")

    def __init__(self, plan: WeightStreamingPlan) -> None:
        self.plan = plan
        chunks = _chunks(plan.layers)
        alike = len(set(plan.size_of)) == 1
        units = tuple([unit.layers for unit in plan.updates])
        self.key = (
            plan.tree, chunks, plan.kernels, plan.micro_batches, alike, max(plan.input_ticks) > 0, plan.weight_credits,
            plan.drain_credits, plan.activation_slots, units, plan.clipping_barrier, plan.arrival_order, plan.reduction_tail > 0,
            plan.jitter is None,
        )  # fmt: skip
        self.hash = hash((plan.tree, chunks, plan.micro_batches, alike, plan.arrival_order, len(plan.kernels)))

    def __hash__(self) -> int:
        return self.hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Shape) and self.key == other.key

    @property
    def blank(self) -> WeightStreamingPlan:
        """The plan without its ticks."""
        plan = self.plan
        return replace(
            plan,
            layers=tuple(_blank(layer.chunks) for layer in plan.layers),
            micro_batch_sizes=(),
            size_of=((0,),) if len(set(plan.size_of)) == 1 else ((0,), (1,)),
            compute_ticks=(),
            input_ticks=(int(max(plan.input_ticks) > 0),),
            fetch_ticks=(),
            latencies=Latencies(0, 0, 0),
            updates=tuple(UpdateUnit(unit.layers, 0) for unit in plan.updates),
            reduction_tail=int(plan.reduction_tail > 0),
            floor_ticks=(),
            flops=(),
            layer_names=(),
            jitter=None if plan.jitter is None else Jitter(0.0, 0),
        )


@of_the_same(64)
def _chunks(layers: tuple[PlanLayer, ...]) -> tuple[int, ...]:
    return tuple(layer.chunks for layer in layers)


@cache
def _blank(chunks: int) -> PlanLayer:
    return PlanLayer(chunks, 0, 0, 0, (), (), (), (), (), (), (), ())


@kept(MOST_TASKS, lambda structure: structure.tasks.graph.tasks)
def _structure(shape: _Shape, number: int, links_before: int) -> Structure:
    plan = shape.blank
    blocks = Blocks(plan)
    columns = Columns(plan, blocks, number, links_before)
    graph = build_graph(
        columns.width,
        columns.duration_at,
        columns.duration_stride,
        _Edges(plan, blocks).edges,
        plan.tree.parents,
        (columns.server, columns.server_stride, columns.rank),
    )
    return Structure(Tasks(graph, columns.keys), tuple(columns.tables), blocks.slices.one, columns.per_system)


class _Edges:
    """What waits for what, family by family."""

    def __init__(self, plan: WeightStreamingPlan, blocks: Blocks) -> None:
        self._plan, self._blocks = plan, blocks
        self.edges: list[Edges] = []
        self._down()
        self._wafer()
        self._up()
        self._activations()

    def _edge(
        self, to: Ints, source: Ints, relation: int = SAME, lag: int = NONE, distance: Ints | int = 0, level: int = 0
    ) -> None:
        self.edges.append(Edges(to, source, relation, lag, distance, level))

    def _back(self, to: Ints, events: Ints, by: int, relation: int = SAME, lag: int = NONE) -> None:
        """Number i of `to` waits for number i - `by` of `events`, counted on through the steps."""
        if len(to):
            steps, at = np.divmod(np.arange(len(to)) - by, len(events))
            self._edge(to, events[at], relation, lag, -steps)

    def _chain(self, tasks: Ints) -> None:
        """One after the other, and on into the next step."""
        self._back(tasks, tasks, 1)

    def _down(self) -> None:
        plan, at, s = self._plan, self._blocks, self._blocks.slices
        self._chain(at.stream)
        if at.reads:
            self._chain(at.leave)
            self._edge(at.stream, at.leave)
        self._back(at.leave, at.compute[s.frees], plan.weight_credits, FROM_ALL, CREDIT)
        units = [plan.update_of(layer) for layer in range(len(plan.layers))]
        unit = np.array([-1 if one is None else one for one in units])[s.layer[s.streams]]
        trained = unit >= 0  # frozen weights are always current
        self._edge(at.leave[trained], at.update[unit[trained]], distance=1)
        for level in range(1, at.depth + 1):
            here = at.down(level)
            self._chain(here)
            self._edge(here, here - 1, TO_CHILDREN, MEMORYX if level == 1 else HOP, level=level - 1)

    def _wafer(self) -> None:
        plan, at, s = self._plan, self._blocks, self._blocks.slices
        self._chain(at.compute)
        self._edge(at.compute[s.streams], at.down(at.depth), lag=HOP)
        self._back(at.compute[s.drains], at.accumulate, plan.drain_credits, TO_ALL, CREDIT)
        self._chain(at.input)
        self._edge(at.compute[s.inputs], at.input)
        ends_of_micro_batches = np.flatnonzero(np.concatenate((s.inputs[1:], [True])))
        self._back(at.input, at.compute[ends_of_micro_batches], INPUT_SLOTS)

    def _up(self) -> None:
        plan, at, s = self._plan, self._blocks, self._blocks.slices
        self._chain(at.egress)
        self._edge(at.egress, at.compute[s.drains])
        for level in range(at.depth - 1, -1, -1):
            here = at.reduce(level)
            self._chain(here)
            self._edge(here, here - 1, FROM_CHILDREN, HOP, level=level)
        self._chain(at.accumulate)
        self._edge(at.accumulate, at.accumulate - 1, lag=MEMORYX)
        self._chain(at.update)
        if plan.clipping_barrier:
            self._edge(at.update[:1], at.accumulate[-1:])
        if len(at.tail):  # between the last gradient and what waits for it
            self._chain(at.tail)
            self._edge(at.tail, at.accumulate[-1:])
            last = 0 if plan.clipping_barrier else plan.unit_of(int(s.layer[s.drains][-1]))
            self._edge(at.update[[last]], at.tail)
        ends = (s.last & (s.micro_batch + 1 == plan.micro_batches))[s.drains]
        complete = dict(zip(s.layer[s.drains][ends].tolist(), at.accumulate[ends].tolist(), strict=True))
        pairs = [(at.update[i], complete[layer]) for i, unit in enumerate(plan.updates) for layer in unit.layers]
        self._edge(*np.array(pairs, np.int64).T)

    def _activations(self) -> None:
        """Traffic with the activation servers, piece by piece."""
        plan, at, s = self._plan, self._blocks, self._blocks.slices
        out, back = at.offload, at.fetch
        offloading, fetching = s.offloads > 0, s.fetches > 0
        self._chain(out.position)
        self._edge(out.first, at.compute[offloading])
        self._back(at.compute[s.takes_slot], out.last, plan.activation_slots)
        self._chain(back.position)
        layer = s.micro_batch * len(plan.layers) + s.layer
        offloaded = dict(zip(layer[offloading].tolist(), out.last.tolist(), strict=True))
        self._edge(back.first, np.array([offloaded[key] for key in layer[fetching].tolist()], np.int64))
        self._back(back.first, at.compute[s.releases], plan.activation_slots)
        self._edge(at.compute[fetching], back.last)
