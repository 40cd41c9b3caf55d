"""Power, energy and money of a machine while it works on a job."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

from wafersim.inputs.machine import THIS_EXPERIMENT, GpuMachine, Machine
from wafersim.inputs.sourced import Sourced
from wafersim.metrics.prediction import SECONDS_PER_DAY, Prediction


@dataclass(frozen=True)
class Bill:
    """Watts while working, and dollars an hour (None without a price), of so many wafers or GPUs."""

    watts: float
    usd_per_hour: float | None
    sources: tuple[str, ...]


def wafer_bill(machine: Machine, systems: int) -> Bill:
    """A cluster's power a system where it is published, all in all; otherwise, or where the experiment says it, the system's."""
    cluster, values = machine.cluster, machine.system.values
    power, each = values.power, values.power.value
    if cluster is not None and cluster.values.power is not None and power.source != THIS_EXPERIMENT:
        power, each = cluster.values.power, cluster.values.power.value / cluster.values.systems.value
    return _bill(systems * each, systems, power, values.rent)


def gpu_bill(machine: GpuMachine, gpus: int) -> Bill:
    """GPUs at their rated power, with the hosts of their nodes."""
    node, gpu = machine.network.values, machine.gpu.values
    nodes = ceil(gpus / node.gpus_per_node.value)
    watts = gpus * gpu.power.value + nodes * node.host_power.value
    host = f", and {node.host_power.written} for the host of {node.gpus_per_node.value:g}"
    return _bill(watts, gpus, gpu.power, node.price, host)


def _bill(watts: float, count: int, power: Sourced, price: Sourced | None, host: str = "") -> Bill:
    sources = [f"power {power.written}{host}: {power.source}, {power.date}"]
    if price is not None:
        sources.append(f"price {price.written}: {price.source}, {price.date}")
    return Bill(watts, None if price is None else count * price.value, tuple(sources))


def with_bill(prediction: Prediction, bill: Bill) -> Prediction:
    """The prediction with power, and energy and cost of the whole run."""
    seconds = prediction.days_to_train * SECONDS_PER_DAY
    cost = None if bill.usd_per_hour is None else bill.usd_per_hour * seconds / 3600.0
    return replace(prediction, power_w=bill.watts, energy_j=bill.watts * seconds, cost_usd=cost, bill=bill.sources)
