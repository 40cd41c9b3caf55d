"""A published whole run: its device hours or days, beside those of the simulated run and of one MFU for its kind of GPU."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from math import exp, log
from typing import Literal

from wafersim.errors import Infeasible
from wafersim.evidence.rows import ValidatedRow
from wafersim.evidence.sets.training_cells import Run
from wafersim.evidence.sets.training_practice import Practice, Residual, practice_of, residuals
from wafersim.metrics.interval import Uncertainty
from wafersim.metrics.prediction import PhaseTime
from wafersim.simulation import jobs_of, run_and_interval
from wafersim.strategies.job import Job

Quantity = Literal["hours", "days"]
UNITS: dict[Quantity, str] = {"hours": "device h", "days": "d"}


@dataclass(frozen=True)
class Simulation:
    """A run, simulated once for all that is published of it. Raises Infeasible where it cannot run."""

    run: Run

    @cached_property
    def days(self) -> float:
        """That its steps take."""
        return sum(phase.days for phase in self._found[0])

    @property
    def hours(self) -> float:
        """Days of all devices, in hours."""
        return self.days * 24.0 * self.run.devices

    @property
    def sure(self) -> Uncertainty:
        """How far off its steps may be."""
        return self._found[1]

    @property
    def assumed(self) -> tuple[str, ...]:
        """What had to be assumed for it to run."""
        return self._found[2]

    @cached_property
    def _found(self) -> tuple[tuple[PhaseTime, ...], Uncertainty, tuple[str, ...]]:
        jobs = jobs_of(self.run.experiment)
        try:
            return (*run_and_interval(jobs), ())
        except Infeasible as reason:
            if self.run.searched or reason.memory is None:
                raise
            ran: list[Job] = [replace(job, must_fit=False) for job in jobs]  # a split that is stated did run
            return (*run_and_interval(ran), (str(reason),))


@dataclass(frozen=True)
class TrainingRow:
    """One number that is published of a run; `row` is the run's own id, `mfu` the one of all other runs on its kind of GPU."""

    id: str
    row: str
    use: str
    quantity: Quantity
    published: float
    simulation: Simulation
    mfu: float | None
    note: str = ""
    group: str = field(init=False, default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "group", f"{self.quantity} of whole runs")

    @property
    def unit(self) -> str:
        """Of the quantity."""
        return UNITS[self.quantity]

    @property
    def run(self) -> Run:
        """What ran."""
        return self.simulation.run

    def in_unit(self, hours: float) -> float:
        """Device hours as what is published."""
        return hours if self.quantity == "hours" else hours / 24.0 / self.run.devices

    @property
    def residual(self) -> Residual:
        """How far the published value lies above the simulated one."""
        return Residual(log(self.published / self.in_unit(self.simulation.hours)), self.simulation.sure.sigma)

    def judge(self) -> ValidatedRow:
        """The simulated run, with the gap of practice where its split was searched; raises Infeasible where it cannot run."""
        run, known = self.run, residuals()
        predicted, low, high = self._bounds(practice_of(known))
        left_out = self._bounds(practice_of(known, self.row)) if run.searched and self.row in known else None
        baseline = None if self.mfu is None else self.in_unit(run.flops / run.peak / self.mfu / 3600.0)
        said = [*run.assumed, *self.simulation.assumed]
        if run.losses:
            said.append("failures and saves are inside the published value and not in the prediction")
        return ValidatedRow(
            self.id, self.use, f"{run.model.name} on {run.devices} {run.kind}", predicted, self.published, self.unit,
            tuple(said), self.note, group=self.group, set="training", low=low, high=high, left_out=left_out, baseline=baseline,
        )  # fmt: skip

    def _bounds(self, practice: Practice) -> tuple[float, float, float]:
        """(predicted, bounds of the 80 % interval)."""
        steps, sure = self.in_unit(self.simulation.hours), self.simulation.sure
        middle = steps * exp(practice.gap) if self.run.searched else steps
        half = practice.half_width(sure.sigma) if self.run.searched else sure.half_width
        return middle, middle * exp(-half), middle * exp(half)
