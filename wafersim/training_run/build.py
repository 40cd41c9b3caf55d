"""From a prediction and the section `run` of its experiment to the run's plan.

Reads step times of the `Prediction` (of each phase, and of the machine with units missing) and the operation profile; never a
plan of a step. What the experiment leaves out is the profile's, with the width that it has there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

from wafersim.errors import Infeasible
from wafersim.inputs.footprint import LONGEST
from wafersim.inputs.machine import AnyMachine
from wafersim.inputs.operation import OperationProfile, OperationValues
from wafersim.inputs.optimizer import OPTIMIZERS
from wafersim.inputs.run import CheckpointSpec, FailureSpec, RunSpec
from wafersim.inputs.sourced import Sourced
from wafersim.metrics.prediction import Prediction
from wafersim.numbers import duration
from wafersim.quantity import parse
from wafersim.strategies.job import Job
from wafersim.timeline.clock import TICKS_PER_SECOND, to_seconds
from wafersim.training_run.best_interval import Interval, best_interval
from wafersim.training_run.failure_sources import failure_sources, standard_error
from wafersim.training_run.plan import JobRun, Pool, Saving, Stretch
from wafersim.training_run.uncertain import Uncertain

DEVICES = 8  # of a GPU cluster's unit: rates are of nodes of eight
WEIGHT_BYTES = 4  # that go to MemoryX, fp32
PAUSE = 0.1  # of a save, an asynchronous one's, where none is stated: only the copy is waited for


@dataclass(frozen=True)
class Built:
    """A job's run and the machine that it runs on, what is not known of it, its units (systems, or nodes of eight GPUs), and how
    it was settled, in words."""

    run: JobRun
    machine: AnyMachine
    uncertain: Uncertain
    units: int
    best: Interval | None  # between saves; None where nothing stops the job
    assumed: tuple[str, ...]  # numbers of the profile of operation that it leans on
    notes: tuple[str, ...]


def ticks(seconds: float, place: str = "run") -> int:
    """Whole ticks of up to 100 years. Raises Infeasible that names the place for more."""
    if not seconds <= LONGEST:
        raise Infeasible(f"{place}: {seconds:.1e} s; nothing may take more than 100 years")
    return round(seconds * TICKS_PER_SECOND)


def units_of(kind: str, count: int) -> int:
    """Units that fail and are replaced as one: wafer-scale systems, or eight GPUs with their host."""
    return ceil(count / devices_of(kind))


def devices_of(kind: str) -> int:
    """Wafers or GPUs of such a unit."""
    return DEVICES if kind == "gpu" else 1


def stated_spares(spec: RunSpec, kind: str) -> int:
    """Wafers or GPUs that stand by, as far as the experiment says so."""
    return (spec.spares or 0) * devices_of(kind)


def state_bytes(prediction: Prediction, job: Job, checkpoints: CheckpointSpec) -> float:
    """Bytes of a checkpoint: what the optimizer keeps from step to step, or what is stated."""
    each = checkpoints.bytes_per_parameter or OPTIMIZERS[job.training.optimizer].stored
    return each * prediction.parameters


def build(
    prediction: Prediction,
    job: Job,
    spec: RunSpec,
    operation: OperationProfile,
    shrunk: Callable[[int], Sequence[float]] | None = None,
) -> Built:
    """The run of a prediction's job. `shrunk(m)` gives the seconds of every phase's step with m units missing and raises
    Infeasible where it cannot go on. `checkpoints.every: auto` takes the interval of the least waste; without failures there is
    none."""
    values, notes = operation.values, list[str]()
    units = units_of(prediction.kind, max(phase.n_systems for phase in prediction.phases))
    may_miss, steps = _with_units_missing(prediction, spec, operation, shrunk, units, notes)
    saving = _saving(prediction, job, spec, operation, units)
    sources, sigmas = failure_sources(spec, operation, units)
    program, weights = values.program.value + values.prime.value, 0.0
    if values.weights_bandwidth is not None:
        weights = WEIGHT_BYTES * prediction.parameters / values.weights_bandwidth.value
    initial = values.compile.value + program + weights if spec.start_up.first is None else spec.start_up.first
    restart = program + weights if spec.start_up.restart is None else spec.start_up.restart
    stall = values.input_stall.value if spec.input_stall is None else spec.input_stall
    spares = ceil(values.spares.value * units) if spec.spares is None else spec.spares
    if spares > units:
        raise Infeasible(f"run.spares: {spares} units stand by for {units} that work; at most as many")
    run = JobRun(
        name=prediction.model,
        stretches=_stretches(prediction, steps, stall, spec),
        needs=units,
        initial_ticks=ticks(initial, "run.start_up: the first start"),
        restart_ticks=ticks(restart),
        restart_fails=values.restart_fails.value if spec.restart_fails is None else spec.restart_fails,
        swap_ticks=ticks(values.swap.value if spec.swap is None else spec.swap),
        evaluate_ticks=0 if spec.evaluation is None else ticks(spec.evaluation.time),
        maintenance_every_ticks=0 if spec.maintenance is None else ticks(spec.maintenance.every),
        maintenance_ticks=0 if spec.maintenance is None else ticks(spec.maintenance.time),
        saving=saving,
        pools=(Pool(spares, may_miss),),
        sources=sources,
    )
    uncertain = Uncertain(
        step=prediction.uncertainty.half_width,
        site=tuple(sigma.site for sigma in sigmas),
        rate=tuple(sigma.rate for sigma in sigmas),
        recovery=tuple(sigma.recovery for sigma in sigmas),
        saving=_store_sigma(spec.checkpoints, values),
        startup=0.0 if spec.start_up.restart is not None else standard_error(values.prime),
    )
    _check_interval(run, spec)
    _check_maintenance(run, spec)
    best = best_interval(run)
    if spec.checkpoints.every != "auto":
        run = _saved(run, spec.checkpoints.every)
    elif best is not None:
        run = run.saving_every(best.steps)
    return Built(run, job.machine, uncertain, units, best, assumed_numbers(operation, spec), tuple(notes))


def _with_units_missing(
    prediction: Prediction,
    spec: RunSpec,
    operation: OperationProfile,
    shrunk: Callable[[int], Sequence[float]] | None,
    units: int,
    notes: list[str],
) -> tuple[int, list[tuple[float, ...]]]:
    """(how many units it may miss, seconds of every phase's step with 0, 1, ... missing)."""
    steps: list[list[float]] = [[phase.step_time_s] for phase in prediction.phases]
    wanted = spec.when_short or operation.when_short
    most = (spec.may_miss or 1) if wanted == "shrink" else 0
    if most >= units:
        if spec.may_miss is not None or spec.when_short == "shrink":
            place, said = ("when_short", "shrink by") if spec.may_miss is None else ("may_miss", "to miss")
            raise Infeasible(f"run.{place}: {said} {most} of {units} unit{'s' if units > 1 else ''} would leave none")
        most = 0
    missed = 0
    for missing in range(1, most + 1):
        try:
            found = shrunk(missing) if shrunk is not None else ()
        except Infeasible as reason:
            if spec.may_miss is not None or spec.when_short == "shrink":
                raise Infeasible(f"run.when_short: with {missing} of {units} units missing: {reason}") from None
            notes.append(f"waits for a repair without a spare: with {missing} missing {reason}")
            break
        if not found:
            break
        for each, seconds in zip(steps, found, strict=True):
            each.append(max(seconds, each[-1]))
        missed = missing
    return missed, [tuple(each) for each in steps]


def _stretches(
    prediction: Prediction, steps: Sequence[Sequence[float]], stall: float, spec: RunSpec
) -> tuple[Stretch, ...]:
    """A stretch for each phase. A step that is begun is finished, so steps are rounded up."""
    out = []
    for phase, seconds in zip(prediction.phases, steps, strict=True):
        count = max(1, ceil(phase.steps - 1e-6))
        of_steps = tuple(ticks(each) for each in seconds)
        evaluate = 0 if spec.evaluation is None else in_steps(spec.evaluation.every, seconds[0])
        memory = spec.checkpoints.memory_every
        out.append(
            Stretch(
                steps=count,
                step_ticks=of_steps,
                stall_ticks=ticks(stall * seconds[0]),
                memory_every=0 if memory is None else in_steps(memory, seconds[0]),
                evaluate_every=evaluate,
            )
        )
    return tuple(out)


def in_steps(every: int | float, step_s: float) -> int:
    """Steps between two things that are so many steps, or so many seconds, apart; at least one."""
    return every if isinstance(every, int) else max(1, round(every / step_s))


def _saved(run: JobRun, asked: int | float | str) -> JobRun:
    if isinstance(asked, str):
        return run
    return run.saving_every([in_steps(asked, to_seconds(stretch.whole_ticks)) for stretch in run.stretches])


def _check_maintenance(run: JobRun, spec: RunSpec) -> None:
    """Raises Infeasible for maintenance so often that the job would not get on between two of them."""
    if spec.maintenance is None:
        return
    back = run.restart_ticks + run.saving.restore_ticks + run.saving.save_ticks + max(run.stretches[-1].step_ticks)
    needed = spec.maintenance.time + to_seconds(back)
    if spec.maintenance.every <= needed:
        said = f"{duration(spec.maintenance.every)}; it takes {duration(needed)} until the job has made a step after it"
        raise Infeasible(f"run.maintenance.every: {said}")


def _check_interval(run: JobRun, spec: RunSpec) -> None:
    """Raises Infeasible for checkpoints, in the store or in memory, or evaluations that come after the run's end."""
    whole = sum(stretch.steps * to_seconds(stretch.whole_ticks) for stretch in run.stretches)
    asked = {
        "checkpoints.every": spec.checkpoints.every,
        "checkpoints.memory_every": spec.checkpoints.memory_every,
        "evaluation.every": spec.evaluation and spec.evaluation.every,
    }
    for name, each in asked.items():
        if isinstance(each, float) and each >= whole:
            said = f"{duration(each)} is no shorter than the {duration(whole)} of its steps"
            raise Infeasible(f"run.{name}: {said}")
        if isinstance(each, int) and each > run.steps:
            raise Infeasible(f"run.{name}: {each:,} steps; the run has {run.steps:,}")


def _saving(prediction: Prediction, job: Job, spec: RunSpec, operation: OperationProfile, units: int) -> Saving:
    checkpoints, values = spec.checkpoints, operation.values
    known = [
        *([] if values.unit_store_bandwidth is None else [units * values.unit_store_bandwidth.value]),
        *([] if values.store_bandwidth is None else [values.store_bandwidth.value]),
    ]
    if checkpoints.store_bandwidth is not None:
        known = [parse(checkpoints.store_bandwidth, "bandwidth")]
    if not known and (checkpoints.save_time is None or checkpoints.restore_time is None):
        raise Infeasible(f"{operation.name} has no bandwidth to a store; run.checkpoints.store_bandwidth gives one")
    copy = state_bytes(prediction, job, checkpoints) / min(known) if known else 0.0
    save = copy if checkpoints.save_time is None else checkpoints.save_time
    pause = PAUSE * save if checkpoints.pause_time is None else checkpoints.pause_time
    memory = checkpoints.memory_time or 0.0
    back = memory if checkpoints.memory_restore_time is None else checkpoints.memory_restore_time
    return Saving(
        mode=checkpoints.mode or operation.save_mode,
        save_ticks=ticks(save, "run.checkpoints: a save"),
        pause_ticks=ticks(pause),
        restore_ticks=ticks(
            save if checkpoints.restore_time is None else checkpoints.restore_time, "run.checkpoints: a restore"
        ),
        memory_ticks=ticks(memory),
        memory_restore_ticks=ticks(back),
        keep=checkpoints.keep,
    )


def _store_sigma(checkpoints: CheckpointSpec, values: OperationValues) -> float:
    if checkpoints.save_time is not None or checkpoints.store_bandwidth is not None:
        return 0.0
    return max(standard_error(values.store_bandwidth), standard_error(values.unit_store_bandwidth))


def assumed_numbers(operation: OperationProfile, spec: RunSpec) -> tuple[str, ...]:
    """Paths of assumed numbers of the profile that the run leans on, those that the experiment replaces left out."""
    own = {
        "restart_fails": spec.restart_fails,
        "input_stall": spec.input_stall,
        "spares": spec.spares,
        "swap": spec.swap,
        "site": spec.site,
        "compile": spec.start_up.first,
        "program": spec.start_up.restart,
        "prime": spec.start_up.restart,
    }
    found = [
        name
        for name, number in operation.values
        if isinstance(number, Sourced) and number.kind == "assumed" and own.get(name) is None
    ]
    if spec.failures == "none":
        return tuple(found)
    for cause, failure in operation.failures.items():
        change = spec.failures.get(cause, FailureSpec())
        found += [
            f"failures.{cause}.{name}"
            for name, number in failure
            if isinstance(number, Sourced) and number.kind == "assumed" and getattr(change, name, None) is None
        ]
    return tuple(f"{operation.name}: {name}" for name in found)
