"""Experiment -> Jobs: the machine loaded, the workload built, what is `published` or `per parameter` settled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wafersim.errors import Infeasible
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.machine import load_any
from wafersim.inputs.phase import PhaseSpec
from wafersim.strategies.job import Job, Training
from wafersim.workload.model import load_model
from wafersim.workload.transformer import LORA_RANK, Workload, workload_of


def job_of(experiment: Experiment) -> Job:
    """The last phase of an experiment, which is all of it where it has but one."""
    return jobs_of(experiment)[-1]


def jobs_of(experiment: Experiment) -> tuple[Job, ...]:
    """What an experiment without a sweep comes down to: a job for each phase of its run.

    Raises Infeasible where it asks for something that nobody published.
    """
    training = experiment.training
    rank = training.lora_rank or LORA_RANK
    workload = workload_of(load_model(experiment.model), training.sequence_length, training.mode, rank)
    phases = _phases(experiment, workload)
    if phases is None:
        count = _count(experiment, workload)
        batch = _batch(experiment, workload, count)
        return (_job(experiment, workload, count, batch, _tokens(experiment, workload, batch)),)
    usual = experiment.system.count
    jobs = []
    for phase in phases:
        tokens = float(phase.steps) * phase.batch * workload.sequence_length
        jobs.append(_job(experiment, workload, phase.systems or usual, phase.batch, tokens))
    return tuple(jobs)


def _job(experiment: Experiment, workload: Workload, count: int, batch: int, tokens: float) -> Job:
    system, training = experiment.system, experiment.training
    return Job(
        workload=workload,
        machine=load_any(system.profile, system.software, system.overrides),
        count=count,
        strategy=experiment.strategy,
        training=Training(
            batch=batch,
            tokens=tokens,
            per_system=training.batch_per_system is not None,
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
        flops=experiment.flops,
    )


def _phases(experiment: Experiment, workload: Workload) -> tuple[PhaseSpec, ...] | None:
    """Phases that are stated, or those in which a model was trained where its systems are asked for as published."""
    if experiment.training.phases is not None:
        return tuple(experiment.training.phases)
    training = experiment.training
    if experiment.system.systems != "published" or "published" not in (training.batch, training.batch_per_system):
        return None
    stated = _published(workload).get("phases")
    return stated if isinstance(stated, tuple) else None


def _count(experiment: Experiment, workload: Workload) -> int:
    """Chips that work on the job."""
    if experiment.system.systems == "published":
        return int(_stated(workload, "systems", "system.systems"))
    return experiment.system.count


def _tokens(experiment: Experiment, workload: Workload, batch: int) -> float:
    """Tokens of the whole run: by its steps, a number, those of the published run, or so many per parameter."""
    steps, asked = experiment.training.steps, experiment.training.tokens
    if steps is None and asked == "published":
        return _published_sequences(workload) * workload.sequence_length
    if steps is not None:
        count = _stated(workload, "steps", "training.steps") if steps == "published" else steps
        return float(count) * batch * workload.sequence_length
    if isinstance(asked, str) and asked.endswith("per parameter"):
        return float(asked.removesuffix("per parameter")) * workload.parameters
    return float(asked)


def _published_sequences(workload: Workload) -> float:
    """Sequences that the published run saw: its steps times its batch, phase by phase."""
    phases = _published(workload).get("phases")
    if phases is not None:
        return float(sum(phase.steps * phase.batch for phase in phases))
    return float(_stated(workload, "steps", "training.tokens") * _stated(workload, "batch", "training.tokens"))


def _batch(experiment: Experiment, workload: Workload, count: int) -> int:
    """Sequences of the whole cluster in a step."""
    training = experiment.training
    field = "batch" if training.batch_per_system is None else "batch_per_system"
    asked = getattr(training, field)
    if asked == "published":
        asked = _stated(workload, field, f"training.{field}")
    return int(asked) * (count if field == "batch_per_system" else 1)


def _stated(workload: Workload, name: str, field: str) -> Any:
    found = _published(workload).get(name)
    if found is None:
        raise Infeasible(
            f"{workload.model.name} has no published {name.replace('_per_system', '')}; give {field} a number"
        )
    return found


def _published(workload: Workload) -> Mapping[str, Any]:
    return workload.model.published or {}
