"""A part of a training run, of an experiment or as a model's authors describe it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from wafersim.inputs.sourced import Frozen
from wafersim.inputs.strategy import Whole


class PhaseSpec(Frozen):
    """A part of a run with a batch, and where it changes a number of systems, of its own."""

    batch: Whole = Field(description="Sequences of the whole cluster in a step.")
    steps: Whole
    systems: Annotated[int, Field(ge=1, le=100_000, strict=True)] | None = None
