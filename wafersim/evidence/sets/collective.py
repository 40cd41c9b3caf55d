"""Measured collectives inside a node of GPUs: bytes over n GPUs, in seconds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from wafersim.errors import Infeasible
from wafersim.evidence.kinds import Kind
from wafersim.evidence.rows import Cells, Rows, ValidatedRow, read_rows
from wafersim.evidence.tables import shipped
from wafersim.gpu.cluster import device_of
from wafersim.gpu.collectives import node_all_reduce
from wafersim.gpu.machine import Device
from wafersim.inputs.fit import load_fit
from wafersim.inputs.gpu_profile import GpuProfile
from wafersim.inputs.machine import load_gpu_machine
from wafersim.inputs.machine_names import gpus_called
from wafersim.inputs.profile_file import load_profile
from wafersim.inputs.resources import kind_of, names
from wafersim.metrics.interval import NUDGE, uncertainty
from wafersim.strategies.features import logs

CONSTANTS = ("collective_bandwidth", "pair_bandwidth", "collective_latency", "hop_latency", "ramp")  # of a GPU
FEATURES = ("bytes", "GPUs")
SHOWN = ("h200", "b200")  # their own bus bandwidth is the profile's
COLLECTIVES = ("all-reduce", "all-gather", "reduce-scatter")


@dataclass(frozen=True)
class MeasuredCollective:
    """A row of the table. Of the shipped traces even rows judge, odd ones set constants."""

    id: str
    use: str
    profile: str
    collective: str
    gpus: int
    size: float
    published: float
    unit: str = "s"

    @property
    def group(self) -> str:
        """The GPU's profile."""
        return self.profile

    @property
    def features(self) -> tuple[float, ...]:
        """Logarithms of `FEATURES`."""
        return logs(self.size, self.gpus)

    def seconds(self, device: Device) -> float:
        """Predicted, on some device."""
        if self.collective.startswith("all-reduce"):
            ringed = replace(device, switch_bandwidth=0.0) if "switch" not in self.collective else device
            return float(np.asarray(node_all_reduce(self.size, self.gpus, ringed)))
        # An all-gather or a reduce-scatter is half of an all-reduce.
        return 0.5 * float(np.asarray(node_all_reduce(self.size, self.gpus, replace(device, switch_bandwidth=0.0))))

    def elasticities(self, device: Device, of: Sequence[str] = CONSTANTS) -> list[float]:
        """d ln(seconds) / d ln(constant)."""
        base = self.seconds(device)
        nudged = (self.seconds(replace(device, **{name: getattr(device, name) * (1.0 + NUDGE)})) for name in of)
        return [float(np.log(each / base) / np.log(1.0 + NUDGE)) for each in nudged]

    def judge(self) -> ValidatedRow:
        """Seconds beside the measured ones."""
        device = gpu_device(self.profile)
        seconds = self.seconds(device)
        numbers = (f"{self.profile}: values.{name}" for name in CONSTANTS)
        elasticities = dict(zip(numbers, self.elasticities(device), strict=True))
        found = uncertainty((load_fit("collective"),), elasticities, self.profile, self.features)
        low, high = found.bounds(seconds)
        return ValidatedRow(
            self.id, self.use, f"{self.collective} of {self.size / 2**20:g} MiB on {self.gpus} GPUs", seconds, self.published,
            self.unit, (), "its own bus bandwidth is the profile's" if self.use == "shown" else "", group=self.group,
            set="collective", low=low, high=high,
        )  # fmt: skip


def gpu_device(profile: str) -> Device:
    """The device of a GPU's profile."""
    loaded = load_profile(profile)
    assert isinstance(loaded, GpuProfile)
    return device_of(loaded)


@cache
def published_rows() -> Rows[MeasuredCollective]:
    """The shipped rows. The traces have no marks: every second row of a curve judges, the others set constants."""
    table = shipped("collective")
    found = read_rows(table, read_row)
    traced = {cells["id"] for cells in table if cells["seconds"]}
    rows = dict(found.measured)
    seen: Counter[tuple[str, int]] = Counter()
    for name, row in rows.items():
        use = "shown" if row.profile in SHOWN else "test"
        if name in traced:
            use = "test" if seen[row.profile, row.gpus] % 2 else "fit"
        seen[row.profile, row.gpus] += 1
        rows[name] = replace(row, use=use)
    return Rows(rows, found.refused)


def read_row(cells: Cells) -> MeasuredCollective:
    """A row of a table; it judges unless it says otherwise. Raises Infeasible where it is out of scope."""
    hardware = profile = cells["hardware"].strip()
    if not cells["bytes"]:
        raise Infeasible("bytes are not stated; it is the collective_bandwidth of the jean-zay profile")
    if not _is_gpu(profile):
        profile = load_gpu_machine(gpus_called(hardware).profile).gpu.name
    collective = re.sub("^all-?reduce", "all-reduce", cells["collective"].strip().lower())
    if "between" in collective:
        raise Infeasible(f"collective {cells['collective']!r}: only those inside a node are predicted")
    if not collective.startswith(COLLECTIVES):
        raise Infeasible(f"collective {cells['collective']!r} is none of {', '.join(COLLECTIVES)}")
    n, size = int(float(cells["n_gpus"] or 0)), float(cells["bytes"])
    if n < 2:
        raise Infeasible(f"n_gpus must be at least 2 (got {cells['n_gpus']!r})")
    if not cells["seconds"] and not cells["busbw_GBps"]:
        raise Infeasible("neither seconds nor busbw_GBps is stated")
    wire = (2.0 if collective.startswith("all-reduce") else 1.0) * (n - 1) / n * size
    seconds = float(cells["seconds"]) if cells["seconds"] else wire / (float(cells["busbw_GBps"]) * 1e9)
    return MeasuredCollective(cells["id"], cells.get("use") or "test", profile, collective, n, size, seconds)


def _is_gpu(profile: str) -> bool:
    return profile in names("hardware") and kind_of(profile) == "gpu"


KIND = Kind(
    name="collective",
    title="collectives: seconds",
    needed=("id", "hardware", "n_gpus", "collective", "bytes", "seconds", "busbw_GBps"),
    numbers=("n_gpus", "bytes", "seconds", "busbw_GBps"),
    fractional=("bytes", "seconds", "busbw_GBps"),
    read=read_row,
    published=published_rows,
    fit="collective",
)
