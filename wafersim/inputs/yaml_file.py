"""YAML with line numbers: plain values, and the line of every dotted path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from wafersim.errors import Fault, InputFaults

Path_ = tuple[str | int, ...]
LARGEST_BYTES = 1_000_000  # nothing a person wrote is larger


@dataclass(frozen=True)
class YamlFile:
    """A file's plain values and where each stands."""

    name: str
    values: dict[str, Any]
    lines: dict[Path_, int]

    def place(self, path: Path_) -> str:
        """`file:line: dotted.path` of the longest known part of a path."""
        known = path
        while known and known not in self.lines:
            known = known[:-1]
        dotted = ".".join(map(str, path))
        return f"{self.name}:{self.lines.get(known, 1)}" + (f": {dotted}" if dotted else "")


def read_yaml(path: Path) -> YamlFile:
    """Read one YAML mapping; raises InputFaults with one line for whatever is wrong with the file."""

    def refuse(problem: str, line: int | None = None) -> InputFaults:
        return InputFaults([Fault(f"{path}:{line}" if line else str(path), problem)])

    if path.is_dir():
        raise refuse("is a directory; a YAML file is needed")
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise refuse("no such file") from None
    except (OSError, ValueError) as error:
        raise refuse(f"cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if len(raw) > LARGEST_BYTES:
        raise refuse(f"is {len(raw)} bytes; at most {LARGEST_BYTES} are read")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise refuse("is not text (UTF-8); a YAML file is needed") from None
    if not text.strip():
        raise refuse("is empty; an experiment needs name, model, system, strategy and training")
    try:
        values = YAML(typ="rt").load(text)
    except DuplicateKeyError as error:
        raise refuse(str(error.problem).split(" with")[0], _line(error)) from None
    except MarkedYAMLError as error:
        raise refuse(f"broken YAML: {error.problem or error.context}", _line(error)) from None
    except (YAMLError, ValueError, KeyError, TypeError, AttributeError, RecursionError, NotImplementedError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise refuse(f"broken YAML: {first}") from None
    if not isinstance(values, CommentedMap):
        raise refuse(f"must be a mapping of fields at the top (got {_kind(values)})", 1)
    lines: dict[Path_, int] = {}
    try:
        return YamlFile(str(path), _plain(values, (), lines), lines)
    except RecursionError:
        raise refuse("broken YAML: an alias contains itself") from None


def read_scalar(text: str) -> Any:
    """A value written on the command line, read as YAML; text that is no YAML stays text."""
    try:
        value = YAML(typ="rt").load(text)
    except (YAMLError, ValueError, KeyError, TypeError, AttributeError):
        return text
    return _plain(value, (), {})


def _line(error: MarkedYAMLError) -> int | None:
    mark = error.problem_mark or error.context_mark
    return mark.line + 1 if mark else None


def _plain(value: Any, path: Path_, lines: dict[Path_, int]) -> Any:
    """ruamel's types as plain ones, noting the line of every key and item."""
    if isinstance(value, CommentedMap):
        plain = {}
        for key, item in value.items():
            name = str(key)
            lines[(*path, name)] = value.lc.key(key)[0] + 1 if key in (value.lc.data or {}) else lines.get(path, 1)
            plain[name] = _plain(item, (*path, name), lines)
        return plain
    if isinstance(value, CommentedSeq):
        for index in range(len(value)):
            lines[(*path, index)] = (
                value.lc.item(index)[0] + 1 if index in (value.lc.data or {}) else lines.get(path, 1)
            )
        return [_plain(item, (*path, index), lines) for index, item in enumerate(value)]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    return str(value)


def _kind(value: Any) -> str:
    return {CommentedSeq: "a list", type(None): "nothing"}.get(type(value), f"{str(value)[:40]!r}")
