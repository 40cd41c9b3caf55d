"""What `auto` settles: the activation policy and the micro-batch of the fastest step of one healthy system."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from math import ceil

from wafersim.errors import Infeasible
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.strategy import WeightStreamingSpec
from wafersim.strategies.weight_streaming.activations import Policy, candidates
from wafersim.strategies.weight_streaming.periodic import run_to_period
from wafersim.strategies.weight_streaming.plan import WeightStreamingPlan
from wafersim.strategies.weight_streaming.planner import Disturbances, Machine, Planned, Settings, build_plan
from wafersim.wafer.op_cost import op_cost
from wafersim.workload.transformer import Workload

MOST_MICRO_BATCHES = 512  # of a step
MANY = 8  # micro-batches beyond which one more costs what the one before did
SIMULATED_SIZES = 6  # of micro-batches, beyond those found by doubling


def with_micro_batches(experiment: Experiment, workload: Workload, machine: Machine, settings: Settings) -> Settings:
    """The settings with the number of micro-batches: asked for, published, or the fastest."""
    largest, strategy = max(settings.shards), experiment.strategy
    assert isinstance(strategy, WeightStreamingSpec)
    size = strategy.micro_batch
    if size == "published" and workload.model.published is not None:
        size = int(workload.model.published["micro_batch"])
    if isinstance(size, int):
        count = ceil(largest / size)
        if count > MOST_MICRO_BATCHES:
            raise Infeasible(f"{count} micro-batches a step; up to {MOST_MICRO_BATCHES} are simulated")
        return replace(settings, micro_batches=count)
    return replace(settings, micro_batches=_fastest_micro_batches(experiment, workload, machine, settings))


def _fastest_micro_batches(experiment: Experiment, workload: Workload, machine: Machine, settings: Settings) -> int:
    """Micro-batches of the fastest step, by size of the largest one.

    A smaller micro-batch streams the weights more often; a larger one works through a layer in more sub-batches or sends
    more activations away; tokens and PEs meet in ceilings, so the step is no smooth function of the size. Counts are
    doubled from the fewest that fit; around the best of them, from a quarter to twice its size, every size is bounded from
    below under the policy found there, and those with the lowest bounds are simulated.
    """
    policies, largest = _policies(experiment, workload), max(settings.shards)
    fewest = _fewest(policies, workload, machine, settings, largest)
    if fewest is None:
        raise Infeasible("no micro-batch fits: " + _first_refusal(experiment, workload, machine, settings))
    best, shortest, count = fewest, float("inf"), fewest
    alone = _alone(settings)
    while count <= min(largest, MOST_MICRO_BATCHES) and (count <= 4 * best or count == fewest):
        chosen = _choose(policies, workload, machine, replace(alone, micro_batches=count))
        if chosen.ticks < shortest:
            best, shortest, policy = count, chosen.ticks, chosen.policy
        count *= 2
    around = sorted({ceil(largest / size) for size in range(ceil(largest / best / 4), ceil(2 * largest / best) + 1)})
    bounds = []
    for n in around:
        if fewest <= n <= MOST_MICRO_BATCHES and n != best:
            planned = build_plan(workload, machine, replace(alone, micro_batches=n), policy, op_cost)
            if isinstance(planned, Planned):
                bounds.append((_lower_bound(planned.plan), n))
    for bound, n in sorted(bounds)[:SIMULATED_SIZES]:
        if bound >= shortest:
            break
        ticks = _choose(policies, workload, machine, replace(alone, micro_batches=n)).ticks
        if ticks < shortest:
            best, shortest = n, ticks
    return best


def _fewest(
    policies: tuple[Policy, ...], workload: Workload, machine: Machine, settings: Settings, largest: int
) -> int | None:
    """The fewest micro-batches that fit; what fits at a size fits at every smaller one."""
    high = 1
    while not _some_fit(policies, workload, machine, settings, high):
        if high >= min(largest, MOST_MICRO_BATCHES):
            return None
        high = min(2 * high, largest, MOST_MICRO_BATCHES)
    low = high // 2  # does not fit, or is 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _some_fit(policies, workload, machine, settings, middle) else (middle, high)
    return high


def _some_fit(
    policies: tuple[Policy, ...], workload: Workload, machine: Machine, settings: Settings, micro_batches: int
) -> bool:
    attempt = replace(_alone(settings), micro_batches=micro_batches)
    return any(isinstance(build_plan(workload, machine, attempt, policy, op_cost), Planned) for policy in policies)


def _alone(settings: Settings) -> Settings:
    """The step of one healthy system with the largest shard: what fits and what is fastest is settled there."""
    return replace(settings, shards=(max(settings.shards),), disturbances=Disturbances())


def _policies(experiment: Experiment, workload: Workload) -> tuple[Policy, ...]:
    assert isinstance(experiment.strategy, WeightStreamingSpec)
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
        ticks = _step_ticks(planned.plan)
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


def _step_ticks(plan: WeightStreamingPlan) -> float:
    """Ticks of a step; many micro-batches go on as the first few do, which is close enough to compare plans."""
    if plan.micro_batches <= MANY:
        return float(run_to_period(plan).step_ticks)
    half, whole = (float(run_to_period(_first(plan, n)).step_ticks) for n in (MANY // 2, MANY))
    return whole + (plan.micro_batches - MANY) * (whole - half) / (MANY - MANY // 2)


def _first(plan: WeightStreamingPlan, micro_batches: int) -> WeightStreamingPlan:
    """A step of its first micro-batches only."""
    rows = tuple(row[:micro_batches] for row in plan.size_of)
    return replace(plan, micro_batches=micro_batches, size_of=rows)


def _lower_bound(plan: WeightStreamingPlan) -> int:
    """Ticks that the busiest resource of one system needs for a step."""
    compute = ingress = egress = 0
    for size, count in Counter(plan.size_of[0]).items():
        pieces = sum(plan.fetch_ticks[size])
        compute += count * sum(map(sum, plan.compute_ticks[size]))
        for kernel in plan.kernels:
            layer = plan.layers[kernel.layer]
            ingress += count * (sum(layer.ingress_ticks) * kernel.streams + pieces * bool(kernel.fetches))
            egress += count * (sum(layer.egress_ticks) * kernel.drains + pieces * bool(kernel.offloads))
    return max(compute, ingress, egress)
