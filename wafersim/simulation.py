"""simulate(experiment): Experiment -> Workload -> Plan -> Timeline -> Prediction, one function each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from wafersim.errors import Infeasible
from wafersim.gpu.cluster import cluster_of
from wafersim.gpu.layout import Geometry
from wafersim.gpu.memory import refusal
from wafersim.metrics.bill import gpu_bill, wafer_bill, with_bill
from wafersim.metrics.gpu import GpuCase, predict_gpu, search_json
from wafersim.metrics.prediction import Prediction, predict
from wafersim.spec.experiment import DisturbanceSpec, Experiment
from wafersim.spec.machine import GpuMachine, load_gpu_machine, load_machine
from wafersim.spec.machine import Machine as MachineProfile
from wafersim.spec.strategy import GpuParallelSpec
from wafersim.strategies.gpu_parallel.layouts import notes_of, resolve, schedule_of
from wafersim.strategies.gpu_parallel.periodic import PeriodicStep as GpuPeriodicStep
from wafersim.strategies.gpu_parallel.periodic import run_to_period as run_gpus_to_period
from wafersim.strategies.gpu_parallel.planner import build_gpu_plan
from wafersim.strategies.gpu_parallel.search import Found, Space, search, settled
from wafersim.strategies.steps import Engine
from wafersim.strategies.weight_streaming.choice import plan_step, with_micro_batches
from wafersim.strategies.weight_streaming.periodic import PeriodicStep, run_to_period
from wafersim.strategies.weight_streaming.planner import Planned
from wafersim.strategies.weight_streaming.settings import machine_of, settings_of, shards_of
from wafersim.workload.transformer import Workload, build_workload


@dataclass(frozen=True)
class Simulated:
    """A prediction with the plan and the periodic step behind it, on wafers."""

    prediction: Prediction
    planned: Planned
    periodic: PeriodicStep


@dataclass(frozen=True)
class GpuSimulated:
    """A prediction with the case and the periodic step behind it, on GPUs; `found` is what a search went through."""

    prediction: Prediction
    case: GpuCase
    periodic: GpuPeriodicStep
    found: Found | None


def simulate(experiment: Experiment, engine: Engine = "auto") -> Prediction:
    """The prediction of an experiment without a sweep.

    Raises Infeasible with the reason when nothing fits, the batch does not go round, or the cluster is too small.
    """
    return simulate_step(experiment, engine).prediction


def simulate_step(experiment: Experiment, engine: Engine = "auto") -> Simulated | GpuSimulated:
    """The same with plan and timeline, for figures and for tests."""
    return simulate_gpus(experiment, engine) if experiment.system.on_gpus else simulate_wafers(experiment, engine)


def simulate_wafers(experiment: Experiment, engine: Engine = "auto") -> Simulated:
    """Weight streaming on wafers."""
    profile = load_machine(experiment.system.profile, experiment.system.overrides)
    workload = workload_of(experiment)
    machine = machine_of(profile, experiment.system.software or "R2")
    shards, notes = shards_of(experiment, workload, profile)
    settings = with_micro_batches(experiment, workload, machine, settings_of(experiment, machine, shards))
    planned, reason = plan_step(experiment, workload, machine, settings)
    periodic = run_to_period(planned.plan, engine)
    prediction = predict(
        periodic,
        planned,
        workload,
        machine,
        shards,
        tokens_of(experiment, workload),
        notes,
        assumed_numbers(profile, experiment),
    )
    prediction = replace(prediction, memory={**prediction.memory, "reason": reason})
    return Simulated(with_bill(prediction, wafer_bill(profile, len(shards))), planned, periodic)


def simulate_gpus(experiment: Experiment, engine: Engine = "auto") -> GpuSimulated:
    """A split over GPUs: the one asked for, or the fastest of a search over what is left open."""
    spec, system, training = experiment.strategy, experiment.system, experiment.training
    assert isinstance(spec, GpuParallelSpec)
    machine = load_gpu_machine(system.profile, system.software, system.overrides)
    workload = workload_of(experiment)
    job = GpuJob(
        workload,
        machine,
        spec,
        system.count,
        batch_of(experiment, workload),
        training.optimizer,
        training.gradient_clipping != "none",
        tokens_of(experiment, workload),
    )
    return simulate_job(job, engine)


@dataclass(frozen=True)
class GpuJob:
    """What a GPU experiment comes down to; published rows of unlisted models start here."""

    workload: Workload
    machine: GpuMachine
    spec: GpuParallelSpec
    gpus: int
    batch: int
    optimizer: str = "adamw"
    clipping: bool = True
    tokens: float = 0.0


def simulate_job(job: GpuJob, engine: Engine = "auto", must_fit: bool = True) -> GpuSimulated:
    """Search if anything is left open, check, plan, simulate. Raises Infeasible with the reason.

    A job that is known to have run need not fit in memory as it is modelled.
    """
    spec, machine, model = job.spec, job.machine, job.workload.model
    cluster = cluster_of(machine, None if spec.overlap_gradients == "auto" else spec.overlap_gradients)
    installed = machine.network.values.gpus
    if installed is not None and job.gpus > installed.value:
        raise Infeasible(f"{machine.name} has {installed.value:g} GPUs, not {job.gpus}")
    geometry, found = Geometry.of(job.workload), None
    if spec.searched:
        space = Space(geometry, model, cluster, job.gpus, job.batch, job.clipping, job.optimizer)
        found = search(space, spec)
        spec = settled(spec, found.best[0].layout)
    layout = resolve(spec, model, job.gpus, job.batch, cluster)
    schedule = schedule_of(spec, int(layout.virtual_stages))
    refused = refusal(geometry, layout, cluster, job.optimizer, schedule == "gpipe")
    if refused is not None and must_fit:
        raise Infeasible(refused)
    plan = build_gpu_plan(geometry, layout, cluster, schedule, job.clipping, model.tied_embeddings)
    periodic = run_gpus_to_period(plan, engine)
    case = GpuCase(job.workload, geometry, layout, cluster, schedule, job.optimizer)
    notes = notes_of(geometry, layout, cluster)
    prediction = predict_gpu(periodic, case, job.batch, job.tokens, notes, assumed_gpu_numbers(machine))
    prediction = with_bill(prediction, gpu_bill(machine, job.gpus))
    if found is not None:
        prediction = replace(prediction, search=search_json(found, schedule, job.batch, job.workload.sequence_length))
    return GpuSimulated(prediction, case, periodic, found)


def batch_of(experiment: Experiment, workload: Workload) -> int:
    """Sequences of the whole cluster in a step. Raises Infeasible where none is published."""
    batch = experiment.training.batch
    if batch == "published":
        if workload.model.published is None:
            raise Infeasible(f"no batch is published for {workload.model.name}; give batch a number")
        batch = int(workload.model.published["batch"])
    assert isinstance(batch, int)
    return batch


def scaling_efficiency(prediction: Prediction, experiment: Experiment) -> float | None:
    """Throughput per system against one healthy system under the same batch rules, jitter included; None if one cannot run."""
    asked = experiment.disturbances
    if prediction.n_systems == 1 and asked == DisturbanceSpec(jitter=asked.jitter, seed=asked.seed):
        return 1.0
    alone = experiment.model_copy(
        update={
            "system": experiment.system.model_copy(update={"systems": 1}),
            "disturbances": DisturbanceSpec(jitter=asked.jitter, seed=asked.seed),
        }
    )
    try:
        single = _simulated_once(alone.model_dump_json())
    except Infeasible:
        return None
    return prediction.samples_per_s / prediction.n_systems / single.samples_per_s


@cache
def _simulated_once(experiment_json: str) -> Prediction:
    return simulate(Experiment.model_validate_json(experiment_json))


def workload_of(experiment: Experiment) -> Workload:
    """Experiment -> Workload."""
    return build_workload(experiment.model, experiment.training.sequence_length)


def tokens_of(experiment: Experiment, workload: Workload) -> float:
    """Tokens of the whole run: a number, or so many per parameter."""
    tokens = experiment.training.tokens
    if isinstance(tokens, str) and tokens.endswith("per parameter"):
        return float(tokens.removesuffix("per parameter")) * workload.parameters
    return float(tokens)


def assumed_numbers(profile: MachineProfile, experiment: Experiment) -> tuple[str, ...]:
    """The numbers of a machine that nobody has published and a prediction reads, by path."""
    asked = experiment.disturbances
    choices = {"compute_jitter": asked.jitter, "system_spread": asked.spread}
    unused = {name for name, choice in choices.items() if choice != "profile"}
    parts = {"system": profile.system.values, "memoryx": profile.memoryx.values, "swarmx": profile.swarmx.values}
    return tuple(
        f"{part}.{name}"
        for part, values in parts.items()
        for name, number in values
        if number is not None and number.kind == "assumed" and name not in unused and name != "rent"
    )


def assumed_gpu_numbers(machine: GpuMachine) -> tuple[str, ...]:
    """The numbers of a GPU cluster that nobody has published or measured, by path."""
    parts = {"gpu": machine.gpu.values, "network": machine.network.values, "software": machine.software.values}
    return tuple(
        f"{part}.{name}"
        for part, values in parts.items()
        for name, number in values
        if number is not None and number.kind == "assumed" and name not in ("price", "host_power")
    )
