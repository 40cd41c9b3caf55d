"""Scaling laws as published, each on its own corpus: the loss of a model of N parameters trained on D tokens, with its interval.

A law is never asked on another corpus, and two losses are compared on one only: tokenizers and texts differ. The standard
deviation of ln L is that of the constants (their covariance), the scatter of runs around the law, and, beyond the runs that it
was fitted to, what refits on smaller runs missed a decade farther; beyond 100 times either end a law refuses to answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np

from wafersim.errors import WafersimError, did_you_mean, shortened
from wafersim.evidence.tables import read_data
from wafersim.inputs.fit import Z80
from wafersim.numbers import amount
from wafersim.planning.scaling_forms import (
    PER_FLOPS,
    Floats,
    Number,
    card_flops,
    compute_loss,
    parametric_loss,
    parametric_tokens,
    repeated_loss,
    through_losses,
)
from wafersim.planning.scaling_range import Beyond, Reach, decades

UNIT = "nats/token"
MOST = 1e40  # of any number that is asked: more than all machines there are will ever count
DRAWS = 2000  # of the constants; the first is the published law itself
SEED = 20230406
RATIO = 20.0  # tokens a parameter of the compute-optimal family that the power law in compute was fitted to


@dataclass(frozen=True)
class Estimate:
    """A value with the 80 % interval that the error of a law's constants gives it; None where nobody tells that error."""

    value: float
    low: float | None = None
    high: float | None = None

    def to_json(self) -> dict[str, float | None]:
        """Plain values; an end that is infinite (no number is enough) is None, too."""
        return {name: one if one is not None and math.isfinite(one) else None for name, one in vars(self).items()}

    @classmethod
    def of(cls, answers: Floats) -> Estimate:
        """Of answers under draws of the constants, the first of which is the published one."""
        if bool(np.all(answers == answers[0])):
            return cls(float(answers[0]))
        low, high = np.quantile(answers, (0.1, 0.9), method="nearest")
        return cls(float(answers[0]), float(low), float(high))


@dataclass(frozen=True)
class Loss:
    """The loss of one training on a corpus, nats a token, with its 80 % interval and how far it lies outside of the fit.

    `flops` are training FLOPs in the law's own count; `sigma` is the standard deviation of ln L.
    """

    value: float
    low: float
    high: float
    sigma: float
    parameters: float
    tokens: float
    unique_tokens: float
    flops: float
    law: str
    corpus: str
    beyond: tuple[Beyond, ...] = ()

    def less(self, other: Loss) -> float:
        """Nats a token by which this loss is below another. WafersimError where the other is of another corpus."""
        if other.corpus != self.corpus:
            raise WafersimError(
                f"a loss on {self.corpus} is not compared with one on {other.corpus}: texts and tokenizers differ"
            )
        return other.value - self.value

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**vars(self), "unit": UNIT, "beyond": [one.to_json() for one in self.beyond]}


@dataclass(frozen=True, eq=False)
class ScalingLaw:
    """One published law: constants (k, a, E of compute, or ln A, ln B, ln E, alpha, beta) and what is known of their error.

    `covariance` is of ln A, ln B, ln E, alpha, beta; of a law of compute, of ln L at both ends of the fit and of E; None where
    nobody can tell it. `stars` are R*_D and R*_N of a law of repeated data. `per_width` converts
    6 N D to the FLOPs of Cerebras-GPT's cards. `scatter` and `per_decade` are standard deviations of ln L.
    """

    name: str
    corpus: str
    constants: Floats
    covariance: Floats | None
    scatter: float
    per_decade: float
    reach: Reach
    source: str
    confidence: str
    stars: tuple[float, float] | None = None
    per_width: float | None = None

    @property
    def of_compute(self) -> bool:
        """Whether the law knows compute alone, at 20 tokens a parameter."""
        return len(self.constants) == 3

    @cached_property
    def draws(self) -> Floats:
        """Constants (2000, 3 or 5): the published ones, then normal draws; all alike where there is no covariance."""
        if self.covariance is None:
            return np.repeat(self.constants[None, :], DRAWS, axis=0)
        dice = np.random.default_rng(SEED)
        if not self.of_compute:
            drawn = dice.multivariate_normal(self.constants, self.covariance, DRAWS - 1)
            return np.vstack((self.constants, drawn))
        ends = self.reach.fitted["flops"]
        first, second = (float(np.log(compute_loss(self.constants, one))) for one in ends)
        points = dice.multivariate_normal([first, second, self.constants[2]], self.covariance, DRAWS - 1)
        return np.vstack((self.constants, through_losses(points, ends)))

    def flops(self, parameters: float, tokens: float) -> float:
        """Training FLOPs as the law counts them: 6 N D, or those of Cerebras-GPT's cards."""
        if self.per_width is None:
            return 6.0 * parameters * tokens
        return float(card_flops(parameters, tokens, self.per_width))

    def beyond(self, parameters: float, tokens: float, unique_tokens: float, flops: float) -> tuple[Beyond, ...]:
        """How a training lies outside of the runs of the fit; WafersimError where it is too far."""
        self.answers_to(parameters, tokens)
        asked = {
            "parameters": parameters,
            "tokens": tokens,
            "flops": flops,
            "tokens_per_parameter": tokens / parameters,
        }
        if self.stars is not None:
            asked["epochs"] = tokens / unique_tokens
        return self.reach.beyond(self.name, asked)

    def answers_to(self, parameters: float, tokens: float) -> None:
        """WafersimError where a search for a size ended at nothing or at infinity: the question is far from any training."""
        if not (0 < parameters < math.inf and 0 < tokens < math.inf):
            raise WafersimError(
                f"scaling law {self.name}: {parameters:.3g} parameters, {tokens:.3g} tokens: too far to say"
            )

    def sigma(self, beyond: tuple[Beyond, ...]) -> float:
        """Standard deviation of ln L beside that of the constants: scatter of runs, and distance."""
        return math.hypot(self.scatter, self.per_decade * decades(beyond))

    def losses(self, parameters: Number, tokens: Number, unique_tokens: Number, flops: float) -> Floats:
        """The loss under each draw of the constants; sizes and tokens may be columns of as many."""
        if self.of_compute:
            return compute_loss(self.draws, flops)
        if self.stars is not None:
            return repeated_loss(self.draws, parameters, tokens, unique_tokens, self.stars)
        return parametric_loss(self.draws, parameters, tokens)


def scaling_law(name: str, corpus: str | None = None) -> ScalingLaw:
    """A published law by name; a corpus that is asked for must be the law's own (WafersimError otherwise)."""
    known = laws()
    if name not in known:
        raise WafersimError(f"no scaling law {name!r}: one of {', '.join(known)}{did_you_mean(name, known)}")
    law = known[name]
    if corpus is not None and corpus != law.corpus:
        others = [one.name for one in known.values() if one.corpus == corpus]
        there = f"; on {corpus} there is {' or '.join(others)}" if others else ""
        raise WafersimError(f"scaling law {name} is of {law.corpus}, not of {corpus}: losses do not carry over{there}")
    return law


@cache
def laws() -> Mapping[str, ScalingLaw]:
    """Every shipped law by its name."""
    return {name: _read(name, told) for name, told in read_data("scaling_laws.yaml").items()}


def _read(name: str, told: Mapping[str, Any]) -> ScalingLaw:
    said = told["constants"]
    if "F0" in said:
        constants = [said["a"] * math.log(said["F0"] / PER_FLOPS), said["a"], said["E"]]
    else:
        logs = [said[f"ln_{one}"] if f"ln_{one}" in said else math.log(said[one]) for one in "ABE"]
        constants = [*logs, said["alpha"], said["beta"]]
    covariance = told.get("covariance")
    return ScalingLaw(
        name,
        told["corpus"],
        np.array(constants, dtype=float),
        None if covariance is None else np.array(covariance, dtype=float),
        told["scatter"],
        told["per_decade"],
        Reach(
            *(
                {key: (float(low), float(high)) for key, (low, high) in told[part].items()}
                for part in ("fitted", "limits")
            )
        ),
        told["source"],
        told["confidence"],
        (said["R_D"], said["R_N"]) if "R_D" in said else None,
        told.get("card_flops_per_width"),
    )


def loss_of(
    law: ScalingLaw, parameters: float, tokens: float, unique_tokens: float | None = None, flops: float | None = None
) -> Loss:
    """The loss of a model of N parameters after D tokens, of which `unique_tokens` are new (all, unless stated).

    `flops` are its training FLOPs where the caller knows them in the law's count; else they follow from N and D. WafersimError
    for a number that is not above 0, for repeats under a law that has none, or too far beyond what was fitted.
    """
    stated = {"parameters": parameters, "tokens": tokens, "unique_tokens": unique_tokens, "flops": flops}
    checked(**{name: number for name, number in stated.items() if number is not None})
    unique = tokens if unique_tokens is None else min(unique_tokens, tokens)
    if unique < tokens and law.stars is None:
        raise WafersimError(
            f"scaling law {law.name} is of tokens seen once, not of {tokens / unique:.3g} epochs: "
            "data-constrained knows repeats, on C4"
        )
    counted = law.flops(parameters, tokens) if flops is None else flops
    beyond = law.beyond(parameters, tokens, unique, counted)
    answers = law.losses(parameters, tokens, unique, counted)
    value = float(answers[0])
    sigma = math.hypot(float(np.log(answers).std()), law.sigma(beyond))
    low, high = (value * math.exp(side * Z80 * sigma) for side in (-1, 1))
    return Loss(value, low, high, sigma, parameters, tokens, unique, counted, law.name, law.corpus, beyond)


def tokens_for(law: ScalingLaw, parameters: float, loss: float) -> Estimate:
    """Tokens, each seen once, with which a model of N parameters reaches a loss, with their 80 % interval.

    The high end is infinite where the model may never reach it. WafersimError where it never does by the law, where the law
    ties tokens to the size, or too far beyond what was fitted.
    """
    checked(parameters=parameters, loss=loss)
    if law.of_compute:
        raise WafersimError(
            f"scaling law {law.name} is of {RATIO:.0f} tokens a parameter: it does not say the tokens of a given size"
        )
    needed = float(parametric_tokens(law.constants, parameters, loss))
    if not math.isfinite(needed):
        floor = float(parametric_loss(law.constants, parameters, math.inf))
        raise WafersimError(
            f"scaling law {law.name}: {amount(parameters)} parameters never reach {loss:g} {UNIT}: the law's least is {floor:.4g}"
        )
    beyond = law.beyond(parameters, needed, needed, law.flops(parameters, needed))
    return Estimate.of(parametric_tokens(law.draws, parameters, targets(law, loss, beyond)))


def targets(law: ScalingLaw, loss: float, beyond: tuple[Beyond, ...]) -> Floats:
    """What a law must say for a run to have a loss, under draws of the run's own luck; the first is the loss itself."""
    luck = np.random.default_rng(SEED + 1).standard_normal(DRAWS)
    luck[0] = 0.0
    return np.asarray(loss * np.exp(law.sigma(beyond) * luck))


def checked(**numbers: float) -> None:
    """WafersimError, in one line, for the first that is not a number above 0 and below 1e40."""
    for name, number in numbers.items():
        if not isinstance(number, int | float) or isinstance(number, bool) or not 0 < number < MOST:
            said = f"must be a number above 0 and below {MOST:.0e}, not {shortened(number)}"
            raise WafersimError(f"{name.replace('_', ' ')}: {said}")
