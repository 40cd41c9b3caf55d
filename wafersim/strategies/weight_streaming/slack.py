"""What each resource has to spare: how much faster it may get before another binds, or slower before it costs something.

The step time is a convex, piecewise linear function of a resource's time s (each circuit's length is a line in s), and the
critical circuit gives its slope. A faster resource pays until a further gain brings half of what it brings today; a slower
one costs nothing until the step is 1 % longer, which Newton's method finds. Where services come in order of arrival the
step is not quite convex in s, and the point found is a nearby one.
"""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import Any

from wafersim.strategies.critical import critical_ops
from wafersim.strategies.strategy import Slack
from wafersim.strategies.weight_streaming.periodic import PeriodicStep, run_to_period
from wafersim.strategies.weight_streaming.plan import WeightStreamingPlan

# Resource -> its names on the critical circuit, the ticks of a plan's layers that it serves.
RESOURCES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "wafer compute": (("compute forward", "compute recompute", "compute dgrad", "compute wgrad"), ()),
    "system I/O": (("ingress", "egress", "fetch", "offload"), ("ingress_ticks", "egress_ticks")),
    "SwarmX links": (("broadcast", "reduce"), ("down_ticks", "up_ticks")),
    "MemoryX link": (("stream", "into MemoryX"), ("send_ticks", "root_ticks")),
    "MemoryX memory": (("accumulate", "read"), ("accumulate_ticks", "read_ticks")),
    "optimizer": (("update",), ()),
}
BINDS, COST = 0.05, 0.01  # share of the circuit above which a resource binds; share of the step that is noticed
MOST_TRIES = 40
HALF = 0.5
SMALLEST, PRECISION = 1 / 64, 1.02  # of a resource's time: the fastest that is tried, and how closely the bend is found
TOLERANCE = 1e-6  # of the step: rounding every scaled duration to a tick stays far below


def slacks(periodic: PeriodicStep) -> list[Slack]:
    """The slack of every resource that has work in a step of the periodic state."""
    out = []
    for resource in RESOURCES:
        here = _Point(periodic, resource, 1.0)
        if here.share > BINDS:
            out.append(_until_another_binds(periodic, here))
        elif _busiest(periodic, resource):
            out.append(_until_it_costs(periodic, here))
    return out


class _Point:
    """The step at one share of a resource's time, with the slope of its critical circuit there."""

    def __init__(self, periodic: PeriodicStep, resource: str, scale: float) -> None:
        found = periodic if scale == 1.0 else run_to_period(scaled(periodic.plan, resource, scale), reductions=False)
        circuit = critical_ops(found)
        self.resource, self.scale = resource, scale
        self.ticks = float(found.step_ticks)
        self.shares = circuit.shares
        own = sum(circuit.ticks.get(name, 0) for name in RESOURCES[resource][0])
        # A chain that does not close spans the time of its tasks, whatever steps those were.
        spanned = self.ticks * circuit.steps if circuit.steps else float(sum(circuit.ticks.values()))
        self.share = own / spanned
        self.slope = self.share * self.ticks / scale if scale else 0.0


def _until_another_binds(periodic: PeriodicStep, here: _Point) -> Slack:
    """The speed at which a further one pays half as much as today; what binds instead."""
    slow, fast = here, _Point(periodic, here.resource, SMALLEST)
    if fast.slope >= HALF * here.slope:
        return Slack(here.resource, here.share, None, True)
    while slow.scale / fast.scale > PRECISION:
        middle = _Point(periodic, here.resource, sqrt(slow.scale * fast.scale))
        slow, fast = (middle, fast) if middle.slope >= HALF * here.slope else (slow, middle)
    return Slack(here.resource, here.share, 1 / slow.scale, True, _gaining(here, fast))


def _until_it_costs(periodic: PeriodicStep, here: _Point) -> Slack:
    target = here.ticks * (1 + COST)
    there = _Point(periodic, here.resource, 2 * target / _busiest(periodic, here.resource))
    for _ in range(MOST_TRIES):
        if there.slope <= 0 or there.ticks <= target * (1 + TOLERANCE):
            break
        there = _Point(periodic, here.resource, max(1.0, there.scale - (there.ticks - target) / there.slope))
    return Slack(here.resource, here.share, there.scale, False)


def _gaining(here: _Point, beyond: _Point) -> str | None:
    """The resource whose share of the critical circuit grows most beyond the bend."""
    gains = {}
    for other, (names, _) in RESOURCES.items():
        if other != here.resource:
            gains[other] = sum(beyond.shares.get(name, 0.0) - here.shares.get(name, 0.0) for name in names)
    for waits, name in (("latency", "latency"), ("reduction tail", "tail")):
        gains[waits] = beyond.shares.get(name, 0.0) - here.shares.get(name, 0.0)
    best = max(gains, key=lambda name: gains[name])
    return best if gains[best] > 0 else None


def _busiest(periodic: PeriodicStep, resource: str) -> float:
    """Ticks of a step that the busiest server of a resource works."""
    plan = periodic.plan
    ticks = [0.0]
    if resource == "SwarmX links" and plan.tree.depth == 1:
        return 0.0  # one node: its links are MemoryX's and the systems' own
    for name in RESOURCES[resource][1]:
        uses = [k for k in plan.kernels if (k.drains if _goes_up(name) else k.streams)]
        ticks.append(float(plan.micro_batches * sum(sum(getattr(plan.layers[k.layer], name)) for k in uses)))
    if resource == "optimizer":
        ticks.append(float(sum(unit.ticks for unit in plan.updates)))
    return max(ticks)


def _goes_up(name: str) -> bool:
    return name in ("egress_ticks", "up_ticks", "root_ticks", "accumulate_ticks")


def scaled(plan: WeightStreamingPlan, resource: str, scale: float) -> WeightStreamingPlan:
    """The plan with every duration of a resource times `scale`, rounded to ticks."""

    def times(ticks: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(round(each * scale) for each in ticks)

    fields = RESOURCES[resource][1]
    layers = []
    for layer in plan.layers:
        served: dict[str, Any] = {name: times(getattr(layer, name)) for name in fields}
        layers.append(replace(layer, **served))
    changed = replace(plan, layers=tuple(layers))
    if resource == "wafer compute":
        compute = tuple(tuple(times(slices) for slices in size) for size in plan.compute_ticks)
        return replace(changed, compute_ticks=compute)
    if resource == "system I/O":
        return replace(changed, fetch_ticks=tuple(times(pieces) for pieces in plan.fetch_ticks))
    if resource == "optimizer":
        return replace(changed, updates=tuple(replace(u, ticks=round(u.ticks * scale)) for u in plan.updates))
    return changed
