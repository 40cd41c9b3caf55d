"""The `model` part of a params.yaml of Cerebras Model Zoo: decoders of the GPT and Llama kind, and BERT."""

from __future__ import annotations

from wafersim.inputs.importers.family import Fields
from wafersim.inputs.importers.keys import Keys

GATED = ("swiglu", "geglu", "reglu", "bilinear", "silu-glu")
PLAIN = ("gelu", "gelu_new", "gelu_fast", "relu", "silu", "swish", "squared_gelu", "relu2", "tanh")
MLPS = {**dict.fromkeys(PLAIN, "gelu"), **dict.fromkeys(GATED, "swiglu")}
NORMS = {
    "layernorm": "layernorm",
    "rmsnorm": "rmsnorm",
    "biasless-layernorm": "rmsnorm",
}  # which has as many parameters
POSITIONS = {
    "learned": "learned",
    "rotary": "rotary",
    "alibi": "alibi",
    "fixed": "none",
    "none": "none",
    "relative": "none",
}
STATED = "as GPT-2 and GPT-3 have it"
OTHERS = {
    "encoder_num_hidden_layers": "encoder-decoders of Model Zoo are not read; config.json of T5 is",
    "image_size": "vision models are not read",
    "image_model": "multimodal models are not read",
}


def read_geometry(keys: Keys) -> Fields:
    """The fields of a model; what is wrong is left in `keys`."""
    for key, why in OTHERS.items():
        if keys.given(key):
            keys.fault(key, why)
    keys.stop()
    bert = any(key in keys.values for key in ("num_segments", "disable_nsp", "mlm_nonlinearity"))
    found: Fields = {"family": "bert" if bert else "gpt"}
    counts = {
        "layers": ("num_hidden_layers",),
        "d_model": ("hidden_size",),
        "heads": ("num_heads", "num_attention_heads"),
        "d_ffn": ("filter_size", "intermediate_size"),
        "vocab": ("vocab_size",),
        "max_sequence": ("max_position_embeddings", "max_sequence_length"),
    }
    for field, names in counts.items():
        found[field] = keys.instead(field, keys.whole(field, keys.first_given(*names), None))
    found["mlp"] = keys.word(
        "mlp", keys.first_given("nonlinearity", "encoder_nonlinearity", "hidden_act"), MLPS, "gelu"
    )
    found["norm"] = keys.word("norm", "norm_type", NORMS, "layernorm")
    found["tied_embeddings"] = keys.switch("tied_embeddings", "share_embedding_weights", True)
    _biases(keys, found)
    _positions(keys, found)
    if bert:
        _bert(keys, found)
        return found
    _attention(keys, found)
    _experts(keys, found)
    found["embedding_norm"] = keys.switch("embedding_norm", "embedding_layer_norm", False)
    found["head_bias"] = keys.switch("head_bias", "use_bias_in_output", False)
    if keys.given("use_untied_layer_norm"):  # GPT-J and NeoX: attention and MLP beside each other
        found["block_norms"] = (
            2 if keys.switch("attention and MLP have norms of their own", "use_untied_layer_norm", True) else 1
        )
    return found


def _biases(keys: Keys, found: Fields) -> None:
    found["qkv_bias"] = keys.switch("qkv_bias", "use_projection_bias_in_attention", True)
    found["output_bias"] = keys.switch("output_bias", "use_ffn_bias_in_attention", True)
    found["mlp_bias"] = keys.switch("mlp_bias", "use_ffn_bias", True)
    for field in ("qkv_bias", "output_bias", "mlp_bias"):
        if field in keys.assumed:
            keys.assume(field, True, STATED)


def _positions(keys: Keys, found: Fields) -> None:
    used = keys.switch("has positions", "use_position_embedding", True)
    kind = keys.word("position_kind", "position_embedding_type", POSITIONS, "learned")
    found["position_kind"] = kind if used else "none"
    found["positions"] = found["max_sequence"] if found["position_kind"] == "learned" else 0


def _attention(keys: Keys, found: Fields) -> None:
    """Grouped keys and values: `num_kv_groups` of `extra_attention_params`; a window of as many tokens in every block."""
    modules = {"aiayn_attention": "as heads", "multiquery_attention": "grouped"}
    grouped = keys.word("kv_heads", "attention_module", modules, "aiayn_attention")
    inner = keys.below("extra_attention_params")
    if grouped == "grouped":
        found["kv_heads"] = inner.whole("kv_heads", "num_kv_groups", 1, why="one, as multi-query attention has")
    if keys.given("attention_inner_dim"):
        width = keys.whole("head_dim", "attention_inner_dim", None)
        found["head_dim"] = width // found["heads"]
    if keys.given("attention_sliding_window_length"):
        found["windows"] = (keys.whole("windows", "attention_sliding_window_length", None),)


def _experts(keys: Keys, found: Fields) -> None:
    inner = keys.below("moe_params") if keys.given("moe_params") else keys
    if inner.given("num_experts") and inner.values["num_experts"] != 1:
        found["experts"] = inner.whole("experts", "num_experts", None)
        found["experts_per_token"] = inner.whole("experts_per_token", "top_k", 1)
        shared = (
            inner.whole("shared experts", "num_shared_experts", 0, least=0) if inner.given("num_shared_experts") else 0
        )
        found["shared_ffn"] = shared * found["d_ffn"]


def _bert(keys: Keys, found: Fields) -> None:
    """Norms after each part, one of the embeddings and none at the end; a pooler where sentences are told apart."""
    found["causal"], found["embedding_norm"], found["final_norm"] = False, True, False
    found["segments"] = keys.whole("segments", "num_segments", 2, least=0)
    found["pooler"] = not keys.switch("no pooler", "disable_nsp", False)
    found["head"], found["head_bias"] = "masked-lm", True
    for key in ("mlm_nonlinearity", "nsp_loss_scaling"):
        if key in keys.values:
            keys.mark("head", key, "masked-lm")
