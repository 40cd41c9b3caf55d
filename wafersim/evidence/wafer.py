"""The published wafer rows through the same path as `run`: predicted beside published."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from math import ceil, exp
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from wafersim.errors import Infeasible
from wafersim.evidence.report import ValidatedRow, ValidationReport, chosen, judged, read_rows
from wafersim.evidence.tables import shipped
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.fit import load_fit
from wafersim.inputs.machine import load_machine
from wafersim.inputs.profile import SystemProfile
from wafersim.inputs.resources import kind_of, names
from wafersim.inputs.strategy import WeightStreamingSpec
from wafersim.simulation import alone, job_of, step_and_interval, step_seconds
from wafersim.strategies.job import Job, Training
from wafersim.workload.model import Model, load_model
from wafersim.workload.transformer import Workload, build_workload
from wafersim.workload.transformer import workload_of as workload_of_model

METRIC = "train_throughput"
TOKENS_PER_PARAMETER = 20
SYSTEMS = {"CS-1": "cs1", "CS-2": "alcf-cs2", "CS-3": "alcf-cs3"}
SWEEP = ("A08", "A09", "A10", "A11")
SIZES = ("layers", "d_model", "d_ffn")
ESM_SEQUENCE = 1026  # tokens that ESM-2 was trained on: 1,024 residues, start and end (Lin et al. 2023)
STAND_IN = "gpt2-small"  # an experiment names a model of the catalogue; a row's own shape takes its place


@dataclass(frozen=True)
class PublishedRow:
    """A row of the table with how it becomes an experiment; `model` is its shape where the catalogue has none."""

    id: str
    measured: dict[str, str]
    how: dict[str, Any]
    model: Model | None = None

    @property
    def published(self) -> float:
        """The published value in its own unit."""
        return float(self.measured["value"])

    @property
    def system(self) -> str:
        """The profile of the wafer-scale system."""
        return load_machine(self.how["profile"]).system.name

    def workload(self) -> Workload:
        """The model at the row's sequence length."""
        sequence = int(self.how.get("sequence") or self.measured["seq_len"])
        return workload_of_model(self.model or load_model(self.how["model"]), sequence)

    def job(self, **constants: float) -> Job:
        """The job that the row describes, under changed constants of the system if given."""
        n, micro_batch = int(self.measured["n_systems"]), int(float(self.measured["micro_batch_per_system"]))
        overrides = {f"system.{name}": value for name, value in constants.items()}
        return Job(
            workload=self.workload(),
            machine=load_machine(self.how["profile"], overrides, self.how["software"]),
            count=n,
            strategy=WeightStreamingSpec(micro_batch=micro_batch),
            training=Training(batch=int(float(self.measured["global_batch"] or micro_batch * n))),
        )


@cache
def published_rows() -> tuple[dict[str, PublishedRow], dict[str, str]]:
    """(rows that can be simulated, reasons of those that cannot), by id."""
    path = files("wafersim.evidence") / "data" / "wafer_rows.yaml"
    how: dict[str, Any] = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    skipped: dict[str, str] = how.pop("skipped")
    table = {row["id"]: row for row in shipped("wafer")}
    missing = set(table) - set(how) - set(skipped)
    assert not missing, f"rows without a role: {sorted(missing)}"
    return {name: PublishedRow(name, table[name], entry) for name, entry in how.items()}, skipped


def rows_of(table: list[dict[str, str]]) -> tuple[dict[str, PublishedRow], dict[str, str]]:
    """The rows of a user's table in the columns of the shipped one; one that does not state enough gets the reason."""
    return read_rows(table, _own)


def _own(raw: dict[str, str]) -> PublishedRow:
    assumed = []
    if raw.get("metric") != METRIC:
        raise Infeasible(f"metric {raw.get('metric')!r}; {METRIC} in samples/s is predicted")
    if raw["unit"] != "samples/s":
        raise Infeasible(f"unit {raw['unit']!r}; {METRIC} is in samples/s")
    notes = raw["notes"]
    if re.search("pipelined execution", notes, re.IGNORECASE):
        raise Infeasible("pipelined execution, the whole network on the wafer, not weight streaming")
    if not raw["n_systems"]:
        raise Infeasible("n_systems is not stated")
    micro_batch = raw["micro_batch_per_system"]
    if not micro_batch and raw["global_batch"]:
        micro_batch = str(ceil(float(raw["global_batch"]) / float(raw["n_systems"])))
        assumed.append(f"micro-batch {micro_batch}, the whole batch of a system")
    if not micro_batch:
        raise Infeasible("micro_batch_per_system is not stated, nor is global_batch")
    text = raw["system"].strip()
    generation = re.search(r"CS-?([123])\b", text, re.IGNORECASE)
    wafers = [name for name in names("hardware") if kind_of(name) in ("system", "cluster")]
    profile = text if text in wafers else SYSTEMS.get(f"CS-{generation[1]}") if generation else None
    if profile is None:
        raise Infeasible(f"system {text!r} is neither a profile nor one of {', '.join(SYSTEMS)}")
    software = _release(raw.get("software", ""), notes, load_machine(profile).system)
    if software is None:
        assumed.append("release R2")
    known = _catalogued(raw["model"])
    model = _reshaped(load_model(known), raw) if known else _shape(raw)
    usual = load_model(known).max_sequence if known else ESM_SEQUENCE if "esm" in raw["model"].lower() else 2048
    if not raw["seq_len"]:
        assumed.append(f"sequence {usual}")
    shape = model or load_model(known or STAND_IN)
    stated = float(raw["params"] or 0)
    built = workload_of_model(shape, int(usual)).parameters
    if stated and abs(built / stated - 1) > 0.05:
        assumed.append(f"the shape has {built:.3g} parameters, stated are {stated:.3g}")
    how = {
        "model": known or STAND_IN, "profile": profile, "software": software or "R2",
        "role": raw.get("use") or ("test" if raw["seq_len"] else "shown"),
        "sequence": int(float(raw["seq_len"] or usual)), "assumed": assumed,
    }  # fmt: skip
    return PublishedRow(raw["id"], {**raw, "micro_batch_per_system": micro_batch}, how, model)


def _release(column: str, notes: str, system: SystemProfile) -> str | None:
    """R1.7, R1.8, R1.9 or R2 from a column or from notes such as "SW R1.8.0"; None where nothing is said."""
    said = re.findall(r"\bSW R?(\d+\.\d+)|\b(?:R|release )(\d+\.\d+)", notes)
    versions = [first or second for first, second in sorted(said, key=lambda pair: not pair[0])]
    found = re.search(r"\d+\.\d+", column)
    version = found[0] if found else versions[0] if versions else None
    if version is None:
        return None
    release = f"R{version}" if version.startswith("1.") else "R2"
    if release not in system.releases:
        raise Infeasible(f"{system.name} has no software release {release}; known: {', '.join(system.releases)}")
    return release


def _catalogued(name: str) -> str | None:
    """A model of the catalogue by the name that a table gives it: `LLaMA2-7B` is llama2-7b, `BERT-large MSL128` bert-large."""

    def plain(text: str) -> str:
        # t12: layers in the name of an ESM-2. LLaMA 3.1 has the shapes of LLaMA 3.
        return re.sub(r"\bt\d+\b|^meta-|(?<=llama3)\.1|(?<=llama-3)\.1|(?<=llama 3)\.1|[^a-z0-9.]", "", text.lower())

    found = [known for known in names("models") if plain(name).startswith(plain(known))]
    return max(found, key=len, default=None)


def _reshaped(model: Model, raw: dict[str, str]) -> Model | None:
    """A model of the catalogue in the shape that a row states, where that is another; None where it is the catalogue's."""
    stated: dict[str, Any] = {name: _first_number(name, raw[name]) for name in SIZES if raw[name]}
    if all(getattr(model, name) == size for name, size in stated.items()):
        return None
    heads: dict[str, Any] = {"heads": _first_number("heads", raw["heads"])} if raw["heads"] else {}
    return replace(model, **stated, **heads)


def _shape(raw: dict[str, str]) -> Model:
    """From the columns; LLaMA's and BERT's dialects by name, GPT's otherwise."""
    for name in ("layers", "d_model", "heads", "d_ffn", "vocab"):
        if not raw.get(name):
            raise Infeasible(f"{raw['model']} is not in the catalogue and {name} is not stated")
    layers, d_model, heads, d_ffn, vocab = (
        _first_number(name, raw[name]) for name in ("layers", "d_model", "heads", "d_ffn", "vocab")
    )
    if d_model % heads:
        raise Infeasible(f"heads {heads} do not divide d_model {d_model}")
    dialect: dict[str, Any] = {}
    if "llama" in raw["model"].lower():
        dialect = {
            "mlp": "swiglu",
            "tied_embeddings": False,
            "norm": "rmsnorm",
            "mlp_bias": False,
            "attention_bias": False,
        }
    if "bert" in raw["model"].lower() or "esm" in raw["model"].lower():
        dialect = {"causal": False}
    return Model(
        name=raw["model"], family="own", layers=layers, d_model=d_model, heads=heads, d_ffn=d_ffn, vocab=vocab,
        max_sequence=int(float(raw.get("seq_len") or 2048)), published_parameters=float(raw.get("params") or 0),
        source=raw.get("source_url") or "own", **dialect,
    )  # fmt: skip


def _first_number(name: str, text: str) -> int:
    found = re.search(r"\d+", text)
    if found is None or int(found[0]) == 0:
        raise Infeasible(f"{name} must be a number > 0 (got {text!r})")
    return int(found[0])


def validate_wafer(only: str | None = None) -> ValidationReport:
    """Every row, or one; raises WafersimError for an unknown id."""
    return judged(*chosen(*published_rows(), only), judge)


def judge(row: PublishedRow) -> ValidatedRow:
    """One row: throughput, training FLOPs, or how far from linear a cluster scales."""
    role, assumed, why = row.how["role"], tuple(row.how.get("assumed", ())), row.how.get("why", "")
    unit = row.measured["unit"]
    if role == "flops":
        what = f"training FLOPs of {row.how['model']}"
        predicted = training_flops(row.how["model"])
        return ValidatedRow(row.id, role, what, predicted, row.published, unit, assumed, why, group="training FLOPs")
    if role == "scaling":
        what = f"{row.how['model']} from 1 to {row.measured['n_systems']} systems"
        return ValidatedRow(row.id, "shown", what, _loss(row), row.published, unit, assumed, why, group="weak scaling")
    job = row.job()
    seconds, uncertainty = step_and_interval(job)
    rate = job.training.batch / seconds
    low, high = uncertainty.bounds(rate)
    without = load_fit("wafer").left_out.get(row.id)
    left_out = None
    if without is not None:
        middle = row.published * exp(without.error)
        left_out = (middle, middle * exp(-without.half_width), middle * exp(without.half_width))
    what = f"{row.measured['model']} on {row.measured['n_systems']} {row.measured['system']}"
    return ValidatedRow(
        row.id, role, what, rate, row.published, unit, assumed, why, group=row.system, low=low, high=high,
        left_out=left_out,
    )  # fmt: skip


def batch_sweep() -> tuple[tuple[float, float], tuple[float, float]]:
    """(measured, predicted) seconds of LLaMA2-7B's steps on a CS-3 as (fixed part, part per sequence), by least squares."""
    rows = [published_rows()[0][name] for name in SWEEP]
    batch = np.array([float(row.measured["global_batch"]) for row in rows])
    design = np.stack([np.ones(len(rows)), batch], axis=1)

    def parts(rates: list[float]) -> tuple[float, float]:
        fixed, each = np.linalg.lstsq(design, batch / np.array(rates), rcond=None)[0].tolist()
        return fixed, each

    return parts([row.published for row in rows]), parts([judge(row).predicted for row in rows])


def _loss(row: PublishedRow) -> float:
    """Percent below linear with the jitter and the spread that the profile states."""
    experiment = Experiment.model_validate(
        {
            "name": row.id,
            "model": row.how["model"],
            "system": {"profile": row.how["profile"], "systems": int(row.measured["n_systems"])},
            "strategy": {"micro_batch": "published"},
            "training": {"batch_per_system": "published"},
            "disturbances": {"jitter": "profile", "spread": "profile"},
        }
    )
    many, one = job_of(experiment), job_of(alone(experiment))
    rates = [job.training.batch / job.count / step_seconds(job) for job in (many, one)]
    return 100.0 * (1.0 - rates[0] / rates[1])


def training_flops(model: str) -> float:
    """Training FLOPs at 20 tokens per parameter under the published convention of the Cerebras-GPT cards."""
    workload = build_workload(model, 2048)
    return workload.published_flops_per_token * TOKENS_PER_PARAMETER * workload.parameters
