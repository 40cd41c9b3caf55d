"""What a trace says of the tasks of a weight-streaming step: layer, pass, micro-batch, chunk, bytes, FLOPs, waits."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from wafersim.report.trace.events import microseconds, quoted
from wafersim.report.trace.view import Said
from wafersim.simulation import Simulated
from wafersim.strategies.weight_streaming.activations import transfer_bytes
from wafersim.strategies.weight_streaming.plan import WeightStreamingPlan
from wafersim.strategies.weight_streaming.waits import Gaps
from wafersim.strategies.weight_streaming.words import WORDS
from wafersim.timeline.timeline import KIND, KINDS, PASS, PASSES, Column, Timeline

DOWN, UP = ("read", "stream", "broadcast", "ingress"), ("egress", "reduce", "accumulate")
ACTIVATIONS = ("fetch", "offload")
NONE = -1  # where a task has no bytes or FLOPs, or none are known


class WaferTasks:
    """Says of tasks what they are; of the slices of the slowest system, whose `gaps` are given, what they waited for too."""

    def __init__(self, simulated: Simulated, gaps: Gaps) -> None:
        self._plan: WeightStreamingPlan = simulated.periodic.plan
        self._timeline, self._gaps = simulated.periodic.timeline, gaps
        self.sizes = Sizes(simulated)
        self._layers = [quoted(name) for name in self._plan.layer_names]
        self._ops = [quoted(", ".join(op.name for op in layer.ops)) for layer in simulated.job.workload.layers]
        self._gap_of = np.full(len(self._timeline), NONE, np.int32)
        self._gap_of[gaps.rows] = np.arange(len(gaps.rows))
        self._names: dict[tuple[int, int, int], str] = {}

    def __call__(self, rows: Column) -> Sequence[Said]:
        """Of the tasks in some rows of the timeline."""
        tasks = self._timeline.select(rows)
        columns = tasks.kind, tasks.pass_, tasks.micro_batch, tasks.layer, tasks.chunk
        known = self.sizes.bytes_of(tasks), self.sizes.flops_of(tasks), self._gap_of[rows]
        return [self._said(*task) for task in zip(*(each.tolist() for each in (*columns, *known)), strict=True)]

    def _said(
        self, kind: int, pass_: int, micro_batch: int, layer: int, chunk: int, moved: int, flops: int, gap: int
    ) -> Said:
        name = self._names.get((kind, pass_, layer))
        if name is None:
            name = self._names[kind, pass_, layer] = quoted(self._name(KINDS[kind], PASSES[pass_], layer))
        if pass_ == PASS["update"]:
            return Said(name, f'"parameters":{self._parameters(layer)}' if kind == KIND["update"] else "")
        at = f'"pass":"{PASSES[pass_]}","micro_batch":{micro_batch}'
        if kind == KIND["input"]:
            return Said(name, at)
        at += f',"layer":{self._layers[layer]},"chunk":{chunk}'
        if moved != NONE:
            at += f',"bytes":{moved}'
        if flops != NONE:
            at += f',"matmul_flops":{flops}'
        if kind == KIND["compute"] and chunk == 0:
            at += f',"ops":{self._ops[layer]}'
        if gap != NONE:
            at += f',"waited_us":{{{self._waited(gap)}}}'
        return Said(name, at)

    def _name(self, kind: str, pass_: str, layer: int) -> str:
        if kind == "tail":
            return WORDS.task[kind]
        if kind == "update":
            return "update " + ", ".join(self._plan.layer_names[each] for each in self._plan.updates[layer].layers)
        if kind == "input":
            return kind
        what = (
            pass_ if kind == "compute" else "weights" if kind in DOWN else "gradient" if kind in UP else "activations"
        )
        return f"{what} {self._plan.layer_names[layer]}"

    def _parameters(self, unit: int) -> int:
        """Of an update: tied layers share them."""
        return max(self._plan.layers[layer].parameters for layer in self._plan.updates[unit].layers)

    def _waited(self, gap: int) -> str:
        """Microseconds that a slice waited, by what for."""
        total: dict[str, int] = {}
        for part, ticks in self._gaps.parts(gap):
            total[part] = total.get(part, 0) + ticks
        return ",".join(f"{quoted(WORDS.part[part].label)}:{microseconds(t)}" for part, t in total.items() if t)


class Sizes:
    """Bytes and matmul FLOPs of tasks. A kernel's FLOPs are divided evenly over its slices, as its time is."""

    def __init__(self, simulated: Simulated) -> None:
        plan: WeightStreamingPlan = simulated.periodic.plan
        self._plan = plan
        self._chunks = np.array([layer.chunks for layer in plan.layers])
        self._down = np.array([layer.weight_bytes for layer in plan.layers])
        self._up = np.array([layer.gradient_bytes for layer in plan.layers])
        workload, policy = simulated.job.workload, simulated.choice.policy
        self._moved = np.array(
            [transfer_bytes(workload, policy, size * workload.sequence_length) for size in plan.micro_batch_sizes]
        )
        self._size_of = np.array(plan.size_of)
        self._pieces = max(1, *(max(kernel.fetches, kernel.offloads) for kernel in plan.kernels))

    def bytes_of(self, tasks: Timeline) -> Column:
        """Of each task: its chunk of weights, of a gradient, or its piece of a layer's activations."""
        found = np.full(len(tasks), NONE)
        for kinds, bytes_of in ((DOWN, self.down_bytes), (UP, self.up_bytes)):
            at = np.flatnonzero(np.isin(tasks.kind, [KIND[kind] for kind in kinds]))
            found[at] = bytes_of(tasks.select(at))
        at = np.flatnonzero(np.isin(tasks.kind, [KIND[kind] for kind in ACTIVATIONS]))
        size = self._size_of[tasks.entity[at], tasks.micro_batch[at]]
        found[at] = _part(self._moved[size], tasks.chunk[at], np.full(len(at), self._pieces))
        return found

    def down_bytes(self, tasks: Timeline) -> Column:
        """Of the chunks of weights that tasks are about."""
        return _part(self._down[tasks.layer], tasks.chunk, self._chunks[tasks.layer])

    def up_bytes(self, tasks: Timeline) -> Column:
        """Of the chunks of gradients that tasks are about."""
        return _part(self._up[tasks.layer], tasks.chunk, self._chunks[tasks.layer])

    def flops_of(self, tasks: Timeline) -> Column:
        """Of each slice of a kernel."""
        found = np.full(len(tasks), NONE)
        at = np.flatnonzero(tasks.kind == KIND["compute"])
        if self._plan.flops:
            size = self._size_of[tasks.entity[at], tasks.micro_batch[at]]
            each = self._flops[size, tasks.pass_[at], tasks.layer[at]] / self._chunks[tasks.layer[at]]
            found[at] = np.rint(each).astype(np.int64)
        return found

    @cached_property
    def _flops(self) -> np.ndarray:
        """[micro-batch size, pass, layer]."""
        plan = self._plan
        table = np.zeros((len(plan.flops), len(PASSES), len(plan.layers)))
        for index, kernel in enumerate(plan.kernels):
            table[:, PASS[kernel.pass_], kernel.layer] = [row[index] for row in plan.flops]
        return table


def _part(whole: Column, chunk: Column, chunks: Column) -> Column:
    """What a chunk has of a whole that is divided into whole numbers, cumulatively rounded as its time is."""
    found: Column = whole * (chunk + 1) // chunks - whole * chunk // chunks
    return found
