"""Measurements on wafers that are no rates: a speed-up over one system, a utilisation beside another run's, training FLOPs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import log2

from wafersim.evidence.rows import ValidatedRow
from wafersim.evidence.sets.wafer_row import NO_CHANGE, WaferRow
from wafersim.simulation import step_seconds
from wafersim.workload.transformer import build_workload

TOKENS_PER_PARAMETER = 20


@dataclass(frozen=True)
class _OfAJob:
    """A number that a job is measured by, other than its rate; the table's words for it are the job's."""

    job: WaferRow

    @property
    def id(self) -> str:
        """Its name in the table."""
        return self.job.id

    @property
    def use(self) -> str:
        """What it is for."""
        return self.job.use

    @property
    def published(self) -> float:
        """The published ratio."""
        return self.job.published

    @property
    def unit(self) -> str:
        """Times what it is a ratio to."""
        return self.job.unit


@dataclass(frozen=True)
class ScalingRow(_OfAJob):
    """Throughput of a job on some systems over that of one system with a micro-batch of its own.

    Weak scaling gives the one system its share of the batch, strong scaling the whole.
    """

    baseline_micro_batch: int
    weak: bool

    @property
    def group(self) -> str:
        """Weak or strong."""
        return f"{'weak' if self.weak else 'strong'} scaling"

    @property
    def baseline(self) -> WaferRow:
        """The one system."""
        batch = self.job.batch // self.job.systems if self.weak else self.job.batch
        return replace(self.job, systems=1, batch=batch, micro_batch=self.baseline_micro_batch)

    @property
    def doublings(self) -> float:
        """From one system to these."""
        return log2(self.job.systems)

    @property
    def family(self) -> str:
        """The architecture and its parameters, in billions."""
        return f"{self.job.called.split()[0]} {self.job.workload.parameters / 1e9:.1f}B"

    @property
    def series(self) -> tuple[object, ...]:
        """What ratios that share a run on one system have in common."""
        one = self.baseline
        return one.called, one.sequence, one.batch, one.micro_batch, self.weak

    def seconds(self, constants: Mapping[str, float] = NO_CHANGE) -> tuple[float, float]:
        """(a step of one system, a step of all) under changed constants."""
        return step_seconds(self.baseline.job(constants)), step_seconds(self.job.job(constants))

    def predicted(self, one: float, many: float) -> float:
        """The ratio that two step times give."""
        return self.job.batch / many / (self.baseline.batch / one)

    def judge(self) -> ValidatedRow:
        """The ratio of two simulated rates; there is no interval of a ratio yet."""
        row = self.job
        what = f"{row.called} at {row.sequence}, {row.systems} systems over 1, micro-batch {row.micro_batch}"
        if self.baseline_micro_batch != row.micro_batch:
            what += f" over {self.baseline_micro_batch}"
        return ValidatedRow(
            self.id, self.use, what, self.predicted(*self.seconds()), self.published, self.unit, row.assumed, row.why,
            group=self.group,
        )  # fmt: skip


@dataclass(frozen=True)
class UtilisationRow(_OfAJob):
    """Training FLOPs a second and system of a job, in the convention of the Cerebras-GPT paper, over those of a reference run."""

    reference: WaferRow
    group: str = "relative utilisation"

    def judge(self) -> ValidatedRow:
        """The ratio of two simulated utilisations."""
        mine, theirs = (_flops_a_second(row) for row in (self.job, self.reference))
        row = self.job
        what = f"utilisation of {row.what} relative to {self.reference.called}"
        return ValidatedRow(
            self.id, self.use, what, mine / theirs, self.published, self.unit, row.assumed, row.why, group=self.group
        )


def _flops_a_second(row: WaferRow) -> float:
    """Of one system."""
    tokens = row.batch * row.sequence / row.systems
    return row.workload.published_flops_per_token * tokens / step_seconds(row.job())


@dataclass(frozen=True)
class FlopsRow:
    """Training FLOPs of a model as its card states them."""

    id: str
    published: float
    unit: str
    model: str
    use: str = "flops"
    group: str = "training FLOPs"

    def judge(self) -> ValidatedRow:
        """FLOPs at 20 tokens per parameter under the published convention of the Cerebras-GPT cards."""
        workload = build_workload(self.model, 2048)
        flops = workload.published_flops_per_token * TOKENS_PER_PARAMETER * workload.parameters
        what = f"training FLOPs of {self.model}"
        return ValidatedRow(self.id, self.use, what, flops, self.published, self.unit, group=self.group)
