"""A split over GPUs: the one asked for, or the fastest of a search; then the same path as on wafers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from wafersim.errors import Infeasible
from wafersim.gpu.cluster import cluster_of
from wafersim.gpu.layout import Geometry, Layout
from wafersim.gpu.machine import Cluster
from wafersim.gpu.memory import refusal
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.machine import GpuMachine, load_gpu_machine
from wafersim.inputs.optimizer import OptimizerName
from wafersim.inputs.strategy import GpuParallelSpec
from wafersim.metrics.bill import gpu_bill, with_bill
from wafersim.metrics.gpu import GpuCase, predict_gpu, search_json
from wafersim.metrics.prediction import Prediction
from wafersim.simulation.experiments import batch_of, tokens_of, workload_of
from wafersim.simulation.intervals import gpu_uncertainty
from wafersim.simulation.replay import Replay
from wafersim.strategies.gpu_parallel.closed_form import estimate
from wafersim.strategies.gpu_parallel.layouts import notes_of, resolve, schedule_of
from wafersim.strategies.gpu_parallel.periodic import PeriodicStep, run_to_period
from wafersim.strategies.gpu_parallel.planner import build_gpu_plan
from wafersim.strategies.gpu_parallel.search import Found, Space, estimated, search, settled
from wafersim.strategies.steps import Engine
from wafersim.timeline.clock import to_seconds
from wafersim.workload.transformer import Workload


@dataclass(frozen=True)
class GpuSimulated:
    """A prediction with the case and the periodic step behind it, on GPUs; `found` is what a search went through."""

    prediction: Prediction
    case: GpuCase
    periodic: PeriodicStep
    replay: Replay[GpuMachine]  # by the closed form
    resimulated: Replay[GpuMachine]
    found: Found | None


@dataclass(frozen=True)
class GpuJob:
    """What a GPU experiment comes down to; published rows of unlisted models start here."""

    workload: Workload
    machine: GpuMachine
    spec: GpuParallelSpec
    gpus: int
    batch: int
    optimizer: OptimizerName = "adamw"
    clipping: bool = True
    tokens: float = 0.0


def simulate_gpus(experiment: Experiment, engine: Engine = "auto") -> GpuSimulated:
    """The job of an experiment."""
    return simulate_job(job_of(experiment), engine)


def job_of(experiment: Experiment) -> GpuJob:
    """What an experiment on GPUs comes down to."""
    spec, system, training = experiment.strategy, experiment.system, experiment.training
    assert isinstance(spec, GpuParallelSpec)
    machine = load_gpu_machine(system.profile, system.software, system.overrides)
    workload = workload_of(experiment)
    return GpuJob(
        workload,
        machine,
        spec,
        system.count,
        batch_of(experiment, workload),
        training.optimizer,
        training.gradient_clipping != "none",
        tokens_of(experiment, workload),
    )


def estimated_step(experiment: Experiment) -> float:
    """Seconds of the fastest split by the closed form, for choosing among many clusters. Raises Infeasible."""
    job = job_of(experiment)
    return estimated(_space(job, _cluster(job, job.machine)), job.spec)


def _space(job: GpuJob, cluster: Cluster) -> Space:
    geometry = Geometry.of(job.workload)
    return Space(geometry, job.workload.model, cluster, job.gpus, job.batch, job.clipping, job.optimizer)


def simulate_job(job: GpuJob, engine: Engine = "auto", must_fit: bool = True) -> GpuSimulated:
    """Search if anything is left open, check, plan, simulate. Raises Infeasible with the reason.

    A job that is known to have run need not fit in memory as it is modelled.
    """
    spec, machine, model = job.spec, job.machine, job.workload.model
    cluster = _cluster(job, machine)
    installed = machine.network.values.gpus
    if installed is not None and job.gpus > installed.value:
        raise Infeasible(f"{machine.name} has {installed.value:g} GPUs, not {job.gpus}")
    geometry, found = Geometry.of(job.workload), None
    if spec.searched:
        found = search(_space(job, cluster), spec)
        spec = settled(spec, found.best[0].layout)
    layout = resolve(spec, model, job.gpus, job.batch, cluster)
    schedule = schedule_of(spec, int(layout.virtual_stages))
    refused = refusal(geometry, layout, cluster, job.optimizer, schedule)
    if refused is not None and must_fit:
        raise Infeasible(refused)
    plan = build_gpu_plan(geometry, layout, cluster, schedule, job.clipping, model.tied_embeddings)
    periodic = run_to_period(plan, engine)
    case = GpuCase(job.workload, geometry, layout, cluster, schedule, job.optimizer)
    notes = notes_of(geometry, layout, cluster)
    prediction = predict_gpu(periodic, case, job.batch, job.tokens, notes, assumed_gpu_numbers(machine))
    prediction = with_bill(prediction, gpu_bill(machine, job.gpus))
    if found is not None:
        prediction = replace(prediction, search=search_json(found, schedule, job.batch, job.workload.sequence_length))
    rough, exact = _replay(job, geometry, layout), _resimulated(job, geometry, layout, schedule)
    return GpuSimulated(prediction, case, periodic, rough, exact, found)


def _replay(job: GpuJob, geometry: Geometry, layout: Layout) -> Replay[GpuMachine]:
    """The closed-form step of the layout that was chosen: what an interval needs for dozens of constants."""

    def seconds(changed: GpuMachine) -> float:
        return float(np.max(estimate(geometry, layout, _cluster(job, changed))))

    return Replay(job.machine, seconds)


def _resimulated(job: GpuJob, geometry: Geometry, layout: Layout, schedule: str) -> Replay[GpuMachine]:
    """The same by simulation."""
    tied = job.workload.model.tied_embeddings

    def seconds(changed: GpuMachine) -> float:
        plan = build_gpu_plan(geometry, layout, _cluster(job, changed), schedule, job.clipping, tied)
        return to_seconds(float(run_to_period(plan).step_ticks))

    return Replay(job.machine, seconds)


def with_gpu_interval(simulated: GpuSimulated) -> GpuSimulated:
    """The same with how far off it may be."""
    prediction = simulated.prediction
    found = gpu_uncertainty(simulated.replay, simulated.case.workload, prediction.batch, prediction.n_systems)
    return replace(simulated, prediction=replace(prediction, uncertainty=found))


def _cluster(job: GpuJob, machine: GpuMachine) -> Cluster:
    overlap = job.spec.overlap_gradients
    return cluster_of(machine, None if overlap == "auto" else overlap, job.optimizer)


def assumed_gpu_numbers(machine: GpuMachine) -> tuple[str, ...]:
    """The numbers of a GPU cluster that nobody has published or measured, by path."""
    parts = {"gpu": machine.gpu.values, "network": machine.network.values, "software": machine.software.values}
    return tuple(
        f"{part}.{name}"
        for part, values in parts.items()
        for name, number in values
        if number is not None and number.kind == "assumed" and name not in ("price", "host_power")
    )
