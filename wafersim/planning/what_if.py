"""What would make a run shorter: each change is made and the job simulated again, choices and all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from wafersim.errors import Infeasible
from wafersim.inputs.machine import numbers, scaled
from wafersim.simulation import Simulated, step_seconds
from wafersim.strategies.job import Job
from wafersim.strategies.registry import strategy_of

WORSE = 5e-4  # of a run: what is longer by more than this under a better machine is an anomaly


@dataclass(frozen=True)
class WhatIf:
    """A change and by how much the run is longer for it: -0.17 is 17 % shorter.

    `anomaly`: a better machine, and longer all the same. Servers that serve in order of arrival may do that (Graham 1969).
    """

    label: str
    change: float
    anomaly: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dict(vars(self))


def what_would_help(simulated: Simulated) -> list[WhatIf]:
    """The changes that its machine's words name, more chips, a larger micro-batch: largest effect first.

    Of a run of several phases it is the last one's step. Changes that cannot run are left out.
    """
    job = simulated.job
    now = simulated.prediction.step_time_s / job.training.batch
    found = []
    for label, changed in _changes(simulated):
        try:
            relative = step_seconds(changed) / changed.training.batch / now - 1.0
        except Infeasible:
            continue
        found.append(WhatIf(label, relative, relative > WORSE and changed.machine != job.machine))
    return sorted(found, key=lambda one: one.change)


def _changes(simulated: Simulated) -> Iterator[tuple[str, Job]]:
    job, prediction = simulated.job, simulated.prediction
    words = strategy_of(job.kind).words
    most = job.machine.most
    count = 2 * job.count if most is None or job.count >= most else min(2 * job.count, most)
    batch = job.training.batch * count // job.count if job.training.per_system else job.training.batch
    yield words.counted(count), replace(job, count=count, training=replace(job.training, batch=batch))
    if job.strategy.micro_batch != "auto" and prediction.micro_batches > 1:
        larger = 2 * prediction.micro_batch
        yield f"micro-batch {larger}", replace(job, strategy=job.strategy.model_copy(update={"micro_batch": larger}))
    there = {path for path, _, _ in numbers(job.machine)}
    for improvement in words.improvements:
        factors = {path: factor for path, factor in improvement.factors if path in there}
        if factors:
            yield improvement.label, replace(job, machine=scaled(job.machine, factors))
