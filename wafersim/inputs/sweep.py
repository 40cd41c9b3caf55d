"""The grid of a sweep: one experiment per combination, in the order in which the paths are written."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import product
from typing import Any

from pydantic import ValidationError

from wafersim.errors import Fault, InputFaults
from wafersim.inputs.experiment import Experiment

OVERRIDES = ("system", "overrides")
EVERYTHING = "*"
OTHER = {
    "training": {"batch": "batch_per_system", "batch_per_system": "batch"},
    "system": {"systems": "gpus", "gpus": "systems"},
}


@dataclass(frozen=True)
class Point:
    """One combination: the values that were varied, and the experiment without a sweep."""

    overrides: dict[str, Any]
    experiment: Experiment


def expand(experiment: Experiment) -> list[Point]:
    """Every point; an experiment without a sweep is one point."""
    sweep = experiment.sweep or {}
    base = experiment.model_dump(mode="json", exclude={"sweep"})
    points = []
    for values in product(*sweep.values()):
        chosen = dict(zip(sweep, values, strict=True))
        fields = copy.deepcopy(base)
        for path, value in chosen.items():
            put(fields, path, value)
        try:
            points.append(Point(chosen, Experiment.model_validate(fields)))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise InputFaults([Fault(f"sweep: {chosen}", str(first["msg"]))]) from None
    return points


def put(fields: dict[str, Any], path: str, value: Any) -> None:
    """Set a dotted path, or several below it at once ("*": of the whole); everything below `system.overrides` is one key."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            put(fields, name if path == EVERYTHING else f"{path}.{name}", inner)
        return
    parts = split_path(path)
    here = fields
    for part in parts[:-1]:
        below = here.get(part)
        if not isinstance(below, dict):
            below = here[part] = {}
        here = below
    here[parts[-1]] = value
    # Setting one of a pair unsets the other: exactly one of them stands.
    if value is not None and parts[-1] in OTHER.get(parts[0], {}) and len(parts) == 2:
        here.pop(OTHER[parts[0]][parts[-1]], None)


def split_path(path: str) -> list[str]:
    """The parts of a dotted path."""
    parts = path.split(".")
    if tuple(parts[:2]) == OVERRIDES and len(parts) > 2:
        return [*parts[:2], ".".join(parts[2:])]
    return parts
