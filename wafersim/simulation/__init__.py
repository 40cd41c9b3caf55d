"""simulate(experiment): Experiment -> Workload -> Plan -> Timeline -> Prediction."""

from __future__ import annotations

from functools import cache

from wafersim.errors import Infeasible
from wafersim.inputs.experiment import DisturbanceSpec, Experiment
from wafersim.metrics.prediction import Prediction
from wafersim.simulation.experiments import workload_of
from wafersim.simulation.gpus import GpuJob, GpuSimulated, simulate_gpus, simulate_job, with_gpu_interval
from wafersim.simulation.wafers import Simulated, simulate_wafers, with_interval
from wafersim.strategies.steps import Engine

__all__ = [
    "GpuJob",
    "GpuSimulated",
    "Simulated",
    "scaling_efficiency",
    "simulate",
    "simulate_gpus",
    "simulate_job",
    "simulate_step",
    "simulate_wafers",
    "workload_of",
]


def simulate(experiment: Experiment, engine: Engine = "auto") -> Prediction:
    """The prediction of an experiment without a sweep.

    Raises Infeasible with the reason when nothing fits, the batch does not go round, or the cluster is too small.
    """
    return simulate_step(experiment, engine).prediction


def simulate_step(experiment: Experiment, engine: Engine = "auto") -> Simulated | GpuSimulated:
    """The same with plan and timeline, for figures and for tests."""
    if experiment.system.on_gpus:
        return with_gpu_interval(simulate_gpus(experiment, engine))
    return with_interval(simulate_wafers(experiment, engine), experiment)


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
    experiment = Experiment.model_validate_json(experiment_json)
    return (simulate_gpus if experiment.system.on_gpus else simulate_wafers)(experiment).prediction
