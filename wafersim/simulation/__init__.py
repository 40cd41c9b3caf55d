"""simulate(experiment): Experiment -> Job -> Choice -> Plan -> Timeline -> Prediction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

from wafersim.errors import Infeasible, WafersimError
from wafersim.inputs.experiment import Experiment
from wafersim.metrics.interval import Uncertainty
from wafersim.metrics.prediction import PhaseTime, Prediction, predict
from wafersim.simulation.intervals import uncertainty_of
from wafersim.simulation.job import job_of, jobs_of
from wafersim.simulation.provenance import moving_assumed
from wafersim.simulation.ranking import ranked
from wafersim.simulation.replay import Replay
from wafersim.strategies.job import Job
from wafersim.strategies.registry import strategy_of
from wafersim.strategies.run import PeriodicStep, run_to_period
from wafersim.strategies.steps import Engine
from wafersim.strategies.strategy import Prospects, Strategy
from wafersim.strategies.together import run_together
from wafersim.timeline.clock import to_seconds

__all__ = [
    "Job", "Replay", "Simulated", "job_of", "jobs_of", "simulate", "simulate_run", "simulate_step", "simulate_with_interval",
    "start_together", "step_and_interval", "step_seconds",
]  # fmt: skip

T = TypeVar("T")
UNTOLD = Uncertainty(0.0, 0.0, 0.0, 0.0, {})  # of a prediction without an interval


@dataclass(frozen=True)
class Simulated:
    """A prediction with the job, what was chosen for it, the plan and the periodic step behind it.

    `replay` simulates the job under the same choice on other machines; what the prediction has asked it, it knows.
    The step's tasks take memory by the million: `light` lets go of them, and `periodic` simulates the plan again if asked.
    """

    prediction: Prediction
    job: Job
    choice: Any
    plan: Any
    engine: Engine
    replay: Replay

    @cached_property
    def periodic(self) -> PeriodicStep[Any]:
        """The step in its periodic state."""
        return run_to_period(strategy_of(self.job.kind), self.plan, self.engine)

    def knowing(self, periodic: PeriodicStep[Any]) -> Simulated:
        """The same, whose step was simulated already."""
        vars(self)["periodic"] = periodic  # where a cached property keeps what it found
        return self

    def light(self) -> Simulated:
        """The same without the step's tasks."""
        return replace(self)


def simulate(experiment: Experiment, engine: Engine = "auto") -> Prediction:
    """The prediction of an experiment, which is one point; `run` takes those with a sweep.

    Raises WafersimError for a sweep, Infeasible with the reason when nothing fits, the batch does not go round, or the cluster
    is too small.
    """
    if experiment.sweep:
        raise WafersimError(
            f"{experiment.name} sweeps {', '.join(experiment.sweep)}: wafersim.run(...) gives every point"
        )
    simulated = simulate_run(jobs_of(experiment), engine)
    return replace(simulated.prediction, periodic=simulated.periodic)


def simulate_run(jobs: Sequence[Job], engine: Engine = "auto", told: bool = True) -> Simulated:
    """The step of the last of a run's phases, with the days of all of them, whose choices follow the last one's.

    Unless `told` the interval, what was assumed and the chances of a search are left out: most of the work of a point.
    """
    last = jobs[-1]
    with _phase(len(jobs), jobs):
        choice = strategy_of(last.kind).choose(last, told=told)
    return _simulated(last, choice, engine, _earlier(jobs, choice), told)


@dataclass(frozen=True)
class Started:
    """A run whose choice is made and whose step is simulated already, as far as it could be together with others."""

    jobs: Sequence[Job]
    choice: Any
    plan: Any

    def finished(self) -> Simulated:
        """What `simulate_run` says of it, not `told`."""
        return _of_plan(self.jobs[-1], self.choice, self.plan, "auto", _earlier(self.jobs, self.choice), told=False)


def start_together(runs: Sequence[Sequence[Job]]) -> list[Started | Exception]:
    """Many runs, or what `simulate_run` would raise of them: those of their steps that have one shape are solved as one."""
    prospects = [attempted(_prospects, jobs) for jobs in runs]
    for strategy, some in _by_strategy(runs, prospects):
        attempted(strategy.look_ahead, some)  # what one raises it raises again where it is asked by itself
    choices = [attempted(_choice, jobs, each) for jobs, each in zip(runs, prospects, strict=True)]
    started = [attempted(_started, jobs, each) for jobs, each in zip(runs, choices, strict=True)]
    for strategy, some in _by_strategy(runs, started):
        attempted(run_together, strategy, [each.plan for each in some])
    return started


def attempted(function: Callable[..., T], *args: Any) -> T | Exception:
    """What a function returns, or what it raises; an argument that is an exception is what came of an attempt before."""
    for each in args:
        if isinstance(each, Exception):
            return each
    try:
        return function(*args)
    except Exception as error:
        return error


def _prospects(jobs: Sequence[Job]) -> Prospects[Any]:
    with _phase(len(jobs), jobs):
        return strategy_of(jobs[-1].kind).prospects(jobs[-1])


def _choice(jobs: Sequence[Job], prospects: Prospects[Any]) -> Any:
    with _phase(len(jobs), jobs):
        return prospects.choice()


def _started(jobs: Sequence[Job], choice: Any) -> Started:
    return Started(jobs, choice, strategy_of(jobs[-1].kind).plan(jobs[-1], choice))


def _by_strategy(runs: Sequence[Sequence[Job]], each: Sequence[Any]) -> list[tuple[Strategy[Any, Any], list[Any]]]:
    """What there is of the runs of each strategy, without those that raised."""
    of_kind: dict[str, list[Any]] = {}
    for jobs, one in zip(runs, each, strict=True):
        if not isinstance(one, Exception):
            of_kind.setdefault(jobs[-1].kind, []).append(one)
    return [(strategy_of(kind), some) for kind, some in of_kind.items()]


def simulate_with_interval(jobs: Sequence[Job]) -> Prediction:
    """The prediction of a run's phases with its interval; what was assumed, and the chances of a search, are left out."""
    simulated = simulate_run(jobs, told=False)
    return replace(simulated.prediction, uncertainty=uncertainty_of(simulated.replay))


def simulate_step(job: Job, engine: Engine = "auto") -> Simulated:
    """A job's step and all that is said of it. Raises Infeasible with the reason."""
    return _simulated(job, strategy_of(job.kind).choose(job), engine, ())


def _simulated(job: Job, choice: Any, engine: Engine, earlier: tuple[PhaseTime, ...], told: bool = True) -> Simulated:
    return _of_plan(job, choice, strategy_of(job.kind).plan(job, choice), engine, earlier, told)


def _of_plan(job: Job, choice: Any, plan: Any, engine: Engine, earlier: tuple[PhaseTime, ...], told: bool) -> Simulated:
    strategy = strategy_of(job.kind)
    periodic = run_to_period(strategy, plan, engine)
    account = strategy.account(job, choice, periodic)
    if not told:
        prediction = predict(job, strategy.words, periodic, account, UNTOLD, (), earlier)
        return Simulated(prediction, job, choice, plan, engine, Replay(job, choice)).knowing(periodic)
    if account.search is not None:
        account = replace(account, search=ranked(job, choice, account.search))
    rough = Replay(job, choice)
    exact = rough if strategy.simulates_seconds else Replay(job, choice, exact=True)
    sure, assumed = uncertainty_of(rough), moving_assumed(rough, exact)
    prediction = predict(job, strategy.words, periodic, account, sure, assumed, earlier)
    return Simulated(prediction, job, choice, plan, engine, exact).knowing(periodic)


def _earlier(jobs: Sequence[Job], choice: Any) -> tuple[PhaseTime, ...]:
    """All phases but the last; those of one shape are simulated once. Raises Infeasible with the phase that cannot run."""
    strategy = strategy_of(jobs[-1].kind)
    known: dict[tuple[int, int, int], float] = {}
    found = []
    for place, job in enumerate(jobs[:-1], 1):
        shape = (job.count, job.training.batch, job.workload.sequence_length)
        if shape not in known:
            with _phase(place, jobs):
                plan = strategy.plan(job, strategy.again(job, choice))
            known[shape] = to_seconds(float(run_to_period(strategy, plan).step_ticks))
        found.append(PhaseTime.of(job, known[shape]))
    return tuple(found)


@contextmanager
def _phase(place: int, jobs: Sequence[Job]) -> Iterator[None]:
    """What cannot run is a phase of the run, where it has several."""
    try:
        yield
    except Infeasible as reason:
        if len(jobs) == 1:
            raise
        named = Infeasible(f"phase {place} of {len(jobs)} (batch {jobs[place - 1].training.batch}): {reason}")
        named.memory = reason.memory
        raise named from None


def step_and_interval(job: Job) -> tuple[float, Uncertainty]:
    """Seconds of a job's step and how far off they may be. Raises Infeasible with the reason."""
    strategy = strategy_of(job.kind)
    choice = strategy.choose(job)
    seconds = to_seconds(float(run_to_period(strategy, strategy.plan(job, choice)).step_ticks))
    return seconds, uncertainty_of(Replay(job, choice))


def step_seconds(job: Job) -> float:
    """Seconds of a job's step and nothing else. Raises Infeasible with the reason."""
    strategy = strategy_of(job.kind)
    plan = strategy.plan(job, strategy.choose(job, told=False))
    return to_seconds(float(run_to_period(strategy, plan).step_ticks))
