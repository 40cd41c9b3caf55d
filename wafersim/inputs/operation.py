"""Profiles of operation: how machines are started, saved, repaired, and what fails, number by number with provenance.

The `standard_error` of a number is that of its logarithm between installations: how far another one's may lie. It is wide where
little is published, and a whole run's distribution holds it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from wafersim.inputs.sourced import Bandwidth, Count, Fraction, Frozen, Named, Ratio, Time

Of = Literal["unit", "cluster", "memoryx", "swarmx"]


class FailureValues(Frozen):
    """One cause of failures. A unit is a wafer-scale system, or a node of eight GPUs; rates are of one of `of`."""

    of: Of = Field(
        description="What fails, each by itself: a unit (a wafer-scale system; eight GPUs and their host), a node of MemoryX or "
        "of SwarmX, or the cluster as a whole."
    )
    strikes: Literal["stop", "corrupt", "spike"] = Field(
        description="stop: the job crashes or hangs; corrupt: it computes on wrongly and is found out later; spike: the loss "
        "diverges and training goes back."
    )
    per_1000_days: Count = Field(description="Failures of one in 1,000 days of work.")
    shape: Ratio | None = Field(
        default=None, description="Weibull's k of the gaps of one; 1 (exponential) if left out."
    )
    detection: Time = Field(description="Mean time until the job is stopped and the cause known.")
    detection_sigma: Ratio | None = Field(
        default=None, description="Log-normal sigma of it from one failure to the next; 0 if left out."
    )
    takes_unit: bool = Field(default=False, description="Whether a unit goes to repair and a spare takes its place.")
    repair: Time | None = Field(default=None, description="Mean time in repair; the profile's own if left out.")
    burst_share: Fraction | None = Field(default=None, description="Share that takes several units at once, as a rack.")
    burst_units: Count | None = Field(default=None, description="Units that it then takes.")
    bad_share: Fraction | None = Field(
        default=None, description="Share of bad units, which fail more often until they are found and returned."
    )
    bad_times: Count | None = Field(default=None, description="Times as often as others that bad units fail.")
    latency: Time | None = Field(default=None, description="Of corrupt: mean time of work until it is found.")
    back_steps: Count | None = Field(default=None, description="Of spike: how many steps before it training goes back.")
    loses_memory: Fraction | None = Field(
        default=None, description="Share of the failures that lose checkpoints kept in memory; 0 if left out."
    )


class OperationValues(Frozen):
    """How a machine is operated. Bandwidths to the store are the lesser of all units' together and the store's own."""

    compile: Time = Field(description="Before the first start; its result is kept.")
    weights_bandwidth: Bandwidth | None = Field(
        default=None, description="Of fp32 weights to MemoryX at every start; GPUs have none."
    )
    program: Time = Field(description="Of devices, at every start: programs loaded, processes launched.")
    prime: Time = Field(description="Of input workers and connections, at every start.")
    unit_store_bandwidth: Bandwidth | None = Field(default=None, description="Of checkpoints, of one unit.")
    store_bandwidth: Bandwidth | None = Field(default=None, description="Of checkpoints, of all units together.")
    restart_fails: Fraction = Field(description="Share of starts after a failure that fail again.")
    memoryx_nodes: Ratio | None = Field(default=None, description="Nodes of MemoryX for each unit; wafers only.")
    swarmx_nodes: Ratio | None = Field(default=None, description="Nodes of SwarmX for each unit; wafers only.")
    spares: Fraction = Field(description="Units that stand by, of those that work, rounded up; none where it is 0.")
    swap: Time = Field(description="Until a spare is in place.")
    repair: Time = Field(description="Mean time until a unit is back.")
    repair_sigma: Ratio = Field(description="Log-normal sigma of it from one repair to the next.")
    site: Ratio = Field(description="Factor of all failure rates; its standard error is how installations differ.")
    input_stall: Ratio = Field(description="Time that a step waits for input, as a share of its own.")


class OperationProfile(Named):
    """How machines of one kind are operated, and what fails."""

    kind: Literal["operation"] = Field(description="Of how machines are operated: `operation`.")
    when_short: Literal["wait", "shrink"] = Field(
        description="Without a spare: wait for a repair, or go on with a unit less."
    )
    save_mode: Literal["blocking", "asynchronous"] = Field(description="Unless an experiment says another.")
    values: OperationValues = Field(description="Its numbers.")
    failures: dict[str, FailureValues] = Field(description="Causes of failures by name, each with its numbers.")

    @property
    def of_wafers(self) -> bool:
        """Whether it tells of wafers, which have MemoryX: GPUs have neither its nodes nor a way to it."""
        return self.values.weights_bandwidth is not None or self.values.memoryx_nodes is not None
