"""A model's geometry: the fields of a model file, checked one by one and against each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter

from wafersim.inputs.faults import WrongField, validated
from wafersim.inputs.file_cache import for_a_moment, of_file
from wafersim.inputs.imported import Imported
from wafersim.inputs.phase import PhaseSpec
from wafersim.inputs.resources import find, located
from wafersim.inputs.yaml_file import read_yaml

Number = Annotated[int, Field(ge=0, le=10**9, strict=True)]
Some = Annotated[int, Field(ge=1, le=10**9, strict=True)]
Few = Annotated[int, Field(ge=0, le=1_000_000, strict=True)]
Layers = Annotated[int, Field(ge=1, le=10_000, strict=True)]
Switch = Annotated[bool, Field(strict=True)]
Text = Annotated[str, Field(min_length=1, max_length=120)]
Windows = Annotated[tuple[Number, ...], Field(max_length=10_000)]
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
    expert_ffn: Number = 0  # width of a routed expert; 0: d_ffn
    dense_blocks: Few = 0  # blocks at the start with a dense MLP of d_ffn
    expert_every: Annotated[Few, Field(ge=1)] = 1  # after these every n-th block has experts, the others are dense
    shared_ffn: Number = 0  # width of all shared experts together, which every token meets
    shared_gate: Switch = False  # a weight per hidden element scales what the shared experts put out
    router_bias: Switch = False
    expert_bias: Annotated[bool | None, Field(strict=True)] = None  # None: as mlp_bias
    qkv_bias: Annotated[bool | None, Field(strict=True)] = None  # None: as attention_bias
    output_bias: Annotated[bool | None, Field(strict=True)] = None  # None: as attention_bias
    qk_norm: Literal["none", "head", "width"] = "none"  # norms of queries and keys: of a head's width, or of all heads'
    attention_sinks: Switch = False  # a learned logit per head beside its scores
    windows: Windows = ()  # keys that a block attends to at most, a pattern repeated over the blocks; 0: all
    window_kind: Literal["sliding", "chunked"] = "sliding"
    q_rank: Few = 0  # of compressed queries; 0: they are not compressed
    kv_rank: Few = 0  # of compressed keys and values (multi-head latent attention, MLA); 0: they are not compressed
    rope_head_dim: Few = 0  # rotated elements of a head beside head_dim, their key shared by all heads (MLA)
    value_head_dim: Few = 0  # 0: head_dim
    mtp_blocks: Annotated[Few, Field(le=100)] = 0  # multi-token prediction modules behind the last block
    encoder_layers: Annotated[int, Field(ge=0, le=10_000, strict=True)] = 0  # then `layers` are decoder blocks
    relative_buckets: Few = 0  # of learned relative positions: a table of buckets x heads a stack
    published_rounded: Switch = False  # the source rounds its parameter count to two figures
    note: str = ""
    published: Mapping[str, int | float | Phases] | None = field(default=None, hash=False)
    imported: Imported | None = field(default=None, hash=False, compare=False)  # what became of a foreign file's keys

    def __post_init__(self) -> None:
        object.__setattr__(self, "kv_heads", self.kv_heads or self.heads)
        object.__setattr__(self, "head_dim", self.head_dim or self.d_model // self.heads)
        object.__setattr__(self, "embedding_width", self.embedding_width or self.d_model)
        positions = "learned" if self.positions else "rotary" if self.rope_head_dim else "none"
        object.__setattr__(self, "position_kind", self.position_kind or positions)
        object.__setattr__(self, "head", self.head or ("lm" if self.causal else "masked-lm"))

    @property
    def expert_width(self) -> int:
        """Elements inside a routed expert."""
        return self.expert_ffn or self.d_ffn

    @property
    def key_dim(self) -> int:
        """Elements of a head's query and key: under MLA with the rotated ones."""
        return self.head_dim + self.rope_head_dim

    @property
    def value_dim(self) -> int:
        """Elements of a head's value."""
        return self.value_head_dim or self.head_dim

    @property
    def query_width(self) -> int:
        """Elements of a token's queries."""
        return self.heads * self.key_dim

    @property
    def key_value_width(self) -> int:
        """Elements of a token's keys and values together, as attention reads them."""
        return self.kv_heads * (self.key_dim + self.value_dim)

    @property
    def value_width(self) -> int:
        """Elements of what attention puts out for a token."""
        return self.heads * self.value_dim

    @property
    def qkv_biased(self) -> bool:
        """Whether the projections to queries, keys and values have biases."""
        return self.attention_bias if self.qkv_bias is None else self.qkv_bias

    @property
    def output_biased(self) -> bool:
        """Whether the projection of attention's output has one."""
        return self.attention_bias if self.output_bias is None else self.output_bias

    @property
    def experts_biased(self) -> bool:
        """Whether experts, routed and shared, have biases."""
        return self.mlp_bias if self.expert_bias is None else self.expert_bias

    def has_experts(self, block: int) -> bool:
        """Whether a block, counted from 0, has experts instead of one MLP."""
        after = block - self.dense_blocks + 1
        return self.experts > 1 and after > 0 and after % self.expert_every == 0

    def window(self, block: int) -> int:
        """Keys that a block attends to at most; 0: all."""
        return self.windows[block % len(self.windows)] if self.windows else 0

    @property
    def gated(self) -> bool:
        """Whether the MLP multiplies its activation by a gate, of a third matrix."""
        return self.mlp == "swiglu"

    @property
    def norm_parameters(self) -> int:
        """Of one norm."""
        return self.d_model * (2 if self.norm == "layernorm" else 1)


Contradictions = Iterator[tuple[str, str]]


def _contradictions(model: Model) -> Contradictions:
    """(field, problem) of everything in a model that does not go together; the first is the one to mend first."""
    yield from _heads(model)
    yield from _latent(model)
    yield from _experts(model)
    yield from _windows(model)
    yield from _stacks(model)
    for name, value in (model.published or {}).items():
        if (name == "phases") != isinstance(value, tuple):
            yield "published", f"{name} must be a {'list of phases' if name == 'phases' else 'number'}"
        elif isinstance(value, tuple) and any(phase.steps is None and phase.tokens is None for phase in value):
            yield "published", f"{name}: each needs steps or tokens"


def _heads(model: Model) -> Contradictions:
    if model.head_dim == 0:
        problem = f"{model.heads} heads are more than the width d_model {model.d_model} has elements; give head_dim"
        yield "heads", problem
    if model.heads % model.kv_heads:
        yield "kv_heads", f"must divide the {model.heads} heads (got {model.kv_heads})"


def _latent(model: Model) -> Contradictions:
    """Multi-head latent attention: what belongs to it, and what it excludes."""
    if not model.kv_rank:
        for name in ("q_rank", "rope_head_dim"):
            if getattr(model, name):
                yield name, f"is of latent attention (MLA), which has a kv_rank (got {getattr(model, name)} without)"
        return
    if model.kv_heads != model.heads:
        yield "kv_heads", f"latent attention (kv_rank) has as many as heads, {model.heads} (got {model.kv_heads})"
    if model.qk_norm != "none":
        yield "qk_norm", "latent attention (kv_rank) has norms on its compressed queries and keys; must be none"


def _experts(model: Model) -> Contradictions:
    if model.experts_per_token > model.experts:
        yield "experts_per_token", f"must be <= experts {model.experts} (got {model.experts_per_token})"
    if model.experts == 1:
        said = {"expert_ffn": 0, "dense_blocks": 0, "expert_every": 1, "shared_ffn": 0, "router_bias": False}
        for name, absent in {**said, "expert_bias": None, "shared_gate": False}.items():
            if getattr(model, name) != absent:
                yield name, f"is of blocks with experts; experts must be 2 or more (got {model.experts})"
    elif model.dense_blocks + model.expert_every > model.layers:
        blamed = "dense_blocks" if model.dense_blocks >= model.layers else "expert_every"
        yield blamed, f"leaves none of the {model.layers} layers its experts (got {getattr(model, blamed)})"
    if model.shared_gate and not model.shared_ffn:
        yield "shared_gate", "is of shared experts, which have a shared_ffn"


def _windows(model: Model) -> Contradictions:
    if len(model.windows) > model.layers:
        yield (
            "windows",
            f"a pattern of {len(model.windows)} is longer than the {model.layers} layers it is repeated over",
        )
    if model.window_kind == "chunked" and not any(model.windows):
        yield "window_kind", "chunked is of windows; give windows, the keys of a chunk"


def _stacks(model: Model) -> Contradictions:
    """An encoder beside the decoder, and modules behind it."""
    if model.mtp_blocks and (model.head != "lm" or not model.causal):
        yield "mtp_blocks", "predict the tokens after the next; the model must be causal with head lm"
    if not model.encoder_layers:
        return
    if not model.causal:
        yield "causal", "a model with encoder_layers has a causal decoder; for an encoder alone give layers only"
    absent = {"experts": 1, "windows": (), "kv_rank": 0, "mtp_blocks": 0, "segments": 0, "pooler": False}
    for name, value in absent.items():
        if getattr(model, name) != value:
            problem = "does not go with encoder_layers, whose blocks are dense with full attention"
            yield name, f"{problem} (got {getattr(model, name)})"


def _checked(model: Model) -> Model:
    """Fields that contradict each other are refused by the name of one of them."""
    for path, problem in _contradictions(model):
        raise WrongField(path, problem)
    return model


CheckedModel = Annotated[Model, AfterValidator(_checked)]
ADAPTER: TypeAdapter[Model] = TypeAdapter(CheckedModel)


@for_a_moment
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
