"""A plan whose model is open, or whose tokens follow from a loss: what it asks of the scaling laws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wafersim.errors import InputFaults, WafersimError
from wafersim.inputs.goal import GoalSpec, Offer, PlanSpec, offers_of, with_values
from wafersim.inputs.training import DEFAULT_TOKENS
from wafersim.inputs.yaml_file import YamlFile
from wafersim.numbers import amount
from wafersim.planning.model_goal import ModelGoal
from wafersim.planning.model_shapes import members
from wafersim.planning.scaling_law import ScalingLaw, scaling_law, tokens_for
from wafersim.planning.training_site import Site
from wafersim.workload.model import load_model, parameters

USUAL, FREE = "cerebras-gpt", "chinchilla"  # laws: of 20 tokens a parameter, and of any size and tokens
TOKENS = ("common", "training", "tokens")
BINDS = ("days", "by", "budget", "loss")  # fields of a goal that say how much an open model may take


def model_is_open(file: YamlFile) -> bool:
    """Whether a plan names no model and has a goal that says how good or how large one can be."""
    goal, common, candidates = (file.values.get(part) for part in ("goal", "common", "candidates"))
    own = [one.get("fields") for one in candidates if isinstance(one, dict)] if isinstance(candidates, list) else []
    named = any(isinstance(fields, dict) and "model" in fields for fields in (common, *own))
    return not named and isinstance(goal, dict) and any(goal.get(name) is not None for name in BINDS)


@dataclass(frozen=True)
class OpenQuestion:
    """What a plan without a model asks, of which sites; and as it was written, a model standing in for the one to be found."""

    goal: ModelGoal
    sites: tuple[Site, ...]
    spec: PlanSpec
    offers: tuple[Offer, ...]


def open_question(file: YamlFile, beside: Path) -> OpenQuestion:
    """The question of a plan without a model. Raises WafersimError for what only a plan with a model can mean."""
    training = file.values.get("common", {}).get("training")
    if isinstance(training, dict) and training.get("tokens") is not None:
        said = "follow from the scaling law where no model is named: name one, too, or leave tokens out"
        raise InputFaults([file.fault(TOKENS, said)])
    # What the law settles: no plan of these is told.
    stand_in = {"common": {"model": members()[-1].name, "training": {"tokens": DEFAULT_TOKENS}}}
    spec, offers = offers_of(with_values(file, stand_in), beside)
    for offer in offers:
        _as_the_law_was_fitted(offer)
    goal = spec.goal
    with _of_the(file, "law"):
        asked = ModelGoal(
            law=law_of(goal, of_a_size=False),
            days=goal.within_days,
            loss=goal.loss,
            budget_usd=goal.budget,
            inference_tokens=goal.inference_tokens or 0.0,
            sure=goal.sure,
        )
    return OpenQuestion(asked, tuple(Site.of_offer(offer, goal) for offer in offers), spec, tuple(offers))


def _as_the_law_was_fitted(offer: Offer) -> None:
    """Refuses what leaves a run open that the law has to settle, and training that its runs do not tell of."""
    training = offer.experiment.training
    for name in ("phases", "batch_ramp", "steps"):
        if getattr(training, name) is not None:
            raise WafersimError(
                f"training.{name} says the tokens of a model that is named: name one, too, or leave it out"
            )
    for name, usual in {"mode": "train", "density": 1.0}.items():
        if getattr(training, name) != usual:
            raise WafersimError(
                f"training.{name}: scaling laws are of dense models that are trained whole; leave it out"
            )


def law_of(goal: GoalSpec, of_a_size: bool) -> ScalingLaw:
    """The law that a goal names; else the usual one of sizes and tokens apart where that is needed, or of both together."""
    return scaling_law(goal.law or (FREE if of_a_size or goal.inference_tokens else USUAL))


def offers_for_a_loss(file: YamlFile, beside: Path) -> tuple[PlanSpec, list[Offer]]:
    """A plan's offers, with the tokens that a loss takes by the law where one is asked of the model."""
    spec, offers = offers_of(file, beside)
    goal = spec.goal
    if goal.loss is None:
        for name in ("law", "inference_tokens"):
            if getattr(goal, name) is not None:
                said = "is of a loss or of a model that is open: this plan has a model and no loss"
                raise InputFaults([file.fault(("goal", name), said)])
        return spec, offers
    training: Any = file.values.get("common", {}).get("training") or {}
    if training.get("tokens") is not None:
        raise InputFaults([file.fault(TOKENS, "a loss (--loss) is given, too: one follows from the other")])
    with _of_the(file, "loss"):
        size = _one_size(offers)
    with _of_the(file, "law"):
        law = law_of(goal, of_a_size=True)
    with _of_the(file, "law" if law.of_compute else "loss"):
        needed = tokens_for(law, size, goal.loss)
    told = needed.to_json()
    ends = " to ".join("no end" if told[end] is None else amount(told[end] or 0.0) for end in ("low", "high"))
    said = f"{amount(needed.value)} tokens ({ends}) for a loss of {goal.loss:g} on {law.corpus} by {law.name}"
    spec, offers = offers_of(with_values(file, {"common": {"training": {"tokens": needed.value}}}), beside)
    return spec, [replace(offer, assumed=(said, *offer.assumed)) for offer in offers]


@contextmanager
def _of_the(file: YamlFile, field: str) -> Iterator[None]:
    """What cannot be is said of a field of the goal."""
    try:
        yield
    except InputFaults:
        raise
    except WafersimError as error:
        raise InputFaults([file.fault(("goal", field), str(error))]) from None


def _one_size(offers: Sequence[Offer]) -> int:
    sizes = {parameters(load_model(offer.experiment.model)) for offer in offers}
    if len(sizes) > 1:
        raise WafersimError("a loss is asked of one model: candidates have several")
    return sizes.pop()
