"""Decoders of the Llama line: rotary positions, RMS norms, gated MLPs, grouped keys and values."""

from __future__ import annotations

from wafersim.inputs.importers import windows
from wafersim.inputs.importers.family import Family, Fields, Key, Like
from wafersim.inputs.importers.keys import Keys

LLAMA_BLOCK = {
    "norm": "rmsnorm", "mlp": "swiglu", "position_kind": "rotary", "attention_bias": False, "mlp_bias": False,
}  # fmt: skip

AS_HEADS, WIDTH_OF_HEADS = Like("heads"), Like("d_model", over="heads")


def geometry(
    layers: int, d_model: int, heads: int, d_ffn: int, vocab: int, max_sequence: int,
    tied: bool = False, kv_heads: int | Like = AS_HEADS, head_dim: int | Like = WIDTH_OF_HEADS,
) -> dict[str, Key]:  # fmt: skip
    """The keys that all of them share, with a class's defaults."""
    return {
        "layers": Key("num_hidden_layers", layers),
        "d_model": Key("hidden_size", d_model),
        "heads": Key("num_attention_heads", heads),
        "kv_heads": Key("num_key_value_heads", kv_heads, null=AS_HEADS),
        "head_dim": Key("head_dim", head_dim, null=WIDTH_OF_HEADS),
        "d_ffn": Key("intermediate_size", d_ffn),
        "vocab": Key("vocab_size", vocab),
        "max_sequence": Key("max_position_embeddings", max_sequence),
        "tied_embeddings": Key("tie_word_embeddings", tied),
    }


def output_unbiased(keys: Keys, fields: Fields) -> None:
    """Qwen 2: queries, keys and values have a bias, the output has none."""
    fields["qkv_bias"], fields["output_bias"] = True, False
    windows.qwen(keys, fields)


def _mistral(keys: Keys, fields: Fields) -> None:
    windows.every_block(keys, fields, 4096)


def _phi3(keys: Keys, fields: Fields) -> None:
    windows.every_block(keys, fields, None)


def _gemma2(keys: Keys, fields: Fields) -> None:
    """Every other block has the window, the first among them; norms before and after attention and MLP."""
    window = keys.whole("windows", "sliding_window", 4096)
    fields["windows"] = (window, 0)
    windows.layer_types(keys, fields, window)


def _gemma3(keys: Keys, fields: Fields) -> None:
    """Five blocks with the window to one without; norms of queries and keys a head wide."""
    windows.every_so_many(keys, fields, keys.whole("windows", "sliding_window", 4096), 6)


_GEMMA = {**LLAMA_BLOCK}

FAMILIES = (
    Family(
        ("olmo2",), ("Olmo2ForCausalLM",), "Olmo2Config",
        {
            **geometry(32, 4096, 32, 11008, 50304, 2048), "attention_bias": Key("attention_bias", False),
        },
        {**LLAMA_BLOCK, "qk_norm": "width"},
    ),
    Family(
        ("granite",), ("GraniteForCausalLM",), "GraniteConfig",
        {
            **geometry(32, 4096, 32, 11008, 32000, 2048),
            "attention_bias": Key("attention_bias", False), "mlp_bias": Key("mlp_bias", False),
        },
        LLAMA_BLOCK,
        harmless=("attention_multiplier", "embedding_multiplier", "logits_scaling", "residual_multiplier"),
    ),
    Family(
        ("llama",), ("LlamaForCausalLM", "LlamaModel"), "LlamaConfig",
        {
            **geometry(32, 4096, 32, 11008, 32000, 2048),
            "attention_bias": Key("attention_bias", False), "mlp_bias": Key("mlp_bias", False),
        },
        LLAMA_BLOCK,
    ),
    Family(
        ("mistral",), ("MistralForCausalLM", "Mistral3ForConditionalGeneration"), "MistralConfig",
        geometry(32, 4096, 32, 14336, 32000, 131072, kv_heads=8), LLAMA_BLOCK, _mistral,
    ),
    Family(
        ("qwen2",), ("Qwen2ForCausalLM",), "Qwen2Config",
        geometry(32, 4096, 32, 22016, 151936, 32768, kv_heads=32), LLAMA_BLOCK, output_unbiased,
    ),
    Family(
        ("qwen3",), ("Qwen3ForCausalLM",), "Qwen3Config",
        {
            **geometry(32, 4096, 32, 22016, 151936, 32768, kv_heads=32, head_dim=128),
            "attention_bias": Key("attention_bias", False),
        },
        {**LLAMA_BLOCK, "qk_norm": "head"}, windows.qwen,
    ),
    Family(
        ("phi3",), ("Phi3ForCausalLM",), "Phi3Config",
        geometry(32, 3072, 32, 8192, 32064, 4096), LLAMA_BLOCK, _phi3,
        harmless=("original_max_position_embeddings", "partial_rotary_factor"),
    ),
    Family(
        ("gemma",), ("GemmaForCausalLM",), "GemmaConfig",
        {
            **geometry(28, 3072, 16, 24576, 256000, 8192, True, 16, 256),
            "attention_bias": Key("attention_bias", False),
        },
        _GEMMA,
    ),
    Family(
        ("gemma2",), ("Gemma2ForCausalLM",), "Gemma2Config",
        {
            **geometry(26, 2304, 8, 9216, 256000, 8192, True, 4, 256),
            "attention_bias": Key("attention_bias", False),
        },
        {**_GEMMA, "block_norms": 4}, _gemma2, harmless=("cache_implementation", "query_pre_attn_scalar"),
    ),
    Family(
        ("gemma3_text", "gemma3"), ("Gemma3ForCausalLM", "Gemma3ForConditionalGeneration"), "Gemma3TextConfig",
        {
            **geometry(26, 2304, 8, 9216, 262208, 131072, True, 4, 256),
            "attention_bias": Key("attention_bias", False),
        },
        {**_GEMMA, "block_norms": 4, "qk_norm": "head"}, _gemma3,
        harmless=("cache_implementation", "query_pre_attn_scalar"),
    ),
)  # fmt: skip
