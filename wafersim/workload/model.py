"""The parameters that follow from a model's geometry."""

from __future__ import annotations

from wafersim.inputs.model import Model, load_model, read_model

__all__ = [
    "Model",
    "active_parameters",
    "attention_parameters",
    "block_parameters",
    "cross_attention_parameters",
    "embedding_parameters",
    "encoder_block_parameters",
    "encoder_parameters",
    "expert_blocks",
    "expert_parameters",
    "head_parameters",
    "idle_parameters",
    "load_model",
    "main_parameters",
    "mlp_parameters",
    "mtp_parameters",
    "parameters",
    "read_model",
]


def attention_parameters(model: Model) -> int:
    """A block's self-attention: projections of queries, keys, values and output, norms of queries and keys, sinks.

    Latent attention (MLA, DeepSeek-AI 2024, arXiv 2405.04434) has a pair of projections for the queries and one for keys and
    values, down to its ranks and up to the heads, with a norm between; the rotated key is projected beside the down one.
    """
    h, scale = model.d_model, 2 if model.norm == "layernorm" else 1
    own = model.value_width * h + (h if model.output_biased else 0) + (model.heads if model.attention_sinks else 0)
    if not model.kv_rank:
        wide = model.query_width + model.key_value_width
        normed = {"none": 0, "head": 2 * model.key_dim, "width": (model.heads + model.kv_heads) * model.key_dim}
        return own + h * wide + (wide if model.qkv_biased else 0) + scale * normed[model.qk_norm]
    down = model.kv_rank + model.rope_head_dim + (model.q_rank or model.query_width)
    up = model.kv_rank * model.heads * (model.head_dim + model.value_dim) + model.q_rank * model.query_width
    return own + h * down + up + model.kv_rank + model.q_rank + (down if model.qkv_biased else 0)


def cross_attention_parameters(model: Model) -> int:
    """What a decoder's block has for the encoder's output: projections as of self-attention, and a norm; 0 without encoder."""
    return attention_parameters(model) + model.norm_parameters if model.encoder_layers else 0


def mlp_parameters(model: Model) -> int:
    """The MLP of a block without experts."""
    return _mlp(model, model.d_ffn, model.mlp_bias)


def expert_parameters(model: Model) -> int:
    """One routed expert of a block."""
    return _mlp(model, model.expert_width, model.experts_biased)


def _mlp(model: Model, width: int, biased: bool) -> int:
    h, matrices = model.d_model, 3 if model.gated else 2
    return matrices * h * width + ((width * (matrices - 1) + h) if biased else 0)


def block_parameters(model: Model, experts: bool) -> int:
    """A block with all its experts, or one without; of an encoder-decoder one of the decoder's."""
    own = attention_parameters(model) + cross_attention_parameters(model) + model.block_norms * model.norm_parameters
    if not experts:
        return own + mlp_parameters(model)
    router = model.experts * (model.d_model + (1 if model.router_bias else 0))
    shared = _mlp(model, model.shared_ffn, model.experts_biased) if model.shared_ffn else 0
    gate = model.d_model if model.shared_gate else 0
    return own + model.experts * expert_parameters(model) + router + shared + gate


def expert_blocks(model: Model) -> int:
    """Blocks that have experts, without those of multi-token prediction."""
    return sum(model.has_experts(block) for block in range(model.layers))


def encoder_block_parameters(model: Model) -> int:
    """A block of an encoder beside a decoder: as the decoder's, without cross attention."""
    return attention_parameters(model) + model.block_norms * model.norm_parameters + mlp_parameters(model)


def encoder_parameters(model: Model) -> int:
    """An encoder's blocks and what it has of its own at its ends; 0 of a decoder alone."""
    if not model.encoder_layers:
        return 0
    norms = model.norm_parameters * (model.embedding_norm + model.final_norm)
    ends = model.positions * model.d_model + model.relative_buckets * model.heads + norms
    return model.encoder_layers * encoder_block_parameters(model) + ends


def mtp_parameters(model: Model) -> int:
    """Modules of multi-token prediction (DeepSeek-AI 2024, arXiv 2412.19437): each a block like the last, a projection of the
    hidden state beside the next token's embedding, norms of both and a final one; tables are shared.
    """
    block = block_parameters(model, model.has_experts(model.layers - 1))
    norms = (2 + model.final_norm) * model.norm_parameters
    return model.mtp_blocks * (block + 2 * model.d_model**2 + norms)


def embedding_parameters(model: Model) -> int:
    """Token, position and segment tables, their projection and norm; an encoder's own positions are counted with it."""
    table = model.vocab * model.embedding_width
    projection = model.embedding_width * model.d_model if model.embedding_width != model.d_model else 0
    learned = (model.positions + model.segments) * model.d_model + model.relative_buckets * model.heads
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


def main_parameters(model: Model) -> int:
    """Parameters without the modules of multi-token prediction, which is what is published; a tied table counted once."""
    experts = expert_blocks(model)
    blocks = experts * block_parameters(model, True) + (model.layers - experts) * block_parameters(model, False)
    return embedding_parameters(model) + encoder_parameters(model) + blocks + head_parameters(model)


def parameters(model: Model) -> int:
    """All parameters that are trained, a tied table counted once."""
    return main_parameters(model) + mtp_parameters(model)


def active_parameters(model: Model) -> int:
    """Parameters of the main model that one token meets; fewer than all with experts."""
    return main_parameters(model) - expert_blocks(model) * idle_parameters(model)


def idle_parameters(model: Model) -> int:
    """Parameters that one token skips in a block with experts."""
    return (model.experts - model.experts_per_token) * expert_parameters(model)
