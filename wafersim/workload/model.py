"""A model's geometry from the catalogue, and the parameters that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

from wafersim.errors import Fault, InputFaults, did_you_mean
from wafersim.inputs.resources import find
from wafersim.inputs.yaml_file import YamlFile, read_yaml


@dataclass(frozen=True)
class Model:
    """A transformer. Counts are of elements; `published` holds the training run that its authors describe."""

    name: str
    family: str
    layers: int
    d_model: int
    heads: int
    d_ffn: int
    vocab: int
    max_sequence: int
    published_parameters: float
    source: str
    kv_heads: int = 0  # 0: as many as heads
    head_dim: int = 0  # 0: d_model / heads
    embedding_width: int = 0  # 0: d_model; narrower tables are projected
    positions: int = 0  # learned position embeddings; 0 for rotary, ALiBi or none
    segments: int = 0  # learned segment (token type) embeddings
    tied_embeddings: bool = True
    head_bias: bool = False
    mlp: str = "gelu"  # gelu | swiglu (three matrices)
    attention_bias: bool = True
    mlp_bias: bool = True
    norm: str = "layernorm"  # layernorm (scale and shift) | rmsnorm (scale)
    block_norms: int = 2
    embedding_norm: bool = False
    final_norm: bool = True
    causal: bool = True  # False: an encoder with a masked-language-model head
    pooler: bool = False
    experts: int = 1
    experts_per_token: int = 1
    published_rounded: bool = False  # the source rounds its parameter count to two figures
    note: str = ""
    published: Mapping[str, Any] | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kv_heads", self.kv_heads or self.heads)
        object.__setattr__(self, "head_dim", self.head_dim or self.d_model // self.heads)
        object.__setattr__(self, "embedding_width", self.embedding_width or self.d_model)

    @property
    def norm_parameters(self) -> int:
        """Of one norm."""
        return self.d_model * (2 if self.norm == "layernorm" else 1)


@cache
def load_model(name: str) -> Model:
    """A model of the catalogue by name; raises WafersimError with the nearest name."""
    return read_model(find("models", name))


def read_model(path: Path) -> Model:
    """One catalogue file; raises InputFaults with file:line for unknown, missing or mistyped fields."""
    file = read_yaml(path)
    faults = _faults(file)
    if faults:
        raise InputFaults(faults)
    return Model(**file.values)


def _faults(file: YamlFile) -> list[Fault]:
    known = {one.name: one for one in fields(Model)}
    found = [
        Fault(file.place((name,)), f"unknown field{did_you_mean(name, known) or '; allowed: ' + ', '.join(known)}")
        for name in file.values
        if name not in known
    ]
    required = ("name", "family", "layers", "d_model", "heads", "d_ffn", "vocab", "max_sequence")
    for name in (*required, "published_parameters", "source"):
        if name not in file.values:
            found.append(Fault(file.place((name,)), "is missing"))
    for name, value in file.values.items():
        wanted = known[name].type if name in known else None
        if wanted == "int" and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            found.append(Fault(file.place((name,)), f"must be a whole number >= 0 (got {value!r})"))
    return found


def attention_parameters(model: Model) -> int:
    """Query, key, value and output projections of a block."""
    h, q, kv = model.d_model, model.heads * model.head_dim, 2 * model.kv_heads * model.head_dim
    return h * (q + kv) + q * h + ((q + kv + h) if model.attention_bias else 0)


def mlp_parameters(model: Model) -> int:
    """One MLP (one expert) of a block."""
    h, f = model.d_model, model.d_ffn
    matrices = 3 if model.mlp == "swiglu" else 2
    return matrices * h * f + ((f * (matrices - 1) + h) if model.mlp_bias else 0)


def block_parameters(model: Model) -> int:
    """A block, all experts."""
    router = model.d_model * model.experts if model.experts > 1 else 0
    norms = model.block_norms * model.norm_parameters
    return attention_parameters(model) + model.experts * mlp_parameters(model) + router + norms


def embedding_parameters(model: Model) -> int:
    """Token, position and segment tables, their projection and norm."""
    table = model.vocab * model.embedding_width
    projection = model.embedding_width * model.d_model if model.embedding_width != model.d_model else 0
    learned = (model.positions + model.segments) * model.d_model
    return table + projection + learned + (model.norm_parameters if model.embedding_norm else 0)


def head_parameters(model: Model) -> int:
    """What the output layer has of its own: final norm, an untied table, biases, an encoder's transform and pooler."""
    h = model.d_model
    own = model.norm_parameters if model.final_norm else 0
    if model.embedding_width != h:
        own += h * model.embedding_width
    if not model.tied_embeddings:
        own += model.vocab * model.embedding_width
    if model.head_bias:
        own += model.vocab
    if not model.causal:
        own += h * h + h + model.norm_parameters
    return own + (h * h + h if model.pooler else 0)


def parameters(model: Model) -> int:
    """All parameters, a tied table counted once."""
    return embedding_parameters(model) + model.layers * block_parameters(model) + head_parameters(model)


def active_parameters(model: Model) -> int:
    """Parameters that one token meets; fewer than all with experts."""
    idle = (model.experts - model.experts_per_token) * mlp_parameters(model)
    return parameters(model) - model.layers * idle
