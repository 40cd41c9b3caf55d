"""From a file (or the name of a shipped one) and `--set` options to an Experiment; every fault at once."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from wafersim.errors import Fault, InputFaults, WafersimError, did_you_mean, shortened
from wafersim.inputs import resources
from wafersim.inputs.experiment import Experiment, with_kind
from wafersim.inputs.faults import problems
from wafersim.inputs.file_cache import at_one_moment
from wafersim.inputs.references import References
from wafersim.inputs.sweep import EVERYTHING, checked_size, put, split_path
from wafersim.inputs.yaml_file import Path_, YamlFile, read_scalar, read_yaml
from wafersim.inputs.yaml_reader import Refused

ADAPTER: TypeAdapter[Experiment] = TypeAdapter(Experiment)


def load_experiment(
    name: str | Path | Mapping[str, Any], sets: Sequence[str] = (), beside: Path = Path()
) -> Experiment:
    """The validated experiment of a path, looked for from the folder `beside`, of a shipped name, or of its fields.

    Raises InputFaults: one line per fault with its place and what is allowed.
    """
    if isinstance(name, Mapping):
        folder, file = beside, YamlFile("experiment", copy.deepcopy(dict(name)), {})
    else:
        path = locate(name, beside=beside)
        folder, file = path.parent, read_yaml(path)
    if "sides" in file.values:
        raise InputFaults([Fault(str(name), None, "", f"is a comparison; `wafersim compare {name}` runs it")])
    settings, found = _settings(sets)
    values = copy.deepcopy(file.values)
    for option, value in settings.items():
        sweep = values.get("sweep")
        if isinstance(sweep, dict):
            sweep.pop(option, None)  # what is set is no longer swept
        put(values, option, value)
    placed = replace(file, values=values, options=tuple(tuple(split_path(option)) for option in settings))
    experiment, wrong = checked(placed, folder)
    found += _blamed(wrong, file, placed, folder) if settings else wrong
    if found or experiment is None:
        raise InputFaults(sorted(dict.fromkeys(found), key=lambda fault: fault.order))
    return experiment


def checked(file: YamlFile, beside: Path) -> tuple[Experiment | None, list[Fault]]:
    """(the experiment that a file's values are, everything that is wrong with them)."""
    references = References(file, beside)
    values, found = with_kind(references.settled(file.values)), references.faults
    experiment: Experiment | None = None
    try:
        checked_size(values.get("sweep"))
        experiment = ADAPTER.validate_python(values)
    except ValidationError as error:
        said = [(path, problem) for path, problem in problems(error, values, ADAPTER)]
        found += [file.fault(path, problem) for path, problem in said if not references.broke(path)]
    except ValueError as error:
        return None, [*found, file.fault(("sweep",), str(error))]
    said_at = {(fault.line, fault.path) for fault in found}
    with at_one_moment():
        swept = _sweep_faults(replace(file, values=values), experiment is None)
    found += [fault for fault in swept if (fault.line, fault.path) not in said_at]
    return (None if found else experiment), found


def locate(name: str | Path, first: str = "experiments", beside: Path = Path()) -> Path:
    """A path from the folder `beside`, then in $WAFERSIM_PATH, else a shipped experiment or comparison by name.

    Raises InputFaults with the nearest name among `first`.
    """
    said, path = str(name), beside / name
    if _exists(path):
        return path
    for kind in ("experiments", "comparisons"):
        try:
            return resources.located(kind, said, None)
        except WafersimError:
            continue
    near = did_you_mean(path.stem, resources.names(first))
    shown = said if len(said) <= 80 else shortened(said)
    raise InputFaults(
        [Fault(shown, None, "", f"no such file{near or '; `wafersim list experiments` shows the shipped ones'}")]
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        raise InputFaults([Fault(shortened(str(path)), None, "", "is no file name")]) from None


def _settings(sets: Sequence[str]) -> tuple[dict[str, Any], list[Fault]]:
    settings, found = {}, []
    for text in sets:
        path, equals, value = text.partition("=")
        path = path.strip()
        if not equals or not path:
            found.append(Fault("--set", None, text[:80], "must be PATH=VALUE, such as system.systems=8"))
            continue
        try:
            settings[path] = read_scalar(value)
        except Refused as refused:
            found.append(Fault("--set", None, path[:80], refused.problem))
    return settings, found


def _blamed(wrong: list[Fault], file: YamlFile, placed: YamlFile, beside: Path) -> list[Fault]:
    """What was right before the options were set is the fault of those that lie below it."""
    if all(fault.file == "--set" for fault in wrong):
        return wrong
    before = {(fault.path, fault.problem) for fault in checked(file, beside)[1]}
    out = []
    for fault in wrong:
        below = [option for option in placed.options if _under(option, fault.path)] or list(placed.options)
        if fault.file != placed.name or (fault.path, fault.problem) in before:
            out.append(fault)
        else:
            names = ", --set ".join(".".join(map(str, option)) for option in below)
            out.append(Fault("--set", None, names, fault.problem))
    return out


def _sweep_faults(file: YamlFile, base_is_broken: bool) -> list[Fault]:
    """Each swept value in its own place, so that the line of the list is named."""
    values = file.values
    sweep = values.get("sweep")
    if not isinstance(sweep, dict):
        return []
    found: list[Fault] = []
    base = {name: value for name, value in values.items() if name != "sweep"}
    broken = _broken(base) if base_is_broken else {}
    for path, items in sweep.items():
        if not isinstance(items, list):
            continue  # said by the schema
        for index, item in enumerate(items):
            trial = copy.deepcopy(base)
            try:
                put(trial, path, item)
            except (TypeError, AttributeError):
                continue
            for where, problem in _broken(with_kind(trial)).items():
                if where not in broken or path == EVERYTHING or _under(where, path):
                    fault = file.fault(("sweep", path, index), problem)
                    found.append(fault if fault.file == "--set" else replace(fault, path=f"sweep.{path}"))
    return found


def _broken(values: Any) -> dict[Path_, str]:
    """{path: problem} of a set of fields."""
    try:
        ADAPTER.validate_python(values)
    except ValidationError as error:
        return dict(problems(error, values, ADAPTER))
    return {}


def _under(where: Path_, path: str) -> bool:
    return not path or ".".join(map(str, where)).startswith(path)
