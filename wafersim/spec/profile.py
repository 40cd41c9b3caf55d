"""Hardware profiles: every number with value, unit, kind, source and date; a cluster resolved to a Machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from wafersim.errors import WafersimError, did_you_mean
from wafersim.spec.faults import validated
from wafersim.spec.resources import find, names
from wafersim.spec.sourced import (
    Bandwidth,
    Count,
    Fraction,
    Frequency,
    Frozen,
    Money,
    Power,
    Rate,
    Size,
    Sourced,
    Time,
    dimension_of,
    sourced,
)
from wafersim.spec.yaml_file import read_yaml


class SystemValues(Frozen):
    """A wafer-scale system. Costs in core-cycles are per element and pass, over all cores of the wafer."""

    cores: Count
    simd_width: Count  # fp16 multiply-accumulates per cycle and core
    clock: Frequency
    sram: Size
    sram_bandwidth: Bandwidth
    fabric_bandwidth: Bandwidth
    core_sram: Size
    grid_rows: Count  # usable by a program
    grid_columns: Count
    io_bandwidth: Bandwidth  # per direction
    sram_reserved: Fraction  # code and run-time
    weight_issue: Count  # cycles per weight that arrives at a PE (kernel code)
    group_cost: Count  # cycles per SIMD group of a vector operation (bank conflicts)
    attention_cost: Count  # core-cycles per attention score element and pass
    elementwise_cost: Count  # core-cycles per element
    kernel_latency: Time  # floor of a kernel
    compute_jitter: Fraction  # log-normal sigma of every kernel's time, where an experiment asks for jitter
    system_spread: Fraction  # log-normal sigma of the pace that a system keeps, where an experiment asks for it
    power: Power | None = None
    price: Money | None = None


class MemoryXValues(Frozen):
    """Parameters and optimizer, off the wafer."""

    capacity: Size
    io_bandwidth: Bandwidth  # per direction
    accumulate_bandwidth: Bandwidth  # gradient bytes added per second
    optimizer_bandwidth: Bandwidth  # optimizer state read and written per second
    latency: Time
    power: Power | None = None
    price: Money | None = None


class SwarmXValues(Frozen):
    """The broadcast-reduce tree."""

    fan_out: Count
    link_bandwidth: Bandwidth  # of the link to one child, per direction
    hop_latency: Time
    max_systems: Count
    power: Power | None = None
    price: Money | None = None


class ClusterValues(Frozen):
    """What a cluster as a whole is known for."""

    systems: Count
    power: Power | None = None
    price: Money | None = None
    activation_servers: Count | None = None
    memoryx_nodes: Count | None = None
    swarmx_nodes: Count | None = None
    workers: Count | None = None
    cores: Count | None = None
    host_cores: Count | None = None
    peak: Rate | None = None
    fabric_bandwidth: Bandwidth | None = None


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


Profile = SystemProfile | MemoryXProfile | SwarmXProfile | ClusterProfile
ADAPTER: TypeAdapter[Profile] = TypeAdapter(Annotated[Profile, Field(discriminator="kind")])
OVERRIDABLE: dict[str, type[Frozen]] = {"system": SystemValues, "memoryx": MemoryXValues, "swarmx": SwarmXValues}


@dataclass(frozen=True)
class Machine:
    """A cluster's parts, resolved."""

    name: str
    system: SystemProfile
    memoryx: MemoryXProfile
    swarmx: SwarmXProfile
    cluster: ClusterProfile | None


def read_profile(path: Path) -> Profile:
    """One profile file; raises InputFaults with file:line for every fault."""
    profile: Profile = validated(ADAPTER, read_yaml(path))
    return profile


@cache
def load_profile(name: str) -> Profile:
    """A shipped profile by name or alias ("wse2" is cs2)."""
    if name not in names("hardware"):
        for other in names("hardware"):
            profile = read_profile(find("hardware", other))
            if name in profile.aliases:
                return profile
    return read_profile(find("hardware", name))


@cache
def _machine(name: str) -> Machine:
    profile = load_profile(name)
    if isinstance(profile, SystemProfile):
        parts = (profile.name, profile.default_memoryx, profile.default_swarmx)
        cluster = None
    elif isinstance(profile, ClusterProfile):
        parts = (profile.system, profile.memoryx, profile.swarmx)
        cluster = profile
    else:
        raise WafersimError(f"profile {name!r} is a {profile.kind}; a cluster or a system is needed, such as andromeda")
    system, memoryx, swarmx = (load_profile(part) for part in parts)
    assert isinstance(system, SystemProfile), f"{parts[0]} is no system"
    assert isinstance(memoryx, MemoryXProfile), f"{parts[1]} is no MemoryX"
    assert isinstance(swarmx, SwarmXProfile), f"{parts[2]} is no SwarmX"
    return Machine(profile.name, system, memoryx, swarmx, cluster)


def load_machine(name: str, overrides: Mapping[str, str | float | int] | None = None) -> Machine:
    """A cluster (or a system with its default MemoryX and SwarmX), with numbers replaced: {"swarmx.hop_latency": "1 us"}.

    A replaced number is `assumed` and its source is the experiment. Raises WafersimError for an unknown name.
    """
    machine = _machine(name)
    changed: dict[str, dict[str, Sourced]] = {}
    for path, written in (overrides or {}).items():
        part, _, field = path.partition(".")
        changed.setdefault(part, {})[field] = override(path, written)
    parts = {
        part: getattr(machine, part).model_copy(
            update={"values": getattr(machine, part).values.model_copy(update=numbers)}
        )
        for part, numbers in changed.items()
    }
    return Machine(**{**vars(machine), **parts})


def override(path: str, written: object) -> Sourced:
    """The number that an experiment puts in a profile's place; raises ValueError with what is allowed."""
    part, _, field = path.partition(".")
    known = [f"{p}.{f}" for p, values in OVERRIDABLE.items() for f in values.model_fields]
    if path not in known:
        raise ValueError(f"no such number {path!r}{did_you_mean(path, known)}")
    dimension = dimension_of(OVERRIDABLE[part].model_fields[field])
    if isinstance(written, float) and dimension == "time":
        written = f"{written!r} s"  # calibration passes SI values
    return Sourced(
        **sourced(dimension, {"value": written, "kind": "assumed", "source": "this experiment", "date": "2026"})
    )


def kernel_constants(system: str, family: str) -> dict[str, float]:
    """The cycle counts of a measured kernel family's loop on a system, by name."""
    profile = load_profile(system)
    assert isinstance(profile, SystemProfile)
    return {name: number.value for name, number in profile.kernel_code[family].items()}
