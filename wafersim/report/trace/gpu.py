"""A step on GPUs as a trace: every pipeline stage with its GPU, its data-parallel channel and its ports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from wafersim.report.trace.counters import edges_of, held, use
from wafersim.report.trace.events import Counter, microseconds, quoted
from wafersim.report.trace.view import Flow, Numbering, Said, StepView
from wafersim.simulation import Simulated
from wafersim.strategies.gpu_parallel.amounts import Amounts, amounts
from wafersim.strategies.gpu_parallel.plan import MAKES_GRADIENTS, GpuPlan
from wafersim.strategies.gpu_parallel.schedules import FORWARD, WGRAD
from wafersim.strategies.gpu_parallel.waits import Wait, waits_between, waits_of_update
from wafersim.strategies.gpu_parallel.words import WORDS
from wafersim.timeline.timeline import KIND, KINDS, PASS, PASSES, Column, Timeline

USE, ALL = "in use", "all stages"
PORTS = ("sends within the node", "sends over the network")


def gpu_view(simulated: Simulated) -> StepView:
    """Lanes stage by stage; one GPU stands for all of its stage."""
    plan, timeline = simulated.periodic.plan, simulated.periodic.timeline
    named = _names(plan, simulated.prediction.n_systems)
    numbering, second_port = _numbering(plan, timeline, named)
    lane_of = numbering.lane_of(timeline)
    other = np.flatnonzero(_ports(plan, timeline) == 1)
    lane_of[other] = second_port[timeline.entity[other]]
    return StepView(
        tuple(numbering.lanes),
        lane_of,
        GpuTasks(plan, timeline, amounts(simulated.job, simulated.choice, plan)),
        (*_ways(plan, timeline), *_updates(plan, timeline)),
        (*_use(plan, timeline), *_in_flight(timeline, named)),
    )


def _names(plan: GpuPlan, gpus: int) -> list[str]:
    each = gpus // plan.stages
    alike = f" ({each:,} GPUs alike)" if each > 1 else ""
    return [f"stage {stage}{alike}" for stage in range(plan.stages)]


def _numbering(plan: GpuPlan, timeline: Timeline, named: Sequence[str]) -> tuple[Numbering, Column]:
    """Lanes, and of every stage that of its second port: kinds and entities do not tell ports apart."""
    found, second = Numbering(1), np.zeros(plan.stages, np.int64)
    for kind in ("tie", "norm"):
        found.add(ALL, WORDS.task[kind], [(kind, 0)])
    ports = _ports(plan, timeline)
    for stage, name in enumerate(named):
        found.add(name, "GPU", [("compute", 0), ("update", 0)], stage)
        found.add(name, "data-parallel channel", [("gather", 0), ("scatter", 0)], stage)
        mine = ports[timeline.entity == stage]
        if np.any(mine == 1):
            second[stage] = len(found.lanes)
            found.add(name, PORTS[1], [("send", 0)], stage)
        if np.any(mine == 0):
            found.add(name, PORTS[0], [("send", 0)], stage)
    return found, second


def _ports(plan: GpuPlan, timeline: Timeline) -> Column:
    """The port that every transfer leaves by; -1 of other tasks."""
    ports = np.full(len(timeline), -1)
    sends = np.flatnonzero(timeline.kind == KIND["send"])
    k = timeline.layer[sends] * plan.stages + timeline.entity[sends]
    boundary = np.where(timeline.pass_[sends] == FORWARD, k, k - 1)
    ports[sends] = np.array([*plan.ports, -1])[boundary]
    return ports


class GpuTasks:
    """Says of tasks what they are, what one GPU of their stage does in them, and what it waited for before."""

    def __init__(self, plan: GpuPlan, timeline: Timeline, amounts: Amounts) -> None:
        self._timeline, self._chunks, self._amounts = timeline, plan.chunks, amounts
        self._waits: dict[int, list[Wait]] = {}  # by the row of what was done then
        for stage in range(plan.stages):
            for wait in (*waits_between(timeline, plan, stage), *waits_of_update(timeline, plan, stage)):
                if wait.ticks:
                    self._waits.setdefault(wait.row, []).append(wait)

    def __call__(self, rows: Column) -> Sequence[Said]:
        """Of the tasks in some rows of the timeline."""
        tasks, does = self._timeline.select(rows), self._amounts
        columns = tasks.kind, tasks.entity, tasks.pass_, tasks.micro_batch, tasks.layer, tasks.chunk
        known = does.flops[rows], does.memory[rows], does.sent[rows], rows
        return [self._said(*task) for task in zip(*(each.tolist() for each in (*columns, *known)), strict=True)]

    def _said(
        self,
        kind: int,
        stage: int,
        pass_: int,
        micro_batch: int,
        chunk: int,
        unit: int,
        flops: int,
        memory: int,
        sent: int,
        row: int,
    ) -> Said:
        name, in_pass = KINDS[kind], pass_ != PASS["update"]
        of_stage, works = name not in ("tie", "norm"), name in ("compute", "update")
        known = {
            "stage": stage if of_stage else None,
            "pass": f'"{PASSES[pass_]}"' if in_pass else None,
            "micro_batch": micro_batch if in_pass else None,
            "chunk": chunk if of_stage and self._chunks > 1 else None,
            "unit": unit if in_pass else None,
            "matmul_flops": flops or None,
            "hbm_bytes": memory or None,
            "sent_bytes" if works else "bytes": sent or None,
            "waited_us": self._waited(row),
        }
        args = ",".join(f'"{what}":{value}' for what, value in known.items() if value is not None)
        return Said(quoted(self._name(name, pass_, micro_batch)), args)

    def _waited(self, row: int) -> str | None:
        """Microseconds before a task, by what for."""
        waits = self._waits.get(row)
        if waits is None:
            return None
        parts = (f"{quoted(WORDS.part[wait.part].label)}:{microseconds(wait.ticks)}" for wait in waits)
        return f"{{{','.join(parts)}}}"

    def _name(self, kind: str, pass_: int, micro_batch: int) -> str:
        if pass_ == PASS["update"]:
            named = {"gather": "gather of updated weights", "update": kind}
            return named.get(kind) or WORDS.task[kind]
        return f"{PASSES[pass_]} {micro_batch}" if kind == "compute" else f"{kind} {PASSES[pass_]} {micro_batch}"


def _ways(plan: GpuPlan, timeline: Timeline) -> Iterator[Flow]:
    """The way of the last micro-batch through the virtual stages, forward and back."""
    last = plan.micro_batches - 1
    mine = np.flatnonzero((timeline.micro_batch == last) & np.isin(timeline.kind, [KIND["compute"], KIND["send"]]))
    row = {
        (KINDS[timeline.kind[each]], int(timeline.pass_[each]), _virtual(plan, timeline, each)): each
        for each in mine[np.argsort(timeline.end[mine], kind="stable")].tolist()  # of several units the last
    }
    back = next((code for code in (PASS["backward"], PASS["dgrad"]) if ("compute", code, 0) in row), None)
    order = range(plan.virtual_stages)
    keys = [(kind, FORWARD, k) for k in order for kind in ("compute", "send")]
    if back is not None:
        keys += [(kind, back, k) for k in reversed(order) for kind in ("compute", "send")]
    yield Flow(f"micro-batch {last}, forward and back", tuple(row[key] for key in keys if key in row))


def _virtual(plan: GpuPlan, timeline: Timeline, row: int) -> int:
    return int(timeline.layer[row]) * plan.stages + int(timeline.entity[row])


def _updates(plan: GpuPlan, timeline: Timeline) -> Iterator[Flow]:
    """Of every model chunk of every stage: its weights' gather, the last gradients, their reduction, the update."""
    last = plan.last_backward
    first_update = int(np.searchsorted(timeline.kind, KIND["update"]))
    together = np.flatnonzero(np.isin(timeline.kind, [KIND["tie"], KIND["norm"]])).tolist()
    makes = timeline.select(np.isin(timeline.pass_, MAKES_GRADIENTS))
    passes = MAKES_GRADIENTS if not np.any(makes.pass_ == WGRAD) else (WGRAD,)
    mine = np.flatnonzero(
        (timeline.micro_batch == last) & np.isin(timeline.pass_, passes)
        & np.isin(timeline.kind, [KIND[name] for name in ("gather", "compute", "scatter")])
    )  # fmt: skip
    row = {
        (KINDS[timeline.kind[each]], _virtual(plan, timeline, each)): each
        for each in mine[np.argsort(timeline.end[mine], kind="stable")].tolist()
    }
    again = np.flatnonzero((timeline.kind == KIND["gather"]) & (timeline.pass_ == PASS["update"]))
    regather = {_virtual(plan, timeline, each): each for each in again.tolist()}
    for k in range(plan.virtual_stages):
        rows = [row[kind, k] for kind in ("gather", "compute", "scatter") if (kind, k) in row]
        stage = k % plan.stages
        rows += sorted(together, key=lambda each: int(timeline.start[each]))
        rows.append(first_update + stage)
        if k in regather:
            rows.append(regather[k])
        of_chunk = f", chunk {k // plan.stages}" if plan.chunks > 1 else ""
        yield Flow(f"gradients to update of stage {stage}{of_chunk}", tuple(rows))


def _use(plan: GpuPlan, timeline: Timeline) -> Iterator[Counter]:
    """Of the GPUs, their data-parallel channels and their ports: the mean of all stages."""
    edges = edges_of(int(timeline.start.min()), int(timeline.end.max()))
    ports = _ports(plan, timeline)
    groups = [
        ("GPUs", np.isin(timeline.kind, [KIND["compute"], KIND["update"]])),
        ("data-parallel channels", np.isin(timeline.kind, [KIND["gather"], KIND["scatter"]])),
        *((name, ports == port) for port, name in enumerate(PORTS)),
    ]
    for name, mine in groups:
        if mine.any():
            share = use(timeline.start[mine], timeline.end[mine], plan.stages, edges)
            yield Counter(USE, name, "%", edges, np.append(share, 0.0))


def _in_flight(timeline: Timeline, named: Sequence[str]) -> Iterator[Counter]:
    """Micro-batches (of each model chunk) whose activations a stage keeps: begun forward, and not yet over backward."""
    work = timeline.of("compute")
    for stage, process in enumerate(named):
        mine = work.select(work.entity == stage)
        slot = mine.micro_batch * (int(mine.layer.max()) + 1) + mine.layer
        begun, over = np.full(slot.max() + 1, np.iinfo(np.int64).max), np.zeros(slot.max() + 1, np.int64)
        np.minimum.at(begun, slot, mine.start)
        np.maximum.at(over, slot, mine.end)
        one = np.ones(len(begun), np.int64)
        yield Counter(process, "activations in flight", "micro-batches", *held(begun, one, over, one))
