"""Attention of a block: which keys its queries attend to, and the ops and kept bytes of plain, latent and cross attention."""

from __future__ import annotations

from wafersim.workload.layer import FP16_BYTES, Op, Part
from wafersim.workload.model import Model


def keys(model: Model, block: int, sequence: int) -> int:
    """Keys that a query of a block has scores with where what a mask hides is computed too: min(window, sequence)."""
    return min(model.window(block) or sequence, sequence)


def met_keys(model: Model, block: int, sequence: int) -> float:
    """Keys that a query of a block attends to, in the mean over the sequence.

    Causal: half of the sequence or of a chunk; of a sliding window w of s keys w - w^2 / 2 s, since only the first w queries see
    fewer. Not causal: all of the window.
    """
    seen = keys(model, block, sequence)
    if not model.causal:
        return float(seen)
    return seen / 2 if model.window_kind == "chunked" else seen - seen * seen / (2 * sequence)


def mean_keys(model: Model, sequence: int) -> float:
    """`keys`, the mean over all blocks; an encoder-decoder's decoders have scores with the encoder's positions besides."""
    own = sum(keys(model, block, sequence) for block in range(model.layers))
    return (own + _across(model, sequence)) / (model.layers + model.encoder_layers)


def mean_met_keys(model: Model, sequence: int) -> float:
    """`met_keys`, the mean over all blocks; nothing hides the encoder's positions."""
    own = sum(met_keys(model, block, sequence) for block in range(model.layers))
    return (own + _across(model, sequence)) / (model.layers + model.encoder_layers)


def _across(model: Model, sequence: int) -> int:
    """Keys of an encoder's blocks, and of the decoder's cross attention."""
    return (model.encoder_layers + model.layers) * sequence if model.encoder_layers else 0


def attention(model: Model, seen: int, met: float) -> Part:
    """Self-attention over `seen` keys, of which no mask hides `met`; latent where keys and values are compressed.

    Kept are queries, keys, values and the output projection's input; of compressed ones the norm's and the up-projection's input.
    """
    down = _latent(model) if model.kv_rank else (Op("qkv", "matmul", model.d_model, _wide(model)),)
    compressed = model.q_rank + model.kv_rank + model.rope_head_dim if model.kv_rank else 0
    return Part(
        (*down, _scores(model, "attention", seen, met), Op("projection", "matmul", model.value_width, model.d_model)),
        FP16_BYTES * (2 * compressed + _wide(model) + model.value_width),
    )


def cross_attention(model: Model, encoded: int) -> Part:
    """A decoder's attention over all `encoded` positions of the encoder's output, with a norm of its own before it."""
    h = model.d_model
    ops = (
        Op("cross queries", "matmul", h, model.query_width),
        Op("cross keys and values", "matmul", h, model.key_value_width),
        _scores(model, "cross attention", encoded, float(encoded)),
        Op("cross projection", "matmul", model.value_width, h),
        Op("cross norm, residual", "elementwise", elements=2.0 * h),
    )
    # Input and output of the norm, a dropout's mask, and what self-attention keeps.
    return Part(ops, FP16_BYTES * (2 * h + _wide(model) + model.value_width) + h)


def rotated(model: Model) -> tuple[Op, ...]:
    """Halves of a head rotated into each other, of queries and of keys; of latent attention the rotated key is one for all."""
    if model.position_kind != "rotary":
        return ()
    plain = model.query_width + model.kv_heads * model.key_dim
    latent = (model.heads + 1) * model.rope_head_dim
    return (Op("rotary embedding", "exchange", elements=float(latent if model.kv_rank else plain)),)


def _wide(model: Model) -> int:
    return model.query_width + model.key_value_width


def _scores(model: Model, name: str, seen: int, met: float) -> Op:
    width = (model.key_dim + model.value_dim) / 2
    return Op(name, "attention", elements=float(model.heads * seen), head_dim=width, met=model.heads * met)


def _latent(model: Model) -> tuple[Op, ...]:
    """Down- and up-projections of latent attention (arXiv 2405.04434, section 2.1): the heads' keys and values are made again
    from the compressed ones, beside a rotated key that all heads share.
    """
    h, heads = model.d_model, model.heads * (model.head_dim + model.value_dim)
    queries: tuple[Op, ...] = (Op("queries", "matmul", h, model.query_width),)
    if model.q_rank:
        up = Op("queries up", "matmul", model.q_rank, model.query_width)
        queries = (Op("queries down", "matmul", h, model.q_rank), up)
    compressed = Op("keys and values down", "matmul", h, model.kv_rank + model.rope_head_dim)
    return (*queries, compressed, Op("keys and values up", "matmul", model.kv_rank, heads))
