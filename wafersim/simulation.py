"""simulate(experiment): Experiment -> Workload -> Plan -> Timeline -> Prediction, one function each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from math import ceil

from wafersim.errors import Infeasible
from wafersim.metrics.prediction import Prediction, predict
from wafersim.spec.experiment import Experiment
from wafersim.spec.profile import Machine as MachineProfile
from wafersim.spec.profile import SystemProfile, load_machine
from wafersim.strategies.steps import Engine
from wafersim.strategies.weight_streaming.activations import Policy, candidates
from wafersim.strategies.weight_streaming.periodic import PeriodicStep, run_to_period
from wafersim.strategies.weight_streaming.plan import Jitter, WeightStreamingPlan
from wafersim.strategies.weight_streaming.planner import (
    Disturbances,
    Machine,
    Planned,
    Settings,
    build_plan,
)
from wafersim.strategies.weight_streaming.tree import build_tree
from wafersim.wafer.op_cost import WaferDevice, op_cost
from wafersim.workload.transformer import Workload, build_workload


@dataclass(frozen=True)
class Simulated:
    """A prediction with the plan and the periodic step behind it."""

    prediction: Prediction
    planned: Planned
    periodic: PeriodicStep


def simulate(experiment: Experiment, engine: Engine = "auto") -> Prediction:
    """The prediction of an experiment without a sweep.

    Raises Infeasible with the reason when no activation policy fits, the batch is smaller than the cluster, or the
    cluster is larger than its SwarmX reaches.
    """
    return simulate_step(experiment, engine).prediction


def simulate_step(experiment: Experiment, engine: Engine = "auto") -> Simulated:
    """The same with plan and timeline, for figures and for tests."""
    profile = load_machine(experiment.system.profile, experiment.system.overrides)
    workload = workload_of(experiment)
    machine = machine_of(profile, experiment.system.software)
    shards, notes = shards_of(experiment, workload, profile)
    settings = settings_of(experiment, workload, machine, shards)
    planned, reason = plan_step(experiment, workload, machine, settings)
    periodic = run_to_period(planned.plan, engine)
    prediction = predict(
        periodic,
        planned,
        workload,
        machine,
        shards,
        tokens_of(experiment, workload),
        notes,
        assumed_numbers(profile, experiment),
    )
    prediction = replace(prediction, memory={**prediction.memory, "reason": reason})
    return Simulated(prediction, planned, periodic)


def scaling_efficiency(prediction: Prediction, experiment: Experiment) -> float | None:
    """Throughput per system against one system under the same experiment (its own batch rules); None if one cannot run."""
    if prediction.n_systems == 1:
        return 1.0
    alone = experiment.model_copy(update={"system": experiment.system.model_copy(update={"systems": 1})})
    try:
        single = _simulated_once(alone.model_dump_json())
    except Infeasible:
        return None
    return prediction.samples_per_s / prediction.n_systems / single.samples_per_s


@cache
def _simulated_once(experiment_json: str) -> Prediction:
    return simulate(Experiment.model_validate_json(experiment_json))


def workload_of(experiment: Experiment) -> Workload:
    """Experiment -> Workload."""
    return build_workload(experiment.model, experiment.training.sequence_length)


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


def device_of(profile: SystemProfile, speed: float = 1.0) -> WaferDevice:
    """A system's numbers as an op's cost reads them."""
    system = profile.values
    return WaferDevice(
        cores=system.cores.value,
        simd_width=system.simd_width.value,
        clock=system.clock.value,
        grid_rows=int(system.grid_rows.value),
        grid_columns=int(system.grid_columns.value),
        weight_issue=system.weight_issue.value,
        group_cost=system.group_cost.value,
        attention_cost=system.attention_cost.value,
        elementwise_cost=system.elementwise_cost.value,
        kernel_latency=system.kernel_latency.value,
        speed=speed,
    )


def shards_of(
    experiment: Experiment, workload: Workload, profile: MachineProfile
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Sequences of each system in a step, and notes worth printing."""
    systems, training, published = experiment.system.systems, experiment.training, workload.model.published
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


def settings_of(experiment: Experiment, workload: Workload, machine: Machine, shards: tuple[int, ...]) -> Settings:
    """The user's choices as a plan reads them, with the number of micro-batches settled."""
    strategy, training = experiment.strategy, experiment.training
    settings = Settings(
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
    largest = max(shards)
    size = strategy.micro_batch
    if size == "published" and workload.model.published is not None:
        size = int(workload.model.published["micro_batch"])
    if isinstance(size, int):
        return replace(settings, micro_batches=ceil(largest / size))
    return replace(settings, micro_batches=_fastest_micro_batches(experiment, workload, machine, settings))


def _fastest_micro_batches(experiment: Experiment, workload: Workload, machine: Machine, settings: Settings) -> int:
    """Micro-batches of the fastest step: from the fewest that fit, doubled as long as that makes the step shorter.

    A smaller micro-batch streams the weights more often; a larger one works through a layer in more sub-batches or sends
    more activations away.
    """
    policies, largest = _policies(experiment, workload), max(settings.shards)
    fewest = next((n for n in range(1, largest + 1) if _some_fit(policies, workload, machine, settings, n)), None)
    if fewest is None:
        raise Infeasible("no micro-batch fits: " + _first_refusal(experiment, workload, machine, settings))
    best, shortest, count = fewest, float("inf"), fewest
    while count <= largest:
        ticks = _choose(policies, workload, machine, replace(_alone(settings), micro_batches=count)).ticks
        if ticks < shortest:
            best, shortest = count, ticks
        elif count >= 4 * best:
            break
        count *= 2
    return best


def _some_fit(
    policies: tuple[Policy, ...], workload: Workload, machine: Machine, settings: Settings, micro_batches: int
) -> bool:
    attempt = replace(_alone(settings), micro_batches=micro_batches)
    return any(isinstance(build_plan(workload, machine, attempt, policy, op_cost), Planned) for policy in policies)


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


def _alone(settings: Settings) -> Settings:
    """The step of one healthy system with the largest shard: what fits and what is fastest is settled there."""
    return replace(settings, shards=(max(settings.shards),), disturbances=Disturbances())


def _policies(experiment: Experiment, workload: Workload) -> tuple[Policy, ...]:
    choice = experiment.strategy.activations
    return candidates(choice.keep, choice.place, choice.recompute_weights, workload.model.layers)


def _first_refusal(experiment: Experiment, workload: Workload, machine: Machine, settings: Settings) -> str:
    refusals = [build_plan(workload, machine, settings, p, op_cost) for p in _policies(experiment, workload)]
    return next(refusal for refusal in refusals if isinstance(refusal, str))


def plan_step(experiment: Experiment, workload: Workload, machine: Machine, settings: Settings) -> tuple[Planned, str]:
    """The plan under the fastest activation policy that fits, and why that one.

    Policies differ only inside a system, so they are compared on one system with the largest shard: simulated in the
    order of a lower bound (the busiest of wafer, link in, link out) until no bound is below the best.
    """
    policies = _policies(experiment, workload)
    chosen = _choose(policies, workload, machine, _alone(settings))
    planned = build_plan(workload, machine, settings, chosen.policy, op_cost)
    if isinstance(planned, str):
        raise Infeasible(planned)
    return planned, chosen.reason


@dataclass(frozen=True)
class _Chosen:
    policy: Policy
    reason: str
    ticks: float  # of a step of one system


_chosen: dict[tuple[object, ...], _Chosen] = {}


def _choose(policies: tuple[Policy, ...], workload: Workload, machine: Machine, settings: Settings) -> _Chosen:
    key = (policies, workload.model.name, workload.sequence_length, machine, settings)
    if key not in _chosen:
        _chosen[key] = _fastest_policy(policies, workload, machine, settings)
    return _chosen[key]


def _fastest_policy(policies: tuple[Policy, ...], workload: Workload, machine: Machine, settings: Settings) -> _Chosen:
    plans: list[Planned] = []
    refusals: dict[Policy, str] = {}
    for policy in policies:
        planned = build_plan(workload, machine, settings, policy, op_cost)
        if isinstance(planned, str):
            refusals[policy] = planned
        else:
            plans.append(planned)
    if not plans:
        raise Infeasible(f"{policies[0]}: {refusals[policies[0]]}")
    best: tuple[float, Planned] | None = None
    for planned in sorted(plans, key=lambda candidate: _lower_bound(candidate.plan)):
        if best is not None and _lower_bound(planned.plan) >= best[0]:
            break
        ticks = float(run_to_period(planned.plan).step_ticks)
        if best is None or ticks < best[0]:
            best = (ticks, planned)
    assert best is not None
    if len(policies) == 1:
        return _Chosen(best[1].policy, "asked for", best[0])
    reason = f"fastest of {len(plans)} policies that fit"
    roomiest = Policy(0, "wafer")
    if roomiest in refusals:
        reason += f"; {roomiest} {refusals[roomiest]}"
    return _Chosen(best[1].policy, reason, best[0])


def _lower_bound(plan: WeightStreamingPlan) -> int:
    """Ticks that the busiest resource of one system needs for a step."""
    compute = ingress = egress = 0
    for micro_batch in range(plan.micro_batches):
        pieces = plan.fetch_ticks[plan.size_of[0][micro_batch]]
        for index, kernel in enumerate(plan.kernels):
            layer = plan.layers[kernel.layer]
            compute += sum(plan.slices(0, micro_batch, index))
            ingress += sum(layer.ingress_ticks) * kernel.streams + sum(pieces) * bool(kernel.fetches)
            egress += sum(layer.egress_ticks) * kernel.drains + sum(pieces) * bool(kernel.offloads)
    return max(compute, ingress, egress)


def tokens_of(experiment: Experiment, workload: Workload) -> float:
    """Tokens of the whole run: a number, or so many per parameter."""
    tokens = experiment.training.tokens
    if isinstance(tokens, str) and tokens.endswith("per parameter"):
        return float(tokens.removesuffix("per parameter")) * workload.parameters
    return float(tokens)


def assumed_numbers(profile: MachineProfile, experiment: Experiment) -> tuple[str, ...]:
    """The numbers of a machine that nobody has published and a prediction reads, by path."""
    asked = experiment.disturbances
    choices = {"compute_jitter": asked.jitter, "system_spread": asked.spread}
    unused = {name for name, choice in choices.items() if choice != "profile"}
    parts = {"system": profile.system.values, "memoryx": profile.memoryx.values, "swarmx": profile.swarmx.values}
    return tuple(
        f"{part}.{name}"
        for part, values in parts.items()
        for name, number in values
        if number is not None and number.kind == "assumed" and name not in unused
    )
