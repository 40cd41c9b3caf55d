"""The one place where a result becomes JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np


def dumps(value: Any) -> str:
    """Indented JSON; refuses numbers that JSON does not know (infinity, not-a-number)."""
    return json.dumps(value, indent=2, allow_nan=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
