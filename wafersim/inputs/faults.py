"""Pydantic's errors in our words, with the line of the file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from wafersim.errors import Fault, InputFaults, did_you_mean
from wafersim.inputs.yaml_file import YamlFile

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
}
BOUNDS = {
    "greater_than_equal": (">=", "ge"),
    "greater_than": (">", "gt"),
    "less_than_equal": ("<=", "le"),
    "less_than": ("<", "lt"),
}


def validated(adapter: TypeAdapter[Any], file: YamlFile) -> Any:
    """A file's values as a model; raises InputFaults with every fault in the order of the lines."""
    try:
        return adapter.validate_python(file.values)
    except ValidationError as error:
        found = faults(error, file, adapter)
        raise InputFaults(sorted(found, key=_line)) from None


def faults(error: ValidationError, file: YamlFile, adapter: TypeAdapter[Any]) -> list[Fault]:
    """One fault per place; where a field allows several types, what each of them allows is said once."""
    by_path: dict[tuple[str | int, ...], list[str]] = {}
    for one in error.errors(include_url=False):
        path = _real_path(one["loc"], file.values)
        by_path.setdefault(path, []).append(_problem(one, path, adapter, file.values))
    return [Fault(file.place(path), " or ".join(dict.fromkeys(_merge(problems)))) for path, problems in by_path.items()]


def _merge(problems: list[str]) -> list[str]:
    """Of several `X (got g)` keep the `(got g)` of the last only."""
    return [p.split(" (got ")[0] if i + 1 < len(problems) else p for i, p in enumerate(dict.fromkeys(problems))]


def _real_path(loc: Iterable[str | int], values: Any) -> tuple[str | int, ...]:
    """Pydantic's location without the union branches and tags that are no keys of the file."""
    path: list[str | int] = []
    here: Any = values
    parts = list(loc)
    for index, part in enumerate(parts):
        inside = part in here if isinstance(here, dict) else isinstance(here, list) and part in range(len(here))
        if inside:
            path.append(part)
            here = here[part]
        elif isinstance(here, dict) and index + 1 == len(parts) and isinstance(part, str):
            path.append(part)  # a missing key
    return tuple(path)


def _problem(one: Any, path: tuple[str | int, ...], adapter: TypeAdapter[Any], values: Any) -> str:
    kind, given, context = one["type"], one.get("input"), one.get("ctx", {})
    got = f" (got {_short(given)})"
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        known = _siblings(adapter, path, values)
        return f"unknown field{did_you_mean(path[-1], known)} allowed: {', '.join(known)}".replace(
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
        return f"must be auto, or a mapping whose kind is one of {context.get('expected_tags', 'the known kinds')}{got}"
    if kind == "too_short":
        return f"needs {context['min_length']} or more (got {context['actual_length']})"
    if kind in TYPES:
        return TYPES[kind] + got
    message = str(one["msg"])
    return message[0].lower() + message[1:] + got


def _siblings(adapter: TypeAdapter[Any], path: tuple[str | int, ...], values: Any) -> list[str]:
    """The allowed names beside an unknown one."""
    here, inside = _models(adapter._type, values), values
    for part in path[:-1]:
        inside = inside[part]
        if isinstance(part, int):
            continue  # what a list holds was found with the list
        fields = [model.model_fields[part] for model in here if part in model.model_fields]
        here = [model for field in fields for model in _models(field.annotation, inside)]
    return sorted({field.alias or name for model in here for name, field in model.model_fields.items()})


def _models(annotation: Any, value: Any) -> list[type[BaseModel]]:
    """The models that a value may be; of a union told apart by `kind` the one it says it is."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    models = [model for argument in getattr(annotation, "__args__", ()) for model in _models(argument, value)]
    kind = value.get("kind") if isinstance(value, dict) else None
    return [model for model in models if kind is not None and _kinds(model) == (kind,)] or models


def _kinds(model: type[BaseModel]) -> tuple[Any, ...]:
    field = model.model_fields.get("kind")
    return getattr(field.annotation, "__args__", ()) if field is not None else ()


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _line(fault: Fault) -> int:
    parts = fault.place.split(":")
    return next((int(part) for part in parts[1:] if part.strip().isdigit()), 0)
