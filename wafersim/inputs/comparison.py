"""A comparison: sides that do the same or a like job, some of them sized to match the first."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from wafersim.errors import Fault, InputFaults
from wafersim.inputs.experiment import SLUG, Experiment
from wafersim.inputs.faults import faults, validated
from wafersim.inputs.loader import load_experiment, locate
from wafersim.inputs.sourced import Frozen
from wafersim.inputs.sweep import put
from wafersim.inputs.yaml_file import read_yaml

Match = Literal["peak", "power", "price", "deadline"]


class SideSpec(Frozen):
    """One side: a shipped experiment or file, or fields of an experiment over the common ones."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    experiment: str | None = Field(default=None, description="An experiment file, or the name of a shipped one.")
    fields: dict[str, Any] = Field(default_factory=dict, description="Fields of an experiment, over the common ones.")
    match: Match | None = Field(
        default=None,
        description="Size this side to the first one's peak FLOP/s, power or hourly price, or to the deadline.",
    )

    @model_validator(mode="after")
    def _one_source(self) -> SideSpec:
        if (self.experiment is None) == (not self.fields):
            raise ValueError("give either experiment or fields")
        if self.experiment is not None and self.match is not None:
            raise ValueError("a side that is matched is described by fields")
        return self


class Comparison(Frozen):
    """What the user wrote. `common` holds fields of an experiment that sides share."""

    name: Annotated[str, Field(pattern=SLUG, max_length=80)]
    title: str | None = None
    common: dict[str, Any] = Field(default_factory=dict)
    deadline_days: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="For sides matched by deadline; without it, the days of the first side."
    )
    sides: Annotated[list[SideSpec], Field(min_length=2)]


ADAPTER: TypeAdapter[Comparison] = TypeAdapter(Comparison)


def load_comparison(name: str | Path) -> tuple[Comparison, list[Experiment]]:
    """The comparison and the experiment of every side (of a matched one with a GPU count to be replaced)."""
    path = locate(name, "comparisons")
    file = read_yaml(path)
    if "sides" not in file.values:
        raise InputFaults([Fault(str(name), f"has no sides to compare; `wafersim run {name}` runs an experiment")])
    comparison: Comparison = validated(ADAPTER, file)
    if comparison.sides[0].match is not None:
        raise InputFaults(
            [Fault(file.place(("sides", 0, "match")), "the first side is what others are matched to; give its size")]
        )
    seen: set[str] = set()
    for index, side in enumerate(comparison.sides):
        if side.name in seen:
            raise InputFaults(
                [Fault(file.place(("sides", index, "name")), f"there is another side called {side.name!r}")]
            )
        seen.add(side.name)
    experiments = []
    for index, side in enumerate(comparison.sides):
        if side.experiment is not None:
            nearby = path.parent / side.experiment
            loaded = load_experiment(nearby if nearby.exists() else side.experiment)
            if loaded.sweep is not None:
                place = file.place(("sides", index, "experiment"))
                raise InputFaults([Fault(place, f"{side.experiment} has a sweep; a side is one point")])
            experiments.append(loaded)
            continue
        values: dict[str, Any] = {"name": comparison.name, **copy.deepcopy(comparison.common)}
        for key, value in side.fields.items():
            put(values, key, value)
        system = values.get("system")
        if side.match is not None and isinstance(system, dict) and "systems" not in system:
            if "gpus" in system:
                raise InputFaults([Fault(file.place(("sides", index)), f"{side.name}: give either match or gpus")])
            system["gpus"] = 8
        try:
            experiments.append(Experiment.model_validate(values))
        except ValidationError as error:
            place = file.place(("sides", index)).rsplit(": ", 1)[0]
            found = faults(error, type(file)(file.name, values, {}), TypeAdapter(Experiment))
            raise InputFaults([Fault(f"{place} ({side.name})", f"{_path(f)}{f.problem}") for f in found]) from None
    for index, (side, experiment) in enumerate(zip(comparison.sides, experiments, strict=True)):
        if side.match is not None and not experiment.system.on_gpus:
            raise InputFaults(
                [Fault(file.place(("sides", index)), f"{side.name}: only clusters of GPUs are sized to match")]
            )
    return comparison, experiments


def _path(fault: Fault) -> str:
    parts = fault.place.split(": ")
    return f"{parts[-1]}: " if len(parts) > 1 else ""
