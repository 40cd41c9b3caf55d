"""A model's blocks in the order of the forward pass, each of its kind: with a window or without, dense or of experts, encoder or
decoder, and modules of multi-token prediction behind them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from wafersim.workload.attention import attention, cross_attention, keys, met_keys, rotated
from wafersim.workload.experts import experts, mlp
from wafersim.workload.layer import FP16_BYTES, Layer, Op
from wafersim.workload.model import Model, block_parameters, encoder_block_parameters, mtp_parameters


@dataclass(frozen=True)
class Kind:
    """What tells blocks of one model apart: the keys that a query has scores with and meets, experts, the stack."""

    keys: int
    met: float
    experts: bool
    stack: str  # decoder | encoder | mtp


def blocks_of(model: Model, sequence: int) -> tuple[Layer, ...]:
    """Encoder, decoder, modules of multi-token prediction; blocks of one kind are equal but for their names."""
    own = [
        Kind(keys(model, i, sequence), met_keys(model, i, sequence), model.has_experts(i), "decoder")
        for i in range(model.layers)
    ]
    encoder = [Kind(sequence, float(sequence), False, "encoder")] * model.encoder_layers
    predicting = [replace(own[-1], stack="mtp")] * model.mtp_blocks
    built = {kind: _block(model, kind, sequence) for kind in dict.fromkeys((*encoder, *own, *predicting))}
    named = (
        *((f"encoder block {i + 1}", kind) for i, kind in enumerate(encoder)),
        *((f"block {i + 1}", kind) for i, kind in enumerate(own)),
        *((f"prediction module {i + 1}", kind) for i, kind in enumerate(predicting)),
    )
    return tuple(replace(built[kind], name=name) for name, kind in named)


def _block(model: Model, kind: Kind, sequence: int) -> Layer:
    """One block; its activation bytes follow Korthikanti et al. 2022 (34 s b h where the MLP is four times as wide)."""
    h = model.d_model
    around, inside = attention(model, kind.keys, kind.met), experts(model) if kind.experts else mlp(model)
    norms = max(0, model.block_norms - 2) * h
    if model.qk_norm != "none":
        norms += (model.heads + model.kv_heads) * model.key_dim
    # Two norms and two residual additions on h, norms beyond these, the activation (and gate) inside.
    passed = Op("norms, residuals, activation", "elementwise", elements=4.0 * h + norms + inside.widest)
    ops = [*around.ops, *inside.ops, passed, *rotated(model)]
    # Inputs of two norms and of two linear layers behind them, two dropout masks.
    kept = 2 * FP16_BYTES * 2 * h + 2 * h + FP16_BYTES * norms + around.kept_bytes + inside.kept_bytes
    size = encoder_block_parameters(model) if kind.stack == "encoder" else block_parameters(model, kind.experts)
    if kind.stack == "decoder" and model.encoder_layers:
        across = cross_attention(model, sequence)
        ops, kept = [*ops, *across.ops], kept + across.kept_bytes
    if kind.stack == "mtp":  # the hidden state and the next token's embedding, each with a norm, side by side
        ops = [
            Op("prediction input", "matmul", 2 * h, h),
            *ops,
            Op("prediction norms", "elementwise", elements=3.0 * h),
        ]
        size, kept = mtp_parameters(model) // model.mtp_blocks, kept + FP16_BYTES * 4 * h
    transient = FP16_BYTES * (2 * h + 2 * inside.widest)
    return Layer("block", "block", size, size, tuple(ops), FP16_BYTES * h, kept, transient)
