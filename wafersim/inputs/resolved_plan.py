"""A plan as it was asked, options included, written so that the same question can be asked again anywhere and on any day."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python

from wafersim.inputs.goal import Offer, PlanSpec
from wafersim.inputs.references import References
from wafersim.inputs.resources import is_path
from wafersim.inputs.shared_fields import COMMON
from wafersim.inputs.yaml_file import YamlFile

Plain = dict[str, Any]


def resolved_plan(
    file: YamlFile, beside: Path, spec: PlanSpec, offers: Sequence[Offer]
) -> tuple[Plain, dict[str, Plain]]:
    """(fields of the plan's file, {path beside it: profile of one's own that it names}), all plain values.

    Models and profiles of one's own stand in it as they were read; a last day has its first. `file` is what was asked.
    """
    values: Plain = copy.deepcopy(file.values)
    if spec.goal.by is not None:
        values["goal"]["start"] = str(spec.goal.first_day)
    values["common"] = _settled(file, beside, values.get("common", {}), COMMON)
    profiles: dict[str, Plain] = {}
    for index, (candidate, offer) in enumerate(zip(values["candidates"], offers, strict=True)):
        if "fields" in candidate:
            candidate["fields"] = _settled(file, beside, candidate["fields"], ("candidates", index, "fields"))
        profile = offer.experiment.system.profile
        if not isinstance(profile, str):
            candidate["on"] = _own_name(offer.name, profiles)
            profiles[_file_of(candidate["on"])] = to_jsonable_python(profile, exclude_none=True)
        elif is_path(offer.name):
            candidate["on"] = profile  # a shipped one's file
    for path, value in _filled(offers[0]):
        part, _, name = path.partition(".")
        values["common"].setdefault(part, {}).setdefault(name, value)
    plain: Plain = to_jsonable_python(values)
    return plain, profiles


def _settled(file: YamlFile, beside: Path, fields: Plain, place: tuple[str | int, ...]) -> Plain:
    """Fields of an experiment with what their references lead to; they were read before, so that none is broken."""
    plain: Plain = to_jsonable_python(References(file, beside).settled(fields, (), place), exclude_none=True)
    return plain


def _filled(offer: Offer) -> list[tuple[str, Any]]:
    """Fields that a model's own file of another program has filled, which its geometry alone does not."""
    model = offer.experiment.model
    imported = None if isinstance(model, str) else model.imported
    fields = offer.experiment.model_dump(mode="json", exclude_none=True)
    found = []
    for path in () if imported is None else imported.filled:
        part, _, name = path.partition(".")
        found.append((path, fields[part][name]))
    return found


def _own_name(typed: str, taken: Plain) -> str:
    """By which a plan names a profile that lies beside it: as it was typed, where that leads into no other folder."""
    path = Path(typed)
    path = Path(path.name) if path.is_absolute() or ".." in path.parts else path
    path = path.with_suffix(".yaml") if path.suffix == ".json" else path
    while _file_of(str(path)) in taken:
        path = path.with_name(f"other-{path.name}")
    return str(path)


def _file_of(name: str) -> str:
    return name if name.endswith((".yaml", ".yml")) else f"{name}.yaml"
