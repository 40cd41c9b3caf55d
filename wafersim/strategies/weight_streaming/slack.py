"""What each resource has to spare: how much faster it may get before another binds, or slower before it costs something.

The step time is a convex, piecewise linear function of a resource's share of time s (each circuit's length is a line in s),
so Newton's method finds the bend: follow the tangent, which the critical circuit gives, to where it meets the line that
holds today. Where services come in order of arrival the step is not convex in s, and the bend found is a nearby one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from wafersim.strategies.critical import critical_ops
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
TOLERANCE = 1e-6  # of the step: rounding every scaled duration to a tick stays far below


@dataclass(frozen=True)
class Slack:
    """A resource that binds may get `factor` times faster until `then` binds, None if nothing ever does.

    One that does not bind may get `factor` times slower until the step is 1 % longer.
    """

    resource: str
    share: float
    factor: float | None
    then: str | None = None

    @property
    def binds(self) -> bool:
        """A share of the critical circuit that is worth a faster part."""
        return self.share > BINDS


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

    def line(self, scale: float) -> float:
        return self.ticks + self.slope * (scale - self.scale)

    def meets(self, other: _Point) -> float:
        """The scale at which two tangents meet."""
        return (other.line(0.0) - self.line(0.0)) / (self.slope - other.slope)


def _until_another_binds(periodic: PeriodicStep, here: _Point) -> Slack:
    edge = TOLERANCE * here.ticks
    there = _Point(periodic, here.resource, 0.0)
    if there.ticks <= here.line(0.0) + edge:
        return Slack(here.resource, here.share, None)
    for _ in range(MOST_TRIES):
        scale = here.meets(there)
        if not there.scale < scale < 1.0:
            break
        there, beyond = _Point(periodic, here.resource, scale), there
        if there.ticks <= here.line(scale) + edge or there.slope >= here.slope:
            return Slack(here.resource, here.share, 1 / scale, _gaining(here, beyond))
    return Slack(here.resource, here.share, 1.0, _gaining(here, there))


def _until_it_costs(periodic: PeriodicStep, here: _Point) -> Slack:
    target = here.ticks * (1 + COST)
    there = _Point(periodic, here.resource, 2 * target / _busiest(periodic, here.resource))
    for _ in range(MOST_TRIES):
        if there.slope <= 0 or there.ticks <= target * (1 + TOLERANCE):
            break
        there = _Point(periodic, here.resource, max(1.0, there.scale - (there.ticks - target) / there.slope))
    return Slack(here.resource, here.share, there.scale)


def _gaining(here: _Point, beyond: _Point) -> str | None:
    """The resource whose share of the critical circuit grows most beyond the bend."""
    gains = {}
    for other, (names, _) in RESOURCES.items():
        if other != here.resource:
            gains[other] = sum(beyond.shares.get(name, 0.0) - here.shares.get(name, 0.0) for name in names)
    gains["latency"] = beyond.shares.get("latency", 0.0) - here.shares.get("latency", 0.0)
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
