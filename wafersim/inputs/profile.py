"""Hardware profiles: every number with value, unit, kind, source and date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from wafersim.errors import Fault, InputFaults, WafersimError
from wafersim.inputs.faults import validated
from wafersim.inputs.gpu_profile import (
    GpuClusterProfile,
    GpuProfile,
    GpuSoftwareProfile,
)
from wafersim.inputs.resources import alias_of, find, names
from wafersim.inputs.sourced import (
    Bandwidth,
    Count,
    Fraction,
    Frequency,
    Frozen,
    Power,
    Price,
    Several,
    Size,
    Sourced,
    Time,
    Whole,
)
from wafersim.inputs.yaml_file import YamlFile, read_yaml


class SystemValues(Frozen):
    """A wafer-scale system. Costs in core-cycles are per element and pass, over all cores of the wafer."""

    cores: Whole
    simd_width: Whole  # fp16 multiply-accumulates per cycle and core
    clock: Frequency
    sram: Size
    core_sram: Size  # a kernel's tiles must fit in it
    grid_rows: Whole  # usable by a program
    grid_columns: Whole
    io_bandwidth: Bandwidth  # per direction
    sram_reserved: Fraction  # code and run-time
    weight_issue: Count  # cycles per weight that arrives at a PE (kernel code)
    group_cost: Count  # cycles per SIMD group of a vector operation (bank conflicts)
    attention_cost: Count  # core-cycles per attention score element and pass
    elementwise_cost: Count  # core-cycles per element
    kernel_latency: Time  # floor of a kernel
    compute_jitter: Fraction  # log-normal sigma of every kernel's time, where an experiment asks for jitter
    system_spread: Fraction  # log-normal sigma of the pace that a system keeps, where an experiment asks for it
    power: Power  # unless a cluster states its own, all in all
    rent: Price | None = None  # of a system with its share of the cluster


class MemoryXValues(Frozen):
    """Parameters and optimizer, off the wafer."""

    capacity: Size  # of weights, optimizer states and summed gradients
    io_bandwidth: Bandwidth  # per direction
    accumulate_bandwidth: Bandwidth  # gradient bytes added per second
    optimizer_bandwidth: Bandwidth  # optimizer state read and written per second
    latency: Time


class SwarmXValues(Frozen):
    """The broadcast-reduce tree."""

    fan_out: Several
    link_bandwidth: Bandwidth  # of the link to one child, per direction
    hop_latency: Time
    max_systems: Whole


class ClusterValues(Frozen):
    """What a cluster as a whole is known for."""

    systems: Whole  # that jobs share, and that its power is for
    power: Power | None = None  # all in all


class _Profile(Frozen):
    name: str
    title: str
    aliases: tuple[str, ...] = ()


class SystemProfile(_Profile):
    kind: Literal["system"]
    default_memoryx: str
    default_swarmx: str
    values: SystemValues
    kernel_code: dict[str, dict[str, Count]] = Field(default_factory=dict)  # constants of measured kernels, by family
    releases: dict[str, Fraction] = Field(default_factory=dict)  # a software release's speed relative to R2.x


class MemoryXProfile(_Profile):
    kind: Literal["memoryx"]
    values: MemoryXValues


class SwarmXProfile(_Profile):
    kind: Literal["swarmx"]
    values: SwarmXValues


class ClusterProfile(_Profile):
    kind: Literal["cluster"]
    system: str
    memoryx: str
    swarmx: str
    values: ClusterValues


Profile = (
    SystemProfile
    | MemoryXProfile
    | SwarmXProfile
    | ClusterProfile
    | GpuProfile
    | GpuClusterProfile
    | GpuSoftwareProfile
)
ADAPTER: TypeAdapter[Profile] = TypeAdapter(Annotated[Profile, Field(discriminator="kind")])


def read_profile(path: Path) -> Profile:
    """One profile file; raises InputFaults with file:line for every fault."""
    file = read_yaml(path)
    profile: Profile = validated(ADAPTER, replace(file, values=_with_likes(file, (path.stem,))))
    return profile


def _with_likes(file: YamlFile, seen: tuple[str, ...]) -> dict[str, Any]:
    """A profile's values with each `{like: other}` filled in from the other profile, as an assumption here."""
    numbers = file.values.get("values")
    if not isinstance(numbers, dict):
        return file.values
    filled = dict(numbers)
    for name, number in numbers.items():
        if isinstance(number, dict) and "like" in number:
            filled[name] = _like(name, number, file.place(("values", name)), seen)
    return {**file.values, "values": filled}


def _like(name: str, number: dict[str, Any], place: str, seen: tuple[str, ...]) -> dict[str, Any]:
    other = str(number["like"])
    if other in seen or "value" in number:
        raise InputFaults([Fault(place, f"like {other}: goes round" if other in seen else "has a value and a like")])
    try:
        theirs = read_yaml(find("hardware", other))
    except WafersimError as error:
        raise InputFaults([Fault(place, f"like: {error}")]) from None
    there = _with_likes(theirs, (*seen, other))["values"].get(name)
    if not isinstance(there, dict) or "value" not in there:
        raise InputFaults([Fault(place, f"like {other}: it has no {name}")])
    times = float(number.get("times", 1.0)) * float(there.get("times", 1.0))
    said = {
        **number,
        "value": there["value"],
        "kind": "assumed",
        "source": f"as in {other}: {number.get('source', '')}",
        "like": there.get("like", other),  # where the number is set
    }
    return said | ({"times": times} if times != 1.0 else {})


@cache
def load_profile(name: str) -> Profile:
    """A shipped profile by name or alias ("wse2" is cs2)."""
    return read_profile(find("hardware", name if name in names("hardware") else alias_of(name) or name))


def kernel_constants(system: str, family: str) -> dict[str, float]:
    """The cycle counts of a measured kernel family's loop on a system, by name; empty where nobody has measured it."""
    profile = load_profile(system)
    assert isinstance(profile, SystemProfile)
    return {name: number.value for name, number in profile.kernel_code.get(family, {}).items()}


def number_at(place: str) -> Sourced:
    """A shipped number by "profile: values.name", "profile: releases.name" or "profile: kernel_code.family.name"."""
    profile, _, path = place.partition(": ")
    here: Any = load_profile(profile)
    for part in path.split(".", 1 if path.startswith(("values", "releases")) else 2):
        here = here[part] if isinstance(here, Mapping) else getattr(here, part)
    assert isinstance(here, Sourced)
    return here
