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

    name: Annotated[Text, Field(description="What it is called.")]
    family: Annotated[Text, Field(description="Whose it is.")]
    layers: Annotated[Layers, Field(description="Blocks; of an encoder-decoder the decoder's.")]
    d_model: Annotated[Some, Field(description="Elements of the hidden state.")]
    heads: Annotated[Few, Field(ge=1), Field(description="Heads of queries.")]
    d_ffn: Annotated[Some, Field(description="Elements inside the MLP.")]
    vocab: Annotated[Some, Field(description="Tokens of the vocabulary.")]
    max_sequence: Annotated[Some, Field(description="Tokens of a sequence where an experiment says nothing.")]
    source: Annotated[str, Field(min_length=3), Field(description="Where its numbers are from.")]
    published_parameters: Annotated[
        float,
        Field(ge=0),
        Field(description="Parameters as published, to compare with; 0: nobody has published a count."),
    ] = 0.0
    kv_heads: Annotated[Few, Field(description="Heads of keys and values; 0: as many as of queries.")] = 0
    head_dim: Annotated[Few, Field(description="Elements of a head; 0: d_model / heads.")] = 0
    embedding_width: Annotated[
        Number, Field(description="Elements of a row of the vocabulary table; 0: d_model. A narrower one is projected.")
    ] = 0
    positions: Annotated[
        Number, Field(description="Learned position embeddings, a number; 0 with rotary, ALiBi or none.")
    ] = 0
    position_kind: Annotated[
        Literal["", "learned", "rotary", "alibi", "none"],
        Field(description="How positions are told; empty: learned where there are such, else none."),
    ] = ""
    segments: Annotated[Number, Field(description="Learned segment (token type) embeddings, a number.")] = 0
    tied_embeddings: Annotated[Switch, Field(description="Whether input and output share a table.")] = True
    head_bias: Annotated[Switch, Field(description="Whether logits have a bias.")] = False
    mlp: Annotated[
        Literal["gelu", "swiglu"],
        Field(description="gelu: two matrices, whatever the activation; swiglu: three, of which one is a gate."),
    ] = "gelu"
    attention_bias: Annotated[
        Switch,
        Field(
            description="Whether queries, keys, values and output have biases, where `qkv_bias` and `output_bias` say nothing."
        ),
    ] = True
    mlp_bias: Annotated[Switch, Field(description="Whether the MLP has biases.")] = True
    norm: Annotated[
        Literal["layernorm", "rmsnorm"], Field(description="layernorm has scale and shift, rmsnorm a scale.")
    ] = "layernorm"
    block_norms: Annotated[Few, Field(description="Norms of d_model in a block, a number.")] = 2
    embedding_norm: Annotated[Switch, Field(description="Whether there is one behind the embedding.")] = False
    final_norm: Annotated[Switch, Field(description="Whether there is one behind the last block.")] = True
    causal: Annotated[Switch, Field(description="False: an encoder, which sees both ways.")] = True
    head: Annotated[
        Literal["", "lm", "masked-lm", "none"],
        Field(
            description="What is trained on the output; empty: lm, or masked-lm of an encoder. none has no vocabulary head."
        ),
    ] = ""
    pooler: Annotated[Switch, Field(description="Whether it has BERT's pooler.")] = False
    experts: Annotated[Few, Field(ge=1), Field(description="Routed experts of a block; 1: a dense MLP.")] = 1
    experts_per_token: Annotated[Few, Field(ge=1), Field(description="Experts that a token passes.")] = 1
    expert_ffn: Annotated[Number, Field(description="Elements inside a routed expert; 0: d_ffn.")] = 0
    dense_blocks: Annotated[Few, Field(description="Blocks at the start without experts.")] = 0
    expert_every: Annotated[Few, Field(ge=1), Field(description="After those every n-th block has experts; n.")] = 1
    shared_ffn: Annotated[
        Number, Field(description="Elements inside all shared experts together, which every token passes.")
    ] = 0
    shared_gate: Annotated[
        Switch, Field(description="Whether a weight per hidden element scales what the shared experts put out.")
    ] = False
    router_bias: Annotated[Switch, Field(description="Whether each routed expert has a bias in the router.")] = False
    expert_bias: Annotated[
        bool | None, Field(strict=True), Field(description="Whether experts have biases; as mlp_bias if left out.")
    ] = None
    qkv_bias: Annotated[
        bool | None,
        Field(strict=True),
        Field(description="Whether queries, keys and values have biases; as attention_bias if left out."),
    ] = None
    output_bias: Annotated[
        bool | None,
        Field(strict=True),
        Field(description="Whether attention's output has one; as attention_bias if left out."),
    ] = None
    qk_norm: Annotated[
        Literal["none", "head", "width"],
        Field(description="Norms of queries and keys: of each head's width, or of all heads' together."),
    ] = "none"
    attention_sinks: Annotated[Switch, Field(description="Whether a head has a learned logit beside its scores.")] = (
        False
    )
    windows: Annotated[
        Windows,
        Field(
            description="Keys that a block attends to at most, a pattern repeated over the blocks; 0 is all, so is an empty list."
        ),
    ] = ()
    window_kind: Annotated[
        Literal["sliding", "chunked"],
        Field(description="sliding: the nearest keys; chunked: those of the query's own chunk."),
    ] = "sliding"
    q_rank: Annotated[Few, Field(description="Elements of compressed queries; 0: they are not compressed.")] = 0
    kv_rank: Annotated[
        Few,
        Field(
            description="Elements of compressed keys and values (latent attention, MLA); 0: they are not compressed."
        ),
    ] = 0
    rope_head_dim: Annotated[
        Few, Field(description="Rotated elements of a head beside head_dim, their key shared by all heads (MLA).")
    ] = 0
    value_head_dim: Annotated[Few, Field(description="Elements of a head's value; 0: head_dim.")] = 0
    mtp_blocks: Annotated[
        Few, Field(le=100), Field(description="Modules of multi-token prediction behind the last block, a number.")
    ] = 0
    encoder_layers: Annotated[
        int,
        Field(ge=0, le=10_000, strict=True),
        Field(description="Blocks of an encoder beside the decoder's; 0: no encoder."),
    ] = 0
    relative_buckets: Annotated[
        Few, Field(description="Buckets of T5's learned relative positions: a table of buckets x heads a stack.")
    ] = 0
    published_rounded: Annotated[
        Switch, Field(description="Whether the published count is rounded to two figures.")
    ] = False
    note: Annotated[str, Field(description="Anything else.")] = ""
    published: Annotated[
        Mapping[str, int | float | Phases] | None,
        Field(description="The training run that its authors describe: numbers, and phases."),
    ] = field(default=None, hash=False)
    imported: Annotated[
        Imported | None,
        Field(
            description="Of a model that was read of another program's file: what became of each key. Run directories write it."
        ),
    ] = field(default=None, hash=False, compare=False)

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
