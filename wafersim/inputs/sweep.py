"""The grid of a sweep: one experiment per combination, in the order in which the paths are written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

from pydantic import ValidationError

from wafersim.errors import Fault, InputFaults
from wafersim.inputs.experiment import Experiment, with_kind
from wafersim.inputs.file_cache import at_one_moment

OVERRIDES = ("system", "overrides")
EVERYTHING = "*"
MOST_POINTS = 100_000
MOST_SECTIONS = 10_000  # that are kept, some kilobytes each
ONE_OF = {"training": ("batch", "batch_per_system", "phases"), "system": ("systems", "gpus")}


@dataclass(frozen=True)
class Point:
    """One combination: the values that were varied, and the experiment without a sweep."""

    overrides: dict[str, Any]
    experiment: Experiment


@dataclass(frozen=True)
class Limit:
    """How many points a grid may have, and what a refusal says of how to run more."""

    points: int = MOST_POINTS
    more: str = ""


def checked_size(sweep: Any, limit: Limit) -> None:
    """Raises ValueError with the size of a grid of more points than the limit; nothing of it is built."""
    lists = [items for items in sweep.values() if isinstance(items, list)] if isinstance(sweep, dict) else []
    size = prod(map(len, lists))
    if size > limit.points:
        factors = " x ".join(str(len(items)) for items in lists)
        more = f"; {limit.more}" if limit.more else ""
        raise ValueError(f"is a grid of {size} points ({factors}); up to {limit.points} are run{more}")


@dataclass(frozen=True)
class Grid:
    """The points of an experiment by their place, from 0, each made when it is asked for: its size costs no memory."""

    experiment: Experiment

    @cached_property
    def size(self) -> int:
        """How many points there are; an experiment without a sweep is one."""
        return prod(map(len, self._axes.values()))

    @property
    def sizes(self) -> dict[str, int]:
        """Values of each path, the one that varies fastest last."""
        return {path: len(values) for path, values in self._axes.items()}

    @cached_property
    def _axes(self) -> dict[str, list[Any]]:
        return self.experiment.sweep or {}

    @cached_property
    def _base(self) -> dict[str, Any]:
        return self.experiment.model_dump(mode="json", exclude={"sweep"})

    @cached_property
    def _varied(self) -> dict[str, Any]:
        """Of those fields the ones that an axis has something to say of."""
        paths = [path for path in self._axes if path != EVERYTHING]
        paths += [path for values in self._axes.get(EVERYTHING, ()) for path in values]
        touched = {path.partition(".")[0] for path in paths}
        return {name: value for name, value in self._base.items() if name in touched}

    @cached_property
    def _held(self) -> dict[str, Any]:
        """The others, as they were checked."""
        return {name: getattr(self.experiment, name) for name in self._base if name not in self._varied}

    def chosen(self, place: int) -> dict[str, Any]:
        """{path: value} of a point; the last path varies fastest."""
        found = {}
        for path, values in reversed(self._axes.items()):
            place, digit = divmod(place, len(values))
            found[path] = values[digit]
        return {path: found[path] for path in self._axes}

    def shown(self, place: int) -> dict[str, Any]:
        """The same, with models and profiles by their names."""
        return {path: _named(value) for path, value in self.chosen(place).items()}

    def point(self, place: int) -> Point:
        """Raises InputFaults where the values do not go together."""
        fields = {**self._held, **_fresh(self._varied)}
        for path, value in self.chosen(place).items():
            put(fields, path, value)
        shown = self.shown(place)
        try:
            return Point(shown, self._validated(with_kind(fields)))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise InputFaults([Fault(self.experiment.name, None, f"sweep: {shown}", str(first["msg"]))]) from None

    def _validated(self, fields: dict[str, Any]) -> Experiment:
        """The experiment of some fields; a section like one of a point before it is that one, and not checked again by itself."""
        names = {name: _written(value) for name, value in fields.items() if isinstance(value, dict)}
        known = {
            name: self._sections[name, written] for name, written in names.items() if (name, written) in self._sections
        }
        found = Experiment.model_validate({**fields, **known})
        if len(self._sections) > MOST_SECTIONS:
            self._sections.clear()
        for name, written in names.items():
            if written is not None:
                self._sections[name, written] = getattr(found, name)
        return found

    @cached_property
    def _sections(self) -> dict[tuple[str, str | None], Any]:
        return {}

    def shown_by_each(self) -> Iterator[dict[str, Any]]:
        """What is shown of points that have each value of "*", which alone sets other paths from one value to the next."""
        several = len(self._axes.get(EVERYTHING, [None]))
        paths = list(self._axes)
        inner = paths[paths.index(EVERYTHING) + 1 :] if EVERYTHING in self._axes else []
        step = prod(len(self._axes[path]) for path in inner)
        return (self.shown(index * step) for index in range(several))


def expand(experiment: Experiment, most: int = MOST_POINTS) -> list[Point]:
    """Every point; an experiment without a sweep is one point. Raises InputFaults for a grid of more than `most`."""
    try:
        checked_size(experiment.sweep or {}, Limit(most))
    except ValueError as error:
        raise InputFaults([Fault(experiment.name, None, "sweep", str(error))]) from None
    grid = Grid(experiment)
    with at_one_moment():
        return [grid.point(place) for place in range(grid.size)]


def _fresh(fields: dict[str, Any]) -> dict[str, Any]:
    """Fields whose mappings can be set without touching the original."""
    return {name: _fresh(value) if isinstance(value, dict) else value for name, value in fields.items()}


def _written(value: dict[str, Any]) -> str | None:
    """A section as one string; None where it holds what is no plain value: a model or a profile of a file."""
    try:
        return json.dumps(value)
    except TypeError:
        return None


def _named(value: Any) -> Any:
    """A model or a profile by its name."""
    if isinstance(value, dict):
        return {name: _named(inner) for name, inner in value.items()}
    return getattr(value, "name", value)


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
    # Setting one of several unsets the others: exactly one of them stands.
    if value is not None and len(parts) == 2 and parts[1] in ONE_OF.get(parts[0], ()):
        for other in ONE_OF[parts[0]]:
            if other != parts[1]:
                here.pop(other, None)
        if parts[1] == "phases":  # which say how long the run is
            for other in ("tokens", "steps", "batch_ramp"):
                here.pop(other, None)


def split_path(path: str) -> list[str]:
    """The parts of a dotted path; what a sweep varies is a path itself and stays one part."""
    parts = path.split(".")
    if parts[0] == "sweep" and len(parts) > 1:
        return ["sweep", ".".join(parts[1:])]
    if tuple(parts[:2]) == OVERRIDES and len(parts) > 2:
        return [*parts[:2], ".".join(parts[2:])]
    return parts
