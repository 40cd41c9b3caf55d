"""A part of a training run, of an experiment or as a model's authors describe it, and a ramp of the batch."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_serializer, model_validator

from wafersim import quantity
from wafersim.errors import Infeasible, shortened
from wafersim.inputs.sourced import Frozen
from wafersim.inputs.strategy import Whole

MOST_PHASES = 1000  # each is simulated
_LENGTH = re.compile(r"(?P<number>.*?)\s*(?P<of>sequences|samples|tokens)?\s*")


def _number_of_tokens(value: Any) -> Any:
    """2T, "300 B" or 7e9 as a number."""
    number = quantity.parse(value, "number of tokens")
    if not 0 < number < 1e18:
        raise ValueError(f"must be above 0 and below 1e18 (got {value!r})")
    return number


def _length(value: Any) -> Any:
    """Sequences or tokens that a ramp takes, as written."""
    _length_of(value)
    return str(value)


def _length_of(value: Any) -> tuple[float, bool]:
    """(number, whether it counts tokens); raises ValueError with what is allowed."""
    written = _LENGTH.fullmatch(str(value))
    said = ValueError(
        f'must be sequences or tokens, such as "9765625 sequences" or "20 B tokens" (got {shortened(value)})'
    )
    if written is None or isinstance(value, bool):
        raise said
    try:
        number = quantity.parse(written["number"], "number of tokens")
    except ValueError:
        raise said from None
    if not 1 <= number < 1e18:
        raise said
    return number, written["of"] == "tokens"


TokenCount = Annotated[
    float,
    BeforeValidator(_number_of_tokens),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0},
                              {"type": "string", "pattern": quantity.pattern("number of tokens")}]}),
]  # fmt: skip
Length = Annotated[str, BeforeValidator(_length), WithJsonSchema({"type": ["number", "string"]})]


class PhaseSpec(Frozen):
    """A part of a run with a batch, and where it changes a number of systems or a sequence length, of its own."""

    batch: Whole = Field(description="Sequences of the whole cluster in a step.")
    steps: Whole | None = Field(default=None, description="Steps of this part.")
    tokens: TokenCount | None = Field(
        default=None, description="Instead of steps; with neither the last phase takes what is left of the run's."
    )
    systems: Annotated[int, Field(ge=1, le=100_000, strict=True)] | None = Field(
        default=None, description="Wafer-scale systems of this part; the job's own if left out."
    )
    gpus: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] | None = Field(
        default=None, description="GPUs of this part; the job's own if left out."
    )
    sequence_length: Whole | None = Field(default=None, description="Tokens per sequence; the job's own if left out.")

    @model_validator(mode="after")
    def _one_length(self) -> PhaseSpec:
        if self.steps is not None and self.tokens is not None:
            raise ValueError("give steps or tokens, not both")
        return self

    def tokens_at(self, sequence_length: int) -> float | None:
        """Tokens of all its steps; None where it takes what is left."""
        length = self.sequence_length or sequence_length
        return self.tokens if self.steps is None else float(self.steps) * self.batch * length


class BatchRamp(Frozen):
    """A batch that grows by equal increments, which share so many sequences evenly (Megatron's --rampup-batch-size)."""

    model_config = ConfigDict(populate_by_name=True)

    start: Whole = Field(alias="from", description="Sequences of the first batch.")
    by: Whole = Field(description="Sequences that each batch is larger than the one before.")
    over: Length = Field(description='How long it takes: "9765625 sequences" or "20 B tokens".')

    @model_serializer
    def _as_written(self) -> dict[str, Any]:
        return {"from": self.start, "by": self.by, "over": self.over}

    def phases(self, batch: int, sequence_length: int) -> list[tuple[int, int]]:
        """(batch, steps) of each part of the ramp before the full batch. Raises Infeasible where it does not come out there.

        As Megatron-LM counts (num_microbatches_calculator.py): the increments share the ramp's sequences evenly, and a step's
        batch follows from the sequences that came before it, so that no step is cut.
        """
        if self.start >= batch or (batch - self.start) % self.by:
            raise Infeasible(
                f"training.batch_ramp: from {self.start} by {self.by} does not come out at the batch {batch}; "
                f"{batch} - from must be a multiple of by"
            )
        parts = (batch - self.start) // self.by
        if parts >= MOST_PHASES:
            raise Infeasible(
                f"training.batch_ramp: has {parts} batches below the full one; up to {MOST_PHASES - 1} are run"
            )
        number, of_tokens = _length_of(self.over)
        sequences = number / sequence_length if of_tokens else number
        out, seen = list[tuple[int, int]](), 0
        for part in range(parts):
            size, end = self.start + part * self.by, sequences * (part + 1) / parts
            steps = max(0, -int((seen - end) // size))
            if steps:
                out.append((size, steps))
            seen += steps * size
        return out
