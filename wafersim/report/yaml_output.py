"""Plain values as YAML, as run directories and pages have them."""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from typing import Any

from ruamel.yaml import YAML


def dumps(values: Mapping[str, Any]) -> str:
    """The text, with its last line's end."""
    text = StringIO()
    YAML().dump(values, text)
    return text.getvalue()
