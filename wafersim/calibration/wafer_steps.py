"""Steps of measured rows in closed form: the work of the wafer alone, which hides everything else but a share found once.

A step is the sum of its kernels' times, times what the simulation adds: the share of a step that is not compute (3 % or less of
the published rows) hardly moves with the constants. `refreshed` finds it anew at other constants, so that a fit on this form ends
where the simulation does; `calibrate` checks that it has. A fit asks for the rates of all rows at once, as arrays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from wafersim.calibration.robust import Floats, Mask
from wafersim.evidence.sets.wafer_row import NO_CHANGE, WaferRow
from wafersim.inputs.machine import load_machine
from wafersim.simulation import step_seconds
from wafersim.strategies.registry import strategy_of
from wafersim.strategies.weight_streaming.settings import machine_of
from wafersim.timeline.clock import to_seconds
from wafersim.wafer.op_cost import WaferDevice, op_cost
from wafersim.workload.layer import Op

RELEASE = "releases."


@dataclass(frozen=True)
class Work:
    """Ops that a step launches, how often, at so many tokens."""

    op: Op
    pass_: str
    tokens: int
    count: int


@dataclass(frozen=True)
class Step:
    """A row's step: the work of a micro-batch, how many there are, its device as the profile has it, and what a simulated step
    is of its work."""

    row: WaferRow
    works: tuple[Work, ...]
    repeats: int
    device: WaferDevice
    exposed: float = 1.0

    def work_seconds(self, constants: Mapping[str, float]) -> float:
        """Of a micro-batch under changed constants."""
        device = _changed(self.device, self.row.software, constants)
        ticks = sum(w.count * op_cost(w.op, w.pass_, w.tokens, "fp16", 1.0, device).ticks for w in self.works)
        return to_seconds(float(ticks))

    def refreshed(self, constants: Mapping[str, float]) -> Step:
        """The same, exact at these constants."""
        seconds = step_seconds(self.row.job(constants))
        return replace(self, exposed=seconds / (self.repeats * self.work_seconds(constants)))


def steps_of(rows: Sequence[WaferRow], constants: Mapping[str, float] = NO_CHANGE) -> dict[str, Step]:
    """By id, exact at the constants. Rows of the same work share it, as one value."""
    known: dict[tuple[Work, ...], tuple[Work, ...]] = {}
    bare = {row.id: _step(row) for row in rows}
    shared = {name: replace(step, works=known.setdefault(step.works, step.works)) for name, step in bare.items()}
    return {name: step.refreshed(constants) for name, step in shared.items()}


def _step(row: WaferRow) -> Step:
    job = row.job()
    strategy = strategy_of(job.kind)
    plan = strategy.plan(job, strategy.choose(job))
    layers, sizes = row.workload.layers, Counter(plan.size_of[0])
    repeats = next(iter(sizes.values())) if len(sizes) == 1 else 1
    passes = Counter((id(layers[kernel.layer].ops), kernel.pass_) for kernel in plan.kernels)
    ops = {id(layer.ops): layer.ops for layer in layers}
    works = tuple(
        Work(op, pass_, plan.micro_batch_sizes[size] * row.sequence, each * count // repeats)
        for size, each in sizes.items()
        for (kind, pass_), count in passes.items()
        for op in ops[kind]
    )
    return Step(row, works, repeats, machine_of(load_machine(row.profile, None, row.software)).device)


def _changed(device: WaferDevice, release: str, constants: Mapping[str, float]) -> WaferDevice:
    numbers = {name: value for name, value in constants.items() if not name.startswith(RELEASE)}
    speed = constants.get(RELEASE + release, device.speed)
    return replace(device, speed=speed, **numbers)  # type: ignore[arg-type]


def worst(steps: Mapping[str, Step], constants: Mapping[str, float]) -> float:
    """The largest relative difference from the simulation at other constants."""
    exact = {name: step.refreshed(constants).exposed for name, step in steps.items()}
    return max(abs(step.exposed / exact[name] - 1.0) for name, step in steps.items())


@dataclass(frozen=True)
class Form:
    """How the work of a step follows from the constants; this one is the product's, others change a part of it.

    `works` says which kernels a step launches, `op` and `device` what each costs, times `scale`, `joined` what becomes of a
    kernel's work and of the launch floor, `held` which constants keep a value whatever is fitted.
    """

    name: str = "as simulated"
    works: Callable[[tuple[Work, ...]], tuple[Work, ...]] = lambda works: works
    op: Callable[[Op, WaferDevice], Op] = lambda op, _: op
    device: Callable[[WaferDevice], WaferDevice] = lambda device: device
    scale: Callable[[Op, WaferDevice], float] = lambda _, __: 1.0
    joined: Callable[[Floats, Floats], Floats] = np.hypot
    held: Mapping[str, float] = field(default_factory=dict)


AS_SIMULATED = Form()
UNIT = 1e3  # of a constant: so many that whole ticks do not show
LINEAR = ("weight_issue", "group_cost", "attention_cost")
FLOOR = "kernel_latency"


@dataclass(frozen=True)
class Rates:
    """Rates of rows by the constants, as arrays, since the work of a kernel is linear in all constants but the floor.

    By kernel: `terms`, seconds per unit of each `LINEAR` constant, `rest`, seconds that none of them sets, and `launched`, 1
    where it has a floor. By job: `counts`, how often its micro-batch has each kernel, and `speeds`. By row: its `job`, its
    `release`, and `ratio`, what predicted over published is where the work of its micro-batch takes a second.
    """

    joined: Callable[[Floats, Floats], Floats]
    held: Mapping[str, float]
    terms: Floats
    rest: Floats
    launched: Floats
    counts: Floats
    job: npt.NDArray[np.int64]
    release: tuple[str, ...]
    speed: Floats
    ratio: Floats

    def log_ratios(self, constants: Mapping[str, float]) -> Floats:
        """ln(predicted / published) of each row."""
        given = {**constants, **self.held}
        work = self.rest + self.terms @ np.array([given[name] for name in LINEAR])
        seconds = self.counts @ self.joined(work, self.launched * given[FLOOR])
        speeds = [given.get(RELEASE + name, own) for name, own in zip(self.release, self.speed.tolist(), strict=True)]
        out: Floats = np.log(self.ratio * speeds / seconds[self.job])
        return out

    def only(self, mask: Mask) -> Rates:
        """Of some of the rows."""
        release = tuple(name for name, keep in zip(self.release, mask.tolist(), strict=True) if keep)
        return replace(self, job=self.job[mask], release=release, speed=self.speed[mask], ratio=self.ratio[mask])


def rates_of(rows: Sequence[WaferRow], steps: Mapping[str, Step], form: Form = AS_SIMULATED) -> Rates:
    """Of rows whose steps are known, under a form; what is not work keeps the share that the simulation found."""
    kernels: dict[tuple[Work, WaferDevice], int] = {}
    jobs: dict[tuple[tuple[Work, ...], WaferDevice], int] = {}
    for row in rows:
        step = steps[row.id]
        device = form.device(replace(step.device, speed=1.0))
        jobs.setdefault((form.works(step.works), device), len(jobs))
    for works, device in jobs:
        for work in works:
            kernels.setdefault((replace(work, count=1), device), len(kernels))
    counts = np.zeros((len(jobs), len(kernels)))
    for (works, device), at in jobs.items():
        for work in works:
            counts[at, kernels[replace(work, count=1), device]] += work.count
    per_unit = np.array([_seconds_per_unit(work, device, form) for work, device in kernels])
    mine = [steps[row.id] for row in rows]
    return Rates(
        joined=form.joined, held=form.held, terms=per_unit[:, 2:], rest=per_unit[:, 1], launched=per_unit[:, 0], counts=counts,
        job=np.array([jobs[form.works(step.works), form.device(replace(step.device, speed=1.0))] for step in mine]),
        release=tuple(row.software for row in rows), speed=np.array([step.device.speed for step in mine]),
        ratio=np.array([step.row.batch / (step.repeats * step.exposed * step.row.published) for step in mine]),
    )  # fmt: skip


def _seconds_per_unit(work: Work, device: WaferDevice, form: Form) -> tuple[float, ...]:
    """(1 where it has a floor, seconds whatever the constants, seconds per unit of each)."""
    op, scale = form.op(work.op, device), form.scale(work.op, device)
    nothing = dict.fromkeys((*LINEAR, FLOOR), 0.0)

    def seconds(**changed: float) -> float:
        bare = replace(device, **{**nothing, **changed})  # type: ignore[arg-type]
        return scale * to_seconds(float(op_cost(op, work.pass_, work.tokens, "fp16", 1.0, bare).ticks))

    rest = seconds()
    each = [(seconds(**{name: UNIT}) - rest) / UNIT for name in LINEAR]
    return float(seconds(**{FLOOR: 1.0}) > rest), rest, *each
