"""Decoders with experts: which blocks have them, how wide they are, what every token meets beside them."""

from __future__ import annotations

from wafersim.inputs.importers import windows
from wafersim.inputs.importers.family import Family, Fields, Key
from wafersim.inputs.importers.keys import Keys
from wafersim.inputs.importers.llama import LLAMA_BLOCK, geometry, output_unbiased


def _routed(
    keys: Keys, fields: Fields, experts: str, default: int, per_token: int, top: str = "num_experts_per_tok"
) -> None:
    fields["experts"] = keys.whole("experts", experts, default)
    fields["experts_per_token"] = keys.whole("experts_per_token", top, per_token)


def _blocks_with_experts(keys: Keys, fields: Fields, listed: list[int], key: str) -> None:
    """`dense_blocks` and `expert_every` that give just the blocks that are listed, or a fault."""
    layers = fields["layers"]
    several = len(listed) > 1
    every = listed[1] - listed[0] if several else layers - listed[0] if listed else 1
    dense = listed[0] - every + 1 if listed else 0
    if dense < 0 or listed != list(range(dense + every - 1, layers, every)):
        keys.fault(key, "blocks with experts must be every n-th behind dense ones at the start; others cannot be said")
        return
    fields["dense_blocks"], fields["expert_every"] = dense, every


def _mixtral(keys: Keys, fields: Fields) -> None:
    windows.every_block(keys, fields, None)
    _routed(keys, fields, "num_local_experts", 8, 2)


def _qwen_moe(keys: Keys, fields: Fields, width: int, experts: int, per_token: int) -> None:
    """Every n-th block has experts but those of `mlp_only_layers`."""
    _routed(keys, fields, "num_experts", experts, per_token)
    fields["expert_ffn"] = keys.whole("expert_ffn", "moe_intermediate_size", width)
    every = keys.whole("expert_every", "decoder_sparse_step", 1)
    dense = set(keys.list_of("mlp_only_layers", int) or [])
    listed = [block for block in range(fields["layers"]) if (block + 1) % every == 0 and block not in dense]
    _blocks_with_experts(keys, fields, listed, "mlp_only_layers")


def _qwen2_moe(keys: Keys, fields: Fields) -> None:
    output_unbiased(keys, fields)
    _qwen_moe(keys, fields, 1408, 60, 4)
    fields["shared_ffn"] = keys.whole("shared_ffn", "shared_expert_intermediate_size", 5632)
    fields["shared_gate"] = True


def _qwen3_moe(keys: Keys, fields: Fields) -> None:
    windows.qwen(keys, fields)
    _qwen_moe(keys, fields, 768, 128, 8)


def _llama4(keys: Keys, fields: Fields) -> None:
    """`intermediate_size` is of an expert and of the shared one, `intermediate_size_mlp` of dense blocks between them.

    Blocks with rotary positions attend within chunks; those without (`no_rope_layers` 0, every fourth) to all.
    """
    _routed(keys, fields, "num_local_experts", 16, 1)
    fields["expert_ffn"] = fields["shared_ffn"] = keys.whole("expert_ffn", "intermediate_size", 8192)
    layers = fields["layers"]
    every = keys.whole("expert_every", "interleave_moe_layer_step", 1)
    listed = keys.list_of("moe_layers", int)
    blocks = sorted(set(range(every - 1, layers, every) if listed is None or "layers" in keys.own else listed))
    if blocks and not 0 <= blocks[0] <= blocks[-1] < layers:
        keys.fault("moe_layers", f"must be blocks from 0 to {layers - 1}")
        return
    _blocks_with_experts(keys, fields, blocks, "moe_layers")
    whole = keys.is_null("attention_chunk_size")
    chunk = 0 if whole else keys.whole("windows", "attention_chunk_size", 8192, least=0)
    if whole:
        keys.mark("windows", "attention_chunk_size", "none")
    interval = keys.whole("blocks of a pattern", "no_rope_layer_interval", 4)
    ropes = keys.list_of("no_rope_layers", int)
    if "layers" in keys.own:
        ropes = None
    if ropes and len(ropes) != layers:
        keys.fault("no_rope_layers", f"must have 1 or 0 for each of {layers} blocks (got {len(ropes)})")
        return
    chunked = [bool(one) for one in ropes] if ropes else [(block + 1) % interval != 0 for block in range(layers)]
    fields["windows"] = windows.shortest([chunk if one else 0 for one in chunked])
    windows.layer_types(keys, fields, chunk)
    if fields["windows"]:
        fields["window_kind"] = "chunked"


def _gpt_oss(keys: Keys, fields: Fields) -> None:
    """Windows in every other block from the first on; a sink a head, biases at router and experts."""
    _routed(keys, fields, "num_local_experts", 128, 4, keys.first_given("num_experts_per_tok", "experts_per_token"))
    window = keys.whole("windows", "sliding_window", 128)
    fields["windows"] = (window, 0)
    windows.layer_types(keys, fields, window)


def _deepseek(keys: Keys, fields: Fields, q_rank: int, experts: tuple[int, int, int, int], dense: int) -> None:
    """Latent attention; routed and shared experts of one width behind a few dense blocks.

    `experts` are the class's defaults: routed, of a token, shared, width of one.
    """
    fields["kv_heads"] = fields["heads"]
    ranked = not keys.is_null("q_lora_rank")
    fields["q_rank"] = keys.whole("q_rank", "q_lora_rank", q_rank) if ranked else 0
    if not ranked:
        keys.mark("q_rank", "q_lora_rank", "0")
    fields["kv_rank"] = keys.whole("kv_rank", "kv_lora_rank", 512)
    fields["head_dim"] = keys.whole("head_dim", "qk_nope_head_dim", 128)
    fields["rope_head_dim"] = keys.whole("rope_head_dim", "qk_rope_head_dim", 64)
    fields["value_head_dim"] = keys.whole("value_head_dim", "v_head_dim", 128)
    if keys.is_null("n_routed_experts"):
        return  # a dense model of this class
    _routed(keys, fields, "n_routed_experts", experts[0], experts[1])
    fields["expert_ffn"] = keys.whole("expert_ffn", "moe_intermediate_size", experts[3])
    shared = keys.whole("shared experts", "n_shared_experts", experts[2], least=0)
    fields["shared_ffn"] = shared * fields["expert_ffn"]
    first = keys.whole("dense_blocks", "first_k_dense_replace", dense, least=0)
    every = keys.whole("expert_every", "moe_layer_freq", 1)
    listed = [block for block in range(first, fields["layers"]) if block % every == 0]
    _blocks_with_experts(keys, fields, listed, "moe_layer_freq")


def _deepseek_v2(keys: Keys, fields: Fields) -> None:
    _deepseek(keys, fields, 1536, (64, 6, 2, 1407), 0)


def _deepseek_v3(keys: Keys, fields: Fields) -> None:
    """V3's router has a bias per expert that balances it; modules that predict a second token come behind the blocks."""
    _deepseek(keys, fields, 1536, (256, 8, 1, 2048), 3)
    fields["router_bias"] = fields.get("experts", 1) > 1
    fields["mtp_blocks"] = keys.whole("mtp_blocks", "num_nextn_predict_layers", 0, least=0)


_LATENT = {key: value for key, value in geometry(61, 7168, 128, 18432, 129280, 4096).items()
           if key not in ("kv_heads", "head_dim")}  # fmt: skip
_ROUTING = (
    "topk_group", "n_group", "topk_method", "scoring_func", "norm_topk_prob", "routed_scaling_factor", "ep_size",
    "seq_aux", "aux_loss_alpha", "num_key_value_heads", "qk_head_dim", "rope_interleave",
)  # fmt: skip

FAMILIES = (
    Family(
        ("mixtral",), ("MixtralForCausalLM",), "MixtralConfig",
        geometry(32, 4096, 32, 14336, 32000, 131072, kv_heads=8), LLAMA_BLOCK, _mixtral,
    ),
    Family(
        ("qwen2_moe",), ("Qwen2MoeForCausalLM",), "Qwen2MoeConfig",
        geometry(24, 2048, 16, 5632, 151936, 32768, kv_heads=16), LLAMA_BLOCK, _qwen2_moe,
        harmless=("norm_topk_prob",),
    ),
    Family(
        ("qwen3_moe",), ("Qwen3MoeForCausalLM",), "Qwen3MoeConfig",
        {
            **geometry(24, 2048, 32, 6144, 151936, 32768, kv_heads=4),
            "attention_bias": Key("attention_bias", False),
        },
        {**LLAMA_BLOCK, "qk_norm": "head"}, _qwen3_moe, harmless=("norm_topk_prob",),
    ),
    Family(
        ("llama4_text", "llama4"), ("Llama4ForCausalLM", "Llama4ForConditionalGeneration"), "Llama4TextConfig",
        {
            **geometry(48, 5120, 40, 8192, 202048, 131072, kv_heads=8, head_dim=128),
            "d_ffn": Key("intermediate_size_mlp", 16384), "attention_bias": Key("attention_bias", False),
        },
        LLAMA_BLOCK, _llama4,
        harmless=("use_qk_norm", "attn_scale", "attn_temperature_tuning", "floor_scale", "for_llm_compressor"),
    ),
    Family(
        ("gpt_oss",), ("GptOssForCausalLM",), "GptOssConfig",
        {
            **geometry(36, 2880, 64, 2880, 201088, 131072, kv_heads=8, head_dim=64),
            "attention_bias": Key("attention_bias", True),
        },
        {**LLAMA_BLOCK, "router_bias": True, "expert_bias": True, "attention_sinks": True}, _gpt_oss,
        harmless=("swiglu_limit", "initial_context_length", "experts_per_token"),
    ),
    Family(
        ("deepseek_v2",), ("DeepseekV2ForCausalLM",), "DeepseekV2Config",
        {
            **_LATENT, "layers": Key("num_hidden_layers", 32), "d_model": Key("hidden_size", 4096),
            "heads": Key("num_attention_heads", 32), "d_ffn": Key("intermediate_size", 11008),
            "vocab": Key("vocab_size", 32000), "max_sequence": Key("max_position_embeddings", 2048),
            "attention_bias": Key("attention_bias", False),
        },
        LLAMA_BLOCK, _deepseek_v2, harmless=_ROUTING,
    ),
    Family(
        ("deepseek_v3",), ("DeepseekV3ForCausalLM",), "DeepseekV3Config",
        {**_LATENT, "attention_bias": Key("attention_bias", False)},
        LLAMA_BLOCK, _deepseek_v3, harmless=_ROUTING,
    ),
)  # fmt: skip
