"""How far from linear clusters of wafers scale: measured ratios of n systems to one, with all that a simulation of both needs."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import log2

from wafersim.evidence.rows import Cells
from wafersim.inputs.machine import load_machine
from wafersim.inputs.strategy import WeightStreamingSpec
from wafersim.simulation import step_seconds
from wafersim.strategies.job import Job, Training
from wafersim.workload.model import Model
from wafersim.workload.transformer import Workload, workload_of

TABLE = "wafer_scaling.csv"
PROFILE = "andromeda"
NO_TAIL = {"swarmx.reduction_tail": 0.0, "swarmx.reduction_tail_per_parameter": 0.0}
LEARNED = 2048  # positions of the GPT-3 shapes; the longer sequences were run with the same parameters
TIED = 0.005  # of the stated parameters: closer than this, the table of a model is its output layer, too


@dataclass(frozen=True)
class ScalingRatio:
    """Throughput of `systems` over that of one, which works on `baseline_batch` in micro-batches of its own.

    Ratios of one `series` share the run on one system; those of one `family` the model.
    """

    id: str
    use: str
    called: str
    family: str
    series: str
    model: Model
    software: str
    sequence: int
    systems: int
    batch: int
    micro_batch: int
    baseline_batch: int
    baseline_micro_batch: int
    ratio: float

    @property
    def workload(self) -> Workload:
        """The model at the row's sequence length."""
        return workload_of(self.model, self.sequence)

    @property
    def doublings(self) -> float:
        """From one system to these."""
        return log2(self.systems)

    def seconds(self, tail: bool = True) -> tuple[float, float]:
        """(a step of one system, a step of all); without the tail of the reduction where `tail` is False."""
        machine = load_machine(PROFILE, {} if tail else NO_TAIL, self.software)

        def step(systems: int, batch: int, micro_batch: int) -> float:
            strategy = WeightStreamingSpec(micro_batch=micro_batch)
            return step_seconds(Job(self.workload, machine, systems, strategy, Training(batch)))

        one = step(1, self.baseline_batch, self.baseline_micro_batch)
        return one, step(self.systems, self.batch, self.micro_batch)

    def predicted(self, one: float, many: float) -> float:
        """The ratio that two step times give."""
        return self.batch / many / (self.baseline_batch / one)


@cache
def scaling_ratios() -> tuple[ScalingRatio, ...]:
    """The shipped rows that may set constants."""
    with (files("wafersim.evidence") / "data" / TABLE).open(encoding="utf-8") as stream:
        rows = tuple(read_ratio(cells) for cells in csv.DictReader(stream))
    return tuple(row for row in rows if row.use == "fit")


def read_ratio(cells: Cells) -> ScalingRatio:
    """A row by its columns; weak scaling keeps the batch of a system, strong scaling that of the cluster."""
    systems, batch = int(cells["n_systems"]), int(cells["global_batch"])
    weak = cells["metric"] == "weak_scaling_speedup"
    assert weak or cells["metric"] == "strong_scaling_speedup", cells["metric"]
    return ScalingRatio(
        id=cells["id"], use=cells["use"], called=cells["model"], family=f"{cells['model'].split()[0]} {cells['params']}",
        series=f"{cells['model']}, {cells['seq_len']} tokens, {cells['metric']}", model=_model(cells),
        software=cells["software"], sequence=int(cells["seq_len"]), systems=systems, batch=batch,
        micro_batch=int(cells["micro_batch_per_system"]), baseline_batch=batch // systems if weak else batch,
        baseline_micro_batch=int(cells["baseline_micro_batch"]), ratio=float(cells["value"]),
    )  # fmt: skip


def _model(cells: Cells) -> Model:
    layers, d_model, heads, d_ffn, vocab = (int(cells[n]) for n in ("layers", "d_model", "heads", "d_ffn", "vocab"))
    sequence, stated = int(cells["seq_len"]), float(cells["params"])

    def shaped(tied: bool) -> Model:
        return Model(
            name=cells["model"], family="own", layers=layers, d_model=d_model, heads=heads, d_ffn=d_ffn, vocab=vocab,
            max_sequence=sequence, positions=LEARNED if cells["positions"] == "learned" else 0, tied_embeddings=tied,
            published_parameters=stated, causal=cells["causal"] == "1", source=cells["source_url"],
        )  # fmt: skip

    tied = shaped(True)
    return tied if abs(workload_of(tied, sequence).parameters / stated - 1) < TIED else shaped(False)
