"""Which keys a block's queries attend to: all, a sliding window of the nearest, or those of their own chunk."""

from __future__ import annotations

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
    encoders = model.encoder_layers
    across = model.layers if encoders else 0
    return (own + (encoders + across) * sequence) / (model.layers + encoders)


def mean_met_keys(model: Model, sequence: int) -> float:
    """`met_keys`, the mean over all blocks; nothing hides the encoder's positions."""
    own = sum(met_keys(model, block, sequence) for block in range(model.layers))
    encoders = model.encoder_layers
    across = model.layers if encoders else 0
    return (own + (encoders + across) * sequence) / (model.layers + encoders)
