"""The training job of an experiment: batch, length, phases or a ramp of the batch, tokens, precision."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from wafersim.inputs.faults import WrongField
from wafersim.inputs.optimizer import OptimizerName
from wafersim.inputs.phase import MOST_PHASES, BatchRamp, PhaseSpec
from wafersim.inputs.sourced import Frozen
from wafersim.inputs.strategy import Whole
from wafersim.inputs.tokens import Tokens

DEFAULT_TOKENS = "20 per parameter"


class TrainingSpec(Frozen):
    """The training job."""

    mode: Literal["train", "forward", "lora"] = Field(
        default="train",
        description="forward: the forward pass alone (validation); lora: adapters of frozen weights, which stream and send no "
        "gradients.",
    )
    lora_rank: Annotated[int, Field(ge=1, le=1024, strict=True)] | None = Field(
        default=None, description="Rank of the adapters, 16 if left out; lora only."
    )
    sequence_length: Whole | None = Field(default=None, description="Tokens per sequence; the model's own if left out.")
    batch: Whole | Literal["published"] | None = Field(
        default=None,
        description="Sequences of the whole cluster in a step. Exactly one of batch, batch_per_system and phases is needed; "
        "on GPUs batch or phases.",
    )
    batch_per_system: Whole | Literal["published"] | None = Field(
        default=None,
        description="Instead of batch, on wafers: sequences of one system in a step, so that the batch grows with the systems.",
    )
    optimizer: OptimizerName = Field(
        default="adamw",
        description="Which states MemoryX or a GPU keeps of a parameter, and what an update reads and writes.",
    )
    gradient_clipping: Literal["global-norm", "none"] = Field(
        default="global-norm",
        description="global-norm: on GPUs updates wait for the norm of all gradients; of wafers `optimizer_barrier` says it.",
    )
    optimizer_barrier: Literal["none", "global-norm"] = Field(
        default="none",
        description="none: updates hide behind the backward pass, as measured, clipped or not; global-norm: no update starts "
        "before the last gradient has arrived.",
    )
    loss_scaling: Literal["dynamic", "none"] = Field(
        default="none",
        description="As the model was trained; told with the job, it takes no time: measured steps of jobs that scale their loss "
        "dynamically hide their updates. `optimizer_barrier` has them wait. Wafers only.",
    )
    weight_precision: Literal["fp16", "bf16", "fp32", "fp8"] = Field(
        default="fp16", description="Of the weights that stream; fp8 halves their bytes and multiplies as fp16."
    )
    gradient_precision: Literal["fp16", "bf16", "fp32"] = Field(
        default="fp32", description="Of gradients on their way to MemoryX; wafers only."
    )
    density: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0, description="Share of the weights that are not zero; the others are neither sent nor worked on."
    )
    baked_in_zeros: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0,
        description="Share of frozen weights that were zero when the job was compiled: saves what was measured, 14 % of a "
        "forward pass at 0.75; forward and lora only.",
    )
    tokens: Tokens | None = Field(
        default=DEFAULT_TOKENS,
        description="Of the whole run, such as 2T, 300 B or 7e9; published: its steps times its batch. Beside phases they are "
        "what those must add up to, or what the last one fills.",
    )
    input_rate: Annotated[float, Field(gt=0)] | None = Field(
        default=None,
        description="Sequences/s that the input workers of one system deliver; without it they never bind.",
    )

    steps: Whole | Literal["published"] | None = Field(
        default=None, description="Steps of the whole run, instead of its tokens; published: as the model was trained."
    )
    phases: Annotated[list[PhaseSpec], Field(min_length=1, max_length=MOST_PHASES)] | None = Field(
        default=None, description="Parts of the run one after the other, instead of batch and steps."
    )
    batch_ramp: BatchRamp | None = Field(
        default=None, description="Smaller batches at the beginning: a phase for each, the last one of the full batch."
    )

    @model_validator(mode="before")
    @classmethod
    def _phases_say_the_tokens(cls, values: Any) -> Any:
        """Without a word on tokens phases have their own; without phases the usual ones stand."""
        if not isinstance(values, dict) or values.get("tokens") is not None:
            return values
        return {**values, "tokens": None if values.get("phases") else DEFAULT_TOKENS}

    @model_validator(mode="after")
    def _one_batch(self) -> TrainingSpec:
        given = [name for name in ("batch", "batch_per_system", "phases") if getattr(self, name) is not None]
        if len(given) != 1:
            which = f"{' and '.join(given)} are given" if given else "none is given"
            raise ValueError(f"exactly one of batch, batch_per_system and phases is needed ({which})")
        if self.batch_ramp and self.batch is None:
            raise WrongField("batch_ramp", f"goes up to training.batch, which is needed ({given[0]} is given)")
        for place, phase in enumerate((self.phases or [])[:-1]):
            if phase.steps is None and phase.tokens is None:
                raise WrongField(f"phases.{place}", "needs steps or tokens; only the last phase may take what is left")
        if self.phases and not self.phases[-1].steps and not self.phases[-1].tokens and not (self.tokens or self.steps):
            last = len(self.phases) - 1
            raise WrongField(
                f"phases.{last}", "needs steps or tokens, or training.tokens of which it takes what is left"
            )
        return self

    @model_validator(mode="after")
    def _of_the_mode(self) -> TrainingSpec:
        """Fields that mean nothing in a mode are refused where they are given, not left aside."""
        if self.baked_in_zeros and self.mode == "train":
            raise WrongField(
                "baked_in_zeros", "weights that are trained do not stay zero; mode must be forward or lora"
            )
        if self.baked_in_zeros and self.density < 1.0:
            raise WrongField(
                "baked_in_zeros",
                "these zeros are sent, those of density are not: one weight cannot be both; give one of them",
            )
        if self.lora_rank is not None and self.mode != "lora":
            raise WrongField("lora_rank", f"adapters are of mode lora (mode is {self.mode})")
        for name, least in {"optimizer_barrier": "none", "loss_scaling": "none", "gradient_precision": "fp32"}.items():
            if self.mode == "forward" and getattr(self, name) != least:
                raise WrongField(name, "a forward pass has no gradients; leave it out, or mode must be train or lora")
        return self
