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
    Named,
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

    cores: Whole = Field(description="Processing elements (PEs) of the wafer; all of them compute in a step.")
    simd_width: Whole = Field(description="fp16 multiply-accumulates per cycle and core.")
    clock: Frequency = Field(description="Cycles per second of a core.")
    sram: Size = Field(description="Memory on the wafer, of all cores together.")
    core_sram: Size = Field(description="Memory of one core; a kernel's tiles must fit in it.")
    grid_rows: Whole = Field(
        description="Rows of PEs; tokens lie over them, and a program of one's own may use rows x columns."
    )
    grid_columns: Whole = Field(description="Columns of PEs.")
    io_bandwidth: Bandwidth = Field(description="Of the link between the wafer and the outside, per direction.")
    sram_reserved: Fraction = Field(description="Share of the SRAM for code, run-time and stream buffers.")
    working_set: Fraction = Field(
        description="Share of a block's activations and their gradients that is alive at once without lanes."
    )
    weight_issue: Count = Field(description="Cycles per weight that arrives at a PE (kernel code).")
    group_cost: Count = Field(description="Cycles per SIMD group of a vector operation (bank conflicts).")
    attention_cost: Count = Field(
        description="Core-cycles per attention score element, forward and backward, without the products."
    )
    exchange_cost: Count = Field(
        description="Cycles per element that crosses its row of PEs (rotary embeddings, gates)."
    )
    elementwise_cost: Count = Field(description="Core-cycles per element of element-wise work.")
    kernel_latency: Time = Field(description="The least that a kernel takes.")
    compute_jitter: Fraction = Field(
        description="Log-normal sigma of every kernel's time, where an experiment asks for jitter."
    )
    system_spread: Fraction = Field(
        description="Log-normal sigma of the pace that a system keeps, where an experiment asks for it."
    )
    power: Power = Field(description="Of a system at most.")
    busy_share: Fraction | None = Field(
        default=None, description="Share of its power that is drawn in training; all of it unless given."
    )
    idle_share: Fraction | None = Field(
        default=None, description="Share of its power that is drawn without a job; all of it unless given."
    )
    host_power: Power | None = Field(
        default=None,
        description="Of its share of MemoryX, SwarmX, workers and switches, at most; nothing unless given.",
    )
    host_busy_share: Fraction | None = Field(
        default=None, description="Share of the host power that is drawn in training; all of it unless given."
    )
    host_idle_share: Fraction | None = Field(
        default=None, description="Share of the host power that is drawn without a job; all of it unless given."
    )
    rent: Price | None = Field(
        default=None, description="Of an hour of a system with its share of MemoryX, SwarmX, workers and switches."
    )
    purchase: Money | None = Field(default=None, description="Of the same, bought.")


class MemoryXValues(Frozen):
    """Parameters and optimizer, off the wafer."""

    capacity: Size = Field(description="For weights, optimizer states and summed gradients.")
    io_bandwidth: Bandwidth = Field(description="Of its link to SwarmX, per direction.")
    accumulate_bandwidth: Bandwidth = Field(description="Bytes of gradients that are added in a second.")
    optimizer_bandwidth: Bandwidth = Field(
        description="Bytes of optimizer state that are read and written in a second."
    )
    latency: Time = Field(description="From MemoryX to the first level of SwarmX.")


class SwarmXValues(Frozen):
    """The broadcast-reduce tree."""

    fan_out: Several = Field(description="Children of a node of the tree, a number of 2 or more.")
    link_bandwidth: Bandwidth = Field(description="Of the link to one child, per direction.")
    hop_latency: Time = Field(description="Of one level of the tree.")
    reduction_tail: Time = Field(description="Of a step's reduction that nothing hides, for each doubling of systems.")
    reduction_tail_per_parameter: Time = Field(description="The same for every parameter that is reduced.")
    max_systems: Whole = Field(description="Systems that the tree can serve.")


class ClusterValues(Frozen):
    """What a cluster as a whole is known for."""

    systems: Whole = Field(description="Systems that are installed, which jobs share.")


class SystemProfile(Named):
    kind: Literal["system"] = Field(description="Of a wafer-scale system: `system`.")
    default_memoryx: str | MemoryXProfile = Field(
        description="MemoryX of the system where no cluster names another: a profile by name, or its fields."
    )
    default_swarmx: str | SwarmXProfile = Field(
        description="SwarmX of the system where no cluster names another: a profile by name, or its fields."
    )
    values: SystemValues = Field(description="Its numbers.")
    kernel_code: dict[str, dict[str, Count]] = Field(
        default_factory=dict, description="Constants of measured kernels, by family; in cycles."
    )
    releases: dict[str, Ratio] = Field(
        default_factory=dict, description="A software release's speed relative to R2.1 and later."
    )
    working_sets: dict[str, Ratio] = Field(
        default_factory=dict,
        description="A software release's share in place of `working_set`, where it has one of its own.",
    )
    offers: dict[str, Price] = Field(
        default_factory=dict, description="Other prices than rent, by a name that says whose and for how long."
    )


class MemoryXProfile(Named):
    kind: Literal["memoryx"] = Field(description="Of MemoryX: `memoryx`.")
    values: MemoryXValues = Field(description="Its numbers.")


class SwarmXProfile(Named):
    kind: Literal["swarmx"] = Field(description="Of the tree: `swarmx`.")
    values: SwarmXValues = Field(description="Its numbers.")


class ClusterProfile(Named):
    kind: Literal["cluster"] = Field(description="Of an installed cluster of wafers: `cluster`.")
    system: str | SystemProfile = Field(description="Its systems: a profile by name, or its fields.")
    memoryx: str | MemoryXProfile = Field(description="Its MemoryX: a profile by name, or its fields.")
    swarmx: str | SwarmXProfile = Field(description="Its tree: a profile by name, or its fields.")
    values: ClusterValues = Field(description="Its numbers.")


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
