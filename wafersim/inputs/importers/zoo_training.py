"""What a params.yaml of Cerebras Model Zoo says of the training job, as fields of an experiment."""

from __future__ import annotations

from typing import Any

from wafersim.errors import shortened
from wafersim.inputs.importers.keys import Keys
from wafersim.inputs.importers.setting import Setting
from wafersim.inputs.importers.zoo_layout import Layout
from wafersim.inputs.yaml_file import Path_

OPTIMIZERS = {"adamw": "adamw", "adam": "adam", "lion": "lion", "adafactor": "adafactor", "sgd": "sgd"}
# cbfloat16 is Cerebras' own 16 bits, 6 of them exponent: bytes and rates are those of fp16.
PRECISIONS = {"float16": "fp16", "cbfloat16": "fp16", "bfloat16": "bf16", "float32": "fp32"}
MICRO_BATCHES = ("auto", "explore", "none")
ON_WAFERS = "weight-streaming"
MOST_SYSTEMS = 100_000


def read_training(layout: Layout, parts: dict[Path_, Keys]) -> tuple[Setting, ...]:
    """The settings of a file's parts; what is wrong is left in their keys."""
    found: list[Setting] = []
    _of_data(parts[layout.data], layout.data, found)
    _of_loop(parts[layout.loop], layout.loop, found)
    _of_cluster(parts[layout.cluster], layout.cluster, found)
    _of_optimizer(layout, parts, found)
    _of_precision(parts[layout.precision], layout.precision, found)
    _of_sparsity(parts[layout.sparsity], layout.sparsity, found)
    return tuple({one.path: one for one in reversed(found)}.values())  # the first of two parts that say the same field


def _set(found: list[Setting], path: str, value: Any, at: Path_, key: str, written: Any, kind: str = "") -> None:
    said = f"{'.'.join(map(str, (*at, key)))} {shortened(written).strip(chr(39))}"
    found.append(Setting(path, value, said, kind))  # type: ignore[arg-type]


def _of_data(keys: Keys, at: Path_, found: list[Setting]) -> None:
    if keys.given("batch_size"):
        batch = keys.whole("training.batch", "batch_size", None)
        _set(found, "training.batch", batch, at, "batch_size", batch)
    if keys.given("max_sequence_length"):
        length = keys.whole("training.sequence_length", "max_sequence_length", None)
        _set(found, "training.sequence_length", length, at, "max_sequence_length", length)
    _micro_batch(keys, at, found)


def _micro_batch(keys: Keys, at: Path_, found: list[Setting]) -> None:
    """Sequences that a system holds at once: a number or a word; a mapping explores. GPUs have their own."""
    if not keys.given("micro_batch_size"):
        return
    value: object = keys.values["micro_batch_size"]
    if isinstance(value, dict):
        keys.mark("strategy.micro_batch", "micro_batch_size", "explore")
        value = "explore"
    elif isinstance(value, str):
        value = keys.word("strategy.micro_batch", "micro_batch_size", {word: word for word in MICRO_BATCHES}, None)
    else:
        value = keys.whole("strategy.micro_batch", "micro_batch_size", None)
    _set(found, "strategy.micro_batch", value, at, "micro_batch_size", value, ON_WAFERS)


def _of_loop(keys: Keys, at: Path_, found: list[Setting]) -> None:
    if keys.given("max_steps"):
        steps = keys.whole("training.steps", "max_steps", None)
        _set(found, "training.steps", steps, at, "max_steps", steps)
    if keys.given("micro_batch_size"):
        _micro_batch(keys, at, found)


def _of_cluster(keys: Keys, at: Path_, found: list[Setting]) -> None:
    if keys.given("num_csx"):
        systems = keys.whole("system.systems", "num_csx", None)
        if systems > MOST_SYSTEMS:
            keys.fault("num_csx", f"must be up to {MOST_SYSTEMS} (got {systems})")
        _set(found, "system.systems", systems, at, "num_csx", systems, ON_WAFERS)


def _of_optimizer(layout: Layout, parts: dict[Path_, Keys], found: list[Setting]) -> None:
    """Its name is `optimizer_type`, or the one key that `trainer.init.optimizer` has."""
    keys, at = parts[layout.optimizer], layout.optimizer
    names = [key for key in keys.values if key.lower() in OPTIMIZERS]
    if keys.given("optimizer_type") or keys.given("name"):
        key = keys.first_given("optimizer_type", "name")
        written = keys.values[key]
        if not isinstance(written, str) or written.lower() not in OPTIMIZERS:
            keys.fault(key, f"must be {' or '.join(OPTIMIZERS)} (got {shortened(written)})")
            return
        name = OPTIMIZERS[written.lower()]
        keys.mark("training.optimizer", key, name)
        _set(found, "training.optimizer", name, at, key, written)
    elif names:
        name = OPTIMIZERS[names[0].lower()]
        keys.below(names[0])
        keys.mark("training.optimizer", names[0], name)
        _set(found, "training.optimizer", name, at, names[0], "")
    elif keys.values:
        keys.fault("", f"names no optimizer that is known: {', '.join(OPTIMIZERS)}")
    for one, where in ((keys, at), (parts[layout.precision], layout.precision)):
        _loss_scaling(one, where, found)
    if keys.values:
        _clipping(keys, parts[layout.precision], found)


def _clipping(optimizer: Keys, precision: Keys, found: list[Setting]) -> None:
    """By the global norm where one is stated (beside the optimizer, later beside the precision), else none."""
    clipping = next((one for one in (optimizer, precision) if one.given("max_gradient_norm")), None)
    if clipping is None:
        optimizer.assume("training.gradient_clipping", "none", "no max_gradient_norm is stated")
        found.append(Setting("training.gradient_clipping", "none", "no max_gradient_norm"))
        return
    norm = clipping.values["max_gradient_norm"]
    if isinstance(norm, bool) or not isinstance(norm, int | float) or norm <= 0:
        clipping.fault("max_gradient_norm", f"must be a number above 0 (got {shortened(norm)})")
        return
    clipping.mark("training.gradient_clipping", "max_gradient_norm", "global-norm")
    found.append(Setting("training.gradient_clipping", "global-norm", f"max_gradient_norm {norm:g}"))


def _loss_scaling(keys: Keys, at: Path_, found: list[Setting]) -> None:
    if keys.given("loss_scaling_factor"):
        factor = keys.values["loss_scaling_factor"]
        scaling = "dynamic" if factor == "dynamic" else "none"
        keys.mark("training.loss_scaling", "loss_scaling_factor", scaling)
        _set(found, "training.loss_scaling", scaling, at, "loss_scaling_factor", factor, ON_WAFERS)


def _of_precision(keys: Keys, at: Path_, found: list[Setting]) -> None:
    """16-bit weights of the kind that it names, or full ones where mixed precision is off."""
    mixed = keys.first_given("mixed_precision", "enabled")
    if keys.given(mixed) and not keys.switch("mixed precision", mixed, True):
        _set(found, "training.weight_precision", "fp32", at, mixed, False, ON_WAFERS)
    elif keys.given("fp16_type"):
        precision = keys.word("training.weight_precision", "fp16_type", PRECISIONS, None)
        _set(found, "training.weight_precision", precision, at, "fp16_type", keys.values["fp16_type"], ON_WAFERS)


def _of_sparsity(keys: Keys, at: Path_, found: list[Setting]) -> None:
    """The share of weights that are zero: a number, `sparsity` of a mapping, or what all groups of a list agree on."""
    held = keys.held if keys.held is not None else keys.values.get("sparsity", keys.values.get("init_sparsity"))
    if held is None:
        return
    groups = held if isinstance(held, list) else [held]
    shares = [one.get("sparsity") if isinstance(one, dict) else one for one in groups]
    share = shares[0] if shares else None
    number = isinstance(share, int | float) and not isinstance(share, bool)
    if not number or share is None or not 0 <= share < 1 or any(one != share for one in shares):
        keys.fault(
            "" if keys.held is not None else "sparsity", f"must be one share from 0 to below 1 (got {shortened(held)})"
        )
        return
    if keys.held is None:
        keys.mark("training.density", keys.first_given("sparsity", "init_sparsity"), 1 - share)
    _set(found, "training.density", 1 - share, at, "" if keys.held is not None else "sparsity", share, ON_WAFERS)
