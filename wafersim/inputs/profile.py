"""Hardware profiles: every number with value, unit, kind, source and date."""

from __future__ import annotations

from typing import Annotated, Literal, Protocol

from pydantic import Field, TypeAdapter

from wafersim.inputs.gpu_profile import (
    GpuClusterProfile,
    GpuProfile,
    GpuSoftwareProfile,
)
from wafersim.inputs.operation import OperationProfile
from wafersim.inputs.sourced import (
    Bandwidth,
    Count,
    Fraction,
    Frequency,
    Frozen,
    Money,
    Power,
    Price,
    Ratio,
    Several,
    Size,
    Time,
    Whole,
)


class SystemValues(Frozen):
    """A wafer-scale system. Costs in core-cycles are per element and pass, over all cores of the wafer."""

    cores: Whole  # all of them compute in a step
    simd_width: Whole  # fp16 multiply-accumulates per cycle and core
    clock: Frequency
    sram: Size
    core_sram: Size  # a kernel's tiles must fit in it
    grid_rows: Whole  # of PEs; tokens lie over them, and a program of one's own may use rows x columns
    grid_columns: Whole
    io_bandwidth: Bandwidth  # per direction
    sram_reserved: Fraction  # code, run-time and stream buffers
    working_set: Fraction  # of a block's activations and their gradients, alive at once without lanes
    weight_issue: Count  # cycles per weight that arrives at a PE (kernel code)
    group_cost: Count  # cycles per SIMD group of a vector operation (bank conflicts)
    attention_cost: Count  # core-cycles per attention score element, forward and backward, without the products
    exchange_cost: Count  # cycles per element that crosses its row of PEs (rotary embeddings, gates)
    elementwise_cost: Count  # core-cycles per element
    kernel_latency: Time  # floor of a kernel
    compute_jitter: Fraction  # log-normal sigma of every kernel's time, where an experiment asks for jitter
    system_spread: Fraction  # log-normal sigma of the pace that a system keeps, where an experiment asks for it
    power: Power  # at most
    busy_share: Fraction | None = None  # of its power, in training; all of it unless given
    idle_share: Fraction | None = None  # of its power, without a job; all of it unless given
    host_power: Power | None = (
        None  # of its share of MemoryX, SwarmX, workers and switches, at most; nothing unless given
    )
    host_busy_share: Fraction | None = None
    host_idle_share: Fraction | None = None
    rent: Price | None = None  # of a system with its share of all that
    purchase: Money | None = None  # of the same


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
    reduction_tail: Time  # of a step's reduction that nothing hides, for each doubling of systems
    reduction_tail_per_parameter: Time  # the same for every parameter that is reduced
    max_systems: Whole


class ClusterValues(Frozen):
    """What a cluster as a whole is known for."""

    systems: Whole  # that jobs share


class _Profile(Frozen):
    name: str
    title: str
    aliases: tuple[str, ...] = ()


class SystemProfile(_Profile):
    kind: Literal["system"]
    default_memoryx: str | MemoryXProfile
    default_swarmx: str | SwarmXProfile
    values: SystemValues
    kernel_code: dict[str, dict[str, Count]] = Field(default_factory=dict)  # constants of measured kernels, by family
    releases: dict[str, Ratio] = Field(default_factory=dict)  # a software release's speed relative to R2.1 and later
    working_sets: dict[str, Ratio] = Field(default_factory=dict)  # its working set, where it has one of its own
    offers: dict[str, Price] = Field(
        default_factory=dict
    )  # other prices than rent, by a name that says whose and how long


class MemoryXProfile(_Profile):
    kind: Literal["memoryx"]
    values: MemoryXValues


class SwarmXProfile(_Profile):
    kind: Literal["swarmx"]
    values: SwarmXValues


class ClusterProfile(_Profile):
    kind: Literal["cluster"]
    system: str | SystemProfile
    memoryx: str | MemoryXProfile
    swarmx: str | SwarmXProfile
    values: ClusterValues


Profile = (
    SystemProfile
    | MemoryXProfile
    | SwarmXProfile
    | ClusterProfile
    | GpuProfile
    | GpuClusterProfile
    | GpuSoftwareProfile
    | OperationProfile
)
ADAPTER: TypeAdapter[Profile] = TypeAdapter(Annotated[Profile, Field(discriminator="kind")])


class _Named(Protocol):
    @property
    def name(self) -> str: ...


PARTS = {
    "system": {"default_memoryx": "memoryx", "default_swarmx": "swarmx"},
    "cluster": {"system": "system", "memoryx": "memoryx", "swarmx": "swarmx"},
    "gpu-cluster": {"gpu": "gpu", "software": "gpu-software"},
}
"""Which fields of a profile name another one, and of which kind."""


def named(profile: str | _Named) -> str:
    """The name of a profile that is given by name or as it is."""
    return profile if isinstance(profile, str) else profile.name
