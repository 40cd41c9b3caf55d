"""Candidates of a plan: hardware in sizes, each with a batch that goes round, and what no run of it can beat."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import ceil

from wafersim.inputs.experiment import Experiment
from wafersim.inputs.footprint import Definition
from wafersim.inputs.goal import MOST_CHIPS, GoalSpec, Offer
from wafersim.inputs.machine import AnyMachine
from wafersim.metrics.footprint import Footprint, Use, footprint_of
from wafersim.metrics.prediction import PhaseTime
from wafersim.numbers import DAY
from wafersim.simulation import Job, jobs_of
from wafersim.strategies.registry import strategy_of
from wafersim.training_run.build import DEVICES
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

    @property
    def words(self) -> str:
        """`GPUs` or `systems`."""
        return strategy_of(self.offer.experiment.strategy.kind).words.many

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

    def forms(self, goal: GoalSpec) -> Iterator[tuple[int, int | None]]:
        """(chips, spares) to consider: every size with the spares that its operation has (None), and where that has none (of
        wafers nobody has published any) with as many as GPUs have, too."""
        limits = [limit for limit in (goal.chips, self.offer.spec.chips, self.machine.most) if limit is not None]
        run = self.offer.experiment.run
        none = run.spares is None and operation_of(self.kind, run).values.spares.value == 0
        for count in self.sizes(goal):
            yield count, None
            spares = ceil(SPARES * count)
            if none and all(count + spares <= limit for limit in limits):
                yield count, spares

    @property
    def kind(self) -> str:
        """wafer or gpu."""
        return strategy_of(self.offer.experiment.strategy.kind).words.kind

    def sized(self, count: int, spares: int | None = None) -> Experiment:
        """Its experiment on so many chips, with the batch of `near` where another would not go round; `spares` stand by, or as
        many as the operation has."""
        field = "gpus" if self.paid.system.on_gpus else "systems"
        system = self.paid.system.model_copy(update={field: count})
        run = self.paid.run if spares is None else self.paid.run.model_copy(update={"spares": spares})
        sized = self.paid.model_copy(update={"system": system, "run": run})
        if sized.training.batch is None or sized.training.batch_ramp is not None:
            return sized
        jobs = jobs_of(sized)
        if len({job.training.batch for job in jobs}) > 1:  # phases of a published run
            return sized
        asked = jobs[-1].training.batch
        batch = near(asked, max(1, count // self.machine.unit))
        if batch == asked:
            return sized
        kept = {"batch": batch, "steps": None, "tokens": sum(job.training.tokens for job in jobs)}
        return sized.model_copy(update={"training": sized.training.model_copy(update=kept)})


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


@dataclass(frozen=True)
class Least:
    """What no whole run of a candidate beats: days, joules, dollars (None without a price); and peak watts, all of the site."""

    days: float
    joules: float
    usd: float | None
    watts: float


@dataclass(frozen=True, repr=False)
class Candidate:
    """So many chips of a hardware for a job; `asked` is the batch that was preferred."""

    hardware: Hardware
    count: int
    experiment: Experiment
    batch: int
    asked: int
    tokens: float
    least: Least

    def __repr__(self) -> str:
        return f"<{self.label}>"

    @property
    def spares(self) -> int | None:
        """Units that stand by, where the candidate says so."""
        return self.experiment.run.spares

    @property
    def label(self) -> str:
        """`448 h200`."""
        return f"{self.count:,} {self.hardware.name}"


@dataclass(frozen=True)
class Refused:
    """Chips on which the job cannot run, and why; or on which it would miss the goal even at their peak, with that bound."""

    hardware: Hardware
    count: int
    reason: str
    least: Least | None = None


def candidate_of(hardware: Hardware, count: int, spares: int | None = None) -> Candidate:
    """Of so many chips, bounded by its strategy. Raises Infeasible where the job cannot run on them."""
    experiment = hardware.sized(count, spares)
    jobs = jobs_of(experiment)
    days = sum(PhaseTime.of(job, strategy_of(job.kind).bound(job)).days for job in jobs)
    asked = hardware.paid.training.batch
    batch = jobs[-1].training.batch
    tokens = sum(job.training.tokens for job in jobs)
    preferred = asked if isinstance(asked, int) else batch
    return Candidate(hardware, count, experiment, batch, preferred, tokens, _least(hardware, jobs, days, spares))


def least_at_peak(hardware: Hardware, count: int, spares: int | None = None) -> Least | None:
    """What so many chips need at their peak FLOP/s, without a thought of splits or memory; None where fewer bits may pass it."""
    if getattr(hardware.paid.strategy, "precision", "bf16") not in SIXTEEN_BITS:
        return None
    jobs = jobs_of(hardware.sized(count, spares))
    whole = ((PhaseTime.of(job, 1.0), job) for job in jobs)
    seconds = sum(of.flops_per_token * of.tokens / (hardware.machine.peak_flops * job.count) for of, job in whole)
    return _least(hardware, jobs, seconds / DAY, spares)


def _least(hardware: Hardware, jobs: tuple[Job, ...], days: float, spares: int | None) -> Least:
    run, count = hardware.paid.run, max(job.count for job in jobs)
    standing = (run.spares or 0 if spares is None else spares) * (DEVICES if hardware.kind == "gpu" else 1)
    found: Footprint = footprint_of(hardware.machine, [Use(count, days * DAY, 0.0, standing)], run.energy, run.money)
    usd = found.cost.usd
    watts = hardware.machine.supply(count + standing).peak_watts * found.energy.pue
    return Least(days, float(found.energy.total_j), None if usd is None else float(usd), watts)
