"""The conventions by which FLOPs are counted, by name: what an experiment may ask for, and what a table may say of a row."""

from __future__ import annotations

from typing import Literal, get_args

FlopsConvention = Literal["megatron-2021", "palm", "causal"]

FLOPS_CONVENTIONS: tuple[FlopsConvention, ...] = get_args(FlopsConvention)

MEGATRON: FlopsConvention = "megatron-2021"
"""That of an experiment that names none."""
