"""The wafer table: which shipped rows become what (`wafer_rows.yaml`), and rows of a user in the same columns."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from math import ceil
from typing import Any

import numpy as np

from wafersim.errors import Infeasible
from wafersim.evidence.kinds import Kind
from wafersim.evidence.rows import Cells, Measured, Rows
from wafersim.evidence.sets.wafer_row import FlopsRow, ScalingRow, WaferRow
from wafersim.evidence.tables import read_data, shipped
from wafersim.inputs.machine import load_machine
from wafersim.inputs.profile import SystemProfile
from wafersim.inputs.resources import kind_of, names
from wafersim.workload.model import Model, load_model
from wafersim.workload.transformer import workload_of

METRIC = "train_throughput"
SYSTEMS = {"CS-1": "cs1", "CS-2": "alcf-cs2", "CS-3": "alcf-cs3"}
SWEEP = ("A08", "A09", "A10", "A11")
SIZES = ("layers", "d_model", "d_ffn")
SHAPE = ("layers", "d_model", "heads", "d_ffn", "vocab")
ESM_SEQUENCE = 1026  # tokens that ESM-2 was trained on: 1,024 residues, start and end (Lin et al. 2023)


@cache
def published_rows() -> Rows[Measured]:
    """The shipped rows as `wafer_rows.yaml` describes them."""
    how = read_data("wafer_rows.yaml")
    skipped: dict[str, str] = how.pop("skipped")
    table = {cells["id"]: cells for cells in shipped("wafer")}
    missing = set(table) - set(how) - set(skipped)
    assert not missing, f"rows without a role: {sorted(missing)}"
    return Rows({name: _published(table[name], entry) for name, entry in how.items()}, skipped)


def throughput_rows() -> dict[str, WaferRow]:
    """Of the shipped rows those of a throughput, by id."""
    return {name: row for name, row in published_rows().measured.items() if isinstance(row, WaferRow)}


def _published(cells: Cells, how: dict[str, Any]) -> Measured:
    value, unit, why = float(cells["value"]), cells["unit"], how.get("why", "")
    if how["role"] == "flops":
        return FlopsRow(cells["id"], value, unit, how["model"])
    if how["role"] == "scaling":
        return ScalingRow(cells["id"], value, unit, how["model"], how["profile"], int(cells["n_systems"]), why)
    systems, micro_batch = int(cells["n_systems"]), int(float(cells["micro_batch_per_system"]))
    return WaferRow(
        id=cells["id"], use=how["role"], what=_what(cells), published=value, unit=unit, model=load_model(how["model"]),
        catalogued=how["model"], called=cells["model"], profile=how["profile"], software=how["software"], systems=systems,
        micro_batch=micro_batch, batch=int(float(cells["global_batch"] or micro_batch * systems)),
        sequence=int(how.get("sequence") or cells["seq_len"]), assumed=tuple(how.get("assumed", ())), why=why,
    )  # fmt: skip


def _what(cells: Cells) -> str:
    return f"{cells['model']} on {cells['n_systems']} {cells['system']}"


def read_row(cells: Cells) -> WaferRow:
    """A row of a user's table; raises Infeasible where it does not state enough."""
    assumed = []
    if cells["metric"] != METRIC:
        raise Infeasible(f"metric {cells['metric']!r}; {METRIC} in samples/s is predicted")
    if cells["unit"] != "samples/s":
        raise Infeasible(f"unit {cells['unit']!r}; {METRIC} is in samples/s")
    notes = cells["notes"]
    if re.search("pipelined execution", notes, re.IGNORECASE):
        raise Infeasible("pipelined execution, the whole network on the wafer, not weight streaming")
    if not cells["n_systems"]:
        raise Infeasible("n_systems is not stated")
    systems = int(cells["n_systems"])
    if cells["micro_batch_per_system"]:
        micro_batch = int(cells["micro_batch_per_system"])
    elif cells["global_batch"]:
        micro_batch = ceil(int(cells["global_batch"]) / systems)
        assumed.append(f"micro-batch {micro_batch}, the whole batch of a system")
    else:
        raise Infeasible("micro_batch_per_system is not stated, nor is global_batch")
    profile = _system(cells["system"])
    software = _release(cells.get("software", ""), notes, load_machine(profile).system)
    if software is None:
        assumed.append("release R2")
    known = _catalogued(cells["model"])
    model = _reshaped(load_model(known), cells) if known else _shape(cells)
    usual = load_model(known).max_sequence if known else ESM_SEQUENCE if "esm" in cells["model"].lower() else 2048
    if not cells["seq_len"]:
        assumed.append(f"sequence {usual}")
    parameters = float(cells["params"] or 0)
    built = workload_of(model, usual).parameters
    if parameters and abs(built / parameters - 1) > 0.05:
        assumed.append(f"the shape has {built:.3g} parameters, stated are {parameters:.3g}")
    return WaferRow(
        id=cells["id"], use=cells.get("use") or ("test" if cells["seq_len"] else "shown"), what=_what(cells),
        published=float(cells["value"]), unit=cells["unit"], model=model, catalogued=known, called=cells["model"],
        profile=profile, software=software or "R2", systems=systems, micro_batch=micro_batch,
        batch=int(cells["global_batch"] or micro_batch * systems), sequence=int(cells["seq_len"] or usual),
        assumed=tuple(assumed),
    )  # fmt: skip


def _system(text: str) -> str:
    """The profile behind a name such as `CS-2`, `Cerebras CS3` or a profile's own."""
    if text in names("hardware") and kind_of(text) in ("system", "cluster"):
        return text
    generation = re.search(r"CS-?([123])\b", text, re.IGNORECASE)
    if generation is None:
        raise Infeasible(f"system {text!r} is neither a profile nor one of {', '.join(SYSTEMS)}")
    return SYSTEMS[f"CS-{generation[1]}"]


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


def _reshaped(model: Model, cells: Cells) -> Model:
    """A model of the catalogue in the shape that a row states, where that is another."""
    sizes: dict[str, Any] = {name: int(cells[name]) for name in SIZES if cells[name]}
    if all(getattr(model, name) == size for name, size in sizes.items()):
        return model
    if cells["heads"]:
        sizes["heads"] = int(cells["heads"])
    # What follows from heads and width in the catalogue follows from the new ones.
    follows: dict[str, Any] = {
        "kv_heads": 0 if model.kv_heads == model.heads else model.kv_heads,
        "head_dim": 0 if model.head_dim * model.heads == model.d_model else model.head_dim,
        "embedding_width": 0 if model.embedding_width == model.d_model else model.embedding_width,
    }
    heads, width = sizes.get("heads", model.heads), sizes.get("d_model", model.d_model)
    _divides(heads, width)
    if follows["kv_heads"] and heads % follows["kv_heads"]:
        raise Infeasible(f"heads {heads} do not divide by the {follows['kv_heads']} that share keys and values")
    return replace(model, **sizes, **follows)


def _divides(heads: int, width: int) -> None:
    if width % heads:
        raise Infeasible(f"heads {heads} do not divide d_model {width}")


def _shape(cells: Cells) -> Model:
    """From the columns; LLaMA's and BERT's dialects by name, GPT's otherwise."""
    for name in SHAPE:
        if not cells.get(name):
            raise Infeasible(f"{cells['model']} is not in the catalogue and {name} is not stated")
    layers, d_model, heads, d_ffn, vocab = (int(cells[name]) for name in SHAPE)
    _divides(heads, d_model)
    called = cells["model"].lower()
    dialect: dict[str, Any] = {}
    if "llama" in called:
        dialect = {
            "mlp": "swiglu",
            "tied_embeddings": False,
            "norm": "rmsnorm",
            "mlp_bias": False,
            "attention_bias": False,
        }
    if "bert" in called or "esm" in called:
        dialect = {"causal": False}
    return Model(
        name=cells["model"], family="own", layers=layers, d_model=d_model, heads=heads, d_ffn=d_ffn, vocab=vocab,
        max_sequence=int(cells["seq_len"] or 2048), published_parameters=float(cells["params"] or 0),
        source=cells.get("source_url") or "own", **dialect,
    )  # fmt: skip


def batch_sweep() -> tuple[tuple[float, float], tuple[float, float]]:
    """(measured, predicted) seconds of LLaMA2-7B's steps on a CS-3 as (fixed part, part per sequence), by least squares."""
    rows = [throughput_rows()[name] for name in SWEEP]
    batch = np.array([float(row.batch) for row in rows])
    design = np.stack([np.ones(len(rows)), batch], axis=1)

    def parts(rates: list[float]) -> tuple[float, float]:
        fixed, each = np.linalg.lstsq(design, batch / np.array(rates), rcond=None)[0].tolist()
        return fixed, each

    return parts([row.published for row in rows]), parts([row.judge().predicted for row in rows])


KIND = Kind(
    name="wafer",
    title="wafers: samples/s",
    needed=("id", "system", "n_systems", "model", "micro_batch_per_system", "metric", "value", "unit"),
    numbers=("n_systems", "value", "seq_len", "micro_batch_per_system", "global_batch", "params", *SHAPE),
    fractional=("value", "params"),
    metrics=(METRIC,),
    read=read_row,
    published=published_rows,
    fit="wafer",
    shown="fit",
)
