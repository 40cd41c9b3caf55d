"""What is reported of steps that never repeat, and of engines that disagree."""

import weakref
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.strategies.test_hand_computed import TWO_LAYERS
from wafersim.engine.graph import Ints
from wafersim.errors import WafersimError
from wafersim.inputs.experiment import Experiment
from wafersim.simulation import jobs_of, simulate_run
from wafersim.strategies import run
from wafersim.strategies.gpu_parallel import periodic as of_gpus
from wafersim.strategies.registry import strategy_of
from wafersim.strategies.run import compare_step, settle
from wafersim.strategies.weight_streaming import periodic as of_wafers
from wafersim.strategies.weight_streaming.processes import Reference
from wafersim.timeline.timeline import Timeline


class Plan:
    """What settling asks of a plan."""

    arrival_order = ()

    def __init__(self, repeats: bool) -> None:
        self.repeats = repeats


class Steps:
    """Steps whose tasks end when it is written down."""

    reach = 1

    def __init__(self, ends: Sequence[int | tuple[int, int]]) -> None:
        self._ends = iter(ends)

    def next_step(self) -> Ints:
        return np.atleast_1d(next(self._ends))

    def timeline(self, step: int, ends: Ints) -> Timeline:
        raise NotImplementedError


def test_with_jitter_eight_steps_are_averaged_after_two_of_warm_up() -> None:
    # Two steps of 100, then 1 .. 8: 36 ticks in eight steps. Between the ends of those eight lie 2 .. 8: mean 5, deviation 2.
    found = settle(Plan(repeats=False), Steps(np.cumsum([100, 100, *range(1, 9)]).tolist()), "fast", "")
    assert (found.step_ticks, found.steps_simulated, found.exact) == (36 / 8, 10, False)
    assert found.spread == pytest.approx(2 / 5)


def test_a_step_that_never_repeats_is_the_mean_of_the_last_twelve() -> None:
    # Step k has tasks that end at k^2 and at k^2 + k, so that they never move alike: (200 x 201 - 188 x 189) / 12.
    found = settle(Plan(repeats=True), Steps([(k * k, k * k + k) for k in range(1, 201)]), "fast", "")
    assert (found.step_ticks, found.steps_simulated, found.exact) == (389, 200, False)


@pytest.mark.parametrize("column", ["start", "end"])
def test_engines_that_differ_by_a_tick_are_told(column: str) -> None:
    step = Reference(TWO_LAYERS).run_step()
    compare_step("fast", step, step)
    moved: Any = getattr(step, column).copy()
    moved[3] += 1
    with pytest.raises(WafersimError, match="engines disagree first at"):
        compare_step("fast", step, replace(step, **{column: moved}))


def test_only_the_steps_that_a_period_is_seen_over_are_kept() -> None:
    """Two hundred steps of millions of tasks would not fit in memory: a weak reference to a step dies when it is let go of."""
    made: list[weakref.ref[Ints]] = []
    most = 0

    class Counted(Steps):
        def next_step(self) -> Ints:
            nonlocal most
            ends = super().next_step()
            made.append(weakref.ref(ends))
            most = max(most, sum(each() is not None for each in made))
            return ends

    settle(Plan(repeats=True), Counted([(k * k, k * k + k) for k in range(1, 201)]), "fast", "")
    assert len(made) == 200 and most <= 14  # twelve steps apart, and one for the reach, and the new one


@pytest.mark.parametrize(
    "system", [{"profile": "dgx-h100", "gpus": 16}, {"profile": "cs2", "systems": 2}], ids=["gpus", "wafers"]
)
def test_what_a_choice_has_simulated_is_not_simulated_again(
    system: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    training = {"sequence_length": 2048, "batch": 256, "tokens": "1B"}
    asked = {"name": "a", "model": "cerebras-gpt-1.3b", "system": system, "strategy": "auto", "training": training}
    settled: list[Any] = []

    def noted(plan: Any, *how: Any) -> Any:
        settled.append(plan)
        return settle(plan, *how)

    monkeypatch.setattr(run, "settle", noted)
    run.remembered.cache_clear()
    simulate_run(jobs_of(Experiment.model_validate(asked)), told=False)
    assert settled and len(settled) == len(set(settled))  # each of them once


def test_a_strategy_runs_plans_as_its_search_does_and_not_as_another() -> None:
    gpus, wafers = strategy_of("gpu-parallel"), strategy_of("weight-streaming")
    assert gpus == of_gpus.Runs() and wafers == of_wafers.Runs()
    assert gpus != wafers and gpus != object() and of_gpus.Runs() != of_wafers.Runs()
