"""Chance that is told what to do, and a log in words, for tests of the reference."""

from collections.abc import Sequence

import pytest

from wafersim.training_run import draws
from wafersim.training_run.draws import STREAMS, Stream
from wafersim.training_run.plan import Outcome

NEVER = (10**12, 0)


def strikes(
    monkeypatch: pytest.MonkeyPatch,
    gaps: dict[int, Sequence[int]],
    latencies: Sequence[int] = (),
    uniforms: Sequence[float] = (),
    job: int = 0,
) -> None:
    """Source s of a job strikes after gaps[s] ticks of work, one after the other, then never; corruptions are found after
    `latencies`; `uniforms` are drawn for starts that may fail."""

    def gap(mean_s: float, shape: float, seed: int, run: int, of: int, stream: int, counter: int) -> tuple[int, int]:
        source, what = divmod(stream, STREAMS)
        table = latencies if what == Stream.LATENCY else gaps.get(source, ()) if of == job else ()
        return (0, table[counter]) if counter < len(table) else NEVER

    def uniform(seed: int, run: int, of: int, stream: int, counter: int) -> float:
        return uniforms[counter] if counter < len(uniforms) else 0.5

    draws.wait(1.0, 1.0, 0, 0, 0, 0, 0)  # compiled with the uniform that numba knows, before it is another
    monkeypatch.setattr(draws, "gap", gap)
    monkeypatch.setattr(draws, "uniform", uniform)


def told(outcome: Outcome, job: int = 0) -> list[str]:
    """The log of one job: time, event and step, and the source of a failure."""
    return [
        f"{each.ticks} {each.event.name} {each.step}" + (f" by {each.source}" if each.source >= 0 else "")
        for each in outcome.log
        if each.job == job
    ]
