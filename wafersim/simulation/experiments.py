"""What an experiment says of its job, whatever the machine: workload, tokens, batch."""

from __future__ import annotations

from wafersim.errors import Infeasible
from wafersim.inputs.experiment import Experiment
from wafersim.workload.transformer import Workload, build_workload


def workload_of(experiment: Experiment) -> Workload:
    """Experiment -> Workload."""
    return build_workload(experiment.model, experiment.training.sequence_length)


def tokens_of(experiment: Experiment, workload: Workload) -> float:
    """Tokens of the whole run: a number, or so many per parameter."""
    tokens = experiment.training.tokens
    if isinstance(tokens, str) and tokens.endswith("per parameter"):
        return float(tokens.removesuffix("per parameter")) * workload.parameters
    return float(tokens)


def batch_of(experiment: Experiment, workload: Workload) -> int:
    """Sequences of the whole cluster in a step. Raises Infeasible where none is published."""
    batch = experiment.training.batch
    if batch == "published":
        if workload.model.published is None:
            raise Infeasible(f"no batch is published for {workload.model.name}; give batch a number")
        batch = int(workload.model.published["batch"])
    assert isinstance(batch, int)
    return batch
