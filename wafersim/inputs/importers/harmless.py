"""Keys of a config that change no count and no time of a training step, and why."""

from __future__ import annotations

from collections.abc import Collection

from wafersim.inputs.imported import UNKNOWN

WHY = {
    "changes no count and no time of a step": (
        "activation_function", "afn", "hidden_act", "hidden_activation", "nonlinearity", "classifier_activation",
        "final_logit_softcapping", "attn_logit_softcapping", "embedding_multiplier", "scale_attn_weights",
        "scale_attn_by_inverse_layer_idx", "attention_softmax_in_fp32", "reorder_and_upcast_attn", "hidden_dropout_prob",
        "attention_probs_dropout_prob", "layerdrop", "layer_norm_epsilon", "layernorm_epsilon", "partial_rotary_factor",
        "alibi_bias_max", "clip_qkv", "embd_pdrop", "emb_pdrop", "resid_pdrop", "attn_pdrop", "softmax_scale",
        "apply_residual_connection_post_layernorm", "slow_but_exact", "initializer_factor", "init_std", "mup_width_multiplier",
        "norm_eps", "query_pre_attn_scalar",
    ),
    "of text, not of time": (
        "architectures", "model_type", "auto_map", "id2label", "label2id", "num_labels", "problem_type", "tokenizer_class",
        "tokenizer_name", "prefix", "task_specific_params", "bad_words_ids", "forced_bos_token_id", "gradient_checkpointing",
        "chunk_size_feed_forward", "is_encoder_decoder", "return_dict", "position_embedding_type", "padding_idx",
        "transformers_version", "finetuning_task", "language", "_name_or_path", "name_or_path", "vocab_list",
    ),
    "of inference": (
        "use_cache", "cache_implementation", "pretraining_tp", "cache_config", "generation_config", "is_decoder",
        "multi_query_attention_inference", "attention_inference", "use_flash_attn",
    ),
    "of the loss, not of time": (
        "router_aux_loss_coef", "router_jitter_noise", "output_router_logits", "aux_loss_alpha", "router_z_loss_coef",
        "classifier_dropout", "mask_time_prob",
    ),
    "precision of a step is the experiment's strategy.precision, training.weight_precision": (
        "torch_dtype", "dtype", "quantization_config",
    ),
    "images and sound are not simulated: the language model alone is read": (
        "vision_config", "audio_config", "mm_tokens_per_image", "boi_token_index", "eoi_token_index", "image_token_index",
        "image_token_id", "projector_hidden_act", "multimodal_projector_bias", "spatial_merge_size", "vision_feature_layer",
    ),
}  # fmt: skip
OF_KEY = {key: why for why, keys in WHY.items() for key in keys}
ENDS = {
    "_token_id": "of text, not of time",
    "_token_index": "of text, not of time",
    "_dropout": "changes no count and no time of a step",
    "_pdrop": "changes no count and no time of a step",
    "_eps": "changes no count and no time of a step",
    "_epsilon": "changes no count and no time of a step",
    "_init": "changes no count and no time of a step",
    "_range": "changes no count and no time of a step",
}
BEGINNINGS = {
    "rope_": "how far positions reach; no count and no time",
    "rotary_": "how far positions reach; no count and no time",
    "summary_": "of text, not of time",
    "output_": "of inference",
    "dropout": "changes no count and no time of a step",
}


def why_not(key: str, own: Collection[str] = ()) -> str:
    """Why a key was left aside: UNKNOWN where nobody here has heard of it. `own` are harmless ones of an architecture."""
    if key in own:
        return "changes no count and no time of a step"
    if key in OF_KEY:
        return OF_KEY[key]
    ends = next((why for end, why in ENDS.items() if key.endswith(end)), None)
    return ends or next((why for beginning, why in BEGINNINGS.items() if key.startswith(beginning)), UNKNOWN)
