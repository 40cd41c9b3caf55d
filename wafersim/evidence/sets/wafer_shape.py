"""The model of a row of a wafer table: from the catalogue by its name, in the shape that the row's columns state."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from wafersim.errors import Infeasible
from wafersim.evidence.cells import flag, stated
from wafersim.evidence.rows import Cells
from wafersim.inputs.resources import names
from wafersim.workload.model import Model, load_model

SIZES = ("layers", "d_model", "d_ffn")
SHAPE = ("layers", "d_model", "heads", "d_ffn", "vocab")
MLPS = {"gelu": "gelu", "gated": "swiglu", "swiglu": "swiglu"}
POSITIONS = ("learned", "rotary", "alibi", "none")
HEADS = ("lm", "masked-lm", "none")


def model_of(cells: Cells) -> Model:
    """Raises Infeasible where the shape is neither known nor stated, or contradicts itself."""
    known = catalogued(cells["model"])
    return _reshaped(load_model(known), cells) if known else _shape(cells)


def catalogued(name: str) -> str | None:
    """A model of the catalogue by the name that a table gives it: `LLaMA2-7B` is llama2-7b, `BERT-large MSL128` bert-large."""

    def plain(text: str) -> str:
        # t12: layers in the name of an ESM-2. LLaMA 3.1 has the shapes of LLaMA 3.
        return re.sub(r"\bt\d+\b|^meta-|(?<=llama3)\.1|(?<=llama-3)\.1|(?<=llama 3)\.1|[^a-z0-9.]", "", text.lower())

    found = [known for known in names("models") if plain(name).startswith(plain(known))]
    return max(found, key=len, default=None)


def unsaid(cells: Cells, known: bool) -> list[str]:
    """What a row of a model that no catalogue has leaves open, as it is assumed."""
    usual = {"mlp": "no gate", "positions": "no rotary embedding"}
    return [] if known else [assumed for column, assumed in usual.items() if not stated(cells, column)]


def _dialect(cells: Cells) -> dict[str, Any]:
    """Fields of a model that columns state: MLP, positions, shared keys and values, head, mask."""
    said: dict[str, Any] = {}
    if mlp := _one_of("mlp", cells, tuple(MLPS)):
        said["mlp"] = MLPS[mlp]
    if positions := _one_of("positions", cells, POSITIONS):
        said["position_kind"] = positions
    if stated(cells, "kv_heads"):
        said["kv_heads"] = int(cells["kv_heads"])
    if cells.get("causal"):
        said["causal"] = flag("causal", cells["causal"])
    if head := _head(cells):
        said["head"] = head
    return said


def _head(cells: Cells) -> str:
    """`none` is a value here, not a cell without one."""
    text = (cells.get("head") or "").strip().lower()
    if text and text not in HEADS:
        raise Infeasible(f"head must be one of {', '.join(HEADS)} (got {text!r})")
    return text


def _one_of(column: str, cells: Cells, known: tuple[str, ...]) -> str:
    text = stated(cells, column).lower()
    if text and text not in known:
        raise Infeasible(f"{column} must be one of {', '.join(known)} (got {text!r})")
    return text


def _reshaped(model: Model, cells: Cells) -> Model:
    """A model of the catalogue in the shape that a row states, where that is another."""
    dialect = _dialect(cells)
    sizes: dict[str, Any] = {name: int(cells[name]) for name in SIZES if cells[name]}
    said = {name: value for name, value in dialect.items() if getattr(model, name) != value}
    if all(getattr(model, name) == size for name, size in sizes.items()):
        heads = said.get("kv_heads")
        if heads and model.heads % heads:
            raise Infeasible(f"heads {model.heads} do not divide by the {heads} that share keys and values")
        return replace(model, **said) if said else model
    if cells["heads"]:
        sizes["heads"] = int(cells["heads"])
    # What follows from heads and width in the catalogue follows from the new ones.
    follows: dict[str, Any] = {
        "kv_heads": 0 if model.kv_heads == model.heads else model.kv_heads,
        "head_dim": 0 if model.head_dim * model.heads == model.d_model else model.head_dim,
        "embedding_width": 0 if model.embedding_width == model.d_model else model.embedding_width,
        **said,
    }
    heads, width = sizes.get("heads", model.heads), sizes.get("d_model", model.d_model)
    _divides(heads, width, follows["kv_heads"])
    return replace(model, **sizes, **follows)


def _divides(heads: int, width: int, kv_heads: int) -> None:
    if width % heads:
        raise Infeasible(f"heads {heads} do not divide d_model {width}")
    if kv_heads and heads % kv_heads:
        raise Infeasible(f"heads {heads} do not divide by the {kv_heads} that share keys and values")


def _shape(cells: Cells) -> Model:
    """From the columns alone."""
    for name in SHAPE:
        if not cells.get(name):
            raise Infeasible(f"{cells['model']} is not in the catalogue and {name} is not stated")
    layers, d_model, heads, d_ffn, vocab = (int(cells[name]) for name in SHAPE)
    dialect, sequence = _dialect(cells), int(cells["seq_len"] or 2048)
    _divides(heads, d_model, dialect.get("kv_heads", 0))
    if dialect.get("position_kind") == "learned":
        dialect["positions"] = sequence
    return Model(
        name=cells["model"], family="own", layers=layers, d_model=d_model, heads=heads, d_ffn=d_ffn, vocab=vocab,
        max_sequence=sequence, published_parameters=float(cells["params"] or 0),
        source=cells.get("source_url") or "own", **dialect,
    )  # fmt: skip
