"""The fields of a file as values, read of its JSON Schema: what each says, takes, is if left out, and an example of a file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from wafersim import quantity
from wafersim.inputs.profile import Profile

Schema = Mapping[str, Any]
DIMENSIONS = {quantity.pattern(name): name for name in quantity.UNITS}
ELSEWHERE = ("Model", "Imported")  # definitions that have a page of their own, or none
PROFILES = tuple(one.__name__ for one in get_args(Profile))
PLACES = {"Model": "[a model](../models.md)", **dict.fromkeys(PROFILES, "[a profile](profile.md)")}


@dataclass(frozen=True)
class Field:
    """One field: `takes` says in words what is allowed, `default` is None of a required one and empty of one
    that is nothing unless given, `example` is a line of YAML.
    """

    path: str
    said: str
    takes: str
    default: str | None
    example: str | None
    dimensions: tuple[str, ...]
    numeric: bool

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition(".")[2]


@dataclass(frozen=True)
class Section:
    """The fields of one mapping of the file; `path` is where it stands, empty at the top, `anchor` is its own on a page."""

    path: str
    anchor: str
    title: str
    said: str
    fields: tuple[Field, ...]


def sections_of(
    schema: Schema, files: Sequence[Any], left: tuple[str, ...] = (), title: str = "The file"
) -> list[Section]:
    """Every mapping of a file, in the order in which its fields are declared.

    Examples are those of `files`, values as they are read, the first that has a field; definitions in `left` are named, and
    not gone into.
    """
    return list(
        _Reader(schema.get("$defs", {}), (*left, *ELSEWHERE)).sections(schema, ("", "file"), title, list(files))
    )


@dataclass(frozen=True)
class _Reader:
    defs: Mapping[str, Schema]
    left: tuple[str, ...]

    def sections(self, schema: Schema, at: tuple[str, str], title: str, seen: list[Any]) -> Iterator[Section]:
        """Of a mapping at a path, with an anchor, and of those in it; `seen` are the values that files have there."""
        path, anchor = at
        fields = schema.get("properties", {})
        required = schema.get("required", ())
        nodes = [node for node in seen if isinstance(node, dict)]
        found = tuple(self._field(path, name, field, name in required, nodes) for name, field in fields.items())
        yield Section(path, anchor, title, schema.get("description", ""), found)
        for name, field in fields.items():
            values = [node[name] for node in nodes if name in node]
            for below, definition, inner in self._below(f"{path}.{name}".lstrip("."), field, values):
                at, of = (below, _anchor(below, definition)), _title(below, definition)
                yield from self.sections(self.defs[definition], at, of, inner)

    def _below(self, path: str, field: Schema, values: list[Any]) -> Iterator[tuple[str, str, list[Any]]]:
        """(path, definition, values of files) of the mappings that a field may hold."""
        for part in _parts(field):
            if "$ref" in part:
                name = part["$ref"].rpartition("/")[2]
                if name not in self.left:
                    yield path, name, values
            elif part.get("type") == "array" and isinstance(part.get("items"), dict):
                items = [item for value in values if isinstance(value, list) for item in value]
                yield from self._below(f"{path}[]", part["items"], items)
            elif isinstance(part.get("additionalProperties"), dict):
                named = [item for value in values if isinstance(value, dict) for item in value.values()]
                yield from self._below(f"{path}.NAME", part["additionalProperties"], named)

    def _field(self, path: str, name: str, field: Schema, required: bool, nodes: list[Any]) -> Field:
        here = f"{path}.{name}".lstrip(".")
        default = None if required else _written_default(field.get("default"))
        parts = [part for part in _parts(field) if part.get("type") != "null"]
        dimensions = tuple(dict.fromkeys(one for part in parts for one in _dimensions(part)))
        numeric = any(_numeric(part) for part in parts)
        said, values = field.get("description", ""), [node[name] for node in nodes if name in node]
        constant = [part["const"] for part in parts if "const" in part and len(parts) == 1]
        example = f"{name}: {as_written([*constant, *values][0])}" if constant or values else None
        return Field(here, said, self._takes(parts), default, example, dimensions, numeric)

    def _takes(self, parts: list[Schema]) -> str:
        words = [self._words(part) for part in parts]
        return " or ".join(dict.fromkeys(word for word in words if word))

    def _words(self, part: Schema) -> str:
        if "$ref" in part:
            name = part["$ref"].rpartition("/")[2]
            return PLACES.get(name, "a mapping")
        if "const" in part:
            return f"`{_plain(part['const'])}`"
        if "enum" in part:
            return ", ".join(f"`{_plain(one)}`" for one in part["enum"])
        if is_sourced(part):
            return f"a {_dimensions(part)[0]} with its source"
        kind = part.get("type")
        if kind == "string":
            dimension = DIMENSIONS.get(part.get("pattern", ""))
            return f"a {dimension}" if dimension else "a date" if part.get("format") == "date" else "text"
        if kind in ("integer", "number"):
            return _bounded("a whole number" if kind == "integer" else "a number", part)
        if kind == "array":
            items = part.get("items") or part.get("prefixItems") or {}
            inner = self._takes(_parts(items)) if isinstance(items, dict) else ""
            return f"a list, each {inner}" if inner else "a list"
        if kind == "object" or "additionalProperties" in part:
            extra = part.get("additionalProperties")
            inner = self._takes(_parts(extra)) if isinstance(extra, dict) else ""
            return f"a mapping of names, each to {inner}" if inner else "a mapping"
        if kind == "boolean":
            return "`true` or `false`"
        return " or ".join(_bounded(f"a {one}" if one == "number" else "text", part) for one in kind or ())


def is_sourced(part: Schema) -> bool:
    """Whether it is a number with its provenance."""
    return "standard_error" in part.get("properties", {})


def as_written(value: Any) -> str:
    """A value in the flow style of YAML."""
    if isinstance(value, dict):
        inner = ", ".join(f"{_key(name)}: {as_written(item)}" for name, item in value.items())
        return "{" + inner + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(as_written, value)) + "]"
    if isinstance(value, str):
        bare = (
            value and not set(value) & set(":#{}[],&*!|>'\"%@`") and value[0] not in "-? " and not _like_a_number(value)
        )
        return (
            value
            if bare and value not in ("true", "false", "null", "yes", "no")
            else json.dumps(value, ensure_ascii=False)
        )
    return _plain(value) if value is None or isinstance(value, bool) else repr(value)


def _key(name: Any) -> str:
    return as_written(str(name)) if not isinstance(name, int) else str(name)


def _like_a_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _parts(field: Schema) -> list[Schema]:
    """The alternatives of a field."""
    for key in ("anyOf", "oneOf"):
        if key in field and not is_sourced(field):
            return [inner for part in field[key] for inner in _parts(part)]
    return [field]


def _dimensions(part: Schema) -> list[str]:
    if is_sourced(part):
        return [one for value in _parts(part["properties"]["value"]) for one in _dimensions(value)]
    if part.get("type") == "array" and isinstance(part.get("items"), dict):
        return [one for inner in _parts(part["items"]) for one in _dimensions(inner)]
    if isinstance(part.get("additionalProperties"), dict):
        return [one for inner in _parts(part["additionalProperties"]) for one in _dimensions(inner)]
    dimension = DIMENSIONS.get(part.get("pattern", ""))
    return [dimension] if dimension else []


def _numeric(part: Schema) -> bool:
    if part.get("type") == "array" and isinstance(part.get("items"), dict):
        return any(map(_numeric, _parts(part["items"])))
    kind = part.get("type")
    return kind in ("integer", "number") or (isinstance(kind, list) and "number" in kind)


def _bounded(kind: str, part: Schema) -> str:
    low, high = part.get("minimum"), part.get("maximum")
    above, below = part.get("exclusiveMinimum"), part.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f"{kind} from {_plain(low)} to {_plain(high)}"
    first = f" from {_plain(low)}" if low is not None else f" above {_plain(above)}" if above is not None else ""
    last = f" up to {_plain(high)}" if high is not None else f" below {_plain(below)}" if below is not None else ""
    return kind + (f"{first},{last}" if first and last else first or last)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and abs(value) >= 10_000:
        return f"{value:,}" if value < 10**12 else f"{value:.3g}"
    return "null" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _written_default(value: Any) -> str:
    if value is None or value in ([], ()) or isinstance(value, dict):
        return ""
    return f"`{as_written(value)}`"


def _anchor(path: str, definition: str) -> str:
    return path.replace("[]", "") + ("-on-gpus" if definition == "GpuParallelSpec" else "")


def _title(path: str, definition: str) -> str:
    of = {"WeightStreamingSpec": " on wafers", "GpuParallelSpec": " on GPUs"}
    return f"`{path}`{of.get(definition, '')}"
