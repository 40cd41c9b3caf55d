"""`--set PATH=VALUE` and `--sweep PATH=a,b,c` of the command line, placed among the values of an experiment's file."""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from typing import Any

from wafersim.errors import Fault, shortened
from wafersim.inputs.sweep import EVERYTHING, ONE_OF, put, split_path
from wafersim.inputs.yaml_file import Option, read_list, read_scalar
from wafersim.inputs.yaml_reader import Refused

OF_NO_JOB = ("name", "title", "run")
COUNTS = ("system.systems", "system.gpus")
SHAPES = {"--set": "PATH=VALUE, such as system.systems=8", "--sweep": "PATH=a,b,c, such as system.systems=1,2,4"}


def place(
    values: dict[str, Any], sets: Sequence[str], sweeps: Sequence[str]
) -> tuple[dict[str, Any], tuple[Option, ...], list[Fault]]:
    """(the values with every option in its place, the options, what cannot be read of them).

    What is set is no longer swept, and what is swept anew no longer as the file has it: alone, among several fields at
    once, or as the other of two that exclude each other. A path that the file does not sweep joins its grid at the end.
    What the file has as published of its job goes where an option makes another job of it.
    """
    settings, found = _read("--set", sets)
    lists, wrong = _read("--sweep", sweeps)
    found += [fault for path in [*settings] if (fault := _below_a_name(values, path, settings)) is not None]
    settings = {path: value for path, value in settings.items() if path not in {fault.path for fault in found}}
    placed = _placed(values, settings, lists)
    paths = [path.removeprefix("sweep.") for path in (*settings, *lists)]
    if placed != values and not any(_within(path, ("published",)) for path in paths):
        of_job = [path for path in paths if not _within(path, OF_NO_JOB)]
        kept = _unpublished(values, by_count=all(_within(path, COUNTS) for path in of_job)) if of_job else values
        placed = _placed(kept, settings, lists)
    options = [Option("--set", tuple(split_path(path))) for path in settings]
    return placed, (*options, *(Option("--sweep", ("sweep", path)) for path in lists)), found + wrong


def _below_a_name(values: dict[str, Any], path: str, settings: Collection[str]) -> Fault | None:
    """A field of what the file, or another option, gives by name cannot be set; `model.layers` of `model: llama2-7b`."""
    parts = split_path(path)
    here: Any = values
    for depth, part in enumerate(parts[:-1], start=1):
        here = here.get(part) if isinstance(here, dict) else None
        above = ".".join(parts[:depth])
        if isinstance(here, str) and here != "auto" and above not in settings:
            instead = (
                "system.overrides changes its numbers" if above == "system.profile" else f"give {above} as a mapping"
            )
            return Fault("--set", None, path, f"{above} is {here}, by name, whose fields cannot be set here; {instead}")
    return None


def _placed(values: dict[str, Any], settings: dict[str, Any], lists: dict[str, list[Any]]) -> dict[str, Any]:
    values = copy.deepcopy(values)
    for path, value in settings.items():
        _displace(values.get("sweep"), _leaves(path, value), keep="")
        put(values, path, value)
    for path, items in lists.items():
        if values.get("sweep") is None:
            values["sweep"] = {}
        if isinstance(values["sweep"], dict):  # else it is refused as it stands
            _displace(values["sweep"], [leaf for item in items for leaf in _leaves(path, item)], keep=path)
            values["sweep"][path] = items
    return values


def _read(flag: str, texts: Sequence[str]) -> tuple[dict[str, Any], list[Fault]]:
    read: dict[str, Any] = {}
    found = []
    for text in texts:
        path, equals, value = text.partition("=")
        path = path.strip()
        if not equals or not path:
            found.append(Fault(flag, None, shortened(text)[1:-1], f"must be {SHAPES[flag]}"))
            continue
        try:
            read[path] = read_scalar(value) if flag == "--set" else read_list(value)
            twice = _there_twice(read[path]) if flag == "--sweep" else None
            if twice is not None:
                found.append(Fault(flag, None, path[:80], f"{twice} is there twice: each value is a point of its own"))
                del read[path]
        except Refused as refused:
            found.append(Fault(flag, None, path[:80], refused.problem))
    return read, found


def _there_twice(values: Any) -> str | None:
    """The first value of a list that an earlier one is, as it is quoted; 1 and 1.0 are one value, 1 and true are not."""
    seen = set[tuple[bool, Any]]()
    for value in values if isinstance(values, list) else ():
        key = isinstance(value, bool), repr(value) if isinstance(value, dict | list) else value
        if key in seen:
            return shortened(value)
        seen.add(key)
    return None


def _leaves(path: str, value: Any) -> list[str]:
    """The paths that a value sets: a mapping sets each field in it."""
    if not isinstance(value, dict) or not value:
        return [path]
    prefix = "" if path == EVERYTHING else f"{path}."
    return [leaf for name, inner in value.items() for leaf in _leaves(f"{prefix}{name}", inner)]


def _displace(swept: Any, paths: Sequence[str], keep: str) -> None:
    """Take paths out of a sweep, which changes; a list that has nothing left to vary goes, but not the one to keep."""
    if not isinstance(swept, dict):
        return
    gone = tuple(dict.fromkeys(one for path in paths for one in _excluded_by(path)))
    for name in list(swept):
        if name == keep:
            continue
        if _within(name, gone):
            del swept[name]
        elif isinstance(swept[name], list):
            prefix = "" if name == EVERYTHING else f"{name}."
            left = [_without(item, prefix, gone) for item in swept[name]]
            if left == swept[name]:
                continue
            swept[name] = [item for index, item in enumerate(left) if item != {} and item not in left[:index]]
            if not swept[name]:
                del swept[name]


def _unpublished(values: dict[str, Any], by_count: bool) -> dict[str, Any]:
    """Values without what is published of their job, alone or beside several swept fields.

    What is published by the number of chips stays where nothing but that number changes (`by_count`).
    """
    out = _without_stale(values, by_count)
    sweep = values.get("sweep")
    if isinstance(sweep, dict) and isinstance(sweep.get(EVERYTHING), list):
        items = [_without_stale(item, by_count) if isinstance(item, dict) else item for item in sweep[EVERYTHING]]
        out["sweep"] = {**sweep, EVERYTHING: items}
    return out


def _without_stale(fields: dict[str, Any], by_count: bool) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if not _stale(name, value, by_count)}


def _stale(name: str, value: Any, by_count: bool) -> bool:
    if not _within(name, ("published",)):
        return False
    holds_value = "value" in value if isinstance(value, dict) else name == "published.value"
    return holds_value or not by_count


def _excluded_by(path: str) -> tuple[str, ...]:
    """A path and those that cannot stand beside it."""
    first, _, last = path.partition(".")
    together = ONE_OF.get(first, ())
    return tuple(f"{first}.{one}" for one in together) if last in together else (path,)


def _without(item: Any, prefix: str, gone: tuple[str, ...]) -> Any:
    """A swept value without the fields that lie at or below the paths that are gone."""
    if not isinstance(item, dict):
        return item
    return {
        name: _without(inner, f"{prefix}{name}.", gone)
        for name, inner in item.items()
        if not _within(f"{prefix}{name}", gone)
    }


def _within(path: str, gone: tuple[str, ...]) -> bool:
    return any(path == one or path.startswith(f"{one}.") for one in gone)
