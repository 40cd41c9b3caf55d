"""How a job runs on a machine: weight streaming on wafers, or a split over GPUs."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from wafersim.inputs.sourced import Frozen

Whole = Annotated[int, Field(ge=1, le=1_000_000_000, strict=True)]
Blocks = Annotated[int, Field(ge=0, le=1_000_000, strict=True)]
Factor = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]
Switch = Annotated[bool, Field(strict=True)]


def _keep(value: str) -> str:
    if value in ("auto", "all", "block-inputs") or re.fullmatch(r"every-([2-9]|[1-9]\d+)", value):
        return value
    raise ValueError(f"must be auto, all, block-inputs or every-<k> with k >= 2 (got {value!r})")


class ActivationSpec(Frozen):
    """What is kept between the passes, where, and how the weights of a recomputed block come."""

    keep: Annotated[str, AfterValidator(_keep)] = Field(
        default="auto",
        description="all, the inputs of blocks (block-inputs), or of every k-th (every-<k>); auto: all if it fits, else those.",
    )
    place: Literal["auto", "wafer", "servers"] = Field(
        default="auto",
        description="On the wafer, or on activation servers; auto: servers where it cannot hold block inputs.",
    )
    recompute_weights: Literal["auto", "hold", "restream"] = Field(
        default="auto",
        description="Whether a recomputed block holds its weights for its backward pass, or streams them; auto: if they fit.",
    )


class WeightStreamingSpec(Frozen):
    """Weight streaming: data parallelism over wafers."""

    kind: Literal["weight-streaming"] = Field(
        default="weight-streaming", description="Says that wafers are meant; may be left out."
    )
    micro_batch: Whole | Literal["auto", "explore", "published", "none"] = Field(
        default="auto",
        description="Sequences a system holds at once; every micro-batch streams the weights again. A number takes the nearest "
        "of a system's sequences / 1, 2, 3...; none takes them all at once; explore is Cerebras' word for auto.",
    )
    activations: ActivationSpec = Field(
        default=ActivationSpec(), description="What is kept between forward and backward pass, and where."
    )
    chunks_per_layer: Annotated[int, Field(ge=1, le=1024, strict=True)] | Literal["auto"] = Field(
        default="auto",
        description="Chunks in which a block's weights stream; auto: 4, more where a chunk would take over 1 % of SRAM or 0.4 "
        "GB.",
    )
    weight_credits: Annotated[int, Field(ge=1, le=4096, strict=True)] = Field(
        default=8, description="Chunks of weights that may be on their way to, or waiting on, a system at once."
    )
    drain_credits: Annotated[int, Field(ge=1, le=4096, strict=True)] = Field(
        default=8, description="Chunks of gradients that may be on their way to MemoryX at once."
    )
    memoryx_memory: Literal["separate", "shared"] = Field(
        default="separate",
        description="separate: reading weights, adding gradients and updating each have a bandwidth of their own; shared: "
        "they take turns at MemoryX's memory as they come.",
    )
    retain_output_weights: Annotated[bool, Field(strict=True)] | Literal["auto"] = Field(
        default="auto",
        description="Whether the output head's weights stay on the wafer for its backward pass; auto: where there is room.",
    )


class StatesSpec(Frozen):
    """Precision in which a parameter's states are kept on GPUs; auto is what the training stack and the optimizer do."""

    weights: Literal["auto", "bf16", "fp8"] = Field(
        default="auto",
        description="Of the weights that the passes read; auto: bf16. Weights that are gathered travel in 16 bits.",
    )
    gradients: Literal["auto", "fp32", "bf16"] = Field(
        default="auto", description="Of gradients, as they are summed in memory and reduced over replicas."
    )
    master: Literal["auto", "fp32", "bf16", "none"] = Field(
        default="auto", description="Of the optimizer's own copy of the weights; none: there is no copy."
    )
    moments: Literal["auto", "fp32", "bf16", "8-bit"] = Field(default="auto", description="Of the optimizer's moments.")


class GpuParallelSpec(Frozen):
    """A split over GPUs. What is `auto` is searched: the fastest split that fits in memory."""

    kind: Literal["gpu-parallel"] = Field(
        description="Says that GPUs are meant; with a profile of GPUs it may be left out."
    )
    data: Whole | Literal["auto"] = Field(
        default="auto", description="Replicas; auto: what the others leave of the GPUs."
    )
    tensor: Whole | Literal["auto"] = Field(default="auto", description="GPUs that split each matrix.")
    pipeline: Whole | Literal["auto"] = Field(default="auto", description="Stages, each of some blocks.")
    virtual_stages: Whole | Literal["auto"] = Field(
        default="auto", description="Model chunks of a pipeline stage; more than one interleaves the schedule."
    )
    uneven_stages: Switch = Field(
        default=False,
        description="Stages may differ by a block where the layers do not divide, as DeepSpeed deals them out.",
    )
    stages: tuple[Blocks, ...] = Field(
        default=(),
        description="Blocks of every stage, or with virtual stages of every model chunk, in the model's order; empty: evenly, "
        "or with embedding and head counted as a block each.",
    )
    first_stage_layers: Whole | None = Field(
        default=None, description="Blocks of the first stage; the others share the rest evenly."
    )
    last_stage_layers: Whole | None = Field(
        default=None, description="Blocks of the last stage; the others share the rest evenly."
    )
    context: Whole | Literal["auto"] = Field(default=1, description="GPUs that share a sequence.")
    context_kind: Literal["auto", "ring", "all-to-all"] = Field(
        default="auto",
        description="How GPUs that share a sequence see each other's keys and values; auto: as the training stack does it.",
    )
    expert: Whole | Literal["auto"] | None = Field(
        default=None,
        description="GPUs that share the experts of a layer; they fold over data x context x tensor, as Megatron-Core does. "
        "Left out: searched if anything is, else 1.",
    )
    expert_tensor: Whole | Literal["auto"] = Field(
        default="auto",
        description="GPUs that split one expert; auto: tensor, or 1 where experts lie over more than data x context.",
    )
    expert_capacity: Factor | None = Field(
        default=None,
        description="Tokens of every expert over the mean: what is beyond is dropped, what is missing is padded; null: "
        "dropless.",
    )
    expert_imbalance: Annotated[float, Field(ge=1, le=1000, allow_inf_nan=False)] = Field(
        default=1.0,
        description="Tokens of the busiest GPU's experts over the mean, without a capacity; 1: balanced, as benchmarks force "
        "it.",
    )
    micro_batch: Whole | Literal["auto"] = Field(default="auto", description="Sequences of a replica's micro-batch.")
    schedule: Literal["auto", "any", "gpipe", "1f1b", "interleaved", "zero-bubble"] = Field(
        default="auto",
        description="Order of the micro-batches' forward and backward passes in a pipeline; auto: 1f1b, or interleaved with "
        "virtual stages; any: the fastest of all.",
    )
    sequence_parallel: Switch | Literal["auto"] = Field(
        default="auto",
        description="Whether norms and dropout are split over the GPUs of a tensor-parallel group, along the sequence; auto: "
        "wherever tensor > 1.",
    )
    recompute: Literal["none", "selective", "mlp", "full", "auto", "any"] = Field(
        default="auto",
        description="What is computed again in the backward pass instead of being kept: selective: attention scores; mlp: the "
        "MLP of each block (Megatron-Core, by module); full: whole blocks. auto: the fastest of none, selective and full; "
        "any: of all.",
    )
    flash_attention: Switch = Field(
        default=True, description="Whether attention is a fused kernel, which keeps no scores."
    )
    zero_stage: Literal[0, 1, 2, 3, "auto"] = Field(
        default=1,
        description="What replicas share out instead of each keeping all of it (ZeRO, FSDP): 1 optimizer states, 2 gradients, "
        "too, 3 weights, too; 0 nothing. auto: the fastest.",
    )
    shard_group: Whole | Literal["auto"] = Field(
        default="auto", description="GPUs that share sharded states (hybrid sharding); auto: all replicas."
    )
    precision: Literal["bf16", "fp8", "mxfp8", "nvfp4", "auto"] = Field(
        default="bf16",
        description="Of products' inputs; attention and logits stay in 16 bits. auto: the fastest, which changes the "
        "training's numerics.",
    )
    states: StatesSpec = Field(default=StatesSpec(), description="Precision in which a parameter's states are kept.")
    memory_margin: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = Field(
        default=0.0, description="Share of the usable memory of a GPU that a split has to leave free."
    )
    overlap_gradients: Switch | Literal["auto"] = Field(
        default="auto",
        description="Whether gradients are reduced beside the backward pass; auto: as the training stack does it.",
    )
    show: Annotated[int, Field(ge=1, le=100, strict=True)] = Field(
        default=5, description="Splits that a search prints."
    )

    @model_validator(mode="after")
    def _lists_are_of_known_stages(self) -> Self:
        if self.lists_stages and "auto" in (self.pipeline, self.virtual_stages):
            given = "stages" if self.stages else "first_stage_layers or last_stage_layers"
            raise ValueError(f"{given} needs pipeline and virtual_stages as numbers, not auto")
        return self

    @property
    def lists_stages(self) -> bool:
        """Whether the blocks of stages are said."""
        return bool(self.stages) or self.first_stage_layers is not None or self.last_stage_layers is not None

    @property
    def searched(self) -> bool:
        """Whether anything is left to a search."""
        split = (self.tensor, self.pipeline, self.context, self.expert, self.virtual_stages, self.micro_batch)
        return "auto" in (*split, self.recompute, self.zero_stage, self.precision) or "any" in (
            self.schedule,
            self.recompute,
        )


def _kind(value: Any) -> str:
    given = value.get("kind", "weight-streaming") if isinstance(value, dict) else getattr(value, "kind", None)
    return str(given)


StrategySpec = Annotated[
    Annotated[WeightStreamingSpec, Tag("weight-streaming")] | Annotated[GpuParallelSpec, Tag("gpu-parallel")],
    Discriminator(_kind),
]
