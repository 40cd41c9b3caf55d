"""From what the user wrote, and a machine's profile, to what a weight-streaming plan is made of."""

from __future__ import annotations

from wafersim.errors import Infeasible
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.machine import Machine as MachineProfile
from wafersim.inputs.strategy import WeightStreamingSpec
from wafersim.strategies.weight_streaming.plan import Jitter
from wafersim.strategies.weight_streaming.planner import Disturbances, Machine, Settings
from wafersim.strategies.weight_streaming.tree import build_tree
from wafersim.wafer.device import device_of
from wafersim.workload.transformer import Workload


def machine_of(profile: MachineProfile, software: str = "R2") -> Machine:
    """A profile's numbers as a plan reads them; a software release scales the speed of every kernel."""
    system, memoryx, swarmx = profile.system.values, profile.memoryx.values, profile.swarmx.values
    release = profile.system.releases.get(software)
    if release is None and software != "R2":
        raise Infeasible(
            f"{profile.system.name} has no software release {software}; known: {', '.join(profile.system.releases)}"
        )
    device = device_of(profile.system, release.value if release is not None else 1.0)
    return Machine(
        device=device,
        sram=system.sram.value,
        sram_reserved=system.sram_reserved.value,
        system_bandwidth=system.io_bandwidth.value,
        memoryx_bandwidth=memoryx.io_bandwidth.value,
        memoryx_latency=memoryx.latency.value,
        accumulate_bandwidth=memoryx.accumulate_bandwidth.value,
        optimizer_bandwidth=memoryx.optimizer_bandwidth.value,
        link_bandwidth=swarmx.link_bandwidth.value,
        hop_latency=swarmx.hop_latency.value,
        fan_out=int(swarmx.fan_out.value),
        compute_jitter=system.compute_jitter.value,
        system_spread=system.system_spread.value,
    )


def shards_of(
    experiment: Experiment, workload: Workload, profile: MachineProfile
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Sequences of each system in a step, and notes worth printing."""
    systems, training, published = experiment.system.count, experiment.training, workload.model.published
    limit = int(profile.swarmx.values.max_systems.value)
    if systems > limit:
        raise Infeasible(f"{profile.swarmx.name} reaches {limit} systems, not {systems}")
    notes: list[str] = []
    if training.batch_per_system is not None:
        each = training.batch_per_system
        if each == "published":
            if published is None:
                raise Infeasible(f"no batch is published for {workload.model.name}; give batch_per_system a number")
            each = int(published["batch_per_system"])
        return (int(each),) * systems, ()
    batch = training.batch
    if batch == "published":
        if published is None:
            raise Infeasible(f"no batch is published for {workload.model.name}; give batch a number")
        batch = int(published["batch"])
    assert isinstance(batch, int)
    if batch < systems:
        raise Infeasible(f"batch {batch} leaves {systems - batch} of {systems} systems without a sequence")
    small, large = divmod(batch, systems)
    if large:
        notes.append(f"uneven shards: {large} systems of {small + 1} sequences, {systems - large} of {small}")
    return (small + 1,) * large + (small,) * (systems - large), tuple(notes)


def settings_of(experiment: Experiment, machine: Machine, shards: tuple[int, ...]) -> Settings:
    """The user's choices as a plan reads them, one micro-batch a step."""
    strategy, training = experiment.strategy, experiment.training
    assert isinstance(strategy, WeightStreamingSpec)
    return Settings(
        shards=shards,
        micro_batches=1,
        chunks_per_layer=strategy.chunks_per_layer,
        weight_credits=strategy.weight_credits,
        drain_credits=strategy.drain_credits,
        retain_output_weights=strategy.retain_output_weights in (True, "auto"),
        optimizer=training.optimizer,
        clipping_barrier=training.gradient_clipping != "none" or training.loss_scaling == "dynamic",
        weight_precision=training.weight_precision,
        gradient_precision=training.gradient_precision,
        density=training.density,
        shared_memory=strategy.memoryx_memory == "shared",
        disturbances=disturbances_of(experiment, machine, len(shards)),
        input_rate=training.input_rate,
    )


def disturbances_of(experiment: Experiment, machine: Machine, systems: int) -> Disturbances:
    """What the experiment says makes systems differ; raises Infeasible for a system that the job does not have."""
    asked = experiment.disturbances
    for system in (*asked.slow_systems, *asked.slow_system_links):
        if system >= systems:
            raise Infeasible(f"disturbances name system {system}; the job has systems 0 to {systems - 1}")
    sigma = {"none": 0.0, "profile": machine.compute_jitter}.get(str(asked.jitter), asked.jitter)
    spread = {"none": 0.0, "profile": machine.system_spread}.get(str(asked.spread), asked.spread)
    assert isinstance(sigma, float) and isinstance(spread, float)
    depth = build_tree(systems, machine.fan_out).depth
    return Disturbances(
        paces=tuple(asked.slow_systems.items()),
        slow_links=(
            *((depth, system, factor) for system, factor in asked.slow_system_links.items()),
            *((*_node(path), factor) for path, factor in asked.slow_node_links.items()),
        ),
        lost_nodes=tuple(_node(path) for path in asked.lost_nodes),
        jitter=Jitter(sigma, asked.seed, spread) if sigma or spread else None,
    )


def _node(path: str) -> tuple[int, int]:
    level, _, node = path.partition("/")
    return int(level), int(node)
