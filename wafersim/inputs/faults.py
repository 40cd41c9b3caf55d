"""Pydantic's errors in our words, with the line of the file."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from wafersim.errors import Fault, InputFaults, did_you_mean, shortened
from wafersim.inputs.foreign_names import FIELDS, PRICES
from wafersim.inputs.yaml_file import Path_, YamlFile

MOST_WORDED = 200
LONGEST_LIST = 400  # characters

TYPES = {
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "model_type": "must be a mapping of fields",
    "dict_type": "must be a mapping",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "finite_number": "must be finite",
    "dataclass_type": "must be a mapping of fields",
}
BOUNDS = {
    "greater_than_equal": (">=", "ge"),
    "greater_than": (">", "gt"),
    "less_than_equal": ("<=", "le"),
    "less_than": ("<", "lt"),
}
MISSED = {
    "date": "of the number, such as 2026 or 2026-03",
    "source": "where it is from, such as 'what if'",
    "training": "the job, such as {batch_per_system: 64, tokens: 20 B}, or {batch: 512} on GPUs",
}
"""What to write in a field that newcomers leave out."""


class WrongField(ValueError):
    """A check of several fields that blames one of them, by its path from where the check stands: `mode`, `training.mode`."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(problem)
        self.path = path


def validated(adapter: TypeAdapter[Any], file: YamlFile) -> Any:
    """A file's values as a model; raises InputFaults with every fault in the order of the lines."""
    try:
        return adapter.validate_python(file.values)
    except ValidationError as error:
        raise InputFaults(sorted(faults(error, file, adapter), key=lambda fault: fault.order)) from None


def faults(error: ValidationError, file: YamlFile, adapter: TypeAdapter[Any]) -> list[Fault]:
    """One fault per place; where a field allows several types, what each of them allows is said once."""
    return [file.fault(path, problem) for path, problem in problems(error, file.values, adapter)]


def problems(error: ValidationError, values: Any, adapter: TypeAdapter[Any]) -> list[tuple[Path_, str]]:
    """(path, what is wrong there) of every place."""
    by_path: dict[Path_, list[Any]] = {}
    for one in error.errors(include_url=False):
        path = _real_path(one["loc"], values, one["type"] == "missing")
        wrong = one.get("ctx", {}).get("error")
        if isinstance(wrong, WrongField):
            path = (*path, *wrong.path.split("."))
        by_path.setdefault(path, []).append(one)
    found: list[tuple[Path_, str]] = []
    for path, errors in by_path.items():
        if len(found) < MOST_WORDED:
            said = [_problem(one, path, adapter, values) for one in errors]
            found.append((path, " or ".join(dict.fromkeys(_merge(said)))))
        else:
            found.append(
                (path, str(errors[0]["msg"]))
            )  # beyond what is printed; looking for the nearest name takes long
    return found


def _merge(said: list[str]) -> list[str]:
    """Of several `must be X (got g)` keep the `must be` of the first and the `(got g)` of the last only."""
    ends = [p.split(" (got ")[0] if i + 1 < len(said) else p for i, p in enumerate(dict.fromkeys(said))]
    return [p.removeprefix("must be ") if i else p for i, p in enumerate(ends)]


def _real_path(loc: Iterable[str | int], values: Any, missing: bool) -> Path_:
    """Pydantic's location without the union branches and tags that are no keys of the file; a missing key is its last part."""
    path: list[str | int] = []
    here: Any = values
    parts = list(loc)
    for index, part in enumerate(parts):
        inside = part in here if isinstance(here, dict) else isinstance(here, list) and part in range(len(here))
        if inside:
            path.append(part)
            here = here[part]
        elif missing and isinstance(here, dict) and index + 1 == len(parts):
            path.append(part)
    return tuple(path)


def _problem(one: Any, path: Path_, adapter: TypeAdapter[Any], values: Any) -> str:
    kind, given, context = one["type"], one.get("input"), one.get("ctx", {})
    got = f" (got {shortened(given)})"
    if kind == "missing":
        hint = MISSED.get(str(path[-1]))
        return f"is missing: {hint}" if hint else "is missing"
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        known = _siblings(adapter, path, values)
        if path[-1] in PRICES and (len(path) == 1 or path[0] in ("system", "run")):
            return f"unknown field; here it is {PRICES[str(path[-1])]}"
        ours = FIELDS.get(str(path[-1]), "")
        if ours.split(",")[0] in known:
            return f"unknown field; here it is {ours}"
        nearby = [*known, *_one_below(adapter, values)] if len(path) == 1 else known
        return f"unknown field{did_you_mean(path[-1], nearby)} allowed: {_listed(known)}".replace(
            "field allowed", "field; allowed"
        )
    if kind in BOUNDS:
        sign, name = BOUNDS[kind]
        return f"must be {sign} {context[name]}{got}"
    if kind == "literal_error":
        allowed = str(context["expected"]).replace("'", "")
        near = did_you_mean(given, [word.strip() for word in allowed.replace(" or ", ",").split(",")])
        return f"must be {allowed}{got}{near}"
    if kind == "value_error":
        return str(context["error"])
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        auto = "auto, or " if path[:1] == ("strategy",) else ""
        return f"must be {auto}a mapping whose kind is one of {context.get('expected_tags', 'the known kinds')}{got}"
    if kind == "too_short":
        return f"needs {context['min_length']} or more (got {context['actual_length']})"
    if kind in TYPES:
        return TYPES[kind] + got
    message = str(one["msg"])
    return message[0].lower() + message[1:] + got


def _listed(names: list[str]) -> str:
    """Names one after the other; of many the first."""
    fits = [index for index in range(len(names)) if len(", ".join(names[: index + 1])) <= LONGEST_LIST]
    more = len(names) - len(fits)
    return ", ".join(names[: len(fits)]) + (f" and {more} more" if more else "")


def _siblings(adapter: TypeAdapter[Any], path: tuple[str | int, ...], values: Any) -> list[str]:
    """The allowed names beside an unknown one."""
    here, inside = _models(adapter._type, values), values
    for part in path[:-1]:
        inside = inside[part]
        if isinstance(part, int):
            continue  # what a list holds was found with the list
        fields = [_fields(model)[part] for model in here if part in _fields(model)]
        here = [model for annotation in fields for model in _models(annotation, inside)]
    return sorted({name for model in here for name in _fields(model)})


def _one_below(adapter: TypeAdapter[Any], values: Any) -> list[str]:
    """Paths of the fields in the mappings at the top: `systems` is meant as "system.systems"."""
    tops = [
        (name, annotation) for model in _models(adapter._type, values) for name, annotation in _fields(model).items()
    ]
    return [
        f"{top}.{name}"
        for top, annotation in tops
        for model in _models(annotation, values.get(top) if isinstance(values, dict) else None)
        for name in _fields(model)
    ]


def _fields(model: Any) -> dict[str, Any]:
    """Names and annotations of a schema's fields."""
    if issubclass(model, BaseModel):
        return {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    return {field.name: field.type for field in dataclasses.fields(model)}


def _models(annotation: Any, value: Any) -> list[type]:
    """The schemas that a value may have; of a union told apart by `kind` the one it says it is."""
    if isinstance(annotation, type) and (issubclass(annotation, BaseModel) or dataclasses.is_dataclass(annotation)):
        return [annotation]
    models = [model for argument in getattr(annotation, "__args__", ()) for model in _models(argument, value)]
    kind = value.get("kind") if isinstance(value, dict) else None
    return [model for model in models if kind is not None and _kinds(model) == (kind,)] or models


def _kinds(model: type) -> tuple[Any, ...]:
    return getattr(_fields(model).get("kind"), "__args__", ())
