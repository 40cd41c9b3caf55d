"""A cluster's profile resolved to its parts, wafers or GPUs, with the numbers that an experiment replaces."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, TypeVar

from wafersim.errors import WafersimError, did_you_mean, shortened
from wafersim.inputs.file_cache import for_a_moment
from wafersim.inputs.fit import SETS, load_fit
from wafersim.inputs.footprint import NOTHING_STATED, MoneySpec
from wafersim.inputs.gpu_profile import (
    GpuClusterProfile,
    GpuProfile,
    GpuSoftwareProfile,
    GpuValues,
    NodeValues,
    SoftwareValues,
)
from wafersim.inputs.machine_names import known_machine
from wafersim.inputs.price import rent_of, with_switches
from wafersim.inputs.profile import (
    ClusterProfile,
    MemoryXProfile,
    MemoryXValues,
    Profile,
    SwarmXProfile,
    SwarmXValues,
    SystemProfile,
    SystemValues,
    named,
)
from wafersim.inputs.profile_file import load_profile
from wafersim.inputs.resources import kind_of, names
from wafersim.inputs.sourced import Frozen, Sourced, dimension_of, sourced
from wafersim.inputs.supply import Draw, Supply, supply_of

WAFER_PARTS: dict[str, type[Frozen]] = {"system": SystemValues, "memoryx": MemoryXValues, "swarmx": SwarmXValues}
GPU_PARTS: dict[str, type[Frozen]] = {"gpu": GpuValues, "network": NodeValues, "software": SoftwareValues}
OVERRIDABLE = WAFER_PARTS | GPU_PARTS
NEEDED = "a cluster or a system is needed, such as andromeda or dgx-a100-80gb"

THIS_EXPERIMENT = "this experiment"

NO_SWITCHES = Sourced(
    written="0 W", value=0.0, dimension="power", kind="assumed", source="not counted, as its profile has no switch_power",
    date="2026",
)  # fmt: skip

M = TypeVar("M")


REFERENCE_RELEASE = "R2.1"  # of a wafer's software, and all later ones: the others' speeds are relative to it


@dataclass(frozen=True)
class Machine:
    """A wafer cluster's parts, the release of its software, and what an experiment states of its prices."""

    name: str
    system: SystemProfile
    memoryx: MemoryXProfile
    swarmx: SwarmXProfile
    cluster: ClusterProfile | None
    release: str = REFERENCE_RELEASE
    money: MoneySpec = NOTHING_STATED

    def __hash__(self) -> int:
        return _hash_of(self, WAFER_PARTS)

    @property
    def peak_flops(self) -> float:
        """Dense fp16 FLOP/s of one wafer: cores x SIMD width x 2 x clock."""
        values = self.system.values
        return values.cores.value * values.simd_width.value * 2.0 * values.clock.value

    @property
    def unit(self) -> int:
        """Wafers come one by one."""
        return 1

    @property
    def most(self) -> int:
        """Wafers that are installed, or that SwarmX reaches."""
        reached = int(self.swarmx.values.max_systems.value)
        return reached if self.cluster is None else min(reached, int(self.cluster.values.systems.value))

    @property
    def price(self) -> Sourced | None:
        """Dollars an hour of one wafer with what belongs to it, where one is known."""
        return rent_of(self.system.name, self.system.values.rent, self.system.offers, self.money)

    @property
    def purchase(self) -> Sourced | None:
        """Dollars that one wafer with what belongs to it costs to buy, where that is known."""
        return self.money.purchase or self.system.values.purchase

    def draws(self, count: int) -> tuple[Draw, ...]:
        """Systems, and their shares of MemoryX, SwarmX and workers."""
        values = self.system.values
        system = Draw("chip", "system", count, values.power, values.busy_share, values.idle_share)
        if values.host_power is None:
            return (system,)
        servers = Draw(
            "host", "system's servers", count, values.host_power, values.host_busy_share, values.host_idle_share
        )
        return system, servers

    def supply(self, count: int) -> Supply:
        """What so many systems draw and cost, with what belongs to them."""
        return supply_of(self.draws(count), count, self.price, self.purchase)


@dataclass(frozen=True)
class GpuMachine:
    """A GPU cluster's parts; `network` is the cluster's own profile, `assumed` what its name does not say of it."""

    name: str
    gpu: GpuProfile
    network: GpuClusterProfile
    software: GpuSoftwareProfile
    assumed: str = ""
    money: MoneySpec = NOTHING_STATED

    def __hash__(self) -> int:
        return _hash_of(self, GPU_PARTS)

    @property
    def peak_flops(self) -> float:
        """Dense fp16 FLOP/s of one GPU."""
        return self.gpu.values.peak_fp16.value

    @property
    def unit(self) -> int:
        """GPUs that come together, in a node or in a tray of a rack."""
        node = self.network.values
        return int((node.gpus_per_tray or node.gpus_per_node).value)

    @property
    def most(self) -> int | None:
        """GPUs that are installed; None where nobody says."""
        installed = self.network.values.gpus
        return None if installed is None else int(installed.value)

    @property
    def price(self) -> Sourced | None:
        """Dollars an hour of one GPU with what belongs to it, where one is known."""
        return rent_of(self.network.name, self.network.values.price, self.network.offers, self.money)

    @property
    def purchase(self) -> Sourced | None:
        """Dollars that one GPU costs to buy with its share of a node and of the switches between nodes, where that is known."""
        node = self.network.values
        usual = None if node.purchase is None else with_switches(node.purchase, node.switch_cost)
        return self.money.purchase or usual

    def draws(self, count: int) -> tuple[Draw, ...]:
        """GPUs, with the hosts of their nodes, or with their trays' share of one, and with the nodes' share of the switches."""
        node, gpu = self.network.values, self.gpu.values
        nodes = ceil(count / self.unit) * self.unit / node.gpus_per_node.value
        host = f"host of {node.gpus_per_node.value:g} GPUs"
        switches = f"share of the switches of {node.gpus_per_node.value:g} GPUs"
        return (
            Draw("chip", "GPU", count, gpu.power, gpu.busy_share, gpu.idle_share),
            Draw("host", host, nodes, node.host_power, node.host_busy_share, node.host_idle_share),
            Draw("switches", switches, nodes, node.switch_power or NO_SWITCHES),
        )

    def supply(self, count: int) -> Supply:
        """What so many GPUs draw and cost, with what belongs to them."""
        return supply_of(self.draws(count), count, self.price, self.purchase)


AnyMachine = Machine | GpuMachine


def _hash_of(machine: AnyMachine, parts: Iterable[str]) -> int:
    """A hash of a machine's numbers, worked out once; they hash alike in every process, which its name would not."""
    own = vars(machine)
    if "_hash" not in own:
        values = (number.value for part in parts for _, number in own[part].values if isinstance(number, Sourced))
        own["_hash"] = hash(tuple(values))
    return int(own["_hash"])


def _machine_profile(name: str | Profile) -> Profile:
    """A machine's profile by whatever name it goes; of a name that no machine has, what else has it."""
    called = known_machine(name) if isinstance(name, str) else None
    return load_profile(called.profile if called is not None else name)


@for_a_moment
def is_gpu_cluster(profile: str | Profile) -> bool:
    """Whether a profile is a cluster of GPUs; raises WafersimError for a profile that is no machine."""
    found = _machine_profile(profile)
    if isinstance(found, GpuClusterProfile):
        return True
    if isinstance(found, SystemProfile | ClusterProfile):
        return False
    raise WafersimError(f"profile {named(profile)!r} is a {found.kind}; {NEEDED}")


def load_any(
    name: str | Profile,
    software: str | GpuSoftwareProfile | None = None,
    overrides: Mapping[str, str | float | int] | None = None,
) -> AnyMachine:
    """The machine behind a profile, whatever it is made of; raises WafersimError for a profile that is none."""
    return _loaded(name, software, "gpu" if is_gpu_cluster(name) else "wafer", json.dumps(dict(overrides or {})))


@for_a_moment
def _loaded(name: str | Profile, software: str | GpuSoftwareProfile | None, kind: str, overrides: str) -> AnyMachine:
    """A machine with some of its numbers replaced, as JSON says."""
    if overrides != "{}":
        return _replaced(_loaded(name, software, kind, "{}"), json.loads(overrides))
    if kind == "gpu":
        return load_gpu_machine(name, software)
    assert software is None or isinstance(software, str), "a wafer's software is a release"
    return load_machine(name, None, software)


def load_machine(
    name: str | Profile, overrides: Mapping[str, str | float | int] | None = None, release: str | None = None
) -> Machine:
    """A wafer cluster (or a system with its default MemoryX and SwarmX), with numbers replaced: {"swarmx.hop_latency": "1 us"}.

    A replaced number is `assumed` and its source is the experiment. Raises WafersimError for an unknown name.
    """
    profile = _machine_profile(name)
    cluster = profile if isinstance(profile, ClusterProfile) else None
    if not isinstance(profile, SystemProfile | ClusterProfile):
        raise WafersimError(f"profile {named(name)!r} is a {profile.kind}; {NEEDED}")
    if isinstance(profile, SystemProfile):
        system, memoryx, swarmx = (load_profile(p) for p in (profile, profile.default_memoryx, profile.default_swarmx))
    else:
        system, memoryx, swarmx = (load_profile(p) for p in (profile.system, profile.memoryx, profile.swarmx))
    assert isinstance(system, SystemProfile), f"{system.name} is no system"
    assert isinstance(memoryx, MemoryXProfile), f"{memoryx.name} is no MemoryX"
    assert isinstance(swarmx, SwarmXProfile), f"{swarmx.name} is no SwarmX"
    whole = Machine(profile.name, system, memoryx, swarmx, cluster, _release(release, system))
    return _replaced(whole, overrides or {})


@for_a_moment
def release_of(written: str | None, profile: str | Profile) -> str:
    """The release that a wafer's software counts as; raises WafersimError for one that the system has not.

    R1.7.1 is R1.7; R2, R2.3.0 and R2.1+ are R2.1, the reference, which stands for all that came after it.
    """
    found = _machine_profile(profile)
    system = load_profile(found.system) if isinstance(found, ClusterProfile) else found
    assert isinstance(system, SystemProfile), f"{system.name} is no system"
    return _release(written, system)


def _release(written: str | None, system: SystemProfile) -> str:
    if written is None:
        return REFERENCE_RELEASE
    known = (*system.releases, *(() if REFERENCE_RELEASE in system.releases else (REFERENCE_RELEASE,)))
    if written.strip() in known:
        return written.strip()
    digits = re.fullmatch(r"(?:SW )?R?(\d+)(?:\.(\d+))?(?:\.\d+)*\+?", written.strip(), re.IGNORECASE)
    if digits:
        major, minor = int(digits[1]), int(digits[2] or 1)
        found = REFERENCE_RELEASE if major == 2 and minor >= 1 else f"R{major}.{minor}"
        if found in known:
            return found
    raise WafersimError(
        f"{system.name} has no software release {written.strip()[:20]}; known: {', '.join(known)} (and later ones)"
    )


def load_gpu_machine(
    name: str | Profile,
    software: str | GpuSoftwareProfile | None = None,
    overrides: Mapping[str, str | float | int] | None = None,
) -> GpuMachine:
    """A GPU cluster with its own software or another; raises WafersimError for names that are not what they should be."""
    network = _machine_profile(name)
    if not isinstance(network, GpuClusterProfile):
        raise WafersimError(
            f"profile {named(name)!r} is a {network.kind}; a gpu-cluster is needed, such as dgx-a100-80gb"
        )
    gpu = load_profile(network.gpu)
    assert isinstance(gpu, GpuProfile), f"{gpu.name} is no GPU"
    called = known_machine(name) if isinstance(name, str) else None
    assumed = called.said(name) if called is not None and isinstance(name, str) else ""
    runs = load_software(software or network.software)
    return _replaced(GpuMachine(network.name, gpu, network, runs, assumed), overrides or {})


def load_software(name: str | GpuSoftwareProfile) -> GpuSoftwareProfile:
    """A software profile by name, or as it is; raises WafersimError with those that exist."""
    if isinstance(name, GpuSoftwareProfile):
        return name
    if name in names("hardware"):
        found = load_profile(name)
        if isinstance(found, GpuSoftwareProfile):
            return found
    known = [other for other in names("hardware") if kind_of(other) == "gpu-software"]
    raise WafersimError(f"unknown software {shortened(name)}{did_you_mean(name, known)}; known: {', '.join(known)}")


def _replaced(machine: M, overrides: Mapping[str, str | float | int]) -> M:
    changed: dict[str, dict[str, Sourced]] = {}
    for path, written in overrides.items():
        part, _, field = path.partition(".")
        changed.setdefault(part, {})[field] = override(path, written)
    parts: dict[str, Any] = {}
    for part, numbers in changed.items():
        profile = getattr(machine, part)
        parts[part] = profile.model_copy(update={"values": profile.values.model_copy(update=numbers)})
    return replace(machine, **parts) if parts else machine  # type: ignore[type-var]


def numbers(machine: Machine | GpuMachine) -> Iterator[tuple[str, Sourced, str]]:
    """(path such as system.clock, number, "profile: values.name" of the number that a calibration knows) of a whole machine.

    That is the file's own number where it is shipped. What a profile of one's own has calibrated or assumed is as uncertain
    as the constant of the same name and goes by its number; what it has measured goes by its own.
    """
    for part in WAFER_PARTS if isinstance(machine, Machine) else GPU_PARTS:
        profile = getattr(machine, part)
        shipped = names("hardware")
        for name, number in profile.values:
            if isinstance(number, Sourced):
                replaced = number.source == THIS_EXPERIMENT
                owner = THIS_EXPERIMENT if replaced else number.like or profile.name
                own = f"{owner}: values.{name}"
                uncertain = not replaced and owner not in shipped and number.kind in ("calibrated", "assumed")
                yield f"{part}.{name}", number, _constant(profile.kind, name) or own if uncertain else own


def stated_errors(machine: Machine | GpuMachine) -> dict[str, float]:
    """{path such as software.sort_traffic: standard deviation of its logarithm} of what a training stack is assumed to do, where
    the profile states how far it may be off: no row tells, and stacks that were measured differ."""
    return {
        path: number.standard_error
        for path, number, _ in numbers(machine)
        if path.startswith("software.") and number.kind == "assumed" and number.standard_error
    }


def _constant(kind: str, name: str) -> str | None:
    """The number of a kind of profile that the least certain constant of a name sets; None where none does."""
    found = [
        (constant.standard_error, place)
        for which in SETS
        for constant in load_fit(which).constants
        for place in constant.sets
        if place.endswith(f": values.{name}") and kind_of(place.partition(": ")[0]) == kind
    ]
    return max(found)[1] if found else None


def evidence_name(profile: Profile) -> str:
    """The name under which a profile's measurements are known: none are of one that only has the name of a shipped one."""
    if profile.name not in names("hardware"):
        return profile.name
    shipped = load_profile(profile.name)
    changed = [
        name
        for name, number in profile.values
        if number != getattr(shipped.values, name, None)
        and not (isinstance(number, Sourced) and number.source == THIS_EXPERIMENT)
    ]
    return f"this {profile.name}" if changed or profile.kind != shipped.kind else profile.name


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
    if part not in OVERRIDABLE or field not in OVERRIDABLE[part].model_fields:
        known = [f"{p}.{f}" for p, values in OVERRIDABLE.items() for f in values.model_fields]
        raise ValueError(f"no such number {path!r}{did_you_mean(path, known)}")
    dimension = dimension_of(OVERRIDABLE[part].model_fields[field])
    if isinstance(written, float) and dimension.name == "time":
        written = f"{written!r} s"  # calibration passes SI values
    raw = {"value": written, "kind": "assumed", "source": THIS_EXPERIMENT, "date": "2026"}
    return Sourced(**sourced(dimension, raw))
