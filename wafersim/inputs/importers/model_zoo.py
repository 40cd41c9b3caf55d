"""A params.yaml of Cerebras Model Zoo as a model, with what it says of the training job.

Two layouts: `model:`, `optimizer:`, `train_input:`, `runconfig:` side by side (up to release 2.2), and `trainer:` with `init:`
and `fit:` (later). Where each part lies is a table; what is read of it is the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wafersim.errors import InputFaults, shortened
from wafersim.inputs.imported import UNKNOWN, Imported
from wafersim.inputs.importers.family import Fields
from wafersim.inputs.importers.keys import Keys
from wafersim.inputs.importers.setting import Setting
from wafersim.inputs.importers.zoo_geometry import read_geometry
from wafersim.inputs.importers.zoo_layout import NEW_LAYOUT, OLD_LAYOUT, Layout
from wafersim.inputs.importers.zoo_training import read_training
from wafersim.inputs.yaml_file import Path_, YamlFile

OLD = ("optimizer", "train_input", "runconfig", "sparsity")  # beside `model:`


def is_params(values: dict[str, Any]) -> bool:
    """Whether a mapping looks like a params.yaml."""
    return "trainer" in values or ("model" in values and any(part in values for part in OLD) and "system" not in values)


def read_params(
    file: YamlFile, own: Mapping[str, Any]
) -> tuple[Fields, Imported, dict[str, Path_], tuple[Setting, ...]]:
    """(the model's fields, what became of each key, where each field stands, what is said of the training job)."""
    layout = NEW_LAYOUT if "trainer" in file.values else OLD_LAYOUT
    parts = {path: _part(file, path, own) for path in _paths(layout)}
    model = parts[layout.model]
    if not model.values:
        raise InputFaults([file.fault(layout.model, "is missing: the geometry of the model is needed there")])
    fields = read_geometry(model)
    settings = read_training(layout, parts)
    for keys in parts.values():
        keys.stop()
    read: dict[str, str] = {}
    assumed: dict[str, str] = {}
    ignored: dict[str, str] = {}
    for path, keys in parts.items():
        read |= keys.read
        assumed |= keys.assumed
        ignored |= {_under(path, key): why for key, why in keys.left(_why_not).items()}
    said = Imported(Path(file.name).name, layout.name, read, assumed, _unknown_first(ignored))
    return {"name": _name(file, model), **fields}, said, model.places, settings


def _paths(layout: Layout) -> tuple[Path_, ...]:
    parts = (
        layout.model,
        layout.optimizer,
        layout.data,
        layout.loop,
        layout.cluster,
        layout.precision,
        layout.sparsity,
    )
    return tuple(dict.fromkeys(parts))


def _part(file: YamlFile, path: Path_, own: Mapping[str, Any]) -> Keys:
    """The keys of one part; none where it is left out. Raises InputFaults where something on the way is no mapping."""
    here: Any = file.values
    for depth, part in enumerate(path, start=1):
        here = here.get(part)
        if here is None:
            return Keys.empty(file)
        if depth == len(path) and part == "sparsity" and not isinstance(here, dict):
            return Keys.holding(file, path, here)  # a number, or a list of groups
        if not isinstance(here, dict):
            problem = f"must be a mapping; of several runs in a list one is read (got {shortened(here)})"
            raise InputFaults([file.fault(path[:depth], problem)])
    return Keys(file, path, "Model Zoo", own)


def _under(path: Path_, key: str) -> str:
    return ".".join([*map(str, path), key])


def _unknown_first(ignored: dict[str, str]) -> dict[str, str]:
    return dict(sorted(ignored.items(), key=lambda item: item[1] != UNKNOWN))


def _name(file: YamlFile, model: Keys) -> str:
    """What the model is called: the file's own name, or its folder's where it is just params.yaml."""
    path = Path(file.name)
    named = path.absolute().parent.name if path.stem in ("params", "config") else path.stem.removeprefix("params_")
    return (named or str(model.values.get("name", "model")))[:80] or "model"


OF_DATA = (
    "data_dir", "data_processor", "shuffle", "shuffle_seed", "num_workers", "prefetch_factor", "persistent_workers",
    "use_worker_cache", "repeat", "mixed_precision", "vocab_file", "mask_id", "pad_id", "sep_id", "cls_id", "oov_token",
    "do_lower", "drop_last", "dataset", "label_smoothing", "buckets", "dynamic_mlm_scale", "bos_token", "eos_id", "seed",
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
HARMLESS = {
    **dict.fromkeys(OF_DATA, "of the data"),
    **dict.fromkeys(OF_LOOP, "of checkpoints, logs and jobs"),
    **dict.fromkeys(OF_UPDATES, "what an update does, not how long it takes"),
    **dict.fromkeys(OF_MODEL, "changes no count and no time of a step"),
}


def _why_not(key: str) -> str:
    return HARMLESS.get(key, UNKNOWN)
