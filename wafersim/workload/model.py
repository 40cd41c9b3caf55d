"""The parameters that follow from a model's geometry."""

from __future__ import annotations

from wafersim.inputs.model import Model, load_model, read_model

__all__ = [
    "Model",
    "active_parameters",
    "attention_parameters",
    "block_parameters",
    "embedding_parameters",
    "head_parameters",
    "load_model",
    "mlp_parameters",
    "parameters",
    "read_model",
]


def attention_parameters(model: Model) -> int:
    """Query, key, value and output projections of a block."""
    h, q, kv = model.d_model, model.heads * model.head_dim, 2 * model.kv_heads * model.head_dim
    return h * (q + kv) + q * h + ((q + kv + h) if model.attention_bias else 0)


def mlp_parameters(model: Model) -> int:
    """One MLP (one expert) of a block."""
    h, f = model.d_model, model.d_ffn
    matrices = 3 if model.gated else 2
    return matrices * h * f + ((f * (matrices - 1) + h) if model.mlp_bias else 0)


def block_parameters(model: Model) -> int:
    """A block, all experts."""
    router = model.d_model * model.experts if model.experts > 1 else 0
    norms = model.block_norms * model.norm_parameters
    return attention_parameters(model) + model.experts * mlp_parameters(model) + router + norms


def embedding_parameters(model: Model) -> int:
    """Token, position and segment tables, their projection and norm."""
    table = model.vocab * model.embedding_width
    projection = model.embedding_width * model.d_model if model.embedding_width != model.d_model else 0
    learned = (model.positions + model.segments) * model.d_model
    return table + projection + learned + (model.norm_parameters if model.embedding_norm else 0)


def head_parameters(model: Model) -> int:
    """What the output layer has of its own: final norm, an untied table, biases, an encoder's transform and pooler.

    Without a vocabulary head only norm and pooler remain; a classifier of few classes weighs nothing.
    """
    h = model.d_model
    own = model.norm_parameters if model.final_norm else 0
    if model.head == "none":
        return own + (h * h + h if model.pooler else 0)
    if model.embedding_width != h:
        own += h * model.embedding_width
    if not model.tied_embeddings:
        own += model.vocab * model.embedding_width
    if model.head_bias:
        own += model.vocab
    if model.head == "masked-lm":
        own += h * h + h + model.norm_parameters
    return own + (h * h + h if model.pooler else 0)


def parameters(model: Model) -> int:
    """All parameters, a tied table counted once."""
    return embedding_parameters(model) + model.layers * block_parameters(model) + head_parameters(model)


def active_parameters(model: Model) -> int:
    """Parameters that one token meets; fewer than all with experts."""
    idle = (model.experts - model.experts_per_token) * mlp_parameters(model)
    return parameters(model) - model.layers * idle
