"""How long a whole run takes: its distribution over many simulated runs, where the time goes, and what would change it."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from wafersim.errors import Infeasible, WafersimError
from wafersim.inputs import profile_file
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.operation import OperationProfile
from wafersim.inputs.run import RunSpec
from wafersim.metrics.footprint import Energy, Footprint, footprint_of
from wafersim.metrics.prediction import PhaseTime, Prediction
from wafersim.numbers import DAY
from wafersim.simulation import Job, jobs_of, step_seconds
from wafersim.timeline.clock import to_seconds
from wafersim.training_run.best_interval import Interval
from wafersim.training_run.build import Built, build, devices_of
from wafersim.training_run.compiled import Outcomes
from wafersim.training_run.many import ManyRuns, Simulate, on_all_cores
from wafersim.training_run.plan import Loss, RunPlan
from wafersim.training_run.spares import SparesChoice, spares_choice
from wafersim.training_run.use import use_of
from wafersim.training_run.words import WORDS

Floats = npt.NDArray[np.float64]
RUNS = 1000
FINISHES = (("p10", 0.1), ("p50", 0.5), ("p90", 0.9))
SPARES_RUNS = 200  # at most, of those that compare numbers of spares
LONGEST_S, LONGER = 3 * 365.25 * DAY, 20.0  # a run that takes three years and so many times its steps is given up
POWER = 1  # beside the seed of what is drawn of times
NAMED = {"wafer": "wafers", "gpu": "GPUs"}
USUAL = {"wafer": "wafer-operation", "gpu": "gpu-operation"}


@dataclass(frozen=True)
class Spread:
    """Of a quantity over runs: the mean, and what 10, 50 and 90 % of them stay below."""

    mean: float
    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Floats) -> Spread:
        """Of a column of runs."""
        low, median, high = (float(each) for each in np.quantile(values, (0.1, 0.5, 0.9)))
        return cls(float(values.mean()), low, median, high)

    def to_json(self) -> dict[str, float]:
        """Plain values."""
        return dict(vars(self))


@dataclass(frozen=True)
class Cause:
    """What one cause of failures costs a run in the mean: how often it strikes, and seconds lost."""

    name: str
    failures: float
    lost_s: float

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dict(vars(self))


@dataclass(frozen=True)
class Duration:
    """A job's whole run. Seconds from its first start; distributions hold what is not known of step time, rates and recovery, and
    `chance` what is left if all that were known."""

    model: str
    kind: str
    n_systems: int
    steps: int
    steps_s: float  # that its steps take, predicted
    ramp_s: float  # of it: what smaller batches cost beside the last phase's rate
    elapsed: Spread
    chance: Spread
    goodput: Spread  # its mean is of the mean run
    losses: tuple[tuple[str, float], ...]  # mean seconds by Loss, in lower case
    causes: tuple[Cause, ...]
    starts: float
    saves: float
    footprint: Footprint  # of the mean run
    energy_j: Spread
    carbon_kg: Spread | None  # None without a grid
    cost_usd: Spread | None  # by the run's own definition; None without a price
    start: datetime.date
    start_stated: bool  # else it is today, which no result that is written down may depend on
    deadline_s: float | None
    deadline_met: float | None  # share of runs
    spares: SparesChoice | None  # None where no failure takes a unit
    built: Built
    plan: RunPlan
    seed: int
    runs: int
    unfinished: float = 0.0  # share of runs that never get on and were given up; their times are those until then
    ends_s: Floats = field(repr=False, compare=False, default_factory=lambda: np.zeros(0))
    chance_ends_s: Floats = field(repr=False, compare=False, default_factory=lambda: np.zeros(0))
    costs_usd: Floats | None = field(repr=False, compare=False, default=None)  # of each run; None without a price

    @property
    def best(self) -> Interval | None:
        """The best interval between checkpoints."""
        return self.built.best

    @property
    def save_every(self) -> int:
        """Steps between checkpoints in the last phase; 0: none."""
        return self.plan.jobs[0].stretches[-1].save_every

    @property
    def spare_units(self) -> int:
        """Units that stand by."""
        pools = self.plan.jobs[0].pools
        return pools[0].spares if pools else 0

    @property
    def spare_chips(self) -> int:
        """Wafers or GPUs that stand by."""
        return self.spare_units * devices_of(self.kind)

    def finish(self, share: float) -> datetime.date:
        """The day by which so many of the runs are done."""
        return self.day(float(np.quantile(self.ends_s, share)))

    def day(self, seconds: float) -> datetime.date:
        """The day that lies so long after the start."""
        try:
            return self.start + datetime.timedelta(seconds=seconds)
        except OverflowError:
            return datetime.date.max

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        run, best = self.plan.jobs[0], self.best
        return {
            "start": str(self.start) if self.start_stated else None,
            "finish": {name: str(self.finish(share)) for name, share in FINISHES} if self.start_stated else None,
            "steps": self.steps,
            "steps_s": self.steps_s,
            "ramp_s": self.ramp_s,
            "elapsed_s": self.elapsed.to_json(),
            "chance_s": self.chance.to_json(),
            "goodput": self.goodput.to_json(),
            "device_hours": self.elapsed.median / 3600.0 * self.n_systems,
            "losses_s": dict(self.losses),
            "causes": [cause.to_json() for cause in self.causes],
            "starts": self.starts,
            "saves": self.saves,
            "save_every": self.save_every,
            "save_s": to_seconds(run.saving.save_ticks),
            "best_interval": None
            if best is None
            else {
                "seconds": best.seconds,
                "steps": best.steps[-1],
                "waste": best.waste(),
                "waste_at_a_third": best.waste(1 / 3),
                "waste_at_three_times": best.waste(3.0),
            },
            "spares": self.spare_units,
            "spares_worth": None if self.spares is None else self.spares.to_json(),
            "footprint": self.footprint.to_json(),
            "energy_j": self.energy_j.to_json(),
            "carbon_kg": None if self.carbon_kg is None else self.carbon_kg.to_json(),
            "cost_usd": None if self.cost_usd is None else self.cost_usd.to_json(),
            "deadline_s": self.deadline_s,
            "deadline_met": self.deadline_met,
            "runs": self.runs,
            "unfinished": self.unfinished,
            "seed": self.seed,
            "assumed": list(self.built.assumed),
            "notes": list(self.built.notes),
        }


def operation_of(kind: str, spec: RunSpec) -> OperationProfile:
    """The profile of operation that a run names, or its kind's usual one. Raises WafersimError for another kind of profile."""
    found = profile_file.load_profile(spec.operation or USUAL[kind])
    if not isinstance(found, OperationProfile):
        name = found.name
        raise WafersimError(
            f"run.operation: {name} is a {found.kind}; an operation profile is needed, such as {USUAL[kind]}"
        )
    of = "wafer" if found.of_wafers else "gpu"
    if of != kind:
        raise WafersimError(
            f"run.operation: {found.name} is of {NAMED[of]}, and these are {NAMED[kind]}: {USUAL[kind]} is of them"
        )
    return found


def power_factors(energy: Energy, seed: int, runs: int) -> Floats:
    """How far the power behind an energy may be off, drawn for each run; apart from what is drawn of times."""
    normal = np.random.Generator(np.random.Philox(seed + POWER)).standard_normal(runs)
    factors: Floats = np.exp(energy.error * normal)
    return factors


def shrunk_steps(jobs: Sequence[Job], kind: str) -> Callable[[int], list[float]]:
    """Seconds of every phase's step with so many units missing, simulated; raises Infeasible where that cannot run."""
    each = devices_of(kind)

    def steps(missing: int) -> list[float]:
        return [step_seconds(replace(job, count=job.count - missing * each)) for job in jobs]

    return steps


def built_of(experiment: Experiment, prediction: Prediction) -> Built:
    """The run of an experiment whose step was predicted."""
    spec = experiment.run
    operation = operation_of(prediction.kind, spec)
    jobs = jobs_of(experiment)
    return build(prediction, jobs[-1], spec, operation, shrunk_steps(jobs, prediction.kind))


def deadline_seconds(spec: RunSpec, start: datetime.date) -> float | None:
    """Seconds from the start to the deadline's day, its end included. Raises Infeasible for one that has passed."""
    if spec.deadline is None or isinstance(spec.deadline, float):
        return spec.deadline
    days = (spec.deadline - start).days
    if days <= 0:
        raise Infeasible(f"run.deadline: {spec.deadline} is not after the start ({start})")
    return days * DAY


def duration_of(
    experiment: Experiment, prediction: Prediction, runs: int = RUNS, seed: int = 0, told: bool = True,
    simulate: Simulate = on_all_cores,
) -> Duration:  # fmt: skip
    """The whole run of an experiment whose step was predicted, over so many runs. Raises Infeasible with the reason.

    Unless `told` what chance alone does is not simulated (`chance` is `elapsed` then), nor what spares are worth.
    """
    spec, built = experiment.run, built_of(experiment, prediction)
    plan = RunPlan(jobs=(built.run,), systems=built.run.needs)
    start = spec.start or datetime.date.today()
    deadline = deadline_seconds(spec, start)
    longest = max(LONGEST_S, LONGER * prediction.days_to_train * DAY)
    found = simulate(ManyRuns(plan, seed, runs, built.uncertain, longest))
    chance = simulate(ManyRuns(plan, seed, runs, None, longest)) if told else found
    few = min(runs, SPARES_RUNS)
    ends, chance_ends = _ends(found), _ends(chance)
    full = prediction.phases[-1]
    spares = built.run.pools[0].spares * devices_of(prediction.kind)
    count = max(phase.n_systems for phase in prediction.phases)
    uses = use_of([_of_loss(found, loss) for loss in Loss], count, spares)
    columns = footprint_of(built.machine, [uses], spec.energy, spec.money)
    mean = use_of([float(_of_loss(found, loss).mean()) for loss in Loss], count, spares)
    joules = columns.energy.total_j * power_factors(columns.energy, seed, runs)
    cost = None if columns.cost.usd is None else np.broadcast_to(columns.cost.usd, ends.shape)
    ramp = sum(phase.days * DAY - _at_the_rate_of(full, phase) for phase in prediction.phases)
    return Duration(
        model=prediction.model,
        kind=prediction.kind,
        n_systems=count,
        steps=built.run.steps,
        steps_s=prediction.days_to_train * DAY,
        ramp_s=max(0.0, ramp),
        elapsed=Spread.of(ends),
        chance=Spread.of(chance_ends),
        goodput=_goodput(_of_loss(found, Loss.PRODUCTIVE), ends),
        losses=tuple((WORDS[loss].key, float(_of_loss(found, loss).mean())) for loss in Loss),
        causes=_causes(built, found),
        starts=float(found.starts[:, 0].mean()),
        saves=float(found.saves[:, 0].mean()),
        footprint=footprint_of(built.machine, [mean], spec.energy, spec.money),
        energy_j=Spread.of(joules),
        carbon_kg=None
        if columns.carbon is None
        else Spread.of(joules / columns.energy.total_j * columns.carbon.total_kg),
        cost_usd=None if cost is None else Spread.of(cost),
        start=start,
        start_stated=spec.start is not None,
        deadline_s=deadline,
        deadline_met=None if deadline is None else float((ends <= deadline).mean()),
        spares=spares_choice(plan, ends[:few], seed, built.uncertain.drawn(seed, few), longest) if told else None,
        built=built,
        plan=plan,
        seed=seed,
        runs=runs,
        unfinished=float(found.unfinished.mean()),
        ends_s=ends,
        chance_ends_s=chance_ends,
        costs_usd=cost,
    )


def _goodput(productive: Floats, ends: Floats) -> Spread:
    """Share of the time in steps that count: of each run for the quantiles, of all runs' time together for the mean.

    So the mean is what the mean losses leave; a mean of the runs' shares would count an hour of a short run for more.
    """
    return replace(Spread.of(productive / ends), mean=float(productive.mean() / ends.mean()))


def _at_the_rate_of(full: PhaseTime, phase: PhaseTime) -> float:
    """Seconds that a phase would take if each of its chips made as many tokens a second as those of the last phase."""
    each = full.batch * full.sequence_length / full.step_time_s / full.n_systems
    return phase.tokens / (each * phase.n_systems)


def _ends(found: Outcomes) -> Floats:
    last: Floats = np.asarray(found.end_s).max(axis=1)
    return last


def _of_loss(found: Outcomes, loss: Loss) -> Floats:
    column: Floats = np.asarray(found.losses_s)[:, 0, loss]
    return column


def _causes(built: Built, found: Outcomes) -> tuple[Cause, ...]:
    """In order of what they cost; bad units are of the same cause."""
    costs: dict[str, tuple[float, float]] = {}
    for i, source in enumerate(built.run.sources):
        name = source.cause.removesuffix(" (bad units)")
        failures, lost = costs.get(name, (0.0, 0.0))
        costs[name] = (failures + float(found.failures[:, i].mean()), lost + float(found.by_source_s[:, i].mean()))
    found_causes = [Cause(name, failures, lost) for name, (failures, lost) in costs.items()]
    return tuple(sorted(found_causes, key=lambda cause: -cause.lost_s))
