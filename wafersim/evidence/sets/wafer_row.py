"""A measurement on wafers: the rate at which a cluster trains, fine-tunes adapters or passes forward."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import exp
from types import MappingProxyType

from wafersim.evidence.rows import ValidatedRow
from wafersim.inputs.fit import load_fit
from wafersim.inputs.machine import WAFER_PARTS, Machine, load_machine
from wafersim.inputs.strategy import WeightStreamingSpec
from wafersim.simulation import step_and_interval
from wafersim.strategies.job import Job, Training
from wafersim.workload.model import Model
from wafersim.workload.transformer import Mode, Workload, workload_of

NO_CHANGE: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True)
class WaferRow:
    """A rate on wafers, with all that a simulation needs; `catalogued` is its model's name, if it has one.

    `published` is in samples/s, whatever the `unit` of the table: a row of a step's time or of tokens/s is told in its own.
    """

    id: str
    use: str
    what: str
    published: float
    unit: str
    model: Model
    catalogued: str | None
    called: str  # the model as the table names it
    profile: str
    software: str
    systems: int
    micro_batch: int
    batch: int
    sequence: int
    mode: Mode = "train"
    baked_in_zeros: float = 0.0
    assumed: tuple[str, ...] = ()
    why: str = ""

    @cached_property
    def group(self) -> str:
        """The profile of the wafer-scale system."""
        return load_machine(self.profile).system.name

    @property
    def workload(self) -> Workload:
        """The model at the row's sequence length."""
        return workload_of(self.model, self.sequence, self.mode)

    def machine(self, constants: Mapping[str, float] = NO_CHANGE) -> Machine:
        """Its machine under changed constants of the system and the SwarmX; `releases.R2.0` is the speed of a release."""
        overrides = {_path(name): value for name, value in constants.items() if not name.startswith("releases.")}
        machine = load_machine(self.profile, overrides, self.software)
        speed = constants.get(f"releases.{self.software}")
        if speed is None or self.software not in machine.system.releases:
            return machine
        number = machine.system.releases[self.software].model_copy(update={"value": speed})
        releases = {**machine.system.releases, self.software: number}
        return replace(machine, system=machine.system.model_copy(update={"releases": releases}))

    def job(self, constants: Mapping[str, float] = NO_CHANGE) -> Job:
        """The one place where a row becomes a job, under changed constants."""
        return Job(
            workload=self.workload,
            machine=self.machine(constants),
            count=self.systems,
            strategy=WeightStreamingSpec(micro_batch=self.micro_batch),
            training=Training(self.batch, baked_in_zeros=self.baked_in_zeros),
        )

    def judge(self) -> ValidatedRow:
        """Throughput beside the published one, and as the rows of other jobs predict it where that is known."""
        seconds, uncertainty = step_and_interval(self.job())
        rate = self.batch / seconds
        low, high = sorted(map(self._told, uncertainty.bounds(rate)))
        without = load_fit("wafer").left_out.get(self.id)
        left_out = None
        if without is not None:
            middle = self.published * exp(without.error)
            ends = sorted(self._told(middle * exp(side * without.half_width)) for side in (-1, 1))
            left_out = (self._told(middle), ends[0], ends[1])
        return ValidatedRow(
            self.id, self.use, self.what, self._told(rate), self._told(self.published), self.unit, self.assumed, self.why,
            group=self.group, low=low, high=high, left_out=left_out,
        )  # fmt: skip

    def _told(self, rate: float) -> float:
        return in_unit(rate, self.unit, self.batch, self.sequence)


def in_unit(rate: float, unit: str, batch: int, sequence: int) -> float:
    """Samples/s in the unit of a row."""
    return {"tokens/s": rate * sequence, "s": batch / rate}.get(unit, rate)


def of_unit(value: float, unit: str, batch: int, sequence: int) -> float:
    """What a row says in its unit in samples/s; what is no rate as it is."""
    return {"tokens/s": value / sequence, "s": batch / value}.get(unit, value)


def _path(name: str) -> str:
    """Of a constant of a machine, for an override: `system.weight_issue`."""
    part = "swarmx" if name in WAFER_PARTS["swarmx"].model_fields else "system"
    return f"{part}.{name}"
