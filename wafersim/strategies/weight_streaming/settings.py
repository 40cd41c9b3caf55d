"""From a job to what a weight-streaming plan is made of: the machine's numbers, shards, the user's choices, disturbances."""

from __future__ import annotations

from functools import lru_cache

from wafersim.errors import Infeasible
from wafersim.inputs.machine import REFERENCE_RELEASE, AnyMachine
from wafersim.inputs.machine import Machine as MachineProfile
from wafersim.inputs.strategy import WeightStreamingSpec
from wafersim.strategies.job import Job
from wafersim.strategies.weight_streaming.machine import Disturbances, Machine, Settings
from wafersim.strategies.weight_streaming.plan import Jitter
from wafersim.strategies.weight_streaming.tree import depth
from wafersim.wafer.device import device_of

ROUNDED = 0.1  # between sram and cores x core_sram: CS-1's datasheets differ by 6 %, CS-2's and CS-3's by 2, rounded as they are


def wafers_of(machine: AnyMachine) -> MachineProfile:
    """The machine as what weight streaming needs."""
    assert isinstance(machine, MachineProfile), f"{machine.name} has no wafers"
    return machine


@lru_cache(maxsize=64)
def machine_of(profile: MachineProfile) -> Machine:
    """A profile's numbers as a plan reads them; a software release scales the speed of every kernel."""
    system, memoryx, swarmx = profile.system.values, profile.memoryx.values, profile.swarmx.values
    release = profile.system.releases.get(profile.release)
    if release is None and profile.release != REFERENCE_RELEASE:
        known = ", ".join(profile.system.releases)
        raise Infeasible(f"{profile.system.name} has no software release {profile.release}; known: {known}")
    device = device_of(profile.system, release.value if release is not None else 1.0)
    working_set = profile.system.working_sets.get(profile.release, system.working_set)
    return Machine(
        device=device,
        sram=system.sram.value,
        sram_reserved=system.sram_reserved.value,
        working_set=working_set.value,
        system_bandwidth=system.io_bandwidth.value,
        memoryx_bandwidth=memoryx.io_bandwidth.value,
        memoryx_latency=memoryx.latency.value,
        accumulate_bandwidth=memoryx.accumulate_bandwidth.value,
        optimizer_bandwidth=memoryx.optimizer_bandwidth.value,
        link_bandwidth=swarmx.link_bandwidth.value,
        hop_latency=swarmx.hop_latency.value,
        reduction_tail=swarmx.reduction_tail.value,
        reduction_tail_per_parameter=swarmx.reduction_tail_per_parameter.value,
        fan_out=int(swarmx.fan_out.value),
        compute_jitter=system.compute_jitter.value,
        system_spread=system.system_spread.value,
    )


def shards_of(job: Job) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Sequences of each system in a step, and notes worth printing."""
    systems, batch, swarmx = job.count, job.training.batch, wafers_of(job.machine).swarmx
    limit = int(swarmx.values.max_systems.value)
    if systems > limit:
        raise Infeasible(f"{swarmx.name} reaches {limit} systems, not {systems}")
    if batch < systems:
        raise Infeasible(f"batch {batch} leaves {systems - batch} of {systems} systems without a sequence")
    small, large = divmod(batch, systems)
    notes = (f"uneven shards: {large} systems of {small + 1} sequences, {systems - large} of {small}",) if large else ()
    return (small + 1,) * large + (small,) * (systems - large), notes


def sram_notes(machine: MachineProfile) -> tuple[str, ...]:
    """A note where the memory of the wafer and that of its cores are not of one chip; both are read, by steps and by kernels."""
    values = machine.system.values
    of_cores = values.cores.value * values.core_sram.value
    if abs(values.sram.value / of_cores - 1.0) <= ROUNDED:
        return ()
    said = f"{values.cores.value:,.0f} cores of core_sram {values.core_sram.written} have {of_cores / 1e9:.3g} GB"
    return (
        f"system.sram is {values.sram.written}, but {said}: steps go by the first, `wafersim kernel` by the second",
    )


def settings_of(job: Job, shards: tuple[int, ...]) -> Settings:
    """The user's choices as a plan reads them, one micro-batch a step, of healthy systems."""
    strategy, training = job.strategy, job.training
    assert isinstance(strategy, WeightStreamingSpec)
    return Settings(
        shards=shards,
        micro_batches=1,
        chunks_per_layer=None if strategy.chunks_per_layer == "auto" else strategy.chunks_per_layer,
        weight_credits=strategy.weight_credits,
        drain_credits=strategy.drain_credits,
        retain_output_weights=strategy.retain_output_weights in (True, "auto"),
        optimizer=training.optimizer,
        clipping_barrier=training.optimizer_barrier != "none" and job.workload.mode != "forward",
        weight_precision=training.weight_precision,
        gradient_precision=training.gradient_precision,
        density=training.density,
        baked_in_zeros=training.baked_in_zeros,
        shared_memory=strategy.memoryx_memory == "shared",
        input_rate=training.input_rate,
    )


def disturbances_of(job: Job, machine: Machine) -> Disturbances:
    """What the job says makes systems differ; raises Infeasible for a system that it does not have."""
    asked, systems = job.disturbances, job.count
    for system in (*asked.slow_systems, *asked.slow_system_links):
        if system >= systems:
            raise Infeasible(f"disturbances name system {system}; the job has systems 0 to {systems - 1}")
    sigma = {"none": 0.0, "profile": machine.compute_jitter}.get(str(asked.jitter), asked.jitter)
    spread = {"none": 0.0, "profile": machine.system_spread}.get(str(asked.spread), asked.spread)
    assert isinstance(sigma, float) and isinstance(spread, float)
    return Disturbances(
        paces=tuple(asked.slow_systems.items()),
        slow_links=(
            *((depth(systems, machine.fan_out), system, factor) for system, factor in asked.slow_system_links.items()),
            *((*_node(path), factor) for path, factor in asked.slow_node_links.items()),
        ),
        lost_nodes=tuple(_node(path) for path in asked.lost_nodes),
        jitter=Jitter(sigma, asked.seed, spread) if sigma or spread else None,
    )


def _node(path: str) -> tuple[int, int]:
    level, _, node = path.partition("/")
    return int(level), int(node)
