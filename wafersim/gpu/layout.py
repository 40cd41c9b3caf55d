"""A model's dimensions and the split of its training over GPUs: single values, or columns of them for a search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from wafersim.gpu.machine import Column
from wafersim.workload.transformer import Workload

NONE, SELECTIVE, FULL = range(3)
RECOMPUTE = {"none": NONE, "selective": SELECTIVE, "full": FULL}


@dataclass(frozen=True)
class Geometry:
    """The dimensions that costs read."""

    layers: Column
    d_model: Column
    heads: Column
    head_dim: Column
    kv_heads: Column
    d_ffn: Column
    gates: Column  # matrices on the way up: 2 for SwiGLU
    vocab: Column
    sequence: Column
    causal: Column
    experts: Column
    experts_per_token: Column
    untied: Column  # 1: the head has a table of its own

    @classmethod
    def of(cls, workload: Workload) -> Geometry:
        """Of one workload."""
        m = workload.model
        gates = 2 if m.mlp == "swiglu" else 1
        return cls(
            m.layers, m.d_model, m.heads, m.head_dim, m.kv_heads, m.d_ffn, gates, m.vocab, workload.sequence_length,
            int(m.causal), m.experts, m.experts_per_token if m.experts > 1 else 1,
            int(not m.tied_embeddings),
        )  # fmt: skip

    @property
    def query_width(self) -> Column:
        """Elements of a token's queries."""
        return self.heads * self.head_dim

    @property
    def key_value_width(self) -> Column:
        """Elements of a token's keys and values together."""
        return 2 * self.kv_heads * self.head_dim

    @property
    def attention_parameters(self) -> Column:
        """Matrix parameters of a block's attention."""
        return self.d_model * (2 * self.query_width + self.key_value_width)

    @property
    def mlp_parameters(self) -> Column:
        """Matrix parameters of one MLP (one expert)."""
        return (self.gates + 1) * self.d_model * self.d_ffn

    @property
    def block_parameters(self) -> Column:
        """Matrix parameters of a block, all experts; norms and biases are below a thousandth."""
        return self.attention_parameters + self.experts * self.mlp_parameters

    @property
    def table_parameters(self) -> Column:
        """One vocabulary table."""
        return self.vocab * self.d_model


@dataclass(frozen=True)
class Layout:
    """How a step is split. data x tensor x pipeline x context is the number of GPUs; experts live inside data."""

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
    recompute: Column  # NONE, SELECTIVE or FULL
    flash: Column
    fp8: Column

    @property
    def gpus(self) -> Column:
        """All of them."""
        return self.data * self.tensor * self.pipeline * self.context

    @property
    def replicas(self) -> Column:
        """GPUs that hold the same weights before any sharding: data and context."""
        return self.data * self.context


def stack(values: Sequence[Any]) -> Any:
    """Values of one dataclass as one value of columns."""
    kind = type(values[0])
    return kind(**{f.name: np.array([getattr(v, f.name) for v in values], float) for f in fields(kind)})
