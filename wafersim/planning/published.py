"""What is published of a job, beside what is predicted of it; never fitted to."""

from __future__ import annotations

from typing import Any

from wafersim.inputs.experiment import Experiment
from wafersim.simulation import Simulated
from wafersim.workload.model import Model

OF_THE_RUN = ("batch", "steps", "tokens", "training_flops", "training_flops_earlier_card", "relative_utilisation")


def beside_published(
    simulated: Simulated, experiment: Experiment, scaling_efficiency: float | None
) -> dict[str, Any] | None:
    """The measurement that an experiment states of so many systems, and its error; None where it states none.

    A speed-up has no interval: two runs of one machine share most of what is not known of a step.
    """
    asked, prediction = experiment.published, simulated.prediction
    value = None if asked is None else asked.value_on(prediction.n_systems)
    if asked is None or value is None:
        return None
    if asked.metric == "speed_up":
        if scaling_efficiency is None:  # one system cannot do the job
            return None
        predicted = scaling_efficiency * prediction.n_systems
    elif asked.metric == "hardware_tflops_per_gpu":
        flops = megatron_flops(simulated.job.workload.model, prediction.sequence_length, prediction.batch)
        predicted = flops / prediction.step_time_s / prediction.n_systems / 1e12
    else:
        predicted = float(getattr(prediction, asked.metric))
    said = asked.model_dump(exclude={"by_systems"})
    return {**said, "value": value, "predicted": predicted, "error": predicted / value - 1.0}


def published_run(simulated: Simulated, experiment: Experiment) -> dict[str, Any] | None:
    """The run that a model's authors describe, of a point that is this run: its systems are `published`. Blank is left out."""
    if experiment.system.systems != "published":
        return None
    model = simulated.job.workload.model
    stated = model.published or {}
    return {**{name: stated[name] for name in OF_THE_RUN if name in stated}, "source": model.source}


def megatron_flops(model: Model, sequence: int, batch: int) -> float:
    """FLOPs of a step with full recompute, 96 B s l h^2 (1 + s / 6h + V / 16lh) (Narayanan et al. 2021, equation 3)."""
    h, layers = model.d_model, model.layers
    return 96.0 * batch * sequence * layers * h * h * (1 + sequence / (6 * h) + model.vocab / (16 * layers * h))
