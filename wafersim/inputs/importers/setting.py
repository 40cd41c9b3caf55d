"""What another program's file says of the training job: fields that an experiment may leave to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Setting:
    """A field of an experiment by its path, such as training.batch, and the key and value that it came from."""

    path: str
    value: int | float | str | bool
    said: str  # such as "train_input.batch_size 1024"
    kind: Literal["", "weight-streaming", "gpu-parallel"] = ""  # of the strategies that have the field; "": both
