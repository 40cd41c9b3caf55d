"""Which program a file was written for, told by its keys at the top."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BESIDE_A_MODEL = ("optimizer", "train_input", "runconfig", "sparsity")


def is_config(values: Mapping[str, Any]) -> bool:
    """Whether a mapping looks like a config.json of Hugging Face."""
    return "model_type" in values or "architectures" in values or "text_config" in values


def is_params(values: Mapping[str, Any]) -> bool:
    """Whether a mapping looks like a params.yaml of Cerebras Model Zoo, which has no `system` as an experiment has."""
    beside = any(part in values for part in BESIDE_A_MODEL) and "system" not in values
    return "trainer" in values or (beside and isinstance(values.get("model"), dict))
