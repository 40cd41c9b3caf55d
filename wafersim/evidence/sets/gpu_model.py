"""The model that a GPU row's columns describe: what they leave open the stated number of parameters tells, or it stays open."""

from __future__ import annotations

from itertools import product
from typing import Any

from wafersim.errors import Infeasible
from wafersim.evidence.cells import MOST_OF, whole
from wafersim.evidence.sets.gpu_cells import Reader
from wafersim.workload.model import Model, parameters

ROUNDED = 0.02  # share by which a stated number of parameters may be rounded
BARE: dict[str, Any] = {"norm": "rmsnorm", "mlp_bias": False, "attention_bias": False}
"""Gated MLPs come with RMS norms and no biases, as in LLaMA; neither weighs a thousandth."""
UNSAID_VOCAB = (50_257, 32_000, 128_256)
UNGATED = ("gelu", "relu", "squared-relu", "relu2")
GATED = ("swiglu", "geglu", "gated")


def models_of(read: Reader, pipeline: int) -> tuple[Model, ...]:
    """The likeliest first. Raises Infeasible where a size is missing or makes no model.

    Open in a user's row are MLP, key-value heads, vocabulary and whether the tables are one; in a study's only the last. A stated
    number of parameters keeps the readings that come within 2 % of it, or else the nearest.
    """
    layers, width = read.whole("layers", _layers(read, pipeline)), read.whole("d_model")
    heads = read.whole("heads")
    known = read.source.model
    sizes: dict[str, Any] = {
        "name": read.cells["model"] or "the row's model", "family": "published", "layers": layers, "d_model": width,
        "heads": heads, "d_ffn": read.whole("d_ffn"), "max_sequence": read.whole("seq_len"),
        "source": read.cells["source"] or "own", "published_parameters": 1e9 * float(read.said("params_b") or 0),
        **_experts(read),
    }  # fmt: skip
    if text := read.said("head_dim"):
        sizes["head_dim"] = whole("head_dim", text)
    kinds = _mlps(read, str(known.get("mlp", "")))
    keys = _key_value_heads(read, heads, known.get("kv_heads"))
    vocabularies = _vocabularies(read)
    found = []
    for mlp, kv_heads, vocab in product(kinds, keys, vocabularies):
        bare = BARE if mlp == "swiglu" else {}
        usual = mlp != "swiglu"  # LLaMA's tables are two, a GPT's one
        tables = (usual, not usual) if sizes["published_parameters"] else (usual,)
        for tied in (known["tied_embeddings"],) if "tied_embeddings" in known else tables:
            found.append(
                _model({**sizes, **bare, "mlp": mlp, "kv_heads": kv_heads, "vocab": vocab, "tied_embeddings": tied})
            )
    kept = _as_stated(found)
    _say(read, kept)
    return kept


def _model(sizes: dict[str, Any]) -> Model:
    try:
        found = Model(**sizes)
    except ZeroDivisionError:
        raise Infeasible("heads must be at least 1") from None
    if not found.head_dim:
        raise Infeasible(f"heads {found.heads} are more than d_model {found.d_model}")
    if found.heads % found.kv_heads:
        raise Infeasible(f"kv_heads {found.kv_heads} does not divide the {found.heads} heads")
    return found


def _as_stated(found: list[Model]) -> tuple[Model, ...]:
    """Of readings, the likeliest first, those that have the stated number of parameters: it, the smallest and the largest."""
    stated = found[0].published_parameters
    kept = found
    if stated:
        off = [abs(parameters(model) / stated - 1.0) for model in found]
        within = [model for model, error in zip(found, off, strict=True) if error <= ROUNDED]
        kept = within or [found[off.index(min(off))]]
    one = {(model.mlp, model.kv_heads, model.vocab): model for model in reversed(kept)}  # the likelier table
    likely = [model for model in kept if one[model.mlp, model.kv_heads, model.vocab] is model]
    ends = (likely[0], min(likely, key=parameters), max(likely, key=parameters))
    return tuple(dict.fromkeys(ends))


def _say(read: Reader, kept: tuple[Model, ...]) -> None:
    """What the row did not state, as it was read."""
    for column, name in (("mlp", "mlp"), ("kv_heads", "kv_heads"), ("vocab", "vocab")):
        if not read.said(column) and (read.own or column == "vocab"):
            values = dict.fromkeys(getattr(model, name) for model in kept)
            read.assumed.append(f"{column} {' or '.join(map(str, values))}")


def _mlps(read: Reader, known: str) -> tuple[str, ...]:
    said = read.said("mlp").lower() or known
    if said in GATED:
        return ("swiglu",)
    if said in UNGATED or (not said and not read.own):
        return ("gelu",)
    if said:
        raise Infeasible(f"mlp {said!r} is none of {', '.join((*UNGATED, *GATED))}")
    return ("gelu", "swiglu")


def _key_value_heads(read: Reader, heads: int, known: Any) -> tuple[int, ...]:
    if text := read.said("kv_heads"):
        return (whole("kv_heads", text),)
    if not read.own:
        return (int(known or heads),)
    return (heads, 8) if heads % 8 == 0 and heads > 8 else (heads,)


def _vocabularies(read: Reader) -> tuple[int, ...]:
    if text := read.said("vocab"):
        return (whole("vocab", text),)
    return UNSAID_VOCAB if read.own else (int(read.source.defaults.get("vocab", 50257)),)


def _experts(read: Reader) -> dict[str, int]:
    """Of a mixture; raises Infeasible where it does not say how many of them a token meets."""
    experts = whole("experts", text) if (text := read.said("experts")) else 1
    if experts == 1:
        return {}
    if not (text := read.said("experts_per_token")):
        raise Infeasible(f"experts_per_token of {experts} experts is not stated")
    found = {"experts": experts, "experts_per_token": whole("experts_per_token", text)}
    if found["experts_per_token"] > experts:
        raise Infeasible(f"experts_per_token {found['experts_per_token']} is more than the {experts} experts")
    return found


def _layers(read: Reader, pipeline: int) -> int | None:
    """From the rounded parameter count: the multiple of the stages nearest to it. Raises Infeasible where that makes no model."""
    if read.said("layers") or not read.said("d_model") or not read.said("params_b"):
        return None
    h, vocab = float(read.said("d_model")), float(read.said("vocab") or 50257)
    layers = round((float(read.said("params_b")) * 1e9 - vocab * h) / (12 * h * h) / pipeline) * pipeline
    if not 0 < layers <= MOST_OF["layers"]:
        raise Infeasible(
            f"params_b {read.said('params_b')} is no whole number of layers of d_model {read.said('d_model')}"
        )
    return layers
