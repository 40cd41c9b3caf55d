"""A model's geometry: the fields of a model file, checked one by one and against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter

from wafersim.inputs.faults import WrongField, validated
from wafersim.inputs.file_cache import of_file
from wafersim.inputs.phase import PhaseSpec
from wafersim.inputs.resources import find, located
from wafersim.inputs.yaml_file import read_yaml

Number = Annotated[int, Field(ge=0, le=10**9, strict=True)]
Some = Annotated[int, Field(ge=1, le=10**9, strict=True)]
Few = Annotated[int, Field(ge=0, le=1_000_000, strict=True)]
Layers = Annotated[int, Field(ge=1, le=10_000, strict=True)]
Switch = Annotated[bool, Field(strict=True)]
Text = Annotated[str, Field(min_length=1, max_length=120)]
Phases = Annotated[tuple[PhaseSpec, ...], Field(min_length=1)]


@dataclass(frozen=True)
class Model:
    """A transformer. Counts are of elements.

    `published` holds the training run that its authors describe: numbers, and `phases` where its batch changed on the way.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: Text
    family: Text
    layers: Layers
    d_model: Some
    heads: Annotated[Few, Field(ge=1)]
    d_ffn: Some
    vocab: Some
    max_sequence: Some
    source: Annotated[str, Field(min_length=3)]
    published_parameters: Annotated[float, Field(ge=0)] = 0.0  # 0: nobody has published a count
    kv_heads: Few = 0  # 0: as many as heads
    head_dim: Few = 0  # 0: d_model / heads
    embedding_width: Number = 0  # 0: d_model; narrower tables are projected
    positions: Number = 0  # learned position embeddings; 0 for rotary, ALiBi or none
    position_kind: Literal["", "learned", "rotary", "alibi", "none"] = (
        ""  # "": learned where there are positions, else none
    )
    segments: Number = 0  # learned segment (token type) embeddings
    tied_embeddings: Switch = True
    head_bias: Switch = False
    mlp: Literal["gelu", "swiglu"] = "gelu"  # swiglu has three matrices
    attention_bias: Switch = True
    mlp_bias: Switch = True
    norm: Literal["layernorm", "rmsnorm"] = "layernorm"  # with scale and shift | with a scale
    block_norms: Few = 2
    embedding_norm: Switch = False
    final_norm: Switch = True
    causal: Switch = True  # False: an encoder
    head: Literal["", "lm", "masked-lm", "none"] = ""  # "": lm, or masked-lm of an encoder; none has no vocabulary head
    pooler: Switch = False
    experts: Annotated[Few, Field(ge=1)] = 1
    experts_per_token: Annotated[Few, Field(ge=1)] = 1
    published_rounded: Switch = False  # the source rounds its parameter count to two figures
    note: str = ""
    published: Mapping[str, int | float | Phases] | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kv_heads", self.kv_heads or self.heads)
        object.__setattr__(self, "head_dim", self.head_dim or self.d_model // self.heads)
        object.__setattr__(self, "embedding_width", self.embedding_width or self.d_model)
        object.__setattr__(self, "position_kind", self.position_kind or ("learned" if self.positions else "none"))
        object.__setattr__(self, "head", self.head or ("lm" if self.causal else "masked-lm"))

    @property
    def gated(self) -> bool:
        """Whether the MLP multiplies its activation by a gate, of a third matrix."""
        return self.mlp == "swiglu"

    @property
    def norm_parameters(self) -> int:
        """Of one norm."""
        return self.d_model * (2 if self.norm == "layernorm" else 1)


def _consistent(model: Model) -> Model:
    """Fields that contradict each other are refused by the name of one of them."""
    if model.head_dim == 0:
        problem = f"{model.heads} heads are more than the width d_model {model.d_model} has elements; give head_dim"
        raise WrongField("heads", problem)
    if model.heads % model.kv_heads:
        raise WrongField("kv_heads", f"must divide the {model.heads} heads (got {model.kv_heads})")
    if model.experts_per_token > model.experts:
        raise WrongField("experts_per_token", f"must be <= experts {model.experts} (got {model.experts_per_token})")
    for name, value in (model.published or {}).items():
        if (name == "phases") != isinstance(value, tuple):
            raise WrongField("published", f"{name} must be a {'list of phases' if name == 'phases' else 'number'}")
    return model


CheckedModel = Annotated[Model, AfterValidator(_consistent)]
ADAPTER: TypeAdapter[Model] = TypeAdapter(CheckedModel)


def load_model(name: str | Model) -> Model:
    """A shipped model by name, or a model as it is; raises WafersimError with the nearest name."""
    return name if isinstance(name, Model) else read_model(find("models", name))


def find_model(reference: str, beside: Path | None = None) -> Path:
    """The file of a model given by path or name, for who stands in the folder `beside`."""
    return located("models", reference, beside)


@of_file
def read_model(path: Path) -> Model:
    """One model file; raises InputFaults with file:line for unknown, missing or mistyped fields."""
    model: Model = validated(ADAPTER, read_yaml(path))
    return model
