"""What a workload is made of: layers, each streamed and passed as a whole, and their ops."""

from __future__ import annotations

from dataclasses import dataclass

FP16_BYTES = 2


@dataclass(frozen=True)
class Op:
    """One kernel of a layer.

    kind: "matmul" (k x n weights), "attention" (score elements of heads that are `head_dim` wide), "elementwise" and
    "exchange" (fused, no launch of their own; an exchange brings together elements that lie on different PEs).
    share: how often a token passes through it (experts per token, masked fraction); matrices: how many of k x n there are, each
    for its part of the tokens (experts); elements: score elements, element-wise or exchanged elements per token; met: those of
    the score elements that no mask hides; head_dim: the mean of what a head's two products multiply. has_wgrad: its weights are
    trained.
    """

    name: str
    kind: str
    k: int = 0
    n: int = 0
    share: float = 1.0
    elements: float = 0.0
    has_dgrad: bool = True
    head_dim: float = 0
    has_wgrad: bool = True
    matrices: int = 1
    met: float = 0.0

    @property
    def parameters(self) -> int:
        """Weights of its matrices."""
        return self.k * self.n * self.matrices


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
class Part:
    """A part of a block: its ops, and its share of the block's activation bytes per token."""

    ops: tuple[Op, ...]
    kept_bytes: int
    widest: int = 0  # elements alive at once inside it, beside the hidden ones
