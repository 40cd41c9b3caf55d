"""What is published of a job, beside what is predicted of it; never fitted to."""

from __future__ import annotations

from typing import Any

from wafersim.inputs.experiment import Experiment
from wafersim.inputs.flops import MEGATRON
from wafersim.simulation import Simulated
from wafersim.workload.flops import hardware_flops_per_token

CARDS = "cerebras-gpt"  # appendix F of arXiv 2304.03208: 6 per parameter, with the softmax and activations
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
        per_token = hardware_flops_per_token(simulated.job.workload, MEGATRON, "full")
        predicted = per_token * prediction.tokens_per_s / prediction.n_systems / 1e12
    else:
        predicted = float(getattr(prediction, asked.metric))
    said = asked.model_dump(exclude={"by_systems"})
    if asked.metric == "hardware_tflops_per_gpu":
        said["flops_convention"] = f"{MEGATRON}, with full recompute"
    return {**said, "value": value, "predicted": predicted, "error": predicted / value - 1.0}


def published_run(simulated: Simulated, experiment: Experiment) -> dict[str, Any] | None:
    """The run that a model's authors describe, of a point that is this run: its systems are `published`. Blank is left out.

    What is predicted beside it is in the FLOPs of its card, which are no convention of the point's own.
    """
    if experiment.system.systems != "published":
        return None
    model = simulated.job.workload.model
    stated = model.published or {}
    workload, found = simulated.job.workload, simulated.prediction
    counted = {
        "flops_convention": CARDS,
        "predicted_training_flops": workload.published_flops_per_token * found.tokens,
        "predicted_flops_per_s_per_system": workload.published_flops_per_token * found.tokens_per_s / found.n_systems,
    }
    return {**{name: stated[name] for name in OF_THE_RUN if name in stated}, **counted, "source": model.source}
