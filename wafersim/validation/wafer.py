"""The published wafer rows through the same path as `run`: predicted beside published."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from ruamel.yaml import YAML

from wafersim.errors import WafersimError, did_you_mean
from wafersim.simulation import simulate, workload_of
from wafersim.spec.experiment import Experiment
from wafersim.spec.machine import load_machine
from wafersim.validation.report import ValidatedRow, ValidationReport

TOKENS_PER_PARAMETER = 20


@dataclass(frozen=True)
class PublishedRow:
    """A row of the table with how it becomes an experiment."""

    id: str
    measured: dict[str, str]
    how: dict[str, Any]

    @property
    def published(self) -> float:
        """The published value in its own unit."""
        return float(self.measured["value"])

    @property
    def system(self) -> str:
        """The profile of the wafer-scale system."""
        return load_machine(self.how["profile"]).system.name

    def experiment(self, **constants: float) -> Experiment:
        """The experiment that the row describes, under changed constants of the system if given."""
        n = int(self.measured["n_systems"])
        return Experiment.model_validate(
            {
                "name": self.id,
                "model": self.how["model"],
                "system": {
                    "profile": self.how["profile"],
                    "systems": n,
                    "software": self.how["software"],
                    "overrides": {f"system.{name}": value for name, value in constants.items()},
                },
                "strategy": {"kind": "weight-streaming", "micro_batch": int(self.measured["micro_batch_per_system"])},
                "training": {
                    "sequence_length": int(self.how.get("sequence") or self.measured["seq_len"]),
                    "batch": int(self.measured["global_batch"]),
                },
            }
        )


def published_rows() -> tuple[dict[str, PublishedRow], dict[str, str]]:
    """(rows that can be simulated, reasons of those that cannot), by id."""
    data = files("wafersim.validation") / "data"
    how: dict[str, Any] = YAML(typ="safe").load((data / "wafer_rows.yaml").read_text(encoding="utf-8"))
    skipped: dict[str, str] = how.pop("skipped")
    with (data / "wafer_measurements.csv").open(encoding="utf-8") as stream:
        table = {row["id"]: row for row in csv.DictReader(stream)}
    missing = set(table) - set(how) - set(skipped)
    assert not missing, f"rows without a role: {sorted(missing)}"
    return {name: PublishedRow(name, table[name], entry) for name, entry in how.items()}, skipped


def validate_wafer(only: str | None = None) -> ValidationReport:
    """Every row, or one; raises WafersimError for an unknown id."""
    rows, skipped = published_rows()
    if only is not None:
        if only in skipped:
            return ValidationReport((), {only: skipped[only]})
        if only not in rows:
            raise WafersimError(f"--row {only}: no such row{did_you_mean(only, [*rows, *skipped])}")
        rows, skipped = {only: rows[only]}, {}
    return ValidationReport(tuple(_judge(row) for row in rows.values()), skipped)


def _judge(row: PublishedRow) -> ValidatedRow:
    role, assumed = row.how["role"], tuple(row.how.get("assumed", ()))
    if role == "flops":
        predicted, what = training_flops(row.how["model"]), f"training FLOPs of {row.how['model']}"
    else:
        predicted = simulate(row.experiment()).samples_per_s
        what = f"{row.measured['model']} on {row.measured['n_systems']} {row.measured['system']}"
    return ValidatedRow(
        row.id, role, what, predicted, row.published, row.measured["unit"], assumed, row.how.get("why", "")
    )


def training_flops(model: str) -> float:
    """Training FLOPs at 20 tokens per parameter under the published convention of the Cerebras-GPT cards."""
    experiment = Experiment.model_validate(
        {
            "name": model,
            "model": model,
            "system": {"profile": "cs2", "systems": 1},
            "strategy": {"kind": "weight-streaming"},
            "training": {"sequence_length": 2048, "batch": 1},
        }
    )
    workload = workload_of(experiment)
    return workload.published_flops_per_token * TOKENS_PER_PARAMETER * workload.parameters
