"""Decoders of the GPT line: learned positions, rotary or ALiBi, layer norms with a shift, MLPs of two matrices."""

from __future__ import annotations

from wafersim.inputs.importers import windows
from wafersim.inputs.importers.family import Family, Fields, Key, Like
from wafersim.inputs.importers.keys import Keys

FOUR = Like("d_model", 4)
CROSS = {"add_cross_attention": (False, "decoders with cross attention are read of t5 only; false is read")}
_LAYER_NORM = {"norm": "layernorm", "mlp": "gelu"}


def _gpt2(keys: Keys, fields: Fields) -> None:
    fields["positions"] = fields["max_sequence"]


def _bigcode(keys: Keys, fields: Fields) -> None:
    fields["positions"] = fields["max_sequence"]
    if keys.switch("one group of keys and values", "multi_query", True):
        fields["kv_heads"] = 1


def _gpt_neo(keys: Keys, fields: Fields) -> None:
    """`attention_types` is [[["global", "local"], 12]]: a pattern and how often it is repeated."""
    fields["positions"] = fields["max_sequence"]
    window = keys.whole("windows", "window_size", 256)
    types = keys.values.get("attention_types", [[["global", "local"], fields["layers"] // 2]])
    simple = isinstance(types, list) and len(types) == 1 and isinstance(types[0], list) and len(types[0]) == 2
    pattern = types[0][0] if simple else None
    if not isinstance(pattern, list) or not pattern or not {str(one) for one in pattern} <= {"global", "local"}:
        keys.fault("attention_types", 'must be one pattern of "global" and "local" and how often it comes')
        return
    fields["windows"] = tuple(window if one == "local" else 0 for one in pattern)
    if not any(fields["windows"]):
        fields["windows"] = ()
    keys.mark("windows", "attention_types", " ".join(pattern))


def _opt(keys: Keys, fields: Fields) -> None:
    """Its table of positions has two rows more than positions: OPTLearnedPositionalEmbedding."""
    fields["positions"] = fields["max_sequence"] + 2
    before = keys.switch("norms before each part", "do_layer_norm_before", True)
    removed = keys.switch("no final norm", "_remove_final_layer_norm", False)
    fields["final_norm"] = before and not removed  # opt-350m alone has its norms after
    fields["attention_bias"] = fields["mlp_bias"] = keys.switch("attention_bias", "enable_bias", True)
    if not keys.switch("norms have parameters", "layer_norm_elementwise_affine", True):
        keys.fault("layer_norm_elementwise_affine", "norms without parameters cannot be said; true is read")


def _falcon(keys: Keys, fields: Fields) -> None:
    """The new decoder groups keys and values and has two norms; the old one has one of each where it is parallel."""
    groups = keys.first_given("num_kv_heads", "n_head_kv")
    older = (
        keys.values.get("model_type") == "RefinedWeb"
    )  # Falcon 40B's own code: always the new decoder, without the key
    new = keys.switch("new decoder", "new_decoder_architecture", older)
    parallel = keys.switch("attention beside the MLP", "parallel_attn", True)
    if new:
        fields["kv_heads"] = keys.whole("kv_heads", groups, fields["heads"], why="as heads")
        fields["block_norms"] = keys.whole("block_norms", "num_ln_in_parallel_attn", 2)
    else:
        fields["kv_heads"] = 1 if keys.switch("one group of keys and values", "multi_query", True) else fields["heads"]
        fields["block_norms"] = 1 if parallel else 2
    fields["attention_bias"] = fields["mlp_bias"] = keys.switch("attention_bias", "bias", False)
    fields["position_kind"] = "alibi" if keys.switch("ALiBi", "alibi", False) else "rotary"


def _starcoder2(keys: Keys, fields: Fields) -> None:
    windows.every_block(keys, fields, None)


def _mpt(keys: Keys, fields: Fields) -> None:
    """`attn_config` has what attention is; without biases its norms have no shift either, as an RMS norm."""
    ratio = keys.whole("d_ffn", "expansion_ratio", 4)
    fields["d_ffn"] = ratio * fields["d_model"]
    none = keys.switch("no biases", "no_bias", True)
    fields["attention_bias"] = fields["mlp_bias"] = not none
    fields["norm"] = "rmsnorm" if none else "layernorm"
    if none:
        keys.assume("norm", "rmsnorm", "a layer norm without shift has its parameters, and about its time")
    inner = keys.below("attn_config")
    kinds = {"multihead_attention": "as heads", "multiquery_attention": "one", "grouped_query_attention": "grouped"}
    kind = inner.word("kv_heads", "attn_type", kinds, "multihead_attention")
    if kind == "grouped":
        fields["kv_heads"] = inner.whole("kv_heads", "kv_n_heads", None)
    elif kind == "one":
        fields["kv_heads"] = 1
    rotary = inner.switch("rotary positions", "rope", False)
    alibi = inner.switch("ALiBi", "alibi", not rotary)
    learned = keys.switch("learned positions", "learned_pos_emb", True) and not alibi and not rotary
    fields["position_kind"] = "alibi" if alibi else "rotary" if rotary else "learned" if learned else "none"
    fields["positions"] = fields["max_sequence"] if learned else 0
    normed = inner.switch("norms of queries and keys", "qk_ln", False)
    if normed:
        fields["qk_norm"] = "width"


FAMILIES = (
    Family(
        ("gpt2",), ("GPT2LMHeadModel", "GPT2Model"), "GPT2Config",
        {
            "layers": Key("n_layer", 12), "d_model": Key("n_embd", 768), "heads": Key("n_head", 12),
            "d_ffn": Key("n_inner", FOUR), "vocab": Key("vocab_size", 50257),
            "max_sequence": Key("n_positions", 1024, also=("n_ctx",)),
            "tied_embeddings": Key("tie_word_embeddings", True),
        },
        {**_LAYER_NORM, "position_kind": "learned"}, _gpt2, CROSS, ("n_ctx",),
    ),
    Family(
        ("gpt_bigcode",), ("GPTBigCodeForCausalLM",), "GPTBigCodeConfig",
        {
            "layers": Key("n_layer", 12), "d_model": Key("n_embd", 768), "heads": Key("n_head", 12),
            "d_ffn": Key("n_inner", FOUR), "vocab": Key("vocab_size", 50257), "max_sequence": Key("n_positions", 1024),
            "tied_embeddings": Key("tie_word_embeddings", True),
        },
        {**_LAYER_NORM, "position_kind": "learned"}, _bigcode, CROSS,
    ),
    Family(
        ("gpt_neo",), ("GPTNeoForCausalLM",), "GPTNeoConfig",
        {
            "layers": Key("num_layers", 24), "d_model": Key("hidden_size", 2048), "heads": Key("num_heads", 16),
            "d_ffn": Key("intermediate_size", FOUR), "vocab": Key("vocab_size", 50257),
            "max_sequence": Key("max_position_embeddings", 2048), "tied_embeddings": Key("tie_word_embeddings", True),
        },
        {**_LAYER_NORM, "position_kind": "learned", "qkv_bias": False, "output_bias": True}, _gpt_neo,
        harmless=("attention_layers",),
    ),
    Family(
        ("gptj",), ("GPTJForCausalLM",), "GPTJConfig",
        {
            "layers": Key("n_layer", 28), "d_model": Key("n_embd", 4096), "heads": Key("n_head", 16),
            "d_ffn": Key("n_inner", FOUR), "vocab": Key("vocab_size", 50400), "max_sequence": Key("n_positions", 2048),
            "tied_embeddings": Key("tie_word_embeddings", False),
        },
        {**_LAYER_NORM, "position_kind": "rotary", "attention_bias": False, "head_bias": True, "block_norms": 1},
        only=CROSS,
    ),
    Family(
        ("gpt_neox",), ("GPTNeoXForCausalLM",), "GPTNeoXConfig",
        {
            "layers": Key("num_hidden_layers", 44), "d_model": Key("hidden_size", 6144),
            "heads": Key("num_attention_heads", 64), "d_ffn": Key("intermediate_size", 24576),
            "vocab": Key("vocab_size", 50432), "max_sequence": Key("max_position_embeddings", 2048),
            "tied_embeddings": Key("tie_word_embeddings", False), "attention_bias": Key("attention_bias", True),
        },
        {**_LAYER_NORM, "position_kind": "rotary"}, harmless=("use_parallel_residual",),
    ),
    Family(
        ("opt",), ("OPTForCausalLM", "OPTModel"), "OPTConfig",
        {
            "layers": Key("num_hidden_layers", 12), "d_model": Key("hidden_size", 768),
            "heads": Key("num_attention_heads", 12), "d_ffn": Key("ffn_dim", 3072), "vocab": Key("vocab_size", 50272),
            "max_sequence": Key("max_position_embeddings", 2048),
            "embedding_width": Key("word_embed_proj_dim", Like("d_model")),
            "tied_embeddings": Key("tie_word_embeddings", True),
        },
        {**_LAYER_NORM, "position_kind": "learned"}, _opt,
    ),
    Family(
        ("bloom",), ("BloomForCausalLM", "BloomModel"), "BloomConfig",
        {
            "layers": Key("n_layer", 2, also=("num_hidden_layers",)),
            "d_model": Key("hidden_size", 64, also=("n_embed",)),
            "heads": Key("n_head", 8, also=("num_attention_heads",)), "d_ffn": Key("n_inner", FOUR),
            "vocab": Key("vocab_size", 250880), "max_sequence": Key("seq_length", 2048),
            "tied_embeddings": Key("tie_word_embeddings", True),
        },
        {**_LAYER_NORM, "position_kind": "alibi", "embedding_norm": True},
        harmless=("n_embed", "num_attention_heads", "num_hidden_layers", "offset_alibi", "skip_bias_add",
                  "skip_bias_add_qkv", "masked_softmax_fusion", "unk_token_id", "bias_dropout_fusion"),
    ),
    Family(
        ("falcon", "RefinedWeb", "RefinedWebModel"), ("FalconForCausalLM", "RWForCausalLM"), "FalconConfig",
        {
            "layers": Key("num_hidden_layers", 32, also=("n_layer",)), "d_model": Key("hidden_size", 4544),
            "heads": Key("num_attention_heads", 71, also=("n_head",)), "d_ffn": Key("ffn_hidden_size", FOUR),
            "vocab": Key("vocab_size", 65024), "max_sequence": Key("max_position_embeddings", 2048),
            "tied_embeddings": Key("tie_word_embeddings", True),
        },
        {**_LAYER_NORM}, _falcon, harmless=("multi_query", "parallel_attn"),
    ),
    Family(
        ("mpt",), ("MPTForCausalLM", "MptForCausalLM"), "MptConfig",
        {
            "layers": Key("n_layers", 24), "d_model": Key("d_model", 2048), "heads": Key("n_heads", 16),
            "vocab": Key("vocab_size", 50368), "max_sequence": Key("max_seq_len", 2048),
            "tied_embeddings": Key("tie_word_embeddings", True),
        },
        {"mlp": "gelu"}, _mpt,
        harmless=("logit_scale", "verbose", "norm_type", "init_config", "init_device", "attn_impl", "attn_uses_sequence_id",
                  "prefix_lm", "embedding_fraction", "fc_type", "ffn_config", "use_pad_tok_in_ffn", "rope_impl"),
    ),
    Family(
        ("phi",), ("PhiForCausalLM",), "PhiConfig",
        {
            "layers": Key("num_hidden_layers", 24), "d_model": Key("hidden_size", 2048),
            "heads": Key("num_attention_heads", 32), "kv_heads": Key("num_key_value_heads", Like("heads")),
            "d_ffn": Key("intermediate_size", 8192), "vocab": Key("vocab_size", 51200),
            "max_sequence": Key("max_position_embeddings", 2048), "tied_embeddings": Key("tie_word_embeddings", False),
        },
        {**_LAYER_NORM, "position_kind": "rotary", "block_norms": 1, "head_bias": True},
        only={"qk_layernorm": (False, "norms of queries and keys of this class cannot be said; false is read")},
    ),
    Family(
        ("starcoder2",), ("Starcoder2ForCausalLM",), "Starcoder2Config",
        {
            "layers": Key("num_hidden_layers", 30), "d_model": Key("hidden_size", 3072),
            "heads": Key("num_attention_heads", 24), "kv_heads": Key("num_key_value_heads", 2),
            "d_ffn": Key("intermediate_size", 12288), "vocab": Key("vocab_size", 49152),
            "max_sequence": Key("max_position_embeddings", 4096), "tied_embeddings": Key("tie_word_embeddings", True),
            "attention_bias": Key("use_bias", True), "mlp_bias": Key("use_bias", True),
        },
        {**_LAYER_NORM, "position_kind": "rotary"}, _starcoder2,
    ),
)  # fmt: skip
