"""Candidates of a plan: hardware in sizes, each with a batch that goes round, and what no run of it can beat."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import ceil

from wafersim.errors import Infeasible
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.footprint import Definition
from wafersim.inputs.goal import MOST_CHIPS, GoalSpec, Offer
from wafersim.inputs.machine import AnyMachine
from wafersim.metrics.footprint import Footprint, Use, footprint_of
from wafersim.metrics.prediction import PhaseTime, Prediction
from wafersim.numbers import DAY
from wafersim.simulation import Job, jobs_of, simulate_with_interval
from wafersim.strategies.registry import strategy_of
from wafersim.training_run.build import stated_spares
from wafersim.training_run.duration import operation_of

OCTAVE = (4, 5, 6, 7)  # sizes from one power of two to the next, in fourths of it
SPARES = 0.05  # of the chips, where none stand by otherwise: what NCSA Delta needs (arXiv 2503.11901v3), as GPUs have
NEAR = 8  # a batch is changed by an eighth of itself at most
SIXTEEN_BITS = ("bf16",)  # precisions under which no GPU passes its peak of 16 bits


@dataclass(frozen=True)
class Hardware:
    """What a plan may use: an offer, its machine, and how it is paid (`pay`; rent without a price where none is known)."""

    offer: Offer
    machine: AnyMachine
    pay: Definition

    @classmethod
    def of(cls, offer: Offer) -> Hardware:
        """Paid as the offer says; else rented where a price is known, and amortised where only a purchase is."""
        machine, pay = offer.experiment.machine, offer.spec.pay
        if pay is None:
            pay = "amortised" if machine.price is None and machine.purchase is not None else "rent"
        return cls(offer, machine, pay)

    @property
    def name(self) -> str:
        """As the user has it."""
        return self.offer.name

    @cached_property
    def paid(self) -> Experiment:
        """Its experiment with this way to pay."""
        experiment = self.offer.experiment
        money = experiment.run.money.model_copy(update={"cost": self.pay})
        return experiment.model_copy(update={"run": experiment.run.model_copy(update={"money": money})})

    def sizes(self, goal: GoalSpec) -> tuple[int, ...]:
        """Numbers of chips to consider: those that are stated, or four an octave in whole units, up to the least limit."""
        spec = self.offer.spec
        limits = [goal.chips, spec.chips, self.machine.most]
        most = min([limit for limit in limits if limit is not None] or [MOST_CHIPS])
        if goal.chips is None and spec.chips is None:
            most = min(most, MOST_CHIPS)
        if spec.sizes is not None:
            return tuple(size for size in sorted(set(spec.sizes)) if size <= most)
        return in_fourths(self.machine.unit, most)

    def forms(self, goal: GoalSpec) -> Iterator[tuple[Size, int | None]]:
        """(size, spares) to consider: every size with the spares that its operation has (None), and where that has none (of
        wafers nobody has published any) with as many as GPUs have, too."""
        limits = [limit for limit in (goal.chips, self.offer.spec.chips, self.machine.most) if limit is not None]
        run = self.offer.experiment.run
        none = run.spares is None and operation_of(self.kind, run).values.spares.value == 0
        for count in self.sizes(goal):
            size = Size(self, count)
            yield size, None
            spares = ceil(SPARES * count)
            if none and all(count + spares <= limit for limit in limits):
                yield size, spares

    @property
    def kind(self) -> str:
        """wafer or gpu."""
        return strategy_of(self.offer.experiment.strategy.kind).words.kind


def in_fourths(unit: int, most: int) -> tuple[int, ...]:
    """Numbers of chips, four an octave in whole units."""
    return tuple(units * unit for units in dict.fromkeys(_units(most // unit)))


def _units(most: int) -> Iterator[int]:
    octave = 0
    while 2**octave <= most:
        for part in OCTAVE:
            units, rest = divmod(part * 2**octave, OCTAVE[0])
            if not rest and units <= most:
                yield units
        octave += 1


def near(batch: int, units: int) -> int:
    """The multiple of so many units that is nearest to a batch, the larger of two; the batch where none is within an eighth."""
    if batch % units == 0:
        return batch
    nearest = max(1, (2 * batch + units) // (2 * units)) * units
    return nearest if abs(nearest - batch) * NEAR <= batch else batch


@dataclass(frozen=True, eq=False)
class Size:
    """So many chips of a hardware that work on the job, and what does not depend on how many stand by; worked out once."""

    hardware: Hardware
    count: int

    @cached_property
    def experiment(self) -> Experiment:
        """Of the hardware, with the batch of `near` where another would not go round."""
        paid = self.hardware.paid
        sized = paid.model_copy(update={"system": paid.system.counting(self.count)})
        if sized.training.batch is None or sized.training.batch_ramp is not None:
            return sized
        jobs = jobs_of(sized)
        if len({job.training.batch for job in jobs}) > 1:  # phases of a published run
            return sized
        asked = jobs[-1].training.batch
        batch = near(asked, max(1, self.count // self.hardware.machine.unit))
        if batch == asked:
            return sized
        kept = {"batch": batch, "steps": None, "tokens": sum(job.training.tokens for job in jobs)}
        return sized.model_copy(update={"training": sized.training.model_copy(update=kept)})

    @cached_property
    def jobs(self) -> tuple[Job, ...]:
        """Phases of the run."""
        return jobs_of(self.experiment)

    @property
    def days(self) -> float:
        """That no steps of the run beat, by its strategy. Raises Infeasible where the job cannot run."""
        if isinstance(self._days, Infeasible):
            raise self._days
        return self._days

    @cached_property
    def _days(self) -> float | Infeasible:
        try:
            return sum(PhaseTime.of(job, strategy_of(job.kind).bound(job)).days for job in self.jobs)
        except Infeasible as reason:
            return reason

    @cached_property
    def prediction(self) -> Prediction:
        """The step with its interval. Raises Infeasible."""
        return simulate_with_interval(self.jobs)


@dataclass(frozen=True)
class Least:
    """What no whole run of a candidate beats: days, joules, dollars (None without a price); and peak watts, all of the site."""

    days: float
    joules: float
    usd: float | None
    watts: float


@dataclass(frozen=True, repr=False)
class Candidate:
    """Chips of a hardware for a job, with `spares` units that stand by, or as many as the operation has."""

    size: Size
    spares: int | None
    least: Least

    def __repr__(self) -> str:
        return f"<{self.label}>"

    @property
    def hardware(self) -> Hardware:
        """What it is made of."""
        return self.size.hardware

    @property
    def count(self) -> int:
        """Chips that work on the job."""
        return self.size.count

    @property
    def label(self) -> str:
        """`448 h200`."""
        return f"{self.count:,} {self.hardware.name}"

    @cached_property
    def experiment(self) -> Experiment:
        """The job on them."""
        return _with_spares(self.size.experiment, self.spares)

    @property
    def batch(self) -> int:
        """Sequences of a step."""
        return self.size.jobs[-1].training.batch

    @property
    def asked(self) -> int:
        """The batch that was preferred."""
        asked = self.hardware.paid.training.batch
        return asked if isinstance(asked, int) else self.batch

    @property
    def tokens(self) -> float:
        """Of the whole run."""
        return sum(job.training.tokens for job in self.size.jobs)


@dataclass(frozen=True)
class Refused:
    """Chips on which the job cannot run, and why; or on which it would miss the goal even at their peak, with that bound."""

    hardware: Hardware
    count: int
    reason: str
    least: Least | None = None


def candidate_of(size: Size, spares: int | None = None) -> Candidate:
    """Of so many chips, bounded by its strategy. Raises Infeasible where the job cannot run on them."""
    return Candidate(size, spares, _least(size, spares, size.days))


def least_at_peak(size: Size, spares: int | None = None) -> Least | None:
    """What so many chips need at their peak FLOP/s, without a thought of splits or memory; None where fewer bits may pass it."""
    if getattr(size.hardware.paid.strategy, "precision", "bf16") not in SIXTEEN_BITS:
        return None
    whole = ((PhaseTime.of(job, 1.0), job) for job in size.jobs)
    peak = size.hardware.machine.peak_flops
    seconds = sum(of.flops_per_token * of.tokens / (peak * job.count) for of, job in whole)
    return _least(size, spares, seconds / DAY)


def _least(size: Size, spares: int | None, days: float) -> Least:
    hardware, count = size.hardware, max(job.count for job in size.jobs)
    run = _with_spares(hardware.paid, spares).run
    standing = stated_spares(run, hardware.kind)
    found: Footprint = footprint_of(hardware.machine, [Use(count, days * DAY, 0.0, standing)], run.energy, run.money)
    usd = found.cost.usd
    watts = hardware.machine.supply(count + standing).peak_watts * found.energy.pue
    return Least(days, float(found.energy.total_j), None if usd is None else float(usd), watts)


def _with_spares(experiment: Experiment, spares: int | None) -> Experiment:
    """With so many units that stand by, if they are stated."""
    if spares is None:
        return experiment
    return experiment.model_copy(update={"run": experiment.run.model_copy(update={"spares": spares})})
