"""The parts of a training run: tokens of each, those of a ramp of its batch, and whether they add up to what is stated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wafersim import quantity
from wafersim.errors import Infeasible
from wafersim.inputs.phase import BatchRamp, PhaseSpec


@dataclass(frozen=True)
class Part:
    """A part of a run: sequences of a step, tokens of each and of all steps, chips (None: those of the run)."""

    batch: int
    sequence_length: int
    tokens: float
    count: int | None = None

    @property
    def steps(self) -> float:
        """How many steps it takes."""
        return self.tokens / (self.batch * self.sequence_length)


def ramped(ramp: BatchRamp | None, batch: int, sequence_length: int, tokens: float) -> list[Part]:
    """The batches of a ramp in order, then the full one for what is left of the run's tokens.

    Raises Infeasible where the run ends before its ramp.
    """
    sizes = [] if ramp is None else ramp.phases(batch, sequence_length)
    parts = [Part(size, sequence_length, float(size * steps) * sequence_length) for size, steps in sizes]
    left = tokens - sum(part.tokens for part in parts)
    if left <= 0:
        whole, of_ramp = _amount(tokens), _amount(tokens - left)
        raise Infeasible(f"training.batch_ramp takes {of_ramp} tokens, the whole run {whole}; over must be shorter")
    return [*parts, Part(batch, sequence_length, left)]


def settled(phases: Sequence[PhaseSpec], sequence_length: int, tokens: float | None, steps: int | None) -> list[Part]:
    """Phases with their tokens. `tokens` or `steps` of the run are what they add up to, or what the last one fills.

    Raises Infeasible where they do not: by more than a step of the last phase, or by any number of steps.
    """
    parts = [
        Part(phase.batch, phase.sequence_length or sequence_length, phase.tokens_at(sequence_length) or 0.0,
             phase.gpus or phase.systems)
        for phase in phases
    ]  # fmt: skip
    last = parts[-1]
    if phases[-1].tokens_at(sequence_length) is None:
        step = last.batch * last.sequence_length
        before = sum(part.tokens for part in parts), sum(part.steps for part in parts)
        left = (tokens or 0.0) - before[0] if steps is None else (steps - before[1]) * step
        if left <= 0:
            whole = f"{_amount(tokens or 0.0)} tokens" if steps is None else f"{steps:,} steps"
            used = f"{_amount(before[0])} tokens" if steps is None else f"{before[1]:,.0f} steps"
            raise Infeasible(
                f"training.phases: those before the last take {used} of the run's {whole}: nothing is left"
            )
        return [*parts[:-1], Part(last.batch, last.sequence_length, left, last.count)]
    added, counted = sum(part.tokens for part in parts), sum(part.steps for part in parts)
    if steps is not None and abs(counted - steps) > 1e-6 * steps:
        raise Infeasible(f"training.phases add up to {counted:,.10g} steps, training.steps says {steps:,}")
    if tokens is not None and abs(added - tokens) > last.batch * last.sequence_length:
        raise Infeasible(
            f"training.phases add up to {_amount(added)} tokens, training.tokens says {_amount(tokens)}; "
            "the last phase may leave its steps out and take the rest"
        )
    return parts


def _amount(tokens: float) -> str:
    return quantity.format(tokens, "number of tokens")
