"""The one place where a result becomes JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

FORMAT = 1
"""Of what commands print with --json and write beside it; it grows when a key changes its meaning or goes."""


def document(**fields: Any) -> str:
    """A whole answer: its format, then its fields."""
    return dumps({"format": FORMAT, **fields})


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
