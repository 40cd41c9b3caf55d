"""The question which model to train, and its answer on every machine, as values."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

from wafersim.errors import WafersimError
from wafersim.metrics.prediction import Prediction
from wafersim.numbers import DAY
from wafersim.planning.scaling_law import Loss, ScalingLaw, checked
from wafersim.planning.size_search import Trial
from wafersim.planning.training_site import Site

SURE = 0.8  # share of whole runs that are done in time


@dataclass(frozen=True, eq=False)
class ModelGoal:
    """What is asked of a training whose model is open: the least loss in so many days, or a loss in them.

    `goodput` is simulated unless it is handed in; `inference_tokens` are served over the model's life by the same machines.
    """

    law: ScalingLaw
    days: float | None = None
    loss: float | None = None
    budget_usd: float | None = None
    inference_tokens: float = 0.0
    goodput: float | None = None
    sure: float = SURE

    def __post_init__(self) -> None:
        given = {"days": self.days, "loss": self.loss, "budget": self.budget_usd, "goodput": self.goodput}
        checked(**{name: value for name, value in given.items() if value is not None})
        if self.inference_tokens:
            checked(inference_tokens=self.inference_tokens)
        if self.goodput is not None and self.goodput > 1:
            raise WafersimError(f"goodput: must be a share of the time, above 0 and up to 1 (got {self.goodput:g})")
        if self.days is None and self.loss is None and self.budget_usd is None:
            raise WafersimError("a goal without a model needs days, a loss or a budget")
        if self.inference_tokens and self.law.of_compute:
            raise WafersimError(
                f"scaling law {self.law.name} ties tokens to the size and cannot weigh inference: ask chinchilla"
            )


@dataclass(frozen=True)
class RealModel:
    """A model of the catalogue beside the best one."""

    name: str
    parameters: int
    tokens: float
    loss: Loss
    days: float

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**vars(self), "loss": self.loss.to_json()}


@dataclass(frozen=True, eq=False)
class BestModel:
    """The model to train on a machine, and what that takes. Ranges hold 80 %.

    `parameters_range` is of the law's constants; None where the law ties the ratio or nobody tells their error. `tokens_range`
    are tokens that may be needed for a wanted loss. `days` are those in which the share `sure` of whole runs is done: then
    steps as predicted take the share `kept` of the time. `elapsed_days` are what 10, 50 and 90 % of runs stay below; it and
    `met`, the share of runs that is done in the days that were asked, are None where goodput was handed in. `cost_usd` is None
    without a price, and `cost_missing` the field that gives it.
    """

    site: Site
    count: int
    trial: Trial
    prediction: Prediction
    kept: float
    goodput: float  # the median of runs
    days: float  # of training and serving
    parameters_range: tuple[float, float] | None
    tokens_range: tuple[float | None, float | None] | None
    elapsed_days: tuple[float, float, float] | None
    met: float | None
    cost_usd: float | None
    cost_missing: str
    cost_sources: tuple[str, ...]
    catalogue: tuple[RealModel, ...]
    assumed: tuple[str, ...]

    @property
    def generated(self) -> bool:
        """Whether no such model was ever trained."""
        return not self.trial.model.published

    @property
    def extrapolated(self) -> tuple[str, ...]:
        """How it lies outside of what the law was fitted to."""
        return tuple(str(one) for one in self.trial.loss.beyond)

    @property
    def sustained_flops(self) -> float:
        """Model FLOP/s over the whole run, as the simulator counts them (`flops_convention`)."""
        return self.prediction.model_flops_per_step / self.prediction.step_time_s * self.kept

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        model, trial, found = self.trial.model, self.trial, self.prediction
        shape = {name: getattr(model, name) for name in ("name", "layers", "d_model", "heads", "d_ffn", "vocab")}
        return {
            "hardware": self.site.name,
            "profile": self.site.base.system.profile_name,
            "kind": found.kind,
            "chips": self.count,
            "model": {**shape, "generated": self.generated, "source": model.source},
            "parameters": trial.parameters,
            "parameters_range": self.parameters_range,
            "tokens": trial.tokens,
            "tokens_range": self.tokens_range,
            "tokens_per_parameter": trial.tokens / trial.parameters,
            "loss": trial.loss.to_json(),
            "extrapolated": list(self.extrapolated),
            "days": self.days,
            "training_days": trial.train_s / DAY,
            "serving_days": trial.serve_s / DAY,
            "elapsed_days": None if self.elapsed_days is None else [_plain(end) for end in self.elapsed_days],
            "met": self.met,
            "kept": self.kept,
            "goodput": self.goodput,
            "step_time_s": found.step_time_s,
            "tokens_per_s": found.tokens_per_s,
            "mfu": found.mfu,
            "sustained_flops": self.sustained_flops,
            "flops_convention": found.flops_convention,
            "batch": found.batch,
            "sequence_length": found.sequence_length,
            "cost_usd": self.cost_usd,
            "cost_missing": self.cost_missing or None,
            "cost_sources": list(self.cost_sources),
            "catalogue": [one.to_json() for one in self.catalogue],
            "assumed": list(self.assumed),
        }


def _plain(value: float) -> float | None:
    """None for what has no end."""
    return value if isfinite(value) else None


@dataclass(frozen=True, eq=False)
class BestModels:
    """The answer of every site that has one, the best first, and why others have none."""

    goal: ModelGoal
    found: tuple[BestModel, ...]
    refused: tuple[tuple[str, str], ...]  # (site, reason)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        goal = self.goal
        return {
            "law": goal.law.name,
            "corpus": goal.law.corpus,
            "days": goal.days,
            "loss": goal.loss,
            "budget_usd": goal.budget_usd,
            "inference_tokens": goal.inference_tokens,
            "sure": goal.sure,
            "best": [one.to_json() for one in self.found],
            "refused": [{"hardware": name, "reason": reason} for name, reason in self.refused],
        }
