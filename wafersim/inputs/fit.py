"""What a calibration leaves behind besides its values: how well it knows them, and the rows that it knows them from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from wafersim.errors import Fault, InputFaults
from wafersim.inputs.file_cache import of_file
from wafersim.inputs.resources import folder
from wafersim.inputs.sourced import Frozen

Set = Literal["wafer", "gpu", "kernel", "gpu-kernel", "collective"]
LEVEL = 0.8  # of every interval
Z80 = 1.2815515655446004  # standard deviations on each side that hold so much
SETS: tuple[Set, ...] = ("wafer", "gpu", "kernel", "gpu-kernel", "collective")


class FitConstant(Frozen):
    """One constant, fitted or assumed, with the standard error of its logarithm; `sets` are "profile: path" of its numbers."""

    name: str
    kind: Literal["calibrated", "assumed"]
    value: float
    standard_error: float
    sets: tuple[str, ...]


class LeftOut(Frozen):
    """A row predicted without it, or without all of its family: ln(predicted / published) and the 80 % half-width of it."""

    error: float
    half_width: float


class Ratios(Frozen):
    """What measured ratios say of cases that differ in one `feature`, which then is no distance from the other rows.

    `spread` is the standard deviation of the ratio's logarithm, `beyond` what is added per e-fold by which one of `features` lies
    beyond all its rows in `behind`, by group; a group that is not there has none.
    """

    feature: str
    features: tuple[str, ...]
    spread: float
    beyond: dict[str, float]
    behind: dict[str, tuple[tuple[float, ...], ...]]


class Nested(Frozen):
    """A family predicted by constants and by a form that were both chosen without it: {row: ln(predicted / published)}."""

    form: str
    errors: dict[str, float]


class Fit(Frozen):
    """A calibration. Logarithms throughout: of constants, of ratios of predicted to published, of features.

    `spread` is the standard deviation of a ratio by group of rows, `inflation` what constants and spread are multiplied by
    so that intervals hold what they should of rows left out, `transfer` what is added where no row of the group exists,
    `widening` what is added per e-fold of distance from the nearest row of the group in `features`. `between` is the standard
    deviation between families of rows of a group, which every case has besides; widths are those of Student's t with `degrees` of
    freedom where rows are too few for a normal, `transfer_degrees` where the group has none. `beyond` is what is added per e-fold
    by which a feature lies beyond all rows of the group, `new_device` what is added on a device that is none of `devices`,
    `guessed` the width of numbers that are taken from other groups, `modes` what is added for jobs that do something else than
    most rows, `ratios` what measured ratios say besides.

    How it was judged: `left_out` by row, without its job; `families`, without its family, with the `family_half_widths` that
    the other rows give; `forms`, rms of the errors of families left out by form; `nested`, without the family for the form, too.
    """

    set: Set
    date: str
    rows: tuple[str, ...]
    constants: tuple[FitConstant, ...]
    correlations: tuple[tuple[float, ...], ...]
    spread: dict[str, float]
    inflation: float = 1.0
    transfer: float = 0.0
    between: dict[str, float] = Field(default_factory=dict)
    degrees: dict[str, int] = Field(default_factory=dict)
    transfer_degrees: int | None = None
    devices: tuple[str, ...] = ()
    new_device: float = 0.0
    guessed: float = 0.0
    beyond: dict[str, float] = Field(default_factory=dict)
    widening: dict[str, float] = Field(default_factory=dict)
    features: tuple[str, ...] = ()
    behind: dict[str, tuple[tuple[float, ...], ...]] = Field(default_factory=dict)
    left_out: dict[str, LeftOut] = Field(default_factory=dict)
    families: dict[str, dict[str, float]] = Field(
        default_factory=dict
    )  # what was left out -> {row: ln(predicted / published)}
    family_half_widths: dict[str, dict[str, float]] = Field(default_factory=dict)
    ratios: Ratios | None = None
    modes: dict[str, float] = Field(default_factory=dict)
    forms: dict[str, float] = Field(default_factory=dict)
    nested: dict[str, Nested] = Field(default_factory=dict)

    def widening_of(self, group: str) -> float:
        """What is added per e-fold of distance from rows of a group; where it has none of its own, the most of any."""
        return self.widening.get(group, max(self.widening.values(), default=0.0))


def fit_path(which: Set) -> Path:
    """The file of a calibration."""
    return folder("hardware") / "fits" / f"{which}.json"


def load_fit(which: Set) -> Fit:
    """The calibration of a set of measurements as it was committed, read anew where the file has changed.

    Raises InputFaults where it cannot be read or is not whole.
    """
    path = fit_path(which)
    try:
        return _read_fit(path)
    except (OSError, UnicodeDecodeError) as error:
        problem = f"cannot be read ({getattr(error, 'strerror', None) or error})"
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, fault["loc"]))
        problem = f"is not a whole calibration ({f'{where}: ' if where else ''}{fault['msg']})"
    raise InputFaults(
        [Fault(str(path), None, "", f"{problem}; `wafersim calibrate --set {which} --write` makes it anew")]
    )


@of_file
def _read_fit(path: Path) -> Fit:
    return Fit.model_validate_json(path.read_text(encoding="utf-8"))


def fit_text(fit: Fit) -> str:
    """A calibration as it is kept in its file; with the date of the last one if nothing else changed."""
    fields = fit.model_dump(mode="json")
    try:
        before = load_fit(fit.set)
    except InputFaults:  # it is about to be replaced
        before = None
    if before is not None and before.model_copy(update={"date": fit.date}) == fit:
        fields["date"] = before.date
    lines = [f" {json.dumps(name)}: {_lines(value)}" for name, value in fields.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _lines(value: object) -> str:
    """One element a line where a list or mapping holds several structures, so that a diff shows what changed."""
    if isinstance(value, dict) and any(isinstance(inner, dict | list) for inner in value.values()):
        return "{\n" + ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in value.items()) + "\n }"
    if isinstance(value, list) and value and isinstance(value[0], dict | list):
        return "[\n" + ",\n".join(f"  {json.dumps(inner)}" for inner in value) + "\n ]"
    return json.dumps(value)
