"""Tokens of a whole run, as people write them: 2T, "300 B", 7e9, "20 per parameter", published."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from wafersim import quantity

PER_PARAMETER = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:tokens\s+)?per\s+parameter\s*")
MOST_TOKENS = 1e18


def _tokens(value: Any) -> Any:
    """2T, "300 B", 7e9, "20 per parameter" or published."""
    if isinstance(value, str) and value.strip() == "published":
        return "published"
    written = PER_PARAMETER.fullmatch(value) if isinstance(value, str) else None
    number = float(written[1]) if written else quantity.parse(value, "number of tokens")
    if not 0 < number < MOST_TOKENS:
        raise ValueError(f"must be above 0 and below {MOST_TOKENS:.0e} (got {value!r})")
    return f"{written[1]} per parameter" if written else number


Tokens = Annotated[
    float | str,
    BeforeValidator(_tokens),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "string", "pattern": quantity.pattern("number of tokens")},
                {"type": "string", "pattern": f"^({PER_PARAMETER.pattern}|\\s*published\\s*)$"},
            ]
        }
    ),
]
