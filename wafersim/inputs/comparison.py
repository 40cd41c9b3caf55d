"""A comparison: sides that do the same or a like job, some of them sized to match the first."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, model_validator

from wafersim.errors import Fault, InputFaults
from wafersim.inputs.experiment import SLUG, Experiment
from wafersim.inputs.faults import validated
from wafersim.inputs.loader import load_experiment, locate
from wafersim.inputs.shared_fields import experiment_of
from wafersim.inputs.sourced import Frozen
from wafersim.inputs.yaml_file import YamlFile, read_yaml

Match = Literal["peak", "power", "price", "deadline"]


class SideSpec(Frozen):
    """One side: a shipped experiment or file, or fields of an experiment over the common ones."""

    name: Annotated[str, Field(min_length=1, max_length=80)] = Field(
        description="What the side is called on the screen."
    )
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
    """One job on several machines, its sides. `common` holds fields of an experiment that sides share."""

    name: Annotated[str, Field(pattern=SLUG, max_length=80)] = Field(
        description="What it is called, and how other files name it."
    )
    title: str | None = Field(default=None, description="A line for people.")
    common: dict[str, Any] = Field(default_factory=dict, description="Fields of an experiment that sides share.")
    deadline_days: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="For sides matched by deadline; without it, the days of the first side."
    )
    sides: Annotated[list[SideSpec], Field(min_length=2)] = Field(
        description="Two or more; the first is what others are matched to."
    )


ADAPTER: TypeAdapter[Comparison] = TypeAdapter(Comparison)


def load_comparison(name: str | Path, flops: str | None = None) -> tuple[Comparison, list[Experiment]]:
    """The comparison and the experiment of every side (of a matched one with a GPU count to be replaced).

    `flops` is how all of them count; without it they have to agree.
    """
    path = locate(name, "comparisons")
    file = read_yaml(path)
    if "sides" not in file.values:
        raise InputFaults(
            [Fault(str(name), None, "", f"has no sides to compare; `wafersim run {name}` runs an experiment")]
        )
    comparison: Comparison = validated(ADAPTER, file)
    if comparison.sides[0].match is not None:
        problem = "the first side is what others are matched to; give its size"
        raise InputFaults([file.fault(("sides", 0, "match"), problem)])
    seen: set[str] = set()
    for index, side in enumerate(comparison.sides):
        if side.name in seen:
            raise InputFaults([file.fault(("sides", index, "name"), f"there is another side called {side.name!r}")])
        seen.add(side.name)
    experiments = list[Experiment]()
    for index, side in enumerate(comparison.sides):
        experiment = _side(file, path.parent, comparison, index)
        if side.match is not None and not experiment.system.on_gpus:
            problem = f"{side.name}: only clusters of GPUs are sized to match"
            raise InputFaults([file.fault(("sides", index), problem)])
        if flops is not None:
            experiment = experiment.model_copy(update={"flops": flops})
        if experiments and experiment.flops != experiments[0].flops:
            counted = f"counts FLOPs as {experiment.flops}, the first side as {experiments[0].flops}"
            problem = f"{side.name}: {counted}; --flops settles it"
            raise InputFaults([file.fault(("sides", index), problem)])
        experiments.append(experiment)
    return comparison, experiments


def _side(file: YamlFile, beside: Path, comparison: Comparison, index: int) -> Experiment:
    """The experiment of one side."""
    side = comparison.sides[index]
    if side.experiment is not None:
        loaded = load_experiment(side.experiment, beside=beside)
        if loaded.sweep is not None:
            problem = f"{side.experiment} has a sweep; a side is one point"
            raise InputFaults([file.fault(("sides", index, "experiment"), problem)])
        return loaded

    def sized(values: dict[str, Any]) -> None:
        system = values.get("system")
        if side.match is not None and isinstance(system, dict) and "systems" not in system:
            if "gpus" in system:
                raise InputFaults([file.fault(place, f"{side.name}: give either match or gpus")])
            system["gpus"] = 8

    place = ("sides", index)
    return experiment_of(file, beside, comparison.name, comparison.common, side.fields, place, side.name, sized)
