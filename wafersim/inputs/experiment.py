"""An experiment: what is asked of which machine, as the user wrote it, validated."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from wafersim.errors import WafersimError
from wafersim.inputs.faults import WrongField
from wafersim.inputs.file_cache import for_a_moment
from wafersim.inputs.flops import MEGATRON, FlopsConvention
from wafersim.inputs.gpu_profile import GpuSoftwareProfile
from wafersim.inputs.machine import (
    GPU_PARTS,
    WAFER_PARTS,
    AnyMachine,
    is_gpu_cluster,
    load_any,
    load_software,
    override,
    release_of,
)
from wafersim.inputs.model import CheckedModel
from wafersim.inputs.profile import Profile, named
from wafersim.inputs.resources import find
from wafersim.inputs.run import RunSpec
from wafersim.inputs.sourced import Frozen
from wafersim.inputs.strategy import ActivationSpec, GpuParallelSpec, StrategySpec, WeightStreamingSpec
from wafersim.inputs.training import TrainingSpec

SLUG = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"


@for_a_moment
def _known_model(name: str) -> str:
    try:
        find("models", name)
    except WafersimError as error:
        raise ValueError(str(error)) from None
    return name


def _known_machine(profile: str | Profile) -> str | Profile:
    try:
        is_gpu_cluster(profile)
    except WafersimError as error:
        raise ValueError(str(error)) from None
    return profile


def _how_given(value: Any) -> str:
    return "name" if isinstance(value, str) else "value"


Named = Annotated[str, Tag("name")]
ModelGiven = Annotated[
    Annotated[str, AfterValidator(_known_model), Tag("name")] | Annotated[CheckedModel, Tag("value")],
    Discriminator(_how_given),
]
MachineGiven = Annotated[
    Named | Annotated[Annotated[Profile, Field(discriminator="kind")], Tag("value")], Discriminator(_how_given)
]
SoftwareGiven = Annotated[Named | Annotated[GpuSoftwareProfile, Tag("value")], Discriminator(_how_given)]


def _on_gpus(profile: Any) -> bool:
    """The same of what has not been checked yet."""
    if isinstance(profile, dict):
        return profile.get("kind") == "gpu-cluster"
    return is_gpu_cluster(profile if not isinstance(profile, int | float | list | None) else str(profile))


class SystemSpec(Frozen):
    """Which machine, and how many of its wafers or GPUs work on the job."""

    profile: Annotated[MachineGiven, AfterValidator(_known_machine)] = Field(
        description="A cluster or system profile: a name, a short one such as h100 or CS-3, a path or a mapping."
    )
    systems: Annotated[int, Field(ge=1, le=100_000, strict=True)] | Literal["published"] | None = Field(
        default=None,
        description="Wafer-scale systems that work on the job; required on wafers. published: as the model was trained.",
    )
    gpus: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] | None = Field(
        default=None, description="GPUs that work on the job; required on a cluster of GPUs."
    )
    software: SoftwareGiven | None = Field(
        default=None,
        description="Release of a wafer's software (R2.1 and later if left out), or the training stack of a GPU cluster: a "
        "software profile (the cluster's own if left out).",
    )
    overrides: dict[str, float | str] = Field(
        default_factory=dict, description='Numbers of the profile replaced, e.g. "swarmx.link_bandwidth": "2.4 Tb/s".'
    )

    @field_validator("overrides", mode="before")
    @classmethod
    def _flat(cls, value: Any) -> Any:
        """Accept nested mappings as well as dotted keys, and check every number."""
        if not isinstance(value, dict):
            raise ValueError(f"must be a mapping such as swarmx.link_bandwidth: 2.4 Tb/s (got {value!r})")
        flat: dict[str, Any] = {}
        for key, item in value.items():
            if isinstance(item, dict):
                flat |= {f"{key}.{inner}": deeper for inner, deeper in item.items()}
            else:
                flat[str(key)] = item
        for path, written in flat.items():
            try:
                override(path, written)
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from None
        return flat

    @model_validator(mode="after")
    def _one_kind(self) -> SystemSpec:
        on_gpus = self.on_gpus
        wanted, other = ("gpus", "systems") if on_gpus else ("systems", "gpus")
        if getattr(self, other) is not None or getattr(self, wanted) is None:
            kind = "a cluster of GPUs" if on_gpus else "made of wafers"
            raise ValueError(f"{self.profile_name} is {kind}: give {wanted}, how many work on the job, and not {other}")
        parts = GPU_PARTS if on_gpus else WAFER_PARTS
        wrong = [path for path in self.overrides if path.partition(".")[0] not in parts]
        if wrong:
            raise ValueError(
                f"overrides: {wrong[0]} is no number of {self.profile_name}; its parts are {', '.join(parts)}"
            )
        if on_gpus and self.software is not None:
            try:
                load_software(self.software)
            except WafersimError as error:
                raise WrongField("software", str(error)) from None
        if not self.on_gpus and not isinstance(self.software, str | None):
            raise WrongField("software", f"{self.profile_name} is made of wafers: give a release, such as R2.1")
        if not self.on_gpus:
            try:
                release_of(None if self.software is None else named(self.software), self.profile)
            except WafersimError as error:
                raise WrongField("software", str(error)) from None
        return self

    @property
    def profile_name(self) -> str:
        """What the machine is called."""
        return named(self.profile)

    @property
    def release(self) -> str:
        """Release of a wafer's software."""
        return release_of(None if self.software is None else named(self.software), self.profile)

    @property
    def on_gpus(self) -> bool:
        """Whether the machine is a cluster of GPUs."""
        return is_gpu_cluster(self.profile)

    def counting(self, count: int) -> SystemSpec:
        """The same machine with so many of its wafers or GPUs at work, which is not checked."""
        return self.model_copy(update={"gpus" if self.on_gpus else "systems": count})

    @property
    def count(self) -> int:
        """Wafers or GPUs that work on the job."""
        return self.gpus or (self.systems if isinstance(self.systems, int) else 0)


def _factor(value: Any) -> Any:
    """1.2 or "1.2x"."""
    written = value.strip().removesuffix("x") if isinstance(value, str) else value
    try:
        factor = float(written)
    except (TypeError, ValueError):
        factor = 0.0
    if isinstance(value, bool) or not 1.0 <= factor <= 1e6:
        raise ValueError(f"must be how many times as long it takes, such as 1.2x, from 1 up to 1000000 (got {value!r})")
    return factor


def _sigma(value: Any) -> Any:
    if value in ("none", "profile"):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise ValueError(f"must be none, profile or a sigma above 0 and up to 1 (got {value!r})")
    return float(value)


Factor = Annotated[float, BeforeValidator(_factor), WithJsonSchema({"type": ["number", "string"]})]
Sigma = Annotated[
    float | str,
    BeforeValidator(_sigma),
    WithJsonSchema({"anyOf": [{"enum": ["none", "profile"]}, {"type": "number", "exclusiveMinimum": 0, "maximum": 1}]}),
]
NodePath = Annotated[str, Field(pattern=r"^[1-9]\d*/\d+$")]


class DisturbanceSpec(Frozen):
    """What makes systems differ. Systems count from 0; "2/5" is node 5 of level 2 of the SwarmX tree, level 0 the root."""

    jitter: Sigma = Field(
        default="none", description="Log-normal sigma of every kernel's time; profile takes the system's own."
    )
    spread: Sigma = Field(default="none", description="Log-normal sigma of the pace that a system keeps, likewise.")
    seed: Annotated[int, Field(ge=0, lt=2**63, strict=True)] = Field(
        default=0, description="Seed of all that is drawn at random; the same seed gives the same answer."
    )
    slow_systems: dict[Annotated[int, Field(ge=0)], Factor] = Field(
        default_factory=dict, description="System -> how many times as long its kernels take, e.g. 7: 1.2x."
    )
    slow_system_links: dict[Annotated[int, Field(ge=0)], Factor] = Field(
        default_factory=dict, description="System -> how many times as long a transfer on its link takes."
    )
    slow_node_links: dict[NodePath, Factor] = Field(
        default_factory=dict, description="SwarmX node -> how many times as long a transfer on the link above it takes."
    )
    lost_nodes: list[NodePath] = Field(
        default_factory=list, description="SwarmX nodes that died, one after the other; others take their children."
    )


ONLY_ON_WAFERS = (
    "mode", "lora_rank", "density", "baked_in_zeros", "input_rate", "weight_precision", "gradient_precision", "loss_scaling",
    "optimizer_barrier",
)  # fmt: skip


class PublishedSpec(Frozen):
    """What is published of the job, shown beside the prediction; never fitted by an experiment."""

    metric: Literal[
        "step_time_s", "tokens_per_s", "samples_per_s", "days_to_train", "hardware_tflops_per_gpu", "speed_up"
    ] = Field(
        description="hardware_tflops_per_gpu counts full recompute, as Narayanan et al. 2021 do; speed_up is over one wafer."
    )
    value: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="What was measured, in the unit of the metric."
    )
    by_systems: dict[Annotated[int, Field(ge=1)], Annotated[float, Field(gt=0)]] | None = Field(
        default=None, description="Instead of value: one for each number of systems or GPUs that was measured."
    )
    source: Annotated[str, Field(min_length=3)] = Field(description="Where it is published.")
    verified: bool = Field(default=True, description="False: recalled, nobody has looked it up.")

    def value_on(self, systems: int) -> float | None:
        """What is published of so many systems."""
        return self.value if self.by_systems is None else self.by_systems.get(systems)


def with_kind(values: Any) -> Any:
    """The fields of an experiment whose strategy says its kind, where the machine is known well enough to tell."""
    if not isinstance(values, dict):
        return values
    strategy, system = values.get("strategy", "auto"), values.get("system")
    if strategy != "auto" and not (isinstance(strategy, dict) and "kind" not in strategy):
        return values
    profile = system.get("profile") if isinstance(system, dict) else getattr(system, "profile", None)
    try:
        kind = "gpu-parallel" if _on_gpus(profile) else "weight-streaming"
    except WafersimError:
        return {name: value for name, value in values.items() if name != "strategy"}  # said of the profile
    return {**values, "strategy": {"kind": kind, **(strategy if isinstance(strategy, dict) else {})}}


class Experiment(Frozen):
    """One job on one machine. Fields hold one value each; what varies is a list under `sweep`, and the run is their grid."""

    name: Annotated[str, Field(pattern=SLUG, max_length=80)] = Field(
        description="What it is called: letters, digits, `.`, `_` and `-`; run directories are named after it."
    )
    title: str | None = Field(
        default=None, description="A line for people, above the answer; made of the job if left out."
    )
    model: ModelGiven = Field(description="A model: a name, a path or a mapping.")
    system: SystemSpec = Field(description="Which machine, and how much of it.")
    strategy: StrategySpec = Field(
        default=WeightStreamingSpec(),
        description="How the job runs on it; `auto`, or left out: weight streaming on wafers, the fastest split on GPUs.",
    )
    training: TrainingSpec = Field(
        description="The job: batch, sequence length, optimizer, tokens. A model of another program's file may fill it."
    )
    disturbances: DisturbanceSpec = Field(
        default=DisturbanceSpec(), description="What makes systems differ; wafers only. Nothing does if left out."
    )
    run: RunSpec = Field(default=RunSpec(), description="The whole run, for `--duration`.")
    published: PublishedSpec | None = Field(
        default=None, description="What is published of the job, shown beside the prediction."
    )
    flops: FlopsConvention = Field(
        default=MEGATRON,
        description="How FLOPs and MFU are counted: megatron-2021 (square scores, input embedding out), palm (input embedding "
        "in), causal (scores halved); none counts recompute.",
    )
    sweep: dict[str, Annotated[list[Any], Field(min_length=1)]] | None = Field(
        default=None,
        description='Path of a field -> values, a grid over all paths; "*" -> mappings that set several fields at once.',
    )

    @property
    def model_name(self) -> str:
        """What the model is called."""
        return self.model if isinstance(self.model, str) else self.model.name

    @property
    def machine(self) -> AnyMachine:
        """The machine that works on it, with what it replaces and at the prices that it states."""
        system, money = self.system, self.run.money
        machine = load_any(system.profile, system.software, system.overrides)
        return machine if machine.money == money else replace(machine, money=money)

    @property
    def imported(self) -> dict[str, Any]:
        """{"imported": what became of the file that its model was read of}; empty where that is a model of ours."""
        said = None if isinstance(self.model, str) else self.model.imported
        return {} if said is None else {"imported": said.to_json()}

    @model_validator(mode="before")
    @classmethod
    def _strategy_of_the_machine(cls, values: Any) -> Any:
        """`strategy: auto`, none, or one that does not say its kind is what the machine does."""
        return with_kind(values)

    @model_validator(mode="after")
    def _one_price(self) -> Experiment:
        """A price is the profile's, an override of that, or the run's; two that differ would leave open which one counts."""
        money, on_gpus = self.run.money, self.system.on_gpus
        rent, purchase = ("network.price", "network.purchase") if on_gpus else ("system.rent", "system.purchase")
        given = {"rent": (money.rent, rent), "offer": (money.offer, rent), "purchase": (money.purchase, purchase)}
        for name, (stated, path) in given.items():
            if stated is not None and path in self.system.overrides:
                raise WrongField(f"run.money.{name}", f"system.overrides.{path} is given, too: give one of them")
        if money.offer is not None:
            try:
                assert self.machine.price is not None
            except WafersimError as error:
                raise WrongField("run.money.offer", str(error).partition(": ")[2]) from None
        return self

    @model_validator(mode="after")
    def _one_machine(self) -> Experiment:
        gpus = self.system.on_gpus
        if gpus != isinstance(self.strategy, GpuParallelSpec):
            wanted = "gpu-parallel" if gpus else "weight-streaming"
            raise ValueError(f"strategy.kind must be {wanted} on {self.system.profile_name} (got {self.strategy.kind})")
        if gpus and self.training.batch is None and self.training.phases is None:
            raise ValueError("training.batch is needed on GPUs: the sequences of the whole cluster in a step")
        mine, other = ("gpus", "systems") if gpus else ("systems", "gpus")
        for place, phase in enumerate(self.training.phases or []):
            if getattr(phase, other) is not None:
                raise WrongField(f"training.phases.{place}.{other}", f"give {mine} on {self.system.profile_name}")
        if gpus and self.disturbances != DisturbanceSpec():
            raise ValueError("disturbances are simulated on wafers only")
        usual = {name: field.default for name, field in TrainingSpec.model_fields.items() if name in ONLY_ON_WAFERS}
        changed = [name for name, value in usual.items() if getattr(self.training, name) != value]
        if gpus and changed:
            instead = "; GPUs have strategy.precision" if "precision" in changed[0] else ""
            raise WrongField(f"training.{changed[0]}", f"is simulated on wafers only{instead}")
        activations = None if isinstance(self.strategy, GpuParallelSpec) else self.strategy.activations
        if self.training.mode == "forward" and activations not in (None, ActivationSpec()):
            raise WrongField("strategy.activations", "a forward pass keeps no activations; leave it out, or train")
        return self
