"""Encoders, and T5's encoder beside its decoder. What a checkpoint has at its end is in its `architectures`."""

from __future__ import annotations

from wafersim.inputs.importers.family import Family, Fields, Key
from wafersim.inputs.importers.keys import Keys

DECODER = {"is_decoder": (False, "encoders are read, not decoders of their class; false is read"),
           "add_cross_attention": (False, "encoders are read, without cross attention; false is read")}  # fmt: skip
_ENCODER = {"norm": "layernorm", "mlp": "gelu", "causal": False, "tied_embeddings": True}


def _ends(keys: Keys, fields: Fields) -> None:
    """What `architectures` says of the head: a vocabulary head with its transform, a pooler, or neither."""
    named = keys.list_of("architectures", str) or []
    name = named[0] if named else ""
    if not name:
        keys.assume("head", "masked-lm", "no architectures are named")
    else:
        keys.mark("head", "architectures", name)
    whole = name.endswith("ForPreTraining")
    trained = whole or name.endswith("ForMaskedLM") or not name
    fields["head"] = "masked-lm" if trained else "none"
    fields["head_bias"] = trained
    fields["pooler"] = whole or name.endswith(("Model", "ForSequenceClassification"))


def _bert(keys: Keys, fields: Fields) -> None:
    """Norms after each part, one of the embeddings, and none at the end."""
    fields["positions"] = fields["max_sequence"]
    _ends(keys, fields)


def _roberta(keys: Keys, fields: Fields) -> None:
    """As BERT, with two rows of its table of positions for padding."""
    _bert(keys, fields)
    fields["max_sequence"] = max(fields["max_sequence"] - 2, 1)


def _esm(keys: Keys, fields: Fields) -> None:
    """ESM-2: rotary positions (the class makes a table of learned ones all the same, which nothing reads), a norm at the end."""
    kinds = {"rotary": "rotary", "absolute": "learned"}
    kind = keys.word("position_kind", "position_embedding_type", kinds, "absolute")
    fields["position_kind"], fields["positions"] = kind, fields["max_sequence"] if kind == "learned" else 0
    fields["embedding_norm"] = keys.switch("embedding_norm", "emb_layer_norm_before", False)
    keys.only("is_folding_model", False, "ESMFold has a folding trunk, which cannot be said; false is read")
    _ends(keys, fields)


def _t5(keys: Keys, fields: Fields) -> None:
    """As many decoder blocks as encoder blocks unless it says so; relative positions in a table a stack, shared by its blocks."""
    fields["encoder_layers"] = keys.whole("encoder_layers", "num_layers", 6)
    fields["layers"] = keys.whole("layers", "num_decoder_layers", fields["encoder_layers"], why="as num_layers")
    kinds = {"relu": "gelu", "gelu": "gelu", "gated-gelu": "swiglu", "gated-silu": "swiglu", "gated-relu": "swiglu"}
    fields["mlp"] = keys.word("mlp", "feed_forward_proj", kinds, "relu")
    fields["max_sequence"] = keys.whole("max_sequence", "n_positions", 512)


FAMILIES = (
    Family(
        ("bert",), ("BertForMaskedLM", "BertModel", "BertForPreTraining"), "BertConfig",
        {
            "layers": Key("num_hidden_layers", 12), "d_model": Key("hidden_size", 768),
            "heads": Key("num_attention_heads", 12), "d_ffn": Key("intermediate_size", 3072),
            "vocab": Key("vocab_size", 30522), "max_sequence": Key("max_position_embeddings", 512),
            "segments": Key("type_vocab_size", 2, least=0),
        },
        {**_ENCODER, "position_kind": "learned", "embedding_norm": True, "final_norm": False}, _bert, DECODER,
    ),
    Family(
        ("roberta", "xlm-roberta", "camembert"), ("RobertaForMaskedLM", "RobertaModel", "XLMRobertaForMaskedLM"),
        "RobertaConfig",
        {
            "layers": Key("num_hidden_layers", 12), "d_model": Key("hidden_size", 768),
            "heads": Key("num_attention_heads", 12), "d_ffn": Key("intermediate_size", 3072),
            "vocab": Key("vocab_size", 50265), "max_sequence": Key("max_position_embeddings", 512),
            "segments": Key("type_vocab_size", 2, least=0),
        },
        {**_ENCODER, "position_kind": "learned", "embedding_norm": True, "final_norm": False}, _roberta,
        DECODER,
    ),
    Family(
        ("esm",), ("EsmForMaskedLM", "EsmModel"), "EsmConfig",
        {
            "layers": Key("num_hidden_layers", 12), "d_model": Key("hidden_size", 768),
            "heads": Key("num_attention_heads", 12), "d_ffn": Key("intermediate_size", 3072),
            "vocab": Key("vocab_size"), "max_sequence": Key("max_position_embeddings", 1026),
        },
        _ENCODER, _esm, DECODER, ("token_dropout", "esmfold_config", "vocab_list", "mask_token_id"),
    ),
    Family(
        ("t5", "mt5"), ("T5ForConditionalGeneration", "MT5ForConditionalGeneration"), "T5Config",
        {
            "d_model": Key("d_model", 512), "heads": Key("num_heads", 8), "head_dim": Key("d_kv", 64),
            "d_ffn": Key("d_ff", 2048), "vocab": Key("vocab_size", 32128),
            "relative_buckets": Key("relative_attention_num_buckets", 32),
            "tied_embeddings": Key("tie_word_embeddings", True),
        },
        {"norm": "rmsnorm", "attention_bias": False, "mlp_bias": False, "position_kind": "none"}, _t5,
        harmless=("relative_attention_max_distance", "dense_act_fn", "is_gated_act"),
    ),
)  # fmt: skip
