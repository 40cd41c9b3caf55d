"""A model's dimensions and the split of its training over GPUs: single values, or columns of them for a search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from wafersim.gpu.machine import Column
from wafersim.workload.attention import mean_keys, mean_met_keys
from wafersim.workload.model import expert_blocks
from wafersim.workload.transformer import Workload

NONE, SELECTIVE, FULL, MLP = range(4)
RECOMPUTE = {"none": NONE, "selective": SELECTIVE, "mlp": MLP, "full": FULL}  # in the order of what they keep


@dataclass(frozen=True)
class Geometry:
    """The dimensions that costs read, of a model whose blocks may differ: those of the mean block, and what share has experts.

    Work, bytes and parameters of a block are linear in `keys`, `met_keys`, `expert_share` and `cross_share`, so that what
    follows from the mean block is right for the mean of a model's blocks; `stage` is the mean block of a part of them.
    """

    layers: Column  # of an encoder-decoder both stacks
    d_model: Column
    heads: Column
    head_dim: Column  # of queries and keys; under latent attention without the rotated elements
    kv_heads: Column
    d_ffn: Column
    gates: Column  # matrices on the way up: 2 for SwiGLU
    vocab: Column
    sequence: Column
    keys: Column  # that a query has scores with where masked ones are computed: min(window, sequence), the blocks' mean
    met_keys: Column  # that a query attends to: without what a mask hides of those, the blocks' mean
    experts: Column
    experts_per_token: Column
    untied: Column  # 1: the head has a table of its own
    expert_share: Column  # of the blocks: those with experts
    expert_ffn: Column  # width of a routed expert
    shared_ffn: Column  # width of all shared experts of a block together
    dense_blocks: Column  # at the start, without experts
    expert_every: Column  # after these every n-th block has experts
    cross_share: Column  # of the blocks: decoders' with cross attention
    q_rank: Column
    kv_rank: Column  # 0: keys and values are not compressed
    rope_head_dim: Column
    value_head_dim: Column
    mtp_blocks: Column

    @classmethod
    def of(cls, workload: Workload) -> Geometry:
        """Of one workload."""
        m = workload.model
        layers = m.layers + m.encoder_layers
        return cls(
            layers=layers, d_model=m.d_model, heads=m.heads, head_dim=m.head_dim, kv_heads=m.kv_heads, d_ffn=m.d_ffn,
            gates=2 if m.gated else 1, vocab=m.vocab, sequence=workload.sequence_length,
            keys=mean_keys(m, workload.sequence_length), met_keys=mean_met_keys(m, workload.sequence_length),
            experts=m.experts, experts_per_token=m.experts_per_token if m.experts > 1 else 1,
            untied=int(not m.tied_embeddings), expert_share=expert_blocks(m) / layers, expert_ffn=m.expert_width,
            shared_ffn=m.shared_ffn, dense_blocks=m.dense_blocks, expert_every=m.expert_every,
            cross_share=m.layers / layers if m.encoder_layers else 0.0, q_rank=m.q_rank, kv_rank=m.kv_rank,
            rope_head_dim=m.rope_head_dim, value_head_dim=m.value_dim, mtp_blocks=m.mtp_blocks,
        )  # fmt: skip

    def experts_before(self, block: Column) -> Column:
        """Blocks with experts among the first so many."""
        after = np.maximum(np.asarray(block, float) - self.dense_blocks, 0.0)
        return np.where(np.asarray(self.experts) > 1, np.floor(after / self.expert_every), 0.0)

    def stage(self, first: Column, blocks: Column) -> Geometry:
        """The mean of so many blocks from the one numbered `first` on, counted from 0: what dense ones among them change."""
        several = np.asarray(self.experts_before(first + blocks)) - self.experts_before(first)
        return replace(self, expert_share=several / np.maximum(blocks, 1))

    @property
    def key_dim(self) -> Column:
        """Elements of a head's query and key."""
        return self.head_dim + self.rope_head_dim

    @property
    def query_width(self) -> Column:
        """Elements of a token's queries."""
        return self.heads * self.key_dim

    @property
    def value_width(self) -> Column:
        """Elements of what attention puts out for a token."""
        return self.heads * self.value_head_dim

    @property
    def key_value_width(self) -> Column:
        """Elements of a token's keys and values together, as attention reads them."""
        return self.kv_heads * (self.key_dim + self.value_head_dim)

    @property
    def latent_width(self) -> Column:
        """Elements of a token's compressed queries, keys and values with the rotated key (MLA), whole on every GPU; else 0."""
        return np.where(np.asarray(self.kv_rank) > 0, self.q_rank + self.kv_rank + self.rope_head_dim, 0.0)

    @property
    def latent_parameters(self) -> Column:
        """Matrix parameters of a block's down-projections (MLA), which tensor parallelism leaves whole; else 0."""
        return self.d_model * self.latent_width

    @property
    def query_parameters(self) -> Column:
        """Matrix parameters of a block's projections to queries and of attention's output, with those of cross attention."""
        queries_from = np.where(np.asarray(self.q_rank) > 0, self.q_rank, self.d_model)
        return (queries_from * self.query_width + self.d_model * self.value_width) * (1.0 + self.cross_share)

    @property
    def key_value_parameters(self) -> Column:
        """Matrix parameters of a block's projection to keys and values, from the compressed ones where they are (MLA)."""
        up = self.kv_rank * self.heads * (self.head_dim + self.value_head_dim)
        plain = self.d_model * self.key_value_width
        return np.where(np.asarray(self.kv_rank) > 0, up, plain) * (1.0 + self.cross_share)

    @property
    def attention_parameters(self) -> Column:
        """Matrix parameters of a block's attention."""
        return self.latent_parameters + self.query_parameters + self.key_value_parameters

    @property
    def mlp_parameters(self) -> Column:
        """Matrix parameters of the MLP of a block without experts."""
        return (self.gates + 1) * self.d_model * self.d_ffn

    @property
    def expert_parameters(self) -> Column:
        """Matrix parameters of one routed expert."""
        return (self.gates + 1) * self.d_model * self.expert_ffn

    @property
    def shared_parameters(self) -> Column:
        """Matrix parameters of a block's shared experts."""
        return (self.gates + 1) * self.d_model * self.shared_ffn

    @property
    def dense_parameters(self) -> Column:
        """Matrix parameters of the mean block's MLPs that every token meets: of blocks without experts, and shared experts."""
        return (1.0 - self.expert_share) * self.mlp_parameters + self.expert_share * self.shared_parameters

    @property
    def block_parameters(self) -> Column:
        """Matrix parameters of the mean block, all experts; norms, biases and routers are below a thousandth."""
        return (
            self.attention_parameters
            + self.dense_parameters
            + self.expert_share * self.experts * self.expert_parameters
        )

    @property
    def table_parameters(self) -> Column:
        """One vocabulary table."""
        return self.vocab * self.d_model


@dataclass(frozen=True)
class Layout:
    """How a step is split. data x tensor x pipeline x context is the number of GPUs.

    Experts live inside data x context x tensor: `expert` GPUs hold different ones, each split over `expert_split`.
    """

    data: Column
    tensor: Column
    pipeline: Column
    context: Column
    expert: Column
    virtual_stages: Column  # model chunks of a stage
    micro_batch: Column  # sequences
    micro_batches: Column  # of one replica in a step
    zero_stage: Column
    shard: Column  # GPUs that share optimizer states (and, by stage, gradients and weights)
    sequence_parallel: Column
    recompute: Column  # NONE, SELECTIVE, MLP or FULL
    flash: Column
    fp8: Column  # precision of products: the code of `gemm.PRECISIONS`, 0 for 16 bits
    exchanges: Column = 0.0  # 1: context parallelism by all-to-all, 0: around a ring
    expert_tensor: Column = 0.0  # GPUs that split one expert; 0: as tensor parallelism splits the rest
    capacity: Column = 0.0  # tokens of every expert over the mean, padded or dropped; 0: as many as come
    imbalance: Column = 1.0  # tokens of the busiest GPU's experts over the mean
    stages: tuple[int, ...] = ()  # blocks of every virtual stage in the model's order, where a list says it; no column

    @property
    def gpus(self) -> Column:
        """All of them."""
        return self.data * self.tensor * self.pipeline * self.context

    @property
    def expert_split(self) -> Column:
        """GPUs that split one expert."""
        given = np.asarray(self.expert_tensor, float)
        return np.where(given > 0, given, self.tensor)

    @property
    def replicas(self) -> Column:
        """GPUs that hold the same weights before any sharding: data and context."""
        return self.data * self.context


def key_value_ranks(geometry: Geometry, layout: Layout) -> Column:
    """GPUs of a tensor-parallel group that hold different keys and values: beyond the heads there are, they hold copies."""
    return np.minimum(layout.tensor, geometry.kv_heads)


def stack(values: Sequence[Any]) -> Any:
    """Values of one dataclass as one value of columns; tuples, which they share, stay as they are."""
    kind, first = type(values[0]), values[0]
    shared = [f.name for f in fields(kind) if isinstance(getattr(first, f.name), tuple)]
    assert all(getattr(v, name) == getattr(first, name) for v in values for name in shared), "lists differ"
    columns = {
        f.name: np.array([getattr(v, f.name) for v in values], float) for f in fields(kind) if f.name not in shared
    }
    return kind(**columns, **{name: getattr(first, name) for name in shared})
