"""An experiment of fields that several share and of its own: a side of a comparison, a candidate of a plan."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from wafersim.errors import Fault, InputFaults
from wafersim.inputs.experiment import Experiment, with_kind
from wafersim.inputs.faults import problems
from wafersim.inputs.filling import filled
from wafersim.inputs.references import References
from wafersim.inputs.sweep import put
from wafersim.inputs.yaml_file import Path_, YamlFile, dotted

COMMON = ("common",)  # where a file has the shared ones


def experiment_of(
    file: YamlFile,
    beside: Path,
    name: str,
    common: Mapping[str, Any],
    own: Mapping[str, Any],
    place: Sequence[str | int],
    about: str,
    settle: Callable[[dict[str, Any]], None] = lambda values: None,
) -> Experiment:
    """The experiment of shared fields and of its own, written at `place`/fields of a file, which win; faults name it (`about`).

    `settle` changes the fields before they are checked. Raises InputFaults, each at its line or where the part begins.
    """
    references = References(file, beside)
    shared = references.settled(dict(common), (), COMMON)
    fields = references.settled(dict(own), (), (*place, "fields"))
    if references.faults:
        raise InputFaults(references.faults)
    values: dict[str, Any] = {"name": name, **copy.deepcopy(shared)}
    for key, value in fields.items():
        put(values, key, value)
    settle(values)
    values = filled(with_kind(values), references.settings)
    try:
        return Experiment.model_validate(values)
    except ValidationError as error:
        found = problems(error, values, TypeAdapter(Experiment))
        raise InputFaults([_fault(file, place, about, path, problem) for path, problem in found]) from None


def _fault(file: YamlFile, place: Sequence[str | int], about: str, path: Path_, problem: str) -> Fault:
    """A fault of the whole, which no line states: at the line where the part begins."""
    line = file.fault(tuple(place), "").line
    return Fault(file.name, line, dotted(path), problem, about)
