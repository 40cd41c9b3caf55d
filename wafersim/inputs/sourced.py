"""A number with where it comes from: value, unit, kind, source and date, checked by dimension."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from wafersim import quantity

KINDS = ("datasheet", "measured", "derived", "calibrated", "assumed")
POSITIVE = ("bandwidth", "size", "frequency", "rate")  # a machine without it does nothing
Kind = Literal["datasheet", "measured", "derived", "calibrated", "assumed"]
Confidence = Literal["read", "second-hand", "recalled"]  # in the source itself, quoted by another, from memory


class Frozen(BaseModel):
    """A frozen value that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, allow_inf_nan=False, defer_build=True)


class Named(Frozen):
    """What every profile says of itself besides its kind and its numbers."""

    name: str = Field(description="What it is called; also the name of its file.")
    title: str = Field(description="A line for people.")
    aliases: tuple[str, ...] = Field(default=(), description="Other names that it answers to.")


class Sourced(Frozen):
    """A number and where it comes from: `written` as in the file, `value` in SI units."""

    written: str
    value: float
    dimension: str
    kind: Kind
    source: str = Field(min_length=3)
    date: str = Field(pattern=r"^\d{4}(-\d{2}(-\d{2})?)?$")
    note: str | None = None
    standard_error: float | None = None
    like: str | None = None  # the profile whose number this is
    confidence: Confidence | None = None  # None: as good as its kind

    @property
    def origin(self) -> str:
        """Source, and how sure it is where that is not the source's own word."""
        how = {None: "", "read": "", "second-hand": " (second-hand)", "recalled": " (recalled, unchecked)"}
        return f"{self.source}{how[self.confidence]}"

    @property
    def cited(self) -> str:
        """Source, how sure it is, and date."""
        return f"{self.origin}, {self.date}"

    @property
    def in_short(self) -> str:
        """The first words of its source, and date, and how sure it is where nobody has read it there."""
        doubt = "unchecked" if self.unchecked else self.confidence if self.confidence == "second-hand" else ""
        first = re.split(r"[:,;(]", self.source, maxsplit=1)[0].strip()
        return ", ".join(word for word in (first, self.date, doubt) if word)

    @property
    def quoted(self) -> str:
        """As it is written, with that: what stands beside a number that was worked out from it."""
        return f"{self.written} ({self.in_short})"

    @property
    def unchecked(self) -> bool:
        """Whether somebody recalled it and nobody has looked it up."""
        return self.confidence == "recalled"


@dataclass(frozen=True)
class Dimension:
    """Marks a number with its dimension and bounds; pydantic reads it as the check and as the JSON Schema."""

    name: str
    least: float = 0.0
    most: float = math.inf
    whole: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(partial(sourced, self), handler(source))

    def __get_pydantic_json_schema__(self, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return _schema(self.name)

    def check(self, value: float, written: object) -> None:
        """Raises ValueError with what is allowed for a value in SI units beyond the bounds."""
        if value < self.least or (self.least == 0 and value == 0 and self.name in POSITIVE):
            allowed = f">= {self.least:g}" if self.least else "> 0" if self.name in POSITIVE else ">= 0"
            raise ValueError(f"must be {allowed} (got {written!r})")
        if value > self.most:
            raise ValueError(f"must be <= {quantity.format(self.most, self.name)} (got {written!r})")
        if self.whole and value != round(value):
            raise ValueError(f"must be a whole number (got {written!r})")


def sourced(dimension: Dimension, raw: Any) -> Any:
    """A written number as the fields of a `Sourced`; raises ValueError with what is allowed."""
    if isinstance(raw, Sourced):
        return raw
    if isinstance(raw, dict) and "written" in raw:  # as a run directory keeps it
        value = raw.get("value")
        if raw.get("dimension") != dimension.name or isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"must be a number of the dimension {dimension.name} (got {raw.get('dimension')!r})")
        dimension.check(float(value), value)
        return raw
    if not isinstance(raw, dict) or "value" not in raw:
        raise ValueError(
            "must be {value: ..., kind: ..., source: ..., date: ...}, or {like: profile, source: ..., date: ...}"
        )
    fields = {name: item for name, item in raw.items() if name not in ("value", "times")}
    value, written = quantity.parse(raw["value"], dimension.name), str(raw["value"])
    if "times" in raw:
        value *= quantity.parse(raw["times"], "count")
        written = quantity.format(value, dimension.name)
    dimension.check(value, raw["value"])
    if "date" in fields:
        fields["date"] = str(fields["date"])
    return {**fields, "written": written, "value": value, "dimension": dimension.name}


def _schema(dimension: str) -> dict[str, Any]:
    text = {"type": "string", "pattern": quantity.pattern(dimension)}
    value = {"anyOf": [{"type": "number"}, text]} if dimension in ("count", "fraction") else text
    return {
        "type": "object",
        "description": f"A {dimension} with its provenance.",
        "additionalProperties": False,
        "required": ["source", "date"],
        "oneOf": [{"required": ["value", "kind"]}, {"required": ["like"]}],
        "dependentSchemas": {"times": {"required": ["like"]}},
        "properties": {
            "value": value,
            "like": {"type": "string", "description": "The profile that has this number; it is assumed here."},
            "times": {
                "type": "number",
                "exclusiveMinimum": 0,
                "description": "What the other profile's is multiplied by.",
            },
            "kind": {"enum": list(KINDS)},
            "source": {"type": "string", "minLength": 3},
            "date": {"anyOf": [{"type": "string", "pattern": r"^\d{4}(-\d{2}(-\d{2})?)?$"}, {"type": "integer"}]},
            "note": {"type": "string"},
            "standard_error": {"type": "number"},
            "confidence": {"enum": list(get_args(Confidence))},
        },
    }


Bandwidth = Annotated[Sourced, Dimension("bandwidth")]
Size = Annotated[Sourced, Dimension("size")]
Frequency = Annotated[Sourced, Dimension("frequency")]
Time = Annotated[Sourced, Dimension("time")]
Power = Annotated[Sourced, Dimension("power")]
Price = Annotated[Sourced, Dimension("price")]
Money = Annotated[Sourced, Dimension("money")]
Rate = Annotated[Sourced, Dimension("rate")]
Count = Annotated[Sourced, Dimension("count")]
Whole = Annotated[Sourced, Dimension("count", 1, whole=True)]  # of things that there is at least one of
Several = Annotated[Sourced, Dimension("count", 2, whole=True)]
Fraction = Annotated[Sourced, Dimension("fraction", most=1.0)]
Portion = Annotated[Sourced, Dimension("fraction", most=0.9)]  # of a whole, of which something else is left
Ratio = Annotated[Sourced, Dimension("fraction")]  # of two things of which either may be the larger


def dimension_of(field: FieldInfo) -> Dimension:
    """The dimension that a number of a profile is marked with."""
    marks = list(field.metadata)
    for argument in getattr(field.annotation, "__args__", ()):
        marks += list(getattr(argument, "__metadata__", ()))
    return next(mark for mark in marks if isinstance(mark, Dimension))
