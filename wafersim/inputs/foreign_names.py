"""What fields are called in other people's files, or where they are looked for, so that who writes such a name is told ours."""

PRICES = {"price": "run.money.rent", "rent": "run.money.rent", "cost": "run.money", "purchase": "run.money.purchase"}
"""Of an experiment, wherever somebody may put them: beside the machine or beside the run."""

FIELDS = {
    # config.json of Hugging Face's transformers, by the name that most of its models share.
    "hidden_size": "d_model",
    "n_embd": "d_model",
    "num_hidden_layers": "layers",
    "n_layer": "layers",
    "num_attention_heads": "heads",
    "n_head": "heads",
    "num_key_value_heads": "kv_heads",
    "intermediate_size": "d_ffn",
    "ffn_hidden_size": "d_ffn",
    "vocab_size": "vocab",
    "max_position_embeddings": "max_sequence",
    "tie_word_embeddings": "tied_embeddings",
    "sliding_window": "windows, keys by block as a pattern: [4096]",
    "attention_chunk_size": "windows, with window_kind chunked",
    "layer_types": "windows, keys by block as a pattern: [4096, 0]",
    "num_experts": "experts",
    "num_local_experts": "experts",
    "n_routed_experts": "experts",
    "num_experts_per_tok": "experts_per_token",
    "moe_intermediate_size": "expert_ffn",
    "shared_expert_intermediate_size": "shared_ffn",
    "n_shared_experts": "shared_ffn, the width of all of them together",
    "shared_experts": "shared_ffn, the width of all of them together",
    "first_k_dense_replace": "dense_blocks",
    "decoder_sparse_step": "expert_every",
    "interleave_moe_layer_step": "expert_every",
    "kv_lora_rank": "kv_rank",
    "q_lora_rank": "q_rank",
    "qk_nope_head_dim": "head_dim",
    "qk_rope_head_dim": "rope_head_dim",
    "v_head_dim": "value_head_dim",
    "num_nextn_predict_layers": "mtp_blocks",
    "num_decoder_layers": "layers",
    "relative_attention_num_buckets": "relative_buckets",
    "hidden_act": "mlp, gelu without a gate or swiglu with one, whatever the activation",
}
