"""What `auto` settles: the activation policy and the micro-batch of the fastest step of one healthy system."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil, inf

from wafersim.errors import Infeasible
from wafersim.inputs.strategy import WeightStreamingSpec
from wafersim.strategies.best_first import best_first
from wafersim.strategies.job import Job
from wafersim.strategies.weight_streaming.activations import Policy, candidates
from wafersim.strategies.weight_streaming.memoryx import check_memoryx
from wafersim.strategies.weight_streaming.periodic import run_to_period
from wafersim.strategies.weight_streaming.plan import WeightStreamingPlan
from wafersim.strategies.weight_streaming.planner import (
    Disturbances,
    Machine,
    Planned,
    Settings,
    build_plan,
    check_slices,
    fewest_slices,
)
from wafersim.strategies.weight_streaming.settings import machine_of, settings_of, shards_of, wafers_of
from wafersim.wafer.op_cost import op_cost
from wafersim.workload.transformer import Workload

MOST_MICRO_BATCHES = 512  # of a step
MANY = 8  # micro-batches beyond which one more costs what the one before did
SIMULATED_SIZES = 6  # of micro-batches, beyond those found by doubling


@dataclass(frozen=True)
class Choice:
    """Settings of healthy systems with the micro-batches settled, the activation policy and why that one."""

    settings: Settings
    policy: Policy
    reason: str
    notes: tuple[str, ...] = ()


def choose(job: Job) -> Choice:
    """Micro-batch and policy of the fastest step.

    Policies differ only inside a system, so they are compared on one system with the largest shard: simulated in the
    order of a lower bound (the busiest of wafer, link in, link out) until no bound is below the best.
    """
    machine = machine_of(wafers_of(job.machine))
    check_memoryx(job)
    shards, notes = shards_of(job)
    settings = settings_of(job, shards)
    settings = replace(settings, micro_batches=_micro_batches(job, machine, settings))
    drawn = (job.disturbances.jitter, job.disturbances.spread) != ("none", "none")
    different = job.count if drawn else len(set(shards))
    check_slices(fewest_slices(job.workload, machine, settings), different, settings.micro_batches)
    fastest = _fastest_policy(_policies(job), job.workload, machine, _alone(settings))
    return Choice(settings, fastest.policy, fastest.reason, notes)


def _micro_batches(job: Job, machine: Machine, settings: Settings) -> int:
    """The number of micro-batches: asked for, published, or the fastest."""
    largest, strategy, published = max(settings.shards), job.strategy, job.workload.model.published
    assert isinstance(strategy, WeightStreamingSpec)
    size = strategy.micro_batch
    if size == "published" and published is not None:
        size = int(published["micro_batch"])
    if isinstance(size, int):
        count = ceil(largest / size)
        if count > MOST_MICRO_BATCHES:
            raise Infeasible(f"{count} micro-batches a step; up to {MOST_MICRO_BATCHES} are simulated")
        return count
    return _fastest_micro_batches(_policies(job), job.workload, machine, _alone(settings))


def _fastest_micro_batches(policies: tuple[Policy, ...], workload: Workload, machine: Machine, alone: Settings) -> int:
    """Micro-batches of the fastest step.

    A smaller micro-batch streams the weights more often; a larger one works through a layer in more sub-batches or sends
    more activations away; tokens and PEs meet in ceilings, so the step is no smooth function of the size. Counts are
    doubled from the fewest that fit; around the best of them, from a quarter to twice its size, every size is bounded from
    below under the policy found there, and those with the lowest bounds are simulated.
    """

    def fastest(count: int) -> Fastest:
        return _fastest_policy(policies, workload, machine, replace(alone, micro_batches=count))

    largest = alone.shards[0]
    fewest = _fewest(policies, workload, machine, alone, largest)
    if fewest is None:
        raise Infeasible("no micro-batch fits: " + _first_refusal(policies, workload, machine, alone))
    best, shortest, count = fewest, inf, fewest
    while count <= min(largest, MOST_MICRO_BATCHES) and (count <= 4 * best or count == fewest):
        chosen = fastest(count)
        if chosen.ticks < shortest:
            best, shortest, policy = count, chosen.ticks, chosen.policy
        count *= 2
    around = sorted({ceil(largest / size) for size in range(ceil(largest / best / 4), ceil(2 * largest / best) + 1)})
    counts, bounds = [], []
    for n in around:
        if fewest <= n <= MOST_MICRO_BATCHES and n != best:
            planned = build_plan(workload, machine, replace(alone, micro_batches=n), policy, op_cost)
            if isinstance(planned, Planned):
                counts.append(n)
                bounds.append(float(_lower_bound(planned.plan)))
    found = best_first(bounds, lambda at: fastest(counts[at]).ticks, known=shortest, most=SIMULATED_SIZES)
    shorter = {counts[at]: ticks for at, ticks in found.items() if ticks < shortest}
    return min(shorter, key=lambda n: shorter[n]) if shorter else best


def _fewest(
    policies: tuple[Policy, ...], workload: Workload, machine: Machine, alone: Settings, largest: int
) -> int | None:
    """The fewest micro-batches that fit; what fits at a size fits at every smaller one."""

    def some_fit(count: int) -> bool:
        attempt = replace(alone, micro_batches=count)
        return any(isinstance(build_plan(workload, machine, attempt, policy, op_cost), Planned) for policy in policies)

    high = 1
    while not some_fit(high):
        if high >= min(largest, MOST_MICRO_BATCHES):
            return None
        high = min(2 * high, largest, MOST_MICRO_BATCHES)
    low = high // 2  # does not fit, or is 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if some_fit(middle) else (middle, high)
    return high


def _alone(settings: Settings) -> Settings:
    """The step of one healthy system with the largest shard: what fits and what is fastest is settled there."""
    return replace(settings, shards=(max(settings.shards),), disturbances=Disturbances())


def _policies(job: Job) -> tuple[Policy, ...]:
    assert isinstance(job.strategy, WeightStreamingSpec)
    asked = job.strategy.activations
    return candidates(asked.keep, asked.place, asked.recompute_weights, job.workload.model.layers)


def _first_refusal(policies: tuple[Policy, ...], workload: Workload, machine: Machine, settings: Settings) -> str:
    refusals = [build_plan(workload, machine, settings, policy, op_cost) for policy in policies]
    return next(refusal for refusal in refusals if isinstance(refusal, str))


@dataclass(frozen=True)
class Fastest:
    """The fastest policy of a system, why it is that one, and ticks of its step."""

    policy: Policy
    reason: str
    ticks: float


@lru_cache(maxsize=4096)
def _fastest_policy(policies: tuple[Policy, ...], workload: Workload, machine: Machine, settings: Settings) -> Fastest:
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
    bounds = [float(_lower_bound(planned.plan)) for planned in plans]
    found = best_first(bounds, lambda at: _step_ticks(plans[at].plan))
    best = min(found, key=lambda at: found[at])
    if len(policies) == 1:
        return Fastest(plans[best].policy, "asked for", found[best])
    reason = f"fastest of {len(plans)} policies that fit"
    roomiest = Policy(0, "wafer")
    if roomiest in refusals:
        reason += f"; {roomiest} {refusals[roomiest]}"
    return Fastest(plans[best].policy, reason, found[best])


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
