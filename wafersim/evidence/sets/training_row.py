"""A published whole run: its device hours or days, beside those of the simulated run and of one MFU for its kind of GPU."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from math import exp, hypot, log
from typing import Literal

from wafersim.errors import Infeasible
from wafersim.evidence.rows import ValidatedRow
from wafersim.evidence.sets.training_cells import Run
from wafersim.evidence.sets.training_practice import Practice, Residual, practice_of, residuals
from wafersim.metrics.prediction import Prediction
from wafersim.simulation import jobs_of, simulate_run
from wafersim.training_run.duration import Spread, duration_of

RUNS = 200  # whole runs that a goodput is the median of

Quantity = Literal["hours", "days"]
UNITS: dict[Quantity, str] = {"hours": "device h", "days": "d"}


@dataclass(frozen=True)
class Simulation:
    """A run, simulated once for all that is published of it. Raises Infeasible where it cannot run."""

    run: Run

    @cached_property
    def prediction(self) -> Prediction:
        """Of its steps."""
        jobs = jobs_of(self.run.experiment)
        try:
            return simulate_run(jobs).prediction
        except Infeasible as reason:
            if self.run.searched or reason.memory is None:
                raise
        return simulate_run([replace(job, must_fit=False) for job in jobs]).prediction  # a split that is stated did run

    @cached_property
    def goodput(self) -> Spread:
        """Share of the run's time that goes into steps, where failures and saves are inside what is published; else all of it."""
        if not self.run.losses:
            return Spread(1.0, 1.0, 1.0, 1.0)
        return duration_of(self.run.experiment, self.prediction, RUNS).goodput

    @property
    def days(self) -> float:
        """From the first start to the end."""
        return self.prediction.days_to_train / self.goodput.median

    @property
    def hours(self) -> float:
        """Days of all devices, in hours."""
        return self.days * 24.0 * self.run.devices

    def widened(self, half: float) -> float:
        """Half of an interval of the logarithm of its steps, with what is not known of the goodput."""
        return hypot(half, 0.5 * log(self.goodput.high / self.goodput.low))


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
        sure = self.simulation.prediction.uncertainty
        return Residual(log(self.published / self.in_unit(self.simulation.hours)), sure.sigma)

    def judge(self) -> ValidatedRow:
        """The simulated run, with the gap of practice where its split was searched; raises Infeasible where it cannot run."""
        run, known = self.run, residuals()
        predicted, low, high = self._bounds(practice_of(known))
        left_out = self._bounds(practice_of(known, self.row)) if run.searched and self.row in known else None
        baseline = None if self.mfu is None else self.in_unit(run.flops / run.peak / self.mfu / 3600.0)
        said = list(run.assumed)
        if run.losses:
            said.append(f"failures and saves inside: goodput {self.simulation.goodput.median:.1%}")
        return ValidatedRow(
            self.id, self.use, f"{run.model.name} on {run.devices} {run.kind}", predicted, self.published, self.unit,
            tuple(said), self.note, group=self.group, set="training", low=low, high=high, left_out=left_out, baseline=baseline,
        )  # fmt: skip

    def _bounds(self, practice: Practice) -> tuple[float, float, float]:
        """(predicted, bounds of the 80 % interval)."""
        simulated, sure = self.in_unit(self.simulation.hours), self.simulation.prediction.uncertainty
        middle = simulated * exp(practice.gap) if self.run.searched else simulated
        half = self.simulation.widened(practice.half_width(sure.sigma) if self.run.searched else sure.half_width)
        return middle, middle * exp(-half), middle * exp(half)
