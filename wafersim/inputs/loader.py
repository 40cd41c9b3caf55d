"""From a file (or the name of a shipped one) and options of the command line to an Experiment; every fault at once."""

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
from wafersim.inputs.filling import filled
from wafersim.inputs.model_file import is_model
from wafersim.inputs.options import place
from wafersim.inputs.references import References
from wafersim.inputs.sweep import EVERYTHING, Limit, checked_size, put
from wafersim.inputs.yaml_file import Path_, YamlFile, read_yaml

ADAPTER: TypeAdapter[Experiment] = TypeAdapter(Experiment)
LIMIT = Limit()


def load_experiment(
    name: str | Path | Mapping[str, Any],
    sets: Sequence[str] = (),
    beside: Path = Path(),
    sweeps: Sequence[str] = (),
    limit: Limit = LIMIT,
) -> Experiment:
    """The validated experiment of a path, looked for from the folder `beside`, of a shipped name, or of its fields.

    `sets` are fields to set, "system.systems=8"; `sweeps` lists to vary, "system.systems=1,2,4"; a grid stays within `limit`.
    Raises InputFaults: one line per fault with its place and what is allowed.
    """
    if isinstance(name, Mapping):
        folder, file = beside, YamlFile("experiment", copy.deepcopy(dict(name)), {})
    else:
        path = locate(name, beside=beside)
        folder, file = path.parent, read_yaml(path)
    if is_model(file.values):
        said = f"is a model and no experiment; one names it and a machine: model: {{from: {name}}}"
        raise InputFaults([Fault(shortened(str(name))[1:-1], None, "", said)])
    if "sides" in file.values:
        raise InputFaults([Fault(str(name), None, "", f"is a comparison; `wafersim compare {name}` runs it")])
    if "goal" in file.values:
        raise InputFaults([Fault(str(name), None, "", f"is a plan; `wafersim plan {name}` answers it")])
    if "jobs" in file.values:
        said = f"is a list of jobs, not one experiment; `wafersim share {name}` runs their steps side by side"
        raise InputFaults([Fault(str(name), None, "", said)])
    values, options, found = place(file.values, sets, sweeps)
    placed = replace(file, values=values, options=options)
    experiment, wrong = checked(placed, folder, limit)
    found += _first_of_each_list(_blamed(wrong, file, placed, folder)) if options else wrong
    if found or experiment is None:
        raise InputFaults(sorted(dict.fromkeys(found), key=lambda fault: fault.order))
    return experiment


def checked(file: YamlFile, beside: Path, limit: Limit = LIMIT) -> tuple[Experiment | None, list[Fault]]:
    """(the experiment that a file's values are, everything that is wrong with them)."""
    references = References(file, beside)
    values = filled(with_kind(references.settled(file.values)), references.settings)
    found = references.faults
    if references.unread:
        return None, found
    experiment: Experiment | None = None
    try:
        checked_size(values.get("sweep"), limit)
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
    """A path from the folder `beside`, then in $WAFERSIM_PATH, else a shipped experiment or its like by name.

    Raises InputFaults with the nearest name among `first`.
    """
    said, path = str(name), beside / name
    if _exists(path):
        return path
    for kind in resources.EXPERIMENTS:
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


def _blamed(wrong: list[Fault], file: YamlFile, placed: YamlFile, beside: Path) -> list[Fault]:
    """What was right before the options were placed is the fault of those that lie below it, or of all of them."""
    if all(fault.file.startswith("--") for fault in wrong):
        return wrong
    before = {(fault.path, fault.problem) for fault in checked(file, beside)[1]}
    already = {fault.problem for fault in wrong if fault.file.startswith("--")}
    out = []
    for fault in wrong:
        if fault.file == placed.name and fault.problem in already:
            continue  # the same value, met again at the points of the sweep
        below = [option for option in placed.options if _under(option.path, fault.path)]
        blamed = below or list(placed.options)
        if fault.file != placed.name or (fault.path, fault.problem) in before:
            out.append(fault)
            continue
        rest = [f"{option.flag} {option.typed}" for option in blamed[1:]]
        said = ", ".join([blamed[0].typed, *rest])
        # Where the options lie elsewhere, the field that no longer fits them is named.
        problem = fault.problem if below or not fault.path else f"{fault.path}: {fault.problem}"
        out.append(Fault(blamed[0].flag, None, said, problem))
    return out


def _first_of_each_list(found: list[Fault]) -> list[Fault]:
    """One line for each `--sweep`: its first wrong value, and how many more there are."""
    out: list[Fault] = []
    for fault in dict.fromkeys(found):
        if fault.file != "--sweep":
            out.append(fault)
        elif not any((one.file, one.path) == (fault.file, fault.path) for one in out):
            more = len({one for one in found if (one.file, one.path) == (fault.file, fault.path)}) - 1
            said = f"; {more} more of its values {'is' if more == 1 else 'are'} wrong" if more else ""
            out.append(replace(fault, problem=fault.problem + said))
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
                    found.append(fault if fault.file.startswith("--") else replace(fault, path=f"sweep.{path}"))
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
