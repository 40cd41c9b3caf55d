"""A plan's question: what has to be reached (tokens, by when, for how much, under which power), and on what it may run."""

from __future__ import annotations

import copy
import datetime
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, WithJsonSchema, field_validator, model_validator

from wafersim import quantity
from wafersim.errors import Fault, InputFaults, WafersimError
from wafersim.inputs.experiment import SLUG, Experiment
from wafersim.inputs.faults import WrongField, validated
from wafersim.inputs.footprint import DEAREST, Amount, Definition, HourPrice
from wafersim.inputs.loader import locate
from wafersim.inputs.machine import is_gpu_cluster
from wafersim.inputs.model import Model, find_model, read_model
from wafersim.inputs.phase import TokenCount
from wafersim.inputs.run import LAST_START, Date
from wafersim.inputs.shared_fields import experiment_of
from wafersim.inputs.sourced import Frozen
from wafersim.inputs.training import DEFAULT_TOKENS
from wafersim.inputs.typed_machine import typed_machine
from wafersim.inputs.yaml_file import YamlFile, read_yaml

MOST_CHIPS = (
    16_384  # that a plan considers unless it is told otherwise: larger clusters than those of the largest runs of 2025
)
USUAL = ("cs3", "h100", "h200", "b200", "gb200", "a100")  # hardware of a plan that names none
MOST_CANDIDATES = 100
TOKENS_A_STEP = 2**22  # of LLaMA and Llama 2 at every size (arXiv 2302.13971, 2307.09288), where nothing else is said
SAID_BY_THE_GOAL = {
    "run.deadline": "goal.days or goal.by",
    "sweep": "candidates",
    "run.money": "pay, price and purchase",
}


def _quantity(dimension: str, most: float) -> tuple[BeforeValidator, WithJsonSchema]:
    def read(value: Any) -> float:
        found = quantity.parse(value, dimension)
        if not 0 < found <= most:
            raise ValueError(f"must be above 0 and up to {most:g} (got {value!r})")
        return found

    return BeforeValidator(read), WithJsonSchema({"type": "string", "pattern": quantity.pattern(dimension)})


Money = Annotated[float, *_quantity("money", DEAREST)]
Watts = Annotated[float, *_quantity("power", 1e12)]
Chips = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]


class GoalSpec(Frozen):
    """What a plan has to keep to. What is left out does not bind; tokens and model are fields that candidates share."""

    days: Annotated[float, Field(gt=0, le=36_525)] | None = Field(
        default=None, description="Days from the start to the end of the whole run."
    )
    by: Date | None = Field(default=None, description="Instead of days: the last day, such as 2026-12-31.")
    start: Date | None = Field(default=None, description="The first day, for `by` and for dates; today if left out.")
    budget: Money | None = Field(default=None, description='By each candidate\'s own `pay`, such as "10 MUSD".')
    power: Watts | None = Field(
        default=None, description='Peak of the whole installation with spares and cooling, such as "2 MW".'
    )
    chips: Chips | None = Field(default=None, description=f"Wafers or GPUs at most; {MOST_CHIPS:,} if left out.")
    loss: Annotated[float, Field(gt=0, le=100)] | None = Field(
        default=None,
        description="To be reached, in nats a token on the law's corpus; gives tokens, and the model if that is open.",
    )
    law: Annotated[str, Field(min_length=1, max_length=40)] | None = Field(
        default=None,
        description="Scaling law of a loss or an open model: cerebras-gpt (the Pile) if left out, chinchilla (MassiveText) "
        "with a model or inference_tokens, which the former cannot weigh; also hoffmann and data-constrained (C4).",
    )
    inference_tokens: TokenCount | None = Field(
        default=None, description="Served over the life of an open model by the same machines, such as 2T."
    )
    sure: Annotated[float, Field(ge=0.5, le=0.99)] = Field(
        default=0.8, description="Share of simulated whole runs that has to meet deadline and budget."
    )

    @model_validator(mode="after")
    def _consistent(self) -> GoalSpec:
        if self.days is not None and self.by is not None:
            raise WrongField("by", "days is given, too: give one of them")
        if self.start is not None and self.start > LAST_START:
            raise WrongField("start", f"must be up to {LAST_START} (got {self.start})")
        if self.by is not None and self.by <= self.first_day:
            first = "start" if self.start else "today"
            raise WrongField("by", f"must be after {first}, {self.first_day} (got {self.by})")
        return self

    @property
    def first_day(self) -> datetime.date:
        """On which the run starts."""
        return self.start or datetime.date.today()

    @property
    def within_days(self) -> float | None:
        """Days that the run may take; the last day counts whole."""
        return self.days if self.by is None else float((self.by - self.first_day).days)


class CandidateSpec(Frozen):
    """Hardware that the job may run on, and how it is paid for."""

    on: Annotated[str, Field(min_length=1, max_length=200)] = Field(
        description="A cluster or system profile, a path, or a short name such as h100 or cs3 (`wafersim list hardware`)."
    )
    pay: Definition | None = Field(
        default=None,
        description="rent, purchase or amortised; if left out, rent where a price is known, else amortised where a purchase "
        "is.",
    )
    price: HourPrice | None = Field(
        default=None, description='Rent of one chip, such as "2.5 USD/h"; the profile\'s if left out.'
    )
    offer: Annotated[str, Field(min_length=1, max_length=80)] | None = Field(
        default=None, description="Instead of price: one of the profile's other prices, such as aws-3-years."
    )
    purchase: Amount | None = Field(
        default=None, description='Of one chip, such as "30 kUSD"; the profile\'s if left out.'
    )
    chips: Chips | None = Field(default=None, description="Wafers or GPUs of it at most.")
    sizes: Annotated[list[Chips], Field(min_length=1, max_length=1000)] | None = Field(
        default=None, description="Numbers of chips to consider; if left out, four an octave in whole nodes."
    )
    fields: dict[str, Any] = Field(default_factory=dict, description="Fields of an experiment, over the common ones.")

    @model_validator(mode="after")
    def _paid_once(self) -> CandidateSpec:
        if self.price is not None and self.offer is not None:
            raise WrongField("offer", "price is given, too: give one of them")
        if self.pay == "rent" and self.purchase is not None and self.price is None:
            raise WrongField("purchase", "is read by no rent; give price, or pay: amortised")
        return self


class PlanSpec(Frozen):
    """A goal, and hardware that may meet it. `common` holds fields of an experiment for all candidates: model, training, run."""

    name: Annotated[str, Field(pattern=SLUG, max_length=80)] = Field(
        description="What it is called, and how other files name it."
    )
    title: str | None = Field(default=None, description="A line for people.")
    goal: GoalSpec = Field(default=GoalSpec(), description="What has to be kept to.")
    common: dict[str, Any] = Field(
        default_factory=dict, description="Fields of an experiment that candidates share: model, training, run."
    )
    candidates: Annotated[list[CandidateSpec], Field(min_length=1, max_length=MOST_CANDIDATES)] = Field(
        description="Hardware that the job may run on."
    )

    @field_validator("common")
    @classmethod
    def _left_to_the_goal(cls, common: dict[str, Any]) -> dict[str, Any]:
        for path, instead in SAID_BY_THE_GOAL.items():
            here: Any = common
            for part in path.split("."):
                here = here.get(part) if isinstance(here, dict) else None
            if here is not None or path in common:
                raise ValueError(f"{path} is said by {instead}")
        return common


@dataclass(frozen=True)
class Offer:
    """A candidate before it is sized: its experiment on one chip, and what was taken for granted."""

    name: str
    spec: CandidateSpec
    experiment: Experiment
    assumed: tuple[str, ...]


ADAPTER: TypeAdapter[PlanSpec] = TypeAdapter(PlanSpec)


def plan_file(name: str | Path | None) -> tuple[YamlFile, Path]:
    """(a plan's file, its folder), or an empty one. Raises InputFaults for one that holds something else."""
    if name is None:
        return YamlFile("wafersim plan", {}, {}), Path()
    path = locate(name, "plans")
    file = read_yaml(path)
    if "candidates" not in file.values and "goal" not in file.values:
        runs = f"; `wafersim run {name}` runs an experiment" if "model" in file.values or "sides" in file.values else ""
        raise InputFaults([Fault(str(name), None, "", f"has neither goal nor candidates, which a plan needs{runs}")])
    return file, path.parent


def with_values(file: YamlFile, values: Mapping[str, Any]) -> YamlFile:
    """The file with values in the place of its own, mapping by mapping: what options of the command line say."""

    def merged(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
        out = dict(mine)
        for key, value in theirs.items():
            inner = out.get(key)
            out[key] = merged(inner, value) if isinstance(inner, dict) and isinstance(value, Mapping) else value
        return out

    return replace(file, values=merged(copy.deepcopy(file.values), values))


def offers_of(file: YamlFile, beside: Path) -> tuple[PlanSpec, list[Offer]]:
    """The plan of a file's values, and each candidate's experiment. Raises InputFaults, each with its place."""
    spec: PlanSpec = validated(ADAPTER, file)
    offers: list[Offer] = []
    seen: set[str] = set()
    for index, candidate in enumerate(spec.candidates):
        place = ("candidates", index)
        if str(candidate) in seen:
            raise InputFaults([file.fault((*place, "on"), f"{candidate.on} is there twice, all alike")])
        seen.add(str(candidate))
        offers.append(_offer(file, beside, spec, candidate, place))
        _whole_units(file, offers[-1], (*place, "sizes"))
    return spec, offers


def _whole_units(file: YamlFile, offer: Offer, place: tuple[str | int, ...]) -> None:
    """Raises InputFaults for a size that is no whole number of nodes, as which GPUs are rented and bought."""
    unit = offer.experiment.machine.unit
    odd = [size for size in offer.spec.sizes or () if size % unit]
    if odd:
        low = odd[0] // unit * unit
        near = f"{low or ''}{' or ' if low else ''}{low + unit}"
        raise InputFaults([file.fault(place, f"{odd[0]} is no whole number of nodes of {unit}; nearest: {near}")])


def _offer(file: YamlFile, beside: Path, spec: PlanSpec, candidate: CandidateSpec, place: tuple[str, int]) -> Offer:
    try:
        typed = typed_machine(candidate.on, None if file.lines == {} else beside)
    except WafersimError as error:
        raise InputFaults([file.fault((*place, "on"), str(error))]) from None
    said = [typed.assumed] if typed.assumed else []

    def of_the_candidate(values: dict[str, Any]) -> None:
        """One unit of the hardware for now, paid as the candidate says."""
        system = values.setdefault("system", {})
        taken = [name for name in ("profile", "systems", "gpus") if name in system]
        if taken:
            raise InputFaults([file.fault(place, f"system.{taken[0]} is said by on and sizes: leave it out")])
        system["profile"] = typed.profile
        system["gpus" if is_gpu_cluster(typed.profile) else "systems"] = 1
        usual = _usual_batch(values)
        training = values.get("training", {})
        if isinstance(training, dict) and not {"tokens", "steps", "phases"} & training.keys():
            said.append(f"tokens {DEFAULT_TOKENS}")
        if usual is not None:
            values["training"] = {**values.get("training", {}), "batch": usual}
            if usual != "published":
                said.append(f"batch {usual:,} ({TOKENS_A_STEP / 1e6:.1f} M tokens a step)")
        stated = {
            "cost": candidate.pay, "rent": candidate.price, "offer": candidate.offer, "purchase": candidate.purchase
        }  # fmt: skip
        money = {name: value for name, value in stated.items() if value is not None}
        if money:
            values["run"] = {**values.get("run", {}), "money": money}

    of = experiment_of(file, beside, spec.name, spec.common, candidate.fields, place, candidate.on, of_the_candidate)
    if of.sweep is not None:
        raise InputFaults([file.fault(place, "a candidate is one point: leave sweep out")])
    return Offer(candidate.on, candidate, of, tuple(said))


def _usual_batch(values: dict[str, Any]) -> int | Literal["published"] | None:
    """Sequences of a step where nobody says how many: those of the published run, or of 4 M tokens; None where somebody does."""
    training, model = values.get("training", {}), values.get("model")
    if not isinstance(training, dict) or any(name in training for name in ("batch", "batch_per_system", "phases")):
        return None
    if isinstance(model, str):
        try:
            model = read_model(find_model(model))
        except WafersimError:
            return 1  # said of the model
    if not isinstance(model, Model):
        return 1
    if "batch" in (model.published or {}):
        return "published"
    length = training.get("sequence_length") or model.max_sequence
    return max(1, round(TOKENS_A_STEP / length)) if isinstance(length, int) and length > 0 else 1
