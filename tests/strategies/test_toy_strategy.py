"""A strategy is its face and nothing else: pipelined execution of a two-layer model, written here, runs through everything.

Each layer lives on a wafer of its own; activations go down one link, gradients come back over another. What it needs is
what CONTRIBUTING counts: plan, lowering, reference, choice, account, features, words, and its name in the registry.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import simpy

from wafersim.engine.graph import Edges, build_graph
from wafersim.errors import WafersimError
from wafersim.inputs.fit import load_fit
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.machine import AnyMachine
from wafersim.simulation import job_of, simulate_step
from wafersim.strategies import registry
from wafersim.strategies.job import Job
from wafersim.strategies.lowering import Keys, Lowered, Tasks
from wafersim.strategies.run import Folded, PeriodicStep
from wafersim.strategies.strategy import Account, Binding, Breakdown, Features, SharedJob, Slack
from wafersim.strategies.tally import Tally
from wafersim.strategies.words import Part, Words
from wafersim.timeline.clock import to_seconds, to_ticks
from wafersim.timeline.timeline import KIND, PASS, Timeline

TASKS = (  # (kind, wafer, pass): the way of the one micro-batch, each task after the one before
    ("compute", 0, "forward"), ("send", 0, "forward"), ("compute", 1, "forward"),
    ("compute", 1, "backward"), ("send", 1, "backward"), ("compute", 0, "backward"),
)  # fmt: skip


@dataclass(frozen=True)
class Spec:
    """What a user would write of it."""

    kind: str = "pipelined"


@dataclass(frozen=True)
class Plan:
    """Ticks of a layer's pass, of a transfer."""

    layer: int
    transfer: int
    arrival_order: tuple[str, ...] = ()
    repeats: bool = True

    @property
    def ticks(self) -> tuple[int, ...]:
        """By task."""
        return tuple(self.layer if kind == "compute" else self.transfer for kind, _, _ in TASKS)


class Reference:
    """One process that walks the way."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._env, self._step = plan, simpy.Environment(), 0

    def run_step(self) -> Timeline:
        rows: list[tuple[int, ...]] = []

        def walk() -> Any:
            for (kind, wafer, pass_), ticks in zip(TASKS, self._plan.ticks, strict=True):
                start = int(self._env.now)
                yield self._env.timeout(ticks)
                rows.append((self._step, KIND[kind], 0, wafer, PASS[pass_], 0, wafer, 0, start, int(self._env.now)))

        self._env.run(until=self._env.process(walk()))
        self._step += 1
        return Timeline.from_rows(rows)


@dataclass(frozen=True)
class Memory:
    """The layer of a wafer."""

    total_bytes: float
    capacity_bytes: float
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        return vars(self)


@dataclass(frozen=True)
class Split:
    """One layer a wafer."""

    name: str = "PP 2"
    dimensions: tuple[str, ...] = ("pipeline",)

    def to_json(self) -> None:
        return None


class Pipelined:
    """The strategy."""

    kind = "pipelined"
    scales_from_one = False
    simulates_seconds = False
    words = Words(
        kind="pipelined wafer", one="wafer", many="wafers", where="", works="A wafer works",
        parts=(Part("compute", "compute", "compute", "#111111", "wafers", "faster wafers", working=True),
               Part("sends", "sends", "transfers", "#222222", "links", "faster links")),
        memory_title="Memory (GB)", memory=(("total_bytes", "weights"),),
    )  # fmt: skip

    def choose(self, job: Job, told: bool = True) -> None:
        assert job.count == 2

    def again(self, job: Job, choice: None) -> None: ...

    def plan(self, job: Job, choice: None) -> Plan:
        block = job.workload.layers[1]
        weights = sum(op.k * op.n for op in block.ops)
        tokens = job.training.batch * job.workload.sequence_length
        link = job.machine.system.values.io_bandwidth.value
        size = 2 * tokens * job.workload.model.d_model
        return Plan(to_ticks(2 * weights * tokens / job.machine.peak_flops), to_ticks(size / link))

    def lower(self, plan: Plan) -> Lowered:
        n = len(TASKS)
        kind, wafer, pass_ = zip(*TASKS, strict=True)
        at, one = np.arange(n), np.ones(n, np.int64)
        ends = Edges(at, np.roll(at, 1), distance=np.array([1] + [0] * (n - 1)))
        graph = build_graph(one, at, 0 * one, [ends], [])
        codes = np.array([KIND[name] for name in kind]), 0 * one, np.array(wafer)
        keys = Keys(*codes, np.array([PASS[name] for name in pass_]), 0 * one, np.array(wafer), 0 * one)
        return Lowered(Tasks(graph, keys), np.zeros(1, np.int64), lambda _: np.array(plan.ticks))

    def reference(self, plan: Plan) -> Reference:
        return Reference(plan)

    def fold(self, plan: Plan) -> Folded[Plan]:
        return Folded(plan, lambda timeline: timeline)

    def tally(self, plan: Plan) -> Tally:
        return Tally(len(TASKS), ("two layers",), ("fewer layers",))

    def account(self, job: Job, choice: None, periodic: PeriodicStep[Plan]) -> Account:
        timeline = periodic.timeline
        parts = {
            part: to_seconds(timeline.of(kind).busy()) for part, kind in (("compute", "compute"), ("sends", "send"))
        }
        breakdown = Breakdown(tuple(parts.items()))
        resource = self.words.part[breakdown.largest].resource
        memory = Memory(2.0 * job.workload.layers[1].parameters, job.machine.system.values.sram.value)
        return Account(
            batch_per_chip=job.training.batch, micro_batch=job.training.batch, micro_batches=1, breakdown=breakdown,
            binding=Binding(breakdown.largest, resource), utilisation=(), memory=memory, split=Split(), simulated=2,
        )  # fmt: skip

    def features(self, job: Job, choice: None) -> Features:
        return Features(("wafer",), "pipelined", ("parameters",), (0.0,) * len(load_fit("wafer").features))

    def seconds(self, job: Job, choice: None, machines: Sequence[AnyMachine]) -> list[float]:
        return [to_seconds(sum(self.plan(replace(job, machine=machine), None).ticks)) for machine in machines]

    def simulated(self, job: Job, choice: None, machines: Sequence[AnyMachine]) -> list[float]:
        return self.seconds(job, choice, machines)

    def estimate(self, job: Job) -> float:
        return self.seconds(job, None, [job.machine])[0]

    def slacks(self, periodic: PeriodicStep[Plan]) -> list[Slack]:
        return []

    def fits(self, job: Job, choice: None, machines: Sequence[AnyMachine]) -> list[tuple[float, ...]]:
        return [(machine.system.values.sram.value,) for machine in machines]

    def share(self, jobs: Sequence[Job], check: bool) -> list[SharedJob]:
        raise WafersimError("nothing is shared")


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> Job:
    monkeypatch.setattr(registry, "STRATEGIES", (*registry.STRATEGIES, Pipelined()))
    return replace(job_of(load_experiment("hello_111m", ["system.systems=2"])), strategy=Spec())


def test_it_runs_on_both_engines_to_a_whole_prediction(job: Job) -> None:
    found = simulate_step(job, "both")
    prediction = found.prediction
    # Four passes of a layer and two transfers, one after the other.
    assert float(found.periodic.step_ticks) == 4 * found.plan.layer + 2 * found.plan.transfer
    assert sum(seconds for _, seconds in prediction.breakdown) == pytest.approx(prediction.step_time_s)
    assert prediction.kind == "pipelined wafer" and prediction.split.name == "PP 2"
    assert prediction.critical is not None and prediction.critical.tasks == len(TASKS)
    assert prediction.uncertainty.outside[0].measure == "no measured run of pipelined"
    assert prediction.bill.power_w > 0


def test_tables_and_sensitivities_know_it_by_its_words(job: Job) -> None:
    from wafersim.planning.sensitivity import sensitivities
    from wafersim.report.explain import explain
    from wafersim.report.tables import breakdown_table, memory_table, throughput_table

    found = simulate_step(job)
    row = found.prediction.to_json()
    for table in (throughput_table("t", [row]), breakdown_table([row]), memory_table([row])):
        assert table.row_count == 1 and table.columns[1].header == "wafers"
    assert "faster wafers" in explain([row])[0] or "faster links" in explain([row])[0]
    # All of the step is compute or transfers: 1 % more clock shortens what is compute.
    share = prediction_share(found.prediction.breakdown)
    moved = {one.path: one.percent for one in sensitivities(found)}
    assert moved["system.clock"] == pytest.approx(-share, rel=0.01)


def prediction_share(breakdown: Breakdown) -> float:
    """Of compute in the step."""
    return breakdown["compute"] / sum(seconds for _, seconds in breakdown)
