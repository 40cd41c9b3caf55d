"""Experiment -> Job: the machine loaded, the workload built, what is `published` or `per parameter` settled."""

from __future__ import annotations

from wafersim.errors import Infeasible
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.machine import load_any
from wafersim.strategies.job import Job, Training
from wafersim.workload.model import load_model
from wafersim.workload.transformer import Workload, workload_of


def job_of(experiment: Experiment) -> Job:
    """What an experiment without a sweep comes down to. Raises Infeasible where it asks for a batch that nobody published."""
    system, training = experiment.system, experiment.training
    model = load_model(experiment.model)
    workload = workload_of(model, training.sequence_length, training.mode, training.lora_rank)
    return Job(
        workload=workload,
        machine=load_any(system.profile, system.software, system.overrides),
        count=system.count,
        strategy=experiment.strategy,
        training=Training(
            batch=_batch(experiment, workload),
            tokens=_tokens(training.tokens, workload),
            optimizer=training.optimizer,
            gradient_clipping=training.gradient_clipping,
            optimizer_barrier=training.optimizer_barrier,
            loss_scaling=training.loss_scaling,
            weight_precision=training.weight_precision,
            gradient_precision=training.gradient_precision,
            density=training.density,
            baked_in_zeros=training.baked_in_zeros,
            input_rate=training.input_rate,
        ),
        disturbances=experiment.disturbances,
    )


def _tokens(asked: float | str, workload: Workload) -> float:
    """Tokens of the whole run: a number, or so many per parameter."""
    if isinstance(asked, str) and asked.endswith("per parameter"):
        return float(asked.removesuffix("per parameter")) * workload.parameters
    return float(asked)


def _batch(experiment: Experiment, workload: Workload) -> int:
    """Sequences of the whole cluster in a step."""
    training, model = experiment.training, workload.model
    field = "batch" if training.batch_per_system is None else "batch_per_system"
    asked = getattr(training, field)
    if asked == "published":
        if model.published is None:
            raise Infeasible(f"no batch is published for {model.name}; give {field} a number")
        asked = int(model.published[field])
    return int(asked) * (experiment.system.count if field == "batch_per_system" else 1)
