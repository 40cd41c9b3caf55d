"""A transformer as layers of ops: embedding, blocks, head, with parameters, FLOPs and activation bytes.

Everything is per token or per layer, so that the same workload serves every micro-batch and cluster size.
Blocks may be of several kinds; who asks for "the block" of a plan means `largest_block` or goes through `blocks`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Literal

from wafersim.workload.blocks import blocks_of
from wafersim.workload.layer import FP16_BYTES, Layer, Op
from wafersim.workload.model import (
    Model,
    embedding_parameters,
    encoder_block_parameters,
    encoder_parameters,
    expert_blocks,
    head_parameters,
    idle_parameters,
    load_model,
    parameters,
)

MASKED_FRACTION = 0.15
"""Tokens that a masked-language-model head predicts, as a share of all: 15 % (Devlin et al. 2019)."""

Mode = Literal["train", "forward", "lora"]
"""What a job does: train all weights, run the forward pass alone (validation), or train low-rank adapters of frozen weights."""

LORA_RANK = 16
"""Rank of the adapters of a LoRA job that says none: that of the measured ones (Hu et al. 2021 use 1 to 64)."""


@dataclass(frozen=True)
class Workload:
    """A model at a sequence length: layers in forward order. The head of a tied model streams the embedding's table."""

    model: Model
    sequence_length: int
    layers: tuple[Layer, ...] = field(hash=False)  # they follow from the others
    mode: Mode = "train"
    lora_rank: int = 0

    def __hash__(self) -> int:
        """Of three of its numbers: a workload is in the key of all that is remembered of it, and a model has dozens."""
        return hash((self.sequence_length, self.parameters, self.lora_rank))

    @cached_property
    def parameters(self) -> int:
        """Parameters of the model, a tied table counted once; without adapters."""
        return parameters(self.model)

    @cached_property
    def trained(self) -> int:
        """Parameters that have gradients and optimizer states, a tied table counted once."""
        return self.parameters if self.mode == "train" else sum(layer.trained for layer in self.layers)

    @property
    def tied(self) -> bool:
        """Whether the head's table is the embedding's."""
        return self.model.tied_embeddings and self.model.head != "none"

    @cached_property
    def blocks(self) -> tuple[Layer, ...]:
        """All layers but embedding and head."""
        return self.layers[1:-1]

    @cached_property
    def layer_names(self) -> tuple[str, ...]:
        """What they are called."""
        return tuple(layer.name for layer in self.layers)

    @cached_property
    def kept_bytes(self) -> int:
        """Bytes a token of what the backward pass needs of all blocks."""
        return sum(block.kept_bytes for block in self.blocks)

    @cached_property
    def largest_block(self) -> Layer:
        """The first block of the most parameters: chunks and buffers are sized by it."""
        return max(self.blocks, key=lambda layer: layer.parameters)

    @property
    def model_flops_per_token(self) -> float:
        """FLOPs for MFU: 6 per matmul weight a token meets (logits in, look-up out) plus full attention.

        A forward pass alone has 2 of the 6, frozen weights 4: they have no weight gradient. Of experts a token meets a few, of
        the keys those of its window.
        """
        return self.flops_done_per_token(1.0)

    def flops_done_per_token(self, density: float) -> float:
        """The same where only `density` of the weights are not zero: zeros do no work."""
        return 2.0 * self._products * density + self.attention_flops_per_token

    @cached_property
    def _products(self) -> float:
        """Weights of products that a token meets, by how often: once in each pass."""
        return sum(
            op.k * op.n * op.share * (1 if self.mode == "forward" else 2 + op.has_wgrad)
            for layer in self.layers
            for op in layer.ops
            if op.kind == "matmul"
        )

    @cached_property
    def attention_flops_per_token(self) -> float:
        """Of the two products of scores and values, square: what a mask hides inside of a window is counted."""
        return self._score_flops * sum(op.elements * op.head_dim for op in self._score_ops)

    @property
    def met_attention_flops_per_token(self) -> float:
        """The same without what a mask hides: about half of it in causal blocks."""
        return self._score_flops * sum(op.met * op.head_dim for op in self._score_ops)

    @property
    def _score_flops(self) -> float:
        """FLOPs per score element and element of a head: two products forward, four backward."""
        return 4.0 if self.mode == "forward" else 12.0

    @property
    def _score_ops(self) -> list[Op]:
        return [op for layer in self.layers for op in layer.ops if op.kind == "attention"]

    @property
    def published_flops_per_token(self) -> float:
        """The convention of the Cerebras-GPT cards (appendix F of arXiv 2304.03208), whose FLOPs it meets within 2.5 %.

        6 per parameter that a token meets; the look-up in the token table counts as a matmul without an input gradient, so 4 per
        element of it; full attention; the softmax at 4 S^2 d a block and 20 per element of an ungated MLP's activation, both
        three times over for the backward pass. Cards before 2023-04 leave the softmax out, and are 5 to 14 % lower.
        """
        model, passes = self.model, 1.0 if self.mode == "forward" else 3.0
        table = model.vocab * model.embedding_width
        looked_up = (2.0 * min(passes, 2.0) - (0.0 if self.tied else 2.0 * passes)) * table
        attention = self.attention_flops_per_token
        softmax = attention  # as much as the two products: 4 S d forward, 12 S d in all
        inside = [op for layer in self.blocks for op in layer.ops if op.name.endswith("mlp down")]
        activation = 0.0 if model.gated else passes * 20.0 * sum(op.k * op.share for op in inside)
        several = expert_blocks(model) + model.mtp_blocks * model.has_experts(model.layers - 1)
        met = self.parameters - several * idle_parameters(model)
        return 2.0 * passes * met + looked_up + attention + softmax + activation


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
    def as_trained(layer: Layer) -> Layer:
        layer = layer if mode == "train" else _frozen(layer)
        return _adapted(layer, rank) if mode == "lora" and layer.kind == "block" else layer

    kinds: dict[tuple[Op, ...], Layer] = {}  # blocks of one kind share their ops, as one value
    blocks = []
    for block in blocks_of(model, sequence):
        if block.ops not in kinds:
            kinds[block.ops] = as_trained(block)
        blocks.append(replace(kinds[block.ops], name=block.name))
    return Workload(model, sequence, (as_trained(_embedding(model)), *blocks, as_trained(_head(model))), mode, rank)


def _frozen(layer: Layer) -> Layer:
    """A layer whose weights stream but are not trained."""
    return replace(layer, trained=0, ops=tuple(replace(op, has_wgrad=False) for op in layer.ops))


def _adapted(block: Layer, rank: int) -> Layer:
    """A frozen block with a pair of low-rank adapters beside each of its matrices: k x rank, then rank x n."""
    products = [op for op in block.ops if op.kind == "matmul"]
    adapters = [
        adapter
        for op in products
        for adapter in (
            Op(f"{op.name} adapter down", "matmul", op.k, rank, share=op.share, matrices=op.matrices),
            Op(f"{op.name} adapter up", "matmul", rank, op.n, share=op.share, matrices=op.matrices),
        )
    ]
    trained = sum(op.parameters for op in adapters)
    return replace(block, parameters=block.parameters + trained, trained=trained, ops=(*block.ops, *adapters))


def _embedding(model: Model) -> Layer:
    """The look-up of tokens, of an encoder's and a decoder's; what an encoder has at its ends streams with the table."""
    stacks = 2 if model.encoder_layers else 1
    gather = Op("embedding look-up", "elementwise", elements=stacks * model.d_model, has_dgrad=False)
    ends = encoder_parameters(model) - model.encoder_layers * encoder_block_parameters(model)
    streamed = embedding_parameters(model) + ends
    return Layer("embedding", "embedding", streamed, streamed, (gather,), 4, 4, FP16_BYTES * model.d_model)


def _head(model: Model) -> Layer:
    h, v, own = model.d_model, model.vocab, head_parameters(model)
    if model.head == "none":
        return Layer("head", "head", own, own, (), FP16_BYTES * h, FP16_BYTES * h, FP16_BYTES * h)
    share = 1.0 + model.mtp_blocks if model.head == "lm" else MASKED_FRACTION
    ops = [Op("logits", "matmul", h, v, share=share), Op("loss", "elementwise", elements=2.0 * v * share)]
    if model.head == "masked-lm":
        ops.insert(0, Op("head transform", "matmul", h, h, share=share))
    streamed = own + (model.vocab * h if model.tied_embeddings else 0)
    logits = int(2 * FP16_BYTES * v * share)  # logits and their gradients
    return Layer("head", "head", streamed, streamed, tuple(ops), FP16_BYTES * h, FP16_BYTES * h, logits)
