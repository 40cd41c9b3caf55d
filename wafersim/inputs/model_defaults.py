"""What a model file of one's own leaves to defaults that are GPT's: said of every result, since each makes another model."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from wafersim.inputs.imported import OURS, Imported
from wafersim.inputs.model import Model


def with_defaults_told(model: Model, stated: Collection[str], file: str) -> Model:
    """The model with what its `file`, which has `stated` these fields, leaves to defaults; as it is where that is nothing."""
    taken = dict(_taken(model, frozenset(stated)))
    if not taken:
        return model
    said = model.imported or Imported(file, OURS)
    return replace(model, imported=replace(said, assumed={**said.assumed, **taken}))


def _taken(model: Model, stated: frozenset[str]) -> Iterator[tuple[str, str]]:
    """(field, its value and what that means) of what moves parameters, FLOPs or memory."""
    if "mlp" not in stated:
        yield "mlp", f"{model.mlp} (two matrices, no gate)"
    if "norm" not in stated:
        yield "norm", f"{model.norm} (scale and shift)"
    if not stated & {"positions", "position_kind", "rope_head_dim"}:
        yield "position_kind", f"{model.position_kind} (no position embeddings are learned)"
    if not stated & {"kv_heads", "kv_rank"}:
        yield "kv_heads", f"{model.kv_heads} (as many as heads)"
    if "attention_bias" not in stated and not stated >= {"qkv_bias", "output_bias"}:
        yield "attention_bias", "true (biases of queries, keys, values and output)"
    if "mlp_bias" not in stated:
        yield "mlp_bias", "true"
    if "tied_embeddings" not in stated:
        yield "tied_embeddings", "true (input and logits share a table)"
