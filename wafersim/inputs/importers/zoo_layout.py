"""Where the parts of a params.yaml of Cerebras Model Zoo lie: side by side (up to release 2.2), or under `trainer` (later)."""

from __future__ import annotations

from dataclasses import dataclass

from wafersim.inputs.yaml_file import Path_


@dataclass(frozen=True)
class Layout:
    """Where the parts of a params.yaml lie."""

    name: str
    model: Path_
    optimizer: Path_
    data: Path_  # batch and sequence
    loop: Path_  # steps
    cluster: Path_  # systems
    precision: Path_
    sparsity: Path_


OLD_LAYOUT = Layout(
    "Cerebras Model Zoo (model, optimizer, train_input, runconfig)",
    ("model",), ("optimizer",), ("train_input",), ("runconfig",), ("runconfig",), ("model",), ("sparsity",),
)  # fmt: skip
_INIT = ("trainer", "init")
NEW_LAYOUT = Layout(
    "Cerebras Model Zoo (trainer)", (*_INIT, "model"), (*_INIT, "optimizer"), ("trainer", "fit", "train_dataloader"),
    (*_INIT, "loop"), (*_INIT, "backend", "cluster_config"), (*_INIT, "precision"), (*_INIT, "sparsity"),
)  # fmt: skip
