"""Steps of measured rows in closed form: the work of the wafer alone, which hides everything else but a share found once.

A step is the sum of its kernels' times, times what the simulation adds: the share of a step that is not compute (3 % or less of
the published rows) hardly moves with the constants. `refreshed` finds it anew at other constants, so that a fit on this form ends
where the simulation does; `calibrate` checks that it has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wafersim.calibration.robust import Floats
from wafersim.evidence.sets.wafer_row import NO_CHANGE, WaferRow
from wafersim.inputs.machine import load_machine
from wafersim.simulation import step_seconds
from wafersim.strategies.registry import strategy_of
from wafersim.strategies.weight_streaming.settings import machine_of
from wafersim.timeline.clock import to_seconds
from wafersim.wafer.op_cost import WaferDevice, op_cost
from wafersim.workload.transformer import Op


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
    passes = Counter((layers[kernel.layer].kind, kernel.pass_) for kernel in plan.kernels)
    ops = {layer.kind: layer.ops for layer in layers}
    works = tuple(
        Work(op, pass_, plan.micro_batch_sizes[size] * row.sequence, each * count // repeats)
        for size, each in sizes.items()
        for (kind, pass_), count in passes.items()
        for op in ops[kind]
    )
    return Step(row, works, repeats, machine_of(load_machine(row.profile, None, row.software)).device)


def _changed(device: WaferDevice, release: str, constants: Mapping[str, float]) -> WaferDevice:
    numbers = {name: value for name, value in constants.items() if not name.startswith("releases.")}
    speed = constants.get(f"releases.{release}", device.speed)
    return replace(device, speed=speed, **numbers)  # type: ignore[arg-type]


def worst(steps: Mapping[str, Step], constants: Mapping[str, float]) -> float:
    """The largest relative difference from the simulation at other constants."""
    exact = {name: step.refreshed(constants).exposed for name, step in steps.items()}
    return max(abs(step.exposed / exact[name] - 1.0) for name, step in steps.items())


def log_ratios(rows: Sequence[WaferRow], steps: Mapping[str, Step], constants: Mapping[str, float]) -> Floats:
    """ln(predicted / published) of rates; rows of one job at the same tokens are worked out once."""
    known: dict[tuple[object, ...], float] = {}
    out = []
    for row in rows:
        step = steps[row.id]
        key = (id(step.works), row.profile, row.software)
        if key not in known:
            known[key] = step.work_seconds(constants)
        out.append(row.batch / (known[key] * step.repeats * step.exposed) / row.published)
    return np.log(out)
