"""From a file (or the name of a shipped one) and `--set` options to an Experiment; every fault at once."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from wafersim.errors import Fault, InputFaults, did_you_mean
from wafersim.inputs import resources
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.faults import faults
from wafersim.inputs.sweep import EVERYTHING, put, split_path
from wafersim.inputs.yaml_file import Path_, YamlFile, read_scalar, read_yaml

ADAPTER: TypeAdapter[Experiment] = TypeAdapter(Experiment)


def load_experiment(name: str | Path, sets: Sequence[str] = ()) -> Experiment:
    """The validated experiment. Raises InputFaults: one line per fault with its place and what is allowed."""
    file = read_yaml(locate(name))
    if "sides" in file.values:
        raise InputFaults([Fault(str(name), f"is a comparison; `wafersim compare {name}` runs it")])
    settings, found = _settings(sets)
    values = copy.deepcopy(file.values)
    for path, value in settings.items():
        sweep = values.get("sweep")
        if isinstance(sweep, dict):
            sweep.pop(path, None)  # what is set is no longer swept
        put(values, path, value)
    places = _Places(file, settings)
    try:
        experiment = ADAPTER.validate_python(values)
    except ValidationError as error:
        found += faults(error, places.of(values), ADAPTER)
    found += _sweep_faults(values, places.of(values))
    if found:
        raise InputFaults(sorted(dict.fromkeys(found), key=_order))
    return experiment


def locate(name: str | Path, first: str = "experiments") -> Path:
    """A path as it stands, else a shipped experiment or comparison by name with or without .yaml; guesses among `first`."""
    path = Path(name)
    try:
        if path.exists():
            return path
    except (OSError, ValueError):
        raise InputFaults([Fault(repr(str(name))[:80], "is no file name")]) from None
    for kind in ("experiments", "comparisons"):
        if len(path.parts) == 1 and path.stem in resources.names(kind) and path.suffix in ("", ".yaml"):
            return resources.find(kind, path.stem)
    near = did_you_mean(path.stem, resources.names(first))
    raise InputFaults(
        [Fault(str(name), f"no such file{near or '; `wafersim list experiments` shows the shipped ones'}")]
    )


def _settings(sets: Sequence[str]) -> tuple[dict[str, Any], list[Fault]]:
    settings, found = {}, []
    for text in sets:
        path, equals, value = text.partition("=")
        if not equals or not path.strip():
            found.append(Fault(f"--set {text}", "must be PATH=VALUE, such as system.systems=8"))
        else:
            settings[path.strip()] = read_scalar(value)
    return settings, found


class _Places:
    """Where a value came from: a line of the file, or a --set option."""

    def __init__(self, file: YamlFile, settings: dict[str, Any]) -> None:
        self._file = file
        self._options = {tuple(split_path(path)): f"--set {path}" for path in settings}

    def of(self, values: dict[str, Any]) -> YamlFile:
        """The file with the changed values, whose places know the options."""
        options, file = self._options, self._file

        class Placed(YamlFile):
            def place(self, path: Path_) -> str:
                for option, text in options.items():
                    if path[: len(option)] == option:
                        return text
                return file.place(path)

        return Placed(file.name, values, file.lines)


def _sweep_faults(values: dict[str, Any], file: YamlFile) -> list[Fault]:
    """Each swept value in its own place, so that the line of the list is named."""
    sweep = values.get("sweep")
    if not isinstance(sweep, dict):
        return []
    found: list[Fault] = []
    base = {name: value for name, value in values.items() if name != "sweep"}
    broken = _broken(base)
    for path, items in sweep.items():
        if not isinstance(items, list):
            continue  # said by the schema
        for index, item in enumerate(items):
            trial = copy.deepcopy(base)
            try:
                put(trial, path, item)
            except (TypeError, AttributeError):
                continue
            for where, problem in _broken(trial).items():
                if where not in broken or _under(where, path):
                    place = file.place(("sweep", path, index)).rsplit(": ", 1)[0]
                    found.append(Fault(f"{place}: sweep.{path}", problem))
    return found


def _broken(values: dict[str, Any]) -> dict[tuple[str | int, ...], str]:
    """{path: problem} of a set of fields."""
    try:
        ADAPTER.validate_python(values)
    except ValidationError as error:

        class Bare(YamlFile):
            def place(self, path: Path_) -> str:
                return ".".join(map(str, path))

        return {tuple(fault.place.split(".")): fault.problem for fault in faults(error, Bare("", values, {}), ADAPTER)}
    return {}


def _under(where: tuple[str | int, ...], path: str) -> bool:
    return path == EVERYTHING or ".".join(map(str, where)).startswith(path)


def _order(fault: Fault) -> tuple[int, str]:
    parts = fault.place.split(":")
    return next((int(part) for part in parts[1:] if part.strip().isdigit()), 0), fault.place
