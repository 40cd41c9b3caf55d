"""Keys of a params.yaml of Cerebras Model Zoo that change no count and no time of a training step, and why."""

from __future__ import annotations

from wafersim.inputs.imported import UNKNOWN

OF_DATA = (
    "data_dir", "data_processor", "shuffle", "shuffle_seed", "num_workers", "prefetch_factor", "persistent_workers",
    "use_worker_cache", "repeat", "mixed_precision", "vocab_file", "mask_id", "pad_id", "sep_id", "cls_id", "oov_token",
    "do_lower", "drop_last", "dataset", "label_smoothing", "buckets", "dynamic_mlm_scale", "bos_token", "eos_id", "seed",
)  # fmt: skip
OF_SPARSITY = (
    "type", "algorithm", "init_method", "param_filter", "param_name_patterns", "schedule", "begin", "end", "freq",
)  # fmt: skip
OF_LOOP = (
    "checkpoint_steps", "eval_frequency", "eval_steps", "log_steps", "save_initial_checkpoint", "max_checkpoints",
    "keep_checkpoint_max", "mode", "model_dir", "num_epochs", "max_epochs", "save_losses", "log_summaries", "seed",
    "num_workers_per_csx", "mgmt_address", "credentials_path", "compile_dir", "mount_dirs", "python_paths", "job_labels",
    "max_wgt_servers", "num_wgt_servers", "num_act_servers", "validate_only", "compile_only", "logging", "target_device",
    "check_loss_values", "load_checkpoint_states", "checkpoint_path", "num_steps", "is_pretrained_checkpoint",
    "save_checkpoint", "eval_steps_per_epoch", "steps_per_epoch",
)  # fmt: skip
OF_UPDATES = (
    "learning_rate", "weight_decay", "weight_decay_rate", "betas", "beta1", "beta2", "eps", "correct_bias", "momentum",
    "log_summaries", "initial_loss_scale", "min_loss_scale", "max_loss_scale", "steps_per_increase", "schedulers",
)  # fmt: skip
OF_MODEL = (
    "dropout_rate", "attention_dropout_rate", "residual_dropout_rate", "embedding_dropout_rate", "initializer",
    "initializer_range", "embedding_initializer", "output_layer_initializer", "layer_norm_epsilon", "loss_weight",
    "loss_scaling", "rotary_dim", "rope_theta", "pad_rope", "boundary_casting", "tf_summary", "compute_eval_metrics",
    "attention_softmax_fp32", "attention_type", "norm_first", "precision_opt_level", "lm_loss_weight", "mlm_loss_scaling",
    "mlm_loss_weight", "softmax_dtype_fp32", "output_logits_alpha", "embeddings_scale", "scale_qk_dot_by_d", "name",
    "attention_logits_alpha", "alpha_logits", "mup_base_hidden_size", "mup_base_filter_size", "model_name", "eos_token_id",
    "ffn_initializer", "use_ff_layer1_dropout", "use_attention_dropout", "fixed_sparse_attention", "dtype", "attention_kernel",
)  # fmt: skip
OF_EVALUATION = ("eval_input", "validate", "validate_all", "val_dataloader", "predict_input", "inference_input")
OF_JOBS = (
    "logging", "loggers", "callbacks", "checkpoint", "ckpt_path", "backend_type", "version", "description", "job_time_sec",
    "cluster_config", "max_act_per_csx", "retrace_every_iteration", "autoload_last_checkpoint", "train",
)  # fmt: skip
HARMLESS = {
    **dict.fromkeys(OF_EVALUATION, "of evaluation"),
    **dict.fromkeys(OF_JOBS, "of checkpoints, logs and jobs"),
    **dict.fromkeys(OF_DATA, "of the data"),
    **dict.fromkeys(OF_LOOP, "of checkpoints, logs and jobs"),
    **dict.fromkeys(OF_UPDATES, "what an update does, not how long it takes"),
    **dict.fromkeys(OF_SPARSITY, "which weights are zero, not how many"),
    **dict.fromkeys(OF_MODEL, "changes no count and no time of a step"),
}


def why_not(key: str) -> str:
    """Why a key was left aside: UNKNOWN where nobody here has heard of it."""
    return HARMLESS.get(key, UNKNOWN)
