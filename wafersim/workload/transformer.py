"""A transformer as layers of ops: embedding, blocks, head, with parameters, FLOPs and activation bytes.

Everything is per token or per layer, so that the same workload serves every micro-batch and cluster size.
Activation bytes follow Korthikanti et al. 2022 (about 34 s b h a block), told apart by matrix so that grouped
queries and gated MLPs count right.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal

from wafersim.workload.model import (
    Model,
    block_parameters,
    embedding_parameters,
    head_parameters,
    load_model,
    parameters,
)

MASKED_FRACTION = 0.15
"""Tokens that a masked-language-model head predicts, as a share of all: 15 % (Devlin et al. 2019)."""

FP16_BYTES = 2

Mode = Literal["train", "forward", "lora"]
"""What a job does: train all weights, run the forward pass alone (validation), or train low-rank adapters of frozen weights."""

LORA_RANK = 16
"""Rank of the adapters of a LoRA job that says none: that of the measured ones (Hu et al. 2021 use 1 to 64)."""


@dataclass(frozen=True)
class Op:
    """One kernel of a layer.

    kind: "matmul" (k x n weights), "attention" (score elements of heads that are `head_dim` wide), "elementwise" and
    "exchange" (fused, no launch of their own; an exchange brings together elements that lie on different PEs).
    share: the part of the tokens that pass through it (experts per token, masked fraction); elements: score elements,
    element-wise or exchanged elements per token. has_wgrad: its weights are trained.
    """

    name: str
    kind: str
    k: int = 0
    n: int = 0
    share: float = 1.0
    elements: float = 0.0
    has_dgrad: bool = True
    head_dim: int = 0
    has_wgrad: bool = True


@dataclass(frozen=True)
class Layer:
    """A unit of weight streaming: its ops, its streamed and its trained parameters, and its activation bytes per token."""

    name: str
    kind: str  # embedding | block | head
    parameters: int
    trained: int  # those that send gradients
    ops: tuple[Op, ...]
    input_bytes: int  # of the layer's input
    kept_bytes: int  # of everything the backward pass needs
    transient_bytes: int  # of gradients of activations alive at once inside the layer


@dataclass(frozen=True)
class Workload:
    """A model at a sequence length: layers in forward order. The head of a tied model streams the embedding's table."""

    model: Model
    sequence_length: int
    layers: tuple[Layer, ...] = field(hash=False)  # they follow from the others
    mode: Mode = "train"
    lora_rank: int = 0

    @property
    def parameters(self) -> int:
        """Parameters of the model, a tied table counted once; without adapters."""
        return parameters(self.model)

    @property
    def trained(self) -> int:
        """Parameters that have gradients and optimizer states, a tied table counted once."""
        return self.parameters if self.mode == "train" else sum(layer.trained for layer in self.layers)

    @property
    def tied(self) -> bool:
        """Whether the head's table is the embedding's."""
        return self.model.tied_embeddings and self.model.head != "none"

    @property
    def model_flops_per_token(self) -> float:
        """FLOPs for MFU: 6 per matmul weight a token meets (logits in, look-up out) plus full attention.

        A forward pass alone has 2 of the 6, frozen weights 4: they have no weight gradient.
        """
        return self.flops_done_per_token(1.0)

    def flops_done_per_token(self, density: float) -> float:
        """The same where only `density` of the weights are not zero: zeros do no work."""
        matmul = sum(
            op.k * op.n * op.share * (1 if self.mode == "forward" else 2 + op.has_wgrad)
            for layer in self.layers
            for op in layer.ops
            if op.kind == "matmul"
        )
        return 2.0 * matmul * density + self._attention_flops_per_token

    @property
    def published_flops_per_token(self) -> float:
        """The convention of the Cerebras-GPT cards (appendix F of arXiv 2304.03208), whose FLOPs it meets within 2.5 %.

        6 per parameter; the look-up in the token table counts as a matmul without an input gradient, so 4 per element of it;
        full attention; the softmax at 4 S^2 d a block and 20 per element of an ungated MLP's activation, both three times over
        for the backward pass. Cards before 2023-04 leave the softmax out, and are 5 to 14 % lower.
        """
        model, passes = self.model, 1.0 if self.mode == "forward" else 3.0
        table = model.vocab * model.embedding_width
        looked_up = (2.0 * min(passes, 2.0) - (0.0 if self.tied else 2.0 * passes)) * table
        softmax = self._attention_flops_per_token  # as much as the two products: 4 S d forward, 12 S d in all
        activation = 0.0 if model.gated else passes * 20.0 * model.layers * model.d_ffn
        return 2.0 * passes * self.parameters + looked_up + self._attention_flops_per_token + softmax + activation

    @property
    def _attention_flops_per_token(self) -> float:
        scores = sum(op.elements for layer in self.layers for op in layer.ops if op.kind == "attention")
        return (4.0 if self.mode == "forward" else 12.0) * scores * self.model.head_dim


def build_workload(model: str | Model, sequence_length: int | None = None) -> Workload:
    """The workload of a model or of a shipped one by name; the sequence length defaults to the model's own."""
    return workload_of(load_model(model), sequence_length)


def workload_of(
    model: Model, sequence_length: int | None = None, mode: Mode = "train", lora_rank: int = LORA_RANK
) -> Workload:
    """The workload of a model; the sequence length defaults to the model's own."""
    return _built(model, sequence_length or model.max_sequence, mode, lora_rank if mode == "lora" else 0)


@lru_cache(maxsize=256)
def _built(model: Model, sequence: int, mode: Mode, rank: int) -> Workload:
    embedding, block, head = _embedding(model), _block(model, sequence), _head(model)
    if mode != "train":
        embedding, block, head = (_frozen(layer) for layer in (embedding, block, head))
    if mode == "lora":
        block = _adapted(block, rank)
    blocks = tuple(replace(block, name=f"block {i + 1}") for i in range(model.layers))
    return Workload(model, sequence, (embedding, *blocks, head), mode, rank)


def _frozen(layer: Layer) -> Layer:
    """A layer whose weights stream but are not trained."""
    return replace(layer, trained=0, ops=tuple(replace(op, has_wgrad=False) for op in layer.ops))


def _adapted(block: Layer, rank: int) -> Layer:
    """A frozen block with a pair of low-rank adapters beside each of its products: k x rank, then rank x n."""
    products = [op for op in block.ops if op.kind == "matmul"]
    adapters = [
        adapter
        for op in products
        for adapter in (
            Op(f"{op.name} adapter down", "matmul", op.k, rank, share=op.share),
            Op(f"{op.name} adapter up", "matmul", rank, op.n, share=op.share),
        )
    ]
    trained = sum(op.k * op.n for op in adapters)
    return replace(block, parameters=block.parameters + trained, trained=trained, ops=(*block.ops, *adapters))


def _embedding(model: Model) -> Layer:
    gather, size = Op("embedding look-up", "elementwise", elements=model.d_model, has_dgrad=False), model.d_model
    streamed = embedding_parameters(model)
    return Layer("embedding", "embedding", streamed, streamed, (gather,), 4, 4, FP16_BYTES * size)


def _block(model: Model, sequence: int) -> Layer:
    h, f = model.d_model, model.d_ffn
    q, kv = model.heads * model.head_dim, 2 * model.kv_heads * model.head_dim
    gates = 2 if model.gated else 1
    active = model.experts_per_token if model.experts > 1 else 1
    ops = [
        Op("qkv", "matmul", h, q + kv),
        Op("attention", "attention", elements=float(model.heads * sequence), head_dim=model.head_dim),
        Op("projection", "matmul", q, h),
        Op("mlp up", "matmul", h, gates * f, share=active),
        Op("mlp down", "matmul", f, h, share=active),
        # Two norms and two residual additions on h, the activation (and gate) on f.
        Op("norms, residuals, activation", "elementwise", elements=4.0 * h + active * gates * f),
    ]
    if model.position_kind == "rotary":  # halves of a head are rotated into each other, of queries and of keys
        ops.append(Op("rotary embedding", "exchange", elements=q + kv / 2))
    if model.gated:  # the gate meets what it multiplies
        ops.append(Op("gate", "exchange", elements=float(f), share=active))
    if model.experts > 1:
        ops.append(Op("router", "matmul", h, model.experts))
    # Norm inputs 4h, qkv input 2h, q k v, projection input, MLP input 2h, both sides of the activation, two dropout masks.
    kept = 4 * h + 2 * h + 2 * (q + kv) + 2 * q + 2 * h + active * (2 * gates * f + 2 * f) + 2 * h
    transient = FP16_BYTES * (2 * h + 2 * active * gates * f)
    size = block_parameters(model, model.experts > 1)
    return Layer("block", "block", size, size, tuple(ops), FP16_BYTES * h, kept, transient)


def _head(model: Model) -> Layer:
    h, v, own = model.d_model, model.vocab, head_parameters(model)
    if model.head == "none":
        return Layer("head", "head", own, own, (), FP16_BYTES * h, FP16_BYTES * h, FP16_BYTES * h)
    share = 1.0 if model.head == "lm" else MASKED_FRACTION
    ops = [Op("logits", "matmul", h, v, share=share), Op("loss", "elementwise", elements=2.0 * v * share)]
    if model.head == "masked-lm":
        ops.insert(0, Op("head transform", "matmul", h, h, share=share))
    streamed = own + (model.vocab * h if model.tied_embeddings else 0)
    logits = int(2 * FP16_BYTES * v * share)  # logits and their gradients
    return Layer("head", "head", streamed, streamed, tuple(ops), FP16_BYTES * h, FP16_BYTES * h, logits)
