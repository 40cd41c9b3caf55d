"""FLOPs of a training token under a convention with a name: whole or half score matrices, the input embedding in or out.

All count 2 FLOPs for a multiplication with addition, the backward pass as two forward passes, the vocabulary's logits, of experts
those that a token meets and of keys those of a window. Weights that are zero do no work. MFU is beside the dense 16-bit peak.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wafersim.inputs.flops import FlopsConvention
from wafersim.workload.layer import Op
from wafersim.workload.transformer import Workload


@dataclass(frozen=True)
class Convention:
    """What is counted: half of the scores that a causal mask halves, the input embedding's look-up as a product."""

    name: FlopsConvention
    halves_scores: bool
    embeds: bool
    words: str
    source: str


CONVENTIONS: Mapping[FlopsConvention, Convention] = {
    each.name: each
    for each in (
        Convention(
            "megatron-2021", False, False, "square scores, input embedding out, no recompute",
            "Narayanan et al. 2021, equation 3 without recompute: 72 B s l h^2 (1 + s / 6h + V / 12lh)",
        ),
        Convention(
            "palm", False, True, "square scores, input embedding in, no recompute",
            "Chowdhery et al. 2022, appendix B: 6 N + 12 L H Q T, N all parameters; so llm-foundry",
        ),
        Convention(
            "causal", True, False, "causal scores halved, input embedding out, no recompute",
            "MaxText (maxtext_utils.py) and Megatron-Bridge (flop_utils.py): attention over 2",
        ),
    )
}  # fmt: skip


def flops_per_token(workload: Workload, convention: FlopsConvention, density: float = 1.0) -> float:
    """FLOPs of a training token that are done where `density` of the weights are not zero.

    6 per weight of a product and 12 per score and element of a head; 2 and 4 in a forward pass alone; 4 per frozen weight.
    """
    counted, total = CONVENTIONS[convention], workload.flops_done_per_token(density)
    if counted.halves_scores:
        total -= _passes(workload) * _hidden(workload)
    if counted.embeds:
        total += 2.0 * _passes(workload) * density * _looked_up(workload)
    return total


def hardware_flops_per_token(workload: Workload, convention: FlopsConvention, recompute: str) -> float:
    """The same with what is recomputed: a forward pass of all blocks (`full`), or of their scores (`selective`).

    Of a GPT it is 96 B s l h^2 (1 + s / 6h + V / 16lh) under full recompute (Narayanan et al. 2021, equation 3).
    """
    total = flops_per_token(workload, convention)
    if recompute == "none":
        return total
    total += 4.0 * sum(op.elements * op.head_dim for op in _ops(workload, "attention"))
    if CONVENTIONS[convention].halves_scores:
        total -= _hidden(workload)
    if recompute == "full":
        total += 2.0 * sum(op.k * op.n * op.share for op in _ops(workload, "matmul", ("block",)))
    return total


def _hidden(workload: Workload) -> float:
    """Half of the two products of scores in one pass, where a mask hides any of them: 2 per score and element of a head."""
    return 2.0 * sum(op.elements * op.head_dim for op in _ops(workload, "attention") if op.met < op.elements)


def _ops(workload: Workload, kind: str, layers: Sequence[str] = ("embedding", "block", "head")) -> list[Op]:
    return [op for layer in workload.layers if layer.kind in layers for op in layer.ops if op.kind == kind]


def _passes(workload: Workload) -> float:
    """Of an activation: forward and, unless it is all that is done, twice as much backward."""
    return 1.0 if workload.mode == "forward" else 3.0


def _looked_up(workload: Workload) -> float:
    """Parameters that only a look-up reads: tables of positions, and that of tokens where the head has one of its own."""
    model = workload.model
    embedding = next(layer for layer in workload.layers if layer.kind == "embedding")
    return embedding.parameters - (model.vocab * model.embedding_width if workload.tied else 0)
