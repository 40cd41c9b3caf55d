"""Which model to train: the size and tokens of least loss for a budget, or of least compute for a loss, inference counted.

By a law of N and D the best size lies where L(N, D) is least along 6 N D + 2 N D_inf = budget (Hoffmann et al. 2022; with
tokens of inference D_inf, Sardana et al. 2024, arXiv 2401.00448): a smaller model, trained for longer. By a law of compute alone
the size follows from its 20 tokens a parameter.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from wafersim.errors import WafersimError
from wafersim.numbers import DAY
from wafersim.planning.scaling_forms import (
    Floats,
    compute_flops,
    compute_optimal_size,
    parametric_tokens,
)
from wafersim.planning.scaling_law import RATIO, Estimate, Loss, ScalingLaw, checked, loss_of, targets

GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
NARROWED = 80  # golden sections: 20 decades shrink below the precision of a float
LARGEST = 1e15  # parameters up to which a size is sought


@dataclass(frozen=True)
class BestSize:
    """The model to train by a law: parameters and tokens with 80 % intervals of the law's constants, and the loss.

    `training_flops` are in the law's count; `inference_flops` are 2 N D_inf over the model's life, 0 unless asked for.
    """

    parameters: Estimate
    tokens: Estimate
    tokens_per_parameter: Estimate
    training_flops: float
    inference_tokens: float
    inference_flops: float
    loss: Loss

    @property
    def flops(self) -> float:
        """Of training and inference."""
        return self.training_flops + self.inference_flops

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        parts = {
            name: getattr(self, name).to_json() for name in ("parameters", "tokens", "tokens_per_parameter", "loss")
        }
        return {**vars(self), **parts, "flops": self.flops}


@np.errstate(all="ignore")  # ends of a valley overflow
def best_for(
    budget_flops: float, law: ScalingLaw, inference_tokens: float = 0.0, unique_tokens: float | None = None
) -> BestSize:
    """The size and tokens of least loss within a budget of FLOPs, which pays for inference, too, where its tokens are stated.

    Where only so many `unique_tokens` exist, a law of repeats weighs more passes over them against a larger model.
    WafersimError where the budget or what it buys lies too far beyond what the law was fitted to, where a law of tokens seen
    once would repeat them, or where a law of compute alone, which cannot weigh size against tokens, is asked with inference.
    """
    checked(budget=budget_flops, unique_tokens=budget_flops if unique_tokens is None else unique_tokens)
    _inference(law, inference_tokens)
    if law.of_compute:
        return _on_the_line(law, np.full(len(law.draws), budget_flops), budget_flops, unique_tokens)
    scarce = law.stars is not None and unique_tokens is not None
    if inference_tokens == 0 and not scarce:
        sizes = compute_optimal_size(law.draws, budget_flops)
    else:

        def loss(ln_size: Floats) -> Floats:
            size = np.exp(ln_size)
            trained = np.maximum(budget_flops / (6.0 * size) - inference_tokens / 3.0, 1.0)
            fresh = trained if unique_tokens is None else np.minimum(trained, unique_tokens)
            return law.losses(size, trained, fresh, budget_flops)

        most = budget_flops / (2.0 * inference_tokens) if inference_tokens else LARGEST
        if not 1.0 < most < math.inf:
            raise WafersimError(f"{budget_flops:.1e} FLOPs do not pay for {inference_tokens:.1e} tokens of inference")
        sizes = np.exp(_least(loss, 0.0, math.log(most), len(law.draws)))
    tokens = budget_flops / (6.0 * sizes) - inference_tokens / 3.0
    return _answer(law, sizes, tokens, inference_tokens, unique_tokens)


@np.errstate(all="ignore")
def cheapest_for(loss: float, law: ScalingLaw, inference_tokens: float = 0.0) -> BestSize:
    """The size and tokens of least FLOPs, training and inference, that reach a loss.

    WafersimError where the law never reaches it (its E), or where that lies too far beyond what was fitted.
    """
    checked(loss=loss)
    _inference(law, inference_tokens)
    floor = float(law.constants[2] if law.of_compute else np.exp(law.constants[2]))
    if loss <= floor:
        raise WafersimError(f"scaling law {law.name}: no compute reaches {loss:g} nats/token: its E is {floor:.4g}")
    if law.of_compute:
        first = float(compute_flops(law.constants, loss))
        wanted = targets(law, loss, _on_the_line(law, np.array([first]), first).loss.beyond)
        return _on_the_line(law, compute_flops(law.draws, wanted), first)

    def of_life(constants: Floats, wanted: Floats | float) -> Callable[[Floats], Floats]:
        def flops(ln_size: Floats) -> Floats:
            size = np.exp(ln_size)
            return size * (6.0 * parametric_tokens(constants, size, wanted) + 2.0 * inference_tokens)

        return flops

    def cheapest(constants: Floats, wanted: Floats | float) -> Floats:
        # no size below that of A / N^alpha = L - E reaches the loss, with any number of tokens
        ln_a, _, ln_e, alpha, _ = np.moveaxis(constants, -1, 0)
        above = np.asarray(wanted - np.exp(ln_e))
        least = np.where(above > 0, (ln_a - np.log(above)) / alpha, np.inf)
        reached = np.isfinite(least)
        start = np.where(reached, least, 0.0)
        found = _least(of_life(constants, wanted), start, start + math.log(LARGEST), len(constants))
        return np.where(reached, np.exp(found), np.inf)

    one = law.constants[None, :]
    size = float(cheapest(one, loss)[0])
    tokens = float(parametric_tokens(law.constants, size, loss))
    beyond = law.beyond(size, tokens, tokens, law.flops(size, tokens))
    wanted = targets(law, loss, beyond)
    sizes = cheapest(law.draws, wanted)
    every = np.where(np.isfinite(sizes), parametric_tokens(law.draws, np.minimum(sizes, 1e30), wanted), np.inf)
    sizes[0], every[0] = size, tokens
    return _answer(law, sizes, every, inference_tokens)


def within(days: float, flops_per_s: float, law: ScalingLaw) -> BestSize:
    """The size and tokens of least loss that machines of so many sustained FLOP/s together train in so many days.

    `flops_per_s` is what training gets of them (peak times MFU times goodput), in the law's count of FLOPs.
    """
    checked(days=days, flops_per_s=flops_per_s)
    return best_for(days * DAY * flops_per_s, law)


def days_for(loss: float, flops_per_s: float, law: ScalingLaw, inference_tokens: float = 0.0) -> tuple[float, BestSize]:
    """Days in which machines of so many sustained FLOP/s train the cheapest model that reaches a loss, and that model."""
    checked(flops_per_s=flops_per_s)
    found = cheapest_for(loss, law, inference_tokens)
    return found.training_flops / flops_per_s / DAY, found


def _inference(law: ScalingLaw, tokens: float) -> None:
    if tokens == 0:
        return
    checked(inference_tokens=tokens)
    if law.of_compute:
        raise WafersimError(
            f"scaling law {law.name} is of {RATIO:.0f} tokens a parameter: it cannot trade size for tokens; "
            "ask chinchilla, on MassiveText"
        )


def _answer(
    law: ScalingLaw, sizes: Floats, tokens: Floats, inference_tokens: float, unique_tokens: float | None = None
) -> BestSize:
    size, trained = float(sizes[0]), float(tokens[0])
    law.answers_to(size, trained)
    loss = loss_of(law, size, trained, unique_tokens)
    ratios = np.where(np.isfinite(sizes), tokens / sizes, np.inf)
    told = (Estimate.of(sizes), Estimate.of(tokens), Estimate.of(ratios))
    return BestSize(*told, loss.flops, inference_tokens, 2.0 * size * inference_tokens, loss)


def _on_the_line(law: ScalingLaw, flops: Floats, central: float, unique_tokens: float | None = None) -> BestSize:
    """At 20 tokens a parameter: the N of F = 120 N^2 (1 + per_width / N^(1/3)), found by halving ln N."""
    law.reach.beyond(law.name, {"flops": central})
    per_width = law.per_width or 0.0
    low, high = np.zeros(flops.shape), np.full(flops.shape, math.log(LARGEST))
    for _ in range(NARROWED):
        middle = (low + high) / 2.0
        size = np.exp(middle)
        under = 6.0 * RATIO * size**2 * (1.0 + per_width / np.cbrt(size)) < flops
        low, high = np.where(under, middle, low), np.where(under, high, middle)
    sizes = np.where(np.isfinite(flops), np.exp(high), np.inf)
    size = float(sizes[0])
    loss = loss_of(law, size, RATIO * size, unique_tokens, central)
    told = (Estimate.of(sizes), Estimate.of(RATIO * sizes), Estimate(RATIO))
    return BestSize(*told, central, 0.0, 0.0, loss)


def _least(cost: Callable[[Floats], Floats], low: Floats | float, high: Floats | float, count: int) -> Floats:
    """Where each of `count` costs of one valley is least between two ends, by golden sections."""
    left, right = np.broadcast_to(low, count).astype(float), np.broadcast_to(high, count).astype(float)
    for _ in range(NARROWED):
        first, second = right - GOLDEN * (right - left), left + GOLDEN * (right - left)
        lower = cost(first) < cost(second)
        left, right = np.where(lower, left, first), np.where(lower, second, right)
    return np.asarray((left + right) / 2.0)
