"""Which size trains best on given chips: the loss that it reaches in a time, or the time in which it reaches a loss.

How fast a size trains is what the simulator says of its shape, so model FLOPs utilisation is none of the assumptions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from wafersim.errors import Infeasible, WafersimError
from wafersim.inputs.model import Model
from wafersim.planning.model_shapes import LARGEST, SMALLEST, members, shape_of
from wafersim.planning.scaling_forms import parametric_tokens
from wafersim.planning.scaling_law import RATIO, Loss, ScalingLaw, loss_of
from wafersim.planning.scaling_size import best_for, cheapest_for
from wafersim.planning.training_site import Speeds
from wafersim.workload.model import parameters

STEPS = (0.32, 0.16, 0.08, 0.04, 0.02)  # of the logarithm of the size, one after the other
NEAR = (-0.12, -0.08, -0.04, -0.03, -0.02, -0.01, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.12, 0.16, 0.2)
"""Of what is found: splits over GPUs make some sizes faster than their neighbours."""
SERVED = 3.0  # tokens that are served cost as a third of a token that is trained: 2 N FLOPs beside 6 N
USUAL_UTILISATION = 0.4  # of the peak: where the search begins, and no more
GUESSES = 6
HOPS = 3  # steps over sizes that no split takes
ROUNDING = 1e-9
EVERY = 2.0  # sizes are this factor apart where none is known that can be trained


@dataclass(frozen=True)
class Trial:
    """A model trained on so many tokens; seconds of the whole run, and of serving at the same rate."""

    model: Model
    parameters: int
    tokens: float
    loss: Loss
    train_s: float
    serve_s: float

    @property
    def seconds(self) -> float:
        """Of both."""
        return self.train_s + self.serve_s


@dataclass(frozen=True, eq=False)
class SizeSearch:
    """A law and chips, and either the seconds that they have or the loss that is wanted.

    `kept` is the share of the elapsed time in which steps that last are made (goodput); serving is counted by 2 N a token at the
    rate of training.
    """

    law: ScalingLaw
    speeds: Speeds
    kept: float
    seconds: float
    wanted: float | None = None  # nats a token
    inference_tokens: float = 0.0
    silent: list[tuple[tuple[float, float], str]] = field(
        default_factory=list
    )  # worth of what the law refuses, and why

    def members(self) -> tuple[Trial, ...]:
        """The family's real models that can be trained so, the smallest first."""
        return tuple(trial for one in members() if (trial := self.trial(one)) is not None)

    def best(self, real: Sequence[Trial]) -> Trial | None:
        """The best of all shapes, real ones included; None where there is none. Infeasible where a better one is beyond the law.

        From the best known size steps of the logarithm go up and down, each as long as it helps, from 38 % down to 2 %; then all
        sizes within 4 % and some within 20 % are looked at. Exhaustive search finds the same, or losses lower by hundredths of
        a percent; where splits take few sizes (thousands of GPUs) by up to 1.3 %.
        """
        known = [*real, *self._guessed()] or self._coarse()
        found = min(known, key=self.worth, default=None)
        if found is None:
            if self.silent:
                raise Infeasible(min(self.silent)[1])
            return None
        for step in STEPS:
            found = self._walked(found, step)
        near = [self.trial(shape_of(found.parameters * math.exp(step))) for step in NEAR]
        found = min(filter(None, (found, *near)), key=self.worth)
        if self.silent and min(self.silent)[0] < self.worth(found):
            raise Infeasible(f"the best size lies where nobody can tell: {min(self.silent)[1]}")
        return found

    def worth(self, trial: Trial) -> tuple[float, float]:
        """What is to be least: the loss, or where one is wanted the time; of equals the other."""
        return self._by(trial.loss.value, trial.seconds)

    def _by(self, loss: float, seconds: float) -> tuple[float, float]:
        return (loss, seconds) if self.wanted is None else (seconds, loss)

    def trial(self, model: Model) -> Trial | None:
        """What becomes of a model; None where it cannot run, has no time, misses the loss, or lies too far beyond the law."""
        size = parameters(model)
        tokens = self._tokens(size, lambda: self._rate(model))
        rate = None if tokens is None else self._rate(model)
        if tokens is None or rate is None:
            return None
        train_s, serve_s = tokens / rate, self.inference_tokens / SERVED / rate
        if self.wanted is None and train_s + serve_s > self.seconds * (1.0 + ROUNDING):
            return None
        try:
            loss = loss_of(self.law, size, tokens)
        except WafersimError as silence:
            raw = float(self.law.losses(size, tokens, tokens, self.law.flops(size, tokens))[0])
            if self.wanted is None or raw <= self.wanted * (1.0 + ROUNDING):
                self.silent.append((self._by(raw, train_s + serve_s), str(silence)))
            return None
        missed = self.wanted is not None and loss.value > self.wanted * (1.0 + ROUNDING)
        return None if missed else Trial(model, size, tokens, loss, train_s, serve_s)

    def _rate(self, model: Model) -> float | None:
        found = self.speeds.tokens_per_s(model)
        return None if found is None else found * self.kept

    def _tokens(self, size: int, rate: Callable[[], float | None]) -> float | None:
        """Tokens that the law ties to a size, that reach the loss, or for which there is time."""
        if self.law.of_compute:
            return RATIO * size
        if self.wanted is not None:
            needed = float(parametric_tokens(self.law.constants, size, self.wanted))
            return needed if math.isfinite(needed) else None
        speed = rate()
        tokens = 0.0 if speed is None else speed * self.seconds - self.inference_tokens / SERVED
        return tokens if tokens > 0 else None

    def _guessed(self) -> list[Trial]:
        """The law's own best size for chips that are kept busy as usual, or one near it that can be trained."""
        site, served = self.speeds.site, self.inference_tokens
        flops = site.machine.peak_flops * self.speeds.count * self.kept * self.seconds
        try:
            if self.wanted is None:
                size = best_for(USUAL_UTILISATION * flops, self.law, served).parameters.value
            else:
                size = cheapest_for(self.wanted, self.law, served).parameters.value
        except WafersimError:
            return []
        side = -1.0 if self.wanted is None else 1.0  # smaller ones have time, larger ones reach a loss
        tried = (self.trial(shape_of(size * math.exp(side * STEPS[-2] * step**2))) for step in range(GUESSES))
        first = next((trial for trial in tried if trial is not None), None)
        return [] if first is None else [first]

    def _coarse(self) -> list[Trial]:
        """Sizes a factor of two apart from the smallest up, until they get worse or the law is silent."""
        low, high = self.law.reach.fitted["parameters"]
        size, most = max(SMALLEST, low / 100.0), min(LARGEST, high * 100.0)
        found: list[Trial] = []
        while size <= most:
            trial = self.trial(shape_of(size))
            if trial is not None:
                if found and self.worth(trial) > self.worth(found[-1]):
                    return [*found, trial]
                found.append(trial)
            size *= EVERY
        return found

    def _walked(self, start: Trial, step: float) -> Trial:
        """As far as steps of the logarithm help, either way."""
        for side in (1.0, -1.0):
            best, hops = start, 1
            while hops <= HOPS:
                shape = shape_of(best.parameters * math.exp(side * step * hops))
                trial = None if shape == best.model else self.trial(shape)
                if trial is None and self.speeds.cannot_run(shape):
                    hops += 1
                    continue
                if trial is None or self.worth(trial) >= self.worth(best):
                    break
                best, hops = trial, 1
            if best is not start:
                return best
        return start
