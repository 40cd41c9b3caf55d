"""A cluster's profile resolved to its parts, wafers or GPUs, with the numbers that an experiment replaces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeVar

from wafersim.errors import WafersimError, did_you_mean
from wafersim.inputs.gpu_profile import (
    GpuClusterProfile,
    GpuProfile,
    GpuSoftwareProfile,
    GpuValues,
    NodeValues,
    SoftwareValues,
)
from wafersim.inputs.profile import (
    ClusterProfile,
    MemoryXProfile,
    MemoryXValues,
    SwarmXProfile,
    SwarmXValues,
    SystemProfile,
    SystemValues,
    load_profile,
)
from wafersim.inputs.resources import kind_of, names
from wafersim.inputs.sourced import Frozen, Sourced, dimension_of, sourced

WAFER_PARTS: dict[str, type[Frozen]] = {"system": SystemValues, "memoryx": MemoryXValues, "swarmx": SwarmXValues}
GPU_PARTS: dict[str, type[Frozen]] = {"gpu": GpuValues, "network": NodeValues, "software": SoftwareValues}
OVERRIDABLE = WAFER_PARTS | GPU_PARTS
NEEDED = "a cluster or a system is needed, such as andromeda or dgx-a100-80gb"

THIS_EXPERIMENT = "this experiment"

M = TypeVar("M")


@dataclass(frozen=True)
class Machine:
    """A wafer cluster's parts."""

    name: str
    system: SystemProfile
    memoryx: MemoryXProfile
    swarmx: SwarmXProfile
    cluster: ClusterProfile | None


@dataclass(frozen=True)
class GpuMachine:
    """A GPU cluster's parts; `network` is the cluster's own profile."""

    name: str
    gpu: GpuProfile
    network: GpuClusterProfile
    software: GpuSoftwareProfile


def is_gpu_cluster(name: str) -> bool:
    """Whether a profile is a cluster of GPUs; raises WafersimError for a profile that is no machine."""
    profile = load_profile(name)
    if isinstance(profile, GpuClusterProfile):
        return True
    if isinstance(profile, SystemProfile | ClusterProfile):
        return False
    raise WafersimError(f"profile {name!r} is a {profile.kind}; {NEEDED}")


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
        raise WafersimError(f"profile {name!r} is a {profile.kind}; {NEEDED}")
    system, memoryx, swarmx = (load_profile(part) for part in parts)
    assert isinstance(system, SystemProfile), f"{parts[0]} is no system"
    assert isinstance(memoryx, MemoryXProfile), f"{parts[1]} is no MemoryX"
    assert isinstance(swarmx, SwarmXProfile), f"{parts[2]} is no SwarmX"
    return Machine(profile.name, system, memoryx, swarmx, cluster)


def load_machine(name: str, overrides: Mapping[str, str | float | int] | None = None) -> Machine:
    """A wafer cluster (or a system with its default MemoryX and SwarmX), with numbers replaced: {"swarmx.hop_latency": "1 us"}.

    A replaced number is `assumed` and its source is the experiment. Raises WafersimError for an unknown name.
    """
    return _replaced(_machine(name), overrides or {})


def load_gpu_machine(
    name: str, software: str | None = None, overrides: Mapping[str, str | float | int] | None = None
) -> GpuMachine:
    """A GPU cluster with its own software or another; raises WafersimError for names that are not what they should be."""
    network = load_profile(name)
    if not isinstance(network, GpuClusterProfile):
        raise WafersimError(f"profile {name!r} is a {network.kind}; a gpu-cluster is needed, such as dgx-a100-80gb")
    gpu = load_profile(network.gpu)
    assert isinstance(gpu, GpuProfile), f"{network.gpu} is no GPU"
    stack = load_profile(software_name(software or network.software))
    assert isinstance(stack, GpuSoftwareProfile), f"{network.software} is no software"
    return _replaced(GpuMachine(network.name, gpu, network, stack), overrides or {})


def software_name(name: str) -> str:
    """A software profile by name; raises WafersimError with those that exist."""
    if name in names("hardware") and kind_of(name) == "gpu-software":
        return name
    known = [other for other in names("hardware") if kind_of(other) == "gpu-software"]
    raise WafersimError(f"unknown software {name!r}{did_you_mean(name, known)}; known: {', '.join(known)}")


def _replaced(machine: M, overrides: Mapping[str, str | float | int]) -> M:
    changed: dict[str, dict[str, Sourced]] = {}
    for path, written in overrides.items():
        part, _, field = path.partition(".")
        changed.setdefault(part, {})[field] = override(path, written)
    parts: dict[str, Any] = {}
    for part, numbers in changed.items():
        profile = getattr(machine, part)
        parts[part] = profile.model_copy(update={"values": profile.values.model_copy(update=numbers)})
    return replace(machine, **parts)  # type: ignore[type-var]


def numbers(machine: Machine | GpuMachine) -> Iterator[tuple[str, Sourced, str]]:
    """(path such as system.clock, number, "profile: values.name" of the file that sets it) of everything a machine states."""
    for part in WAFER_PARTS if isinstance(machine, Machine) else GPU_PARTS:
        profile = getattr(machine, part)
        for name, number in profile.values:
            if isinstance(number, Sourced):
                replaced = number.source == THIS_EXPERIMENT
                owner = THIS_EXPERIMENT if replaced else number.like or profile.name
                yield f"{part}.{name}", number, f"{owner}: values.{name}"


def scaled(machine: M, factors: Mapping[str, float]) -> M:
    """A machine with numbers, given by path, multiplied."""
    parts: dict[str, Any] = {}
    for path, factor in factors.items():
        part, _, name = path.partition(".")
        profile = parts.get(part, getattr(machine, part))
        number = getattr(profile.values, name)
        changed = number.model_copy(update={"value": number.value * factor})
        parts[part] = profile.model_copy(update={"values": profile.values.model_copy(update={name: changed})})
    return replace(machine, **parts)  # type: ignore[type-var]


def override(path: str, written: object) -> Sourced:
    """The number that an experiment puts in a profile's place; raises ValueError with what is allowed."""
    part, _, field = path.partition(".")
    known = [f"{p}.{f}" for p, values in OVERRIDABLE.items() for f in values.model_fields]
    if path not in known:
        raise ValueError(f"no such number {path!r}{did_you_mean(path, known)}")
    dimension = dimension_of(OVERRIDABLE[part].model_fields[field])
    if isinstance(written, float) and dimension.name == "time":
        written = f"{written!r} s"  # calibration passes SI values
    raw = {"value": written, "kind": "assumed", "source": THIS_EXPERIMENT, "date": "2026"}
    return Sourced(**sourced(dimension.name, raw, dimension.least))
