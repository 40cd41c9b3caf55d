"""Experiment -> Jobs: the machine loaded, the workload built, what is `published` or `per parameter` settled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from wafersim.errors import Infeasible
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.phase import PhaseSpec
from wafersim.simulation.phases import ramped, settled
from wafersim.strategies.job import Job, Training, grained
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
    length, model = training.sequence_length, load_model(experiment.model)

    def workload(sequence_length: int | None) -> Workload:
        return workload_of(model, sequence_length or length, training.mode, training.lora_rank or LORA_RANK)

    usual = workload(None)
    phases = _phases(experiment, usual)
    if phases is None:
        count = _count(experiment, usual)
        batch = _batch(experiment, usual, count)
        whole = _tokens(experiment, usual, batch)
        parts = ramped(training.batch_ramp, batch, usual.sequence_length, whole)
        base = _job(experiment, usual, count)
    else:
        if training.batch_ramp is not None:
            raise Infeasible(f"training.batch_ramp: {model.name} was trained in phases of its own; give batch a number")
        base = _job(experiment, usual, experiment.system.count)
        steps = None if training.phases is None else training.steps
        if steps == "published":
            steps = _stated(usual, "steps", "training.steps")
        parts = settled(phases, usual.sequence_length, _whole_tokens(experiment, usual), steps)
    workloads = {part.sequence_length: workload(part.sequence_length) for part in parts}
    jobs = []
    for part in parts:
        settings, count = replace(base.training, batch=part.batch, tokens=part.tokens), part.count or base.count
        jobs.append(replace(base, workload=workloads[part.sequence_length], count=count, training=settings))
    return grained(jobs)


def _job(experiment: Experiment, workload: Workload, count: int) -> Job:
    """What all phases of a run share."""
    training = experiment.training
    return Job(
        workload=workload,
        machine=experiment.machine,
        count=count,
        strategy=experiment.strategy,
        training=Training(
            batch=1,
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
        ramp = experiment.training.batch_ramp
        sizes = [] if ramp is None else ramp.phases(batch, workload.sequence_length)
        # Of the steps those of a ramp are smaller.
        return float(count * batch - sum((batch - size) * many for size, many in sizes)) * workload.sequence_length
    assert asked is not None, "phases alone leave them open"
    return _number(asked, workload)


def _number(tokens: float | str, workload: Workload) -> float:
    """So many, or so many per parameter."""
    if isinstance(tokens, str):
        return float(tokens.removesuffix("per parameter")) * workload.parameters
    return tokens


def _whole_tokens(experiment: Experiment, workload: Workload) -> float | None:
    """Tokens that are stated beside phases; None where these alone say them."""
    training = experiment.training
    if training.tokens is None or training.phases is None:
        return None
    if training.tokens == "published":
        return _published_sequences(workload) * workload.sequence_length
    return _number(training.tokens, workload)


def _published_sequences(workload: Workload) -> float:
    """Sequences that the published run saw: its steps times its batch, phase by phase."""
    phases, length = _published(workload).get("phases"), workload.sequence_length
    if phases is not None:
        return float(sum((phase.tokens_at(length) or 0.0) / length for phase in phases))
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
