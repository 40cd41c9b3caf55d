"""Measured memory of GPUs: what the fullest GPU of a job that ran was seen to hold, in GiB, and whether it is said to fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from wafersim.errors import Infeasible
from wafersim.evidence.kinds import Kind
from wafersim.evidence.rows import Cells, Rows, ValidatedRow, read_rows
from wafersim.evidence.sets import gpu
from wafersim.evidence.sets.gpu_row import GpuRow
from wafersim.evidence.tables import columns, shipped
from wafersim.inputs.machine import load_gpu_machine
from wafersim.simulation import simulate_step
from wafersim.strategies.gpu_parallel.choice import choose

GIB = 2.0**30
SEEN_BY = ("allocator", "nvidia-smi")
UNIT = "GiB"


@dataclass(frozen=True)
class MeasuredMemory:
    """A job, and the most that one of its GPUs held."""

    job: GpuRow
    seen_by: str  # the allocator counts tensors; nvidia-smi also what `usable_memory` leaves out
    published: float
    unit: str = UNIT

    @property
    def id(self) -> str:
        """That of the job."""
        return self.job.id

    @property
    def use(self) -> str:
        """That of the job."""
        return self.job.use

    @property
    def group(self) -> str:
        """The stack that ran it."""
        return f"memory of {self.job.software}"

    def judge(self) -> ValidatedRow:
        """Bytes of the fullest GPU beside the measured ones; `fits` is False where a job that ran is refused."""
        job = self.job.jobs()[0]
        memory: Mapping[str, float] = simulate_step(replace(job, must_fit=False)).prediction.memory.to_json()
        lost = lost_memory(self.job.profile) if self.seen_by == "nvidia-smi" else 0.0
        needed, low, high = (
            None if memory.get(name) is None else (memory[name] + lost) / GIB
            for name in ("total_bytes", "total_bytes_low", "total_bytes_high")
        )
        assert needed is not None
        try:
            choose(job)
            fits = True
        except Infeasible:
            fits = False
        return ValidatedRow(
            self.id, self.use, f"{self.job.model.name} on {self.job.gpus} GPUs", needed, self.published, UNIT,
            self.job.assumed, group=self.group, set="memory", low=low, high=high, fits=fits,
        )  # fmt: skip


def lost_memory(profile: str) -> float:
    """Bytes of a GPU that `usable_memory` leaves out, which nvidia-smi counts as used."""
    values = load_gpu_machine(profile).gpu.values
    return values.memory.value * (1.0 - values.usable_memory.value)


@cache
def published_rows() -> Rows[MeasuredMemory]:
    """The shipped rows."""
    return read_rows(shipped("memory"), read_row)


def read_row(cells: Cells) -> MeasuredMemory:
    """A row of a table: the job as a GPU table says it, and its peak. Raises Infeasible where it does not state enough."""
    said = cells.get("seen_by", "").strip().lower()
    seen_by = said or SEEN_BY[0]
    if seen_by not in SEEN_BY:
        raise Infeasible(f"seen_by {cells['seen_by']!r} is none of {', '.join(SEEN_BY)}")
    if (unit := cells["unit"] or UNIT) != UNIT:
        raise Infeasible(f"unit {unit!r}; peak_memory is in {UNIT}")
    whole = dict.fromkeys(columns("gpu"), "")
    job = gpu.read_row({**whole, **cells, "metric": "iteration_time", "value": "1", "unit": ""})
    if job.open:
        raise Infeasible(f"{', '.join(job.open)} not stated")
    assumed = job.assumed if said else (*job.assumed, f"seen by the {seen_by}")
    return MeasuredMemory(replace(job, assumed=assumed), seen_by, float(cells["value"]))


def peaks_of(rows: Iterable[Cells]) -> list[Cells]:
    """Rows of GPU jobs that state `peak_memory_gib`, as rows of memory called `<id> memory`."""
    return [
        {**row, "id": f"{row['id']} memory", "metric": KIND.metrics[0], "value": row["peak_memory_gib"], "unit": UNIT}
        for row in rows
        if row.get("peak_memory_gib")
    ]


KIND = Kind(
    name="memory",
    title="memory of a GPU: GiB",
    needed=(
        "id", "hardware", "n_gpus", "layers", "d_model", "heads", "d_ffn", "seq_len", "tp", "pp", "dp", "seen_by",
        "metric", "value",
    ),
    numbers=tuple(name for name in gpu.NUMBERS if name != "peak_memory_gib"),
    fractional=tuple(name for name in gpu.FRACTIONAL if name != "peak_memory_gib"),
    metrics=("peak_memory",),
    read=read_row,
    published=published_rows,
)  # fmt: skip
