"""A YAML or JSON file: its plain values, the line of every dotted path, and faults that name both."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ruamel.yaml.error import MarkedYAMLError, YAMLError

from wafersim.errors import Fault, InputFaults, shortened
from wafersim.inputs.file_cache import of_file
from wafersim.inputs.json_reader import read_json_text
from wafersim.inputs.yaml_reader import Path_, Refused, read_text

__all__ = ["Option", "Path_", "YamlFile", "read_json", "read_scalar", "read_yaml"]

LARGEST_BYTES = 200_000  # nothing a person wrote is larger
BROKEN = (YAMLError, ValueError, KeyError, TypeError, AttributeError, RecursionError, NotImplementedError, IndexError)


@dataclass(frozen=True)
class Option:
    """What an option of the command line has put into the values of a file: `--set` a field, `--sweep` a list of the sweep."""

    flag: Literal["--set", "--sweep"]
    path: Path_

    @property
    def typed(self) -> str:
        """The path as it was typed: what `--sweep` varies is a path itself."""
        return dotted(self.path[1:] if self.flag == "--sweep" else self.path)

    def fault(self, full: Path_, problem: str) -> Fault:
        """A fault at a path that lies below the option's; which value of a list it is, is said by what it quotes."""
        if self.flag == "--set":
            return Fault(self.flag, None, dotted(full), problem)
        inside = dotted(full[len(self.path) + 1 :])
        return Fault(self.flag, None, self.typed, f"{inside}: {problem}" if inside else problem)


@dataclass(frozen=True)
class YamlFile:
    """Plain values and where each stands: a file's, or those of a part of it that lies under `inside`.

    What is wrong below the path of one of the `options` is that option's fault.
    """

    name: str
    values: dict[str, Any]
    lines: dict[Path_, int]
    inside: Path_ = ()
    options: tuple[Option, ...] = ()

    def fault(self, path: Path_, problem: str) -> Fault:
        """A fault at a path, with the line of its longest known part; blamed on the option that set it, if one did."""
        full = (*self.inside, *path)
        for option in self.options:
            if full[: len(option.path)] == option.path:
                return option.fault(full, problem)
        known = full
        while known and known not in self.lines:
            known = known[:-1]
        return Fault(self.name, self.lines.get(known, 1) if self.lines else None, dotted(full), problem)

    def part(self, path: Path_, values: dict[str, Any]) -> YamlFile:
        """The values under a path, at home where they stand."""
        return replace(self, values=values, inside=(*self.inside, *path))


def dotted(path: Path_) -> str:
    """A path as it is written."""
    return ".".join(map(str, path))


@of_file
def read_yaml(path: Path) -> YamlFile:
    """Read one YAML mapping; raises InputFaults with one line for whatever is wrong with the file."""
    text = _text(path, "YAML")
    if not text.strip():
        raise _refusal(
            path, "is empty; an experiment needs name, model, system, strategy and training, a plan goal and candidates"
        )
    try:
        values, lines = read_text(text)
    except Refused as refused:
        raise _refusal(path, refused.problem, refused.line) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = f"broken YAML: {error.problem or error.context}"
        raise _refusal(path, problem, mark.line + 1 if mark else None) from None
    except BROKEN as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise _refusal(path, f"broken YAML: {first}") from None
    if not isinstance(values, dict):
        raise _refusal(path, f"must be a mapping of fields at the top (got {_kind(values)})", 1)
    return YamlFile(str(path), values, lines)


@of_file
def read_json(path: Path) -> YamlFile:
    """Read one JSON mapping, as bounded as YAML; raises InputFaults with one line for whatever is wrong with the file."""
    text = _text(path, "JSON")
    if not text.strip():
        raise _refusal(path, "is empty; a JSON mapping is needed")
    try:
        values, lines = read_json_text(text.removeprefix("\ufeff"))
    except Refused as refused:
        raise _refusal(path, refused.problem, refused.line) from None
    if not isinstance(values, dict):
        raise _refusal(path, f"must be a mapping at the top (got {_kind(values)})", 1)
    return YamlFile(str(path), values, lines)


def _text(path: Path, language: str) -> str:
    try:
        if path.is_dir():
            raise _refusal(path, f"is a directory; a {language} file is needed")
        if path.exists() and not path.is_file():
            raise _refusal(path, f"is a device or a pipe; a {language} file is needed")
        size = path.stat().st_size
        if size > LARGEST_BYTES:
            raise _refusal(path, f"is {size} bytes; at most {LARGEST_BYTES} are read")
        raw = _read_at_most(path, LARGEST_BYTES + 1)
        if len(raw) > LARGEST_BYTES:  # it says another size than it has, as files of /proc do
            raise _refusal(path, f"is larger than {LARGEST_BYTES} bytes; no more are read")
    except FileNotFoundError:
        raise _refusal(path, "no such file") from None
    except (OSError, ValueError) as error:
        raise _refusal(path, f"cannot be read ({getattr(error, 'strerror', None) or error})") from None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise _refusal(path, f"is not text (UTF-8); a {language} file is needed") from None


def _read_at_most(path: Path, size: int) -> bytes:
    """The first bytes of a file. What becomes a pipe meanwhile, or never ends (/proc/kmsg), is not waited for."""
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:  # noqa: PTH123
        return file.read(size) or b""


def _refusal(path: Path, problem: str, line: int | None = None) -> InputFaults:
    text = str(path)
    return InputFaults([Fault(text if len(text) <= 255 else f"{text[:60]}...", line, "", problem)])


def read_scalar(text: str) -> Any:
    """A value written on the command line, read as YAML; text that is no YAML stays text. Raises Refused."""
    try:
        return read_text(text)[0]
    except Refused:
        raise
    except BROKEN:
        return text


def read_list(text: str) -> list[Any]:
    """The values of a list written on the command line, with or without its brackets. Raises Refused."""
    try:
        values = read_text(f"[{text}]")[0]
    except Refused:
        raise
    except BROKEN:
        raise Refused(f"must be values with commas between them (got {shortened(text)})", 1) from None
    if not isinstance(values, list):
        raise Refused(f"must be values with commas between them (got {shortened(text)})", 1)
    return values[0] if len(values) == 1 and isinstance(values[0], list) else values


def _kind(value: Any) -> str:
    return "a list" if isinstance(value, list) else "nothing" if value is None else f"{str(value)[:40]!r}"
