"""Lowering: a GPU plan as a task graph, with vectorised NumPy, stage by stage.

A stage's pieces of work stand in its order; what it sends, gathers and scatters is numbered behind them. The graph is
then put into topological order, since a pipeline's stages wait for each other both ways.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from wafersim.engine.graph import Edges, Ints, build_graph
from wafersim.engine.topology import topological_order
from wafersim.strategies.gpu_parallel.plan import MAKES_GRADIENTS, GpuPlan, Unit
from wafersim.strategies.gpu_parallel.schedules import FORWARD, WGRAD
from wafersim.strategies.lowering import Keys, Lowered, Tasks
from wafersim.timeline.timeline import KIND, PASS

UPDATE = PASS["update"]
FIELDS = 6  # numbers of a unit; these are some of them
GATHER, GATHER_AGAIN, SCATTER = 3, 4, 5
PREVIOUS = 1  # step


@dataclass(frozen=True)
class Structure:
    """What plans of one shape share: everything but ticks. `table[task]` is where its ticks stand in `_ticks(plan)`."""

    tasks: Tasks
    table: Ints


def lower(plan: GpuPlan) -> Lowered:
    """The graph of a plan. Nothing is delayed but by tasks, and every step is like the one before."""
    structure = _structure(_shape(plan))
    ticks = _ticks(plan)[structure.table]
    return Lowered(structure.tasks, np.zeros(1, np.int64), lambda _: ticks)


def _shape(plan: GpuPlan) -> GpuPlan:
    """The plan without its ticks: equal for plans that share a structure."""
    nothing = Unit(0, 0)
    none, none_of = (0,) * plan.stages, (0,) * plan.chunks
    units = tuple(tuple((nothing,) * len(chunk) for chunk in stage) for stage in plan.units)
    return replace(
        plan, units=units, sends=(0,) * len(plan.sends), tie=0, norm=0, update=none, regather=(none_of,) * plan.stages,
        work=(),
    )  # fmt: skip


def _ticks(plan: GpuPlan) -> Ints:
    """Every duration of a plan, in the order in which `_Table` finds them."""
    units = [
        (unit.forward, unit.backward, unit.wgrad, unit.gather, unit.gather_again, unit.scatter)
        for stage in plan.units
        for chunk in stage
        for unit in chunk
    ]
    each = np.array(units, np.int64)
    sizes = [len(chunk) for stage in plan.units for chunk in stage]
    begin = np.cumsum([0, *sizes[:-1]])
    whole = np.add.reduceat(each, begin, axis=0)
    # One stage sends nothing, and an empty tuple alone would be an array of floats, and make floats of all.
    others = np.array([*plan.sends, plan.tie, plan.norm, *plan.update, *sum(plan.regather, ())], np.int64)
    return np.concatenate((each.ravel(), whole.ravel(), others))


class _Table:
    """Where the ticks of a plan's shape stand."""

    def __init__(self, plan: GpuPlan) -> None:
        sizes = [len(chunk) for stage in plan.units for chunk in stage]
        self.first_unit = np.cumsum([0, *sizes[:-1]])  # of (stage, chunk), flat
        self.size = np.array(sizes)
        self.units = int(sum(sizes))
        self.whole = FIELDS * self.units
        self.sends = self.whole + FIELDS * len(sizes)
        self.tie = self.sends + len(plan.sends)
        self.update = self.tie + 2
        self.regather = self.update + plan.stages
        self.chunks = plan.chunks

    def piece(self, stage: int, chunk: Ints, unit: Ints, fine: Ints, column: Ints | int) -> Ints:
        """Of a unit, or of a whole chunk where work is coarse; columns are those of `Unit`."""
        flat = stage * self.chunks + chunk
        of_unit = FIELDS * (self.first_unit[flat] + unit) + column
        of_chunk = self.whole + FIELDS * flat + column
        found: Ints = np.where(fine, of_unit, of_chunk)
        return found


@lru_cache(maxsize=64)
def _structure(shape: GpuPlan) -> Structure:
    build = _Builder(shape)
    tasks = build.count
    to, source, distance = (np.concatenate(column) for column in zip(*build.edges, strict=True))
    within = distance == 0
    order = topological_order(tasks, to[within], source[within])
    assert len(order) == tasks, "the plan deadlocks"
    place = np.empty(tasks, np.int64)
    place[order] = np.arange(tasks)
    one = np.ones(tasks, np.int64)
    graph = build_graph(one, np.arange(tasks), 0 * one, [Edges(place[to], place[source], distance=distance)], [])
    keys = Keys(*(np.concatenate(column)[order] for column in zip(*build.keys, strict=True)))
    table = np.concatenate(build.table)[order]
    return Structure(Tasks(graph, keys), table)


class _Builder:
    """Tasks and edges of a shape, stage by stage. `keys`, `table` and `edges` are lists of columns."""

    def __init__(self, plan: GpuPlan) -> None:
        self._plan, self._table = plan, _Table(plan)
        self.count = 0
        self.keys: list[tuple[Ints, ...]] = []
        self.table: list[Ints] = []
        self.edges: list[tuple[Ints, Ints, Ints]] = []
        orders = plan.orders
        shape = (plan.virtual_stages, plan.micro_batches)
        self._sent = {way: np.full(shape, -1, np.int64) for way in (1, -1)}  # send of (virtual stage, micro-batch)
        self._waiting: list[tuple[int, Ints, Ints, Ints]] = []  # (way, virtual stage, micro-batch, first piece)
        self._first_piece: list[int] = []  # of a stage's first slot
        self._behind_first: list[list[int]] = []  # of the slot after the first one of each chunk
        self._first_gather: list[int] = []
        self._ready: list[list[int]] = []  # what a stage's gradients wait for
        for stage in range(plan.stages):
            self._stage(stage, orders[stage].pass_, orders[stage].micro_batch, orders[stage].chunk)
        for way, k, micro_batch, piece in self._waiting:
            self._edge(piece, self._sent[way][k - way, micro_batch])
        self._finish()

    def _add(self, kind: str, stage: int, pass_: Ints, micro_batch: Ints, chunk: Ints, unit: Ints, table: Ints) -> Ints:
        n = len(pass_)
        ids = np.arange(self.count, self.count + n)
        self.count += n
        full = np.full(n, KIND[kind]), np.zeros(n, np.int64), np.full(n, stage)
        self.keys.append((*full, pass_, micro_batch, chunk, unit))
        self.table.append(table)
        return ids

    def _one(self, kind: str, stage: int, table: int, chunk: int = 0) -> int:
        zero = np.zeros(1, np.int64)
        return int(self._add(kind, stage, np.array([UPDATE]), zero, zero + chunk, zero, np.array([table]))[0])

    def _edge(self, to: Ints, source: Ints, distance: int = 0) -> None:
        self.edges.append((to, source, np.full(len(to), distance)))

    def _single(self, to: int, source: int, distance: int = 0) -> None:
        self._edge(np.array([to]), np.array([source]), distance)

    def _stage(self, stage: int, pass_: Ints, micro_batch: Ints, chunk: Ints) -> None:
        plan, table = self._plan, self._table
        makes = np.isin(pass_, MAKES_GRADIENTS)
        last = micro_batch == plan.last_backward
        fine = (makes & last) if plan.fine == "last" else np.full(len(pass_), plan.fine == "all")
        pieces = np.where(fine, table.size[stage * plan.chunks + chunk], 1)
        ends = np.cumsum(pieces)
        slot = np.repeat(np.arange(len(pass_)), pieces)
        number = np.arange(len(slot)) - np.repeat(ends - pieces, pieces)
        forward = pass_ == FORWARD
        unit = np.where(forward[slot], number, pieces[slot] - 1 - number)
        column = np.where(forward, 0, np.where(pass_ == WGRAD, 2, 1))
        ticks = table.piece(stage, chunk[slot], unit, fine[slot], column[slot])
        work = self._add("compute", stage, pass_[slot], micro_batch[slot], chunk[slot], unit, ticks)
        self._edge(work[1:], work[:-1])
        first, final = work[ends - pieces], work[ends - 1]
        self._first_piece.append(int(first[0]))
        slots = [int(np.flatnonzero(chunk == c)[0]) for c in range(plan.chunks)]
        self._behind_first.append([int(first[at + 1]) for at in slots])
        k = chunk * plan.stages + stage
        self._receives(pass_, micro_batch, k, first)
        worked_out = self._sends(stage, pass_, micro_batch, chunk, k, first, final)
        scatters = makes & (np.full(len(pass_), plan.scatter_every) | last) & plan.scatters
        self._channel(stage, work, slot, unit, fine, pass_, micro_batch, chunk, scatters, worked_out)

    def _receives(self, pass_: Ints, micro_batch: Ints, k: Ints, first: Ints) -> None:
        down = (pass_ == FORWARD) & (k > 0)
        up = (pass_ != FORWARD) & (pass_ != WGRAD) & (k + 1 < self._plan.virtual_stages)
        for way, mask in ((1, down), (-1, up)):
            if mask.any():
                self._waiting.append((way, k[mask], micro_batch[mask], first[mask]))

    def _sends(self, stage: int, pass_: Ints, micro_batch: Ints, chunk: Ints, k: Ints, first: Ints, final: Ints) -> int:
        """The transfers of a stage; returns the task after which its last slot is over."""
        plan = self._plan
        over = int(final[-1])
        down = pass_ == FORWARD
        boundary = np.where(down, k, k - 1)
        sent = (pass_ != WGRAD) & (boundary >= 0) & (boundary + 1 < plan.virtual_stages)
        port = np.where(sent, np.array([*plan.ports, -1])[boundary], -1)
        for each in sorted(set(plan.ports)):
            at = np.flatnonzero(port == each)
            if not len(at):
                continue
            sends = self._add(
                "send", stage, pass_[at], micro_batch[at], chunk[at], 0 * at, self._table.sends + boundary[at]
            )
            for way, mine in ((1, down[at]), (-1, ~down[at])):
                self._sent[way][k[at][mine], micro_batch[at][mine]] = sends[mine]
            self._edge(sends, final[at])
            self._edge(sends[1:], sends[:-1])
            self._single(int(sends[0]), int(sends[-1]), PREVIOUS)
            if plan.blocking_sends:
                followed = at + 1 < len(pass_)
                self._edge(first[at[followed] + 1], sends[followed])
                if not followed.all():
                    over = int(sends[-1])
        return over

    def _channel(
        self, stage: int, work: Ints, slot: Ints, unit: Ints, fine: Ints, pass_: Ints, micro_batch: Ints, chunk: Ints,
        scatters: Ints, worked_out: int,
    ) -> None:  # fmt: skip
        plan, table, n = self._plan, self._table, len(work)
        passes, numbers, chunks = pass_[slot], micro_batch[slot], chunk[slot]
        out = np.flatnonzero(scatters[slot])
        ticks = table.piece(stage, chunks, unit, fine[slot], SCATTER)
        scattered = self._add("scatter", stage, passes[out], numbers[out], chunks[out], unit[out], ticks[out])
        self._edge(scattered, work[out] if plan.overlap else np.full(len(out), worked_out))
        # Turns on the channel: gather i stands before the work that is `prefetch` + 1 earlier has its scatter's successor.
        turn = [scattered]
        at = [2 * out]
        if plan.gathers:
            again = np.where(passes == FORWARD, GATHER, GATHER_AGAIN)
            ticks = table.piece(stage, chunks, unit, fine[slot], again)
            gathered = self._add("gather", stage, passes, numbers, chunks, unit, ticks)
            self._edge(work, gathered)
            ahead = plan.prefetch + 1
            self._edge(gathered[ahead:], work[: max(0, n - ahead)])
            turn.append(gathered)
            at.append(2 * (np.arange(n) - ahead) + 1)
            self._first_gather.append(int(gathered[0]))
        turns = np.concatenate(turn)[np.argsort(np.concatenate(at), kind="stable")]
        self._edge(turns[1:], turns[:-1])
        self._ready.append([worked_out, *([int(scattered[-1])] if len(scattered) else [])])

    def _finish(self) -> None:
        plan, table = self._plan, self._table
        ends = sorted({0, plan.stages - 1})
        tie = self._one("tie", 0, table.tie)
        for stage in ends:
            self._wait_for(tie, stage)
        norm = -1
        if plan.clipping:
            norm = self._one("norm", 0, table.tie + 1)
            self._single(norm, tie)
            for stage in range(plan.stages):
                self._wait_for(norm, stage)
        for stage in range(plan.stages):
            update = self._one("update", stage, table.update + stage)
            self._wait_for(update, stage)
            if stage in ends:
                self._single(update, tie)
            if plan.clipping:
                self._single(update, norm)
            regather = update
            for chunk in range(plan.chunks):
                before, regather = (
                    regather,
                    self._one("gather", stage, table.regather + stage * plan.chunks + chunk, chunk),
                )
                self._single(regather, before)
                if plan.overlap_regather:
                    self._single(self._behind_first[stage][chunk], regather, PREVIOUS)
            self._single(self._first_piece[stage], update if plan.overlap_regather else regather, PREVIOUS)
            if plan.gathers:
                self._single(self._first_gather[stage], regather, PREVIOUS)

    def _wait_for(self, task: int, stage: int) -> None:
        for ready in self._ready[stage]:
            self._single(task, ready)
