"""The two engines of whole runs, written apart from docs/whole_runs.md, agree event for event and tick for tick."""

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.training_run.audit import audit
from tests.training_run.plans import drawn_plan, run_plans
from tests.training_run.test_processes import lasting
from wafersim.training_run.compiled import run_compiled
from wafersim.training_run.plan import Event, RunPlan
from wafersim.training_run.processes import run_reference


def agree(plan: RunPlan, seed: int, run: int = 0) -> None:
    reference, compiled = run_reference(plan, seed, run), run_compiled(plan, seed, run)
    for ours, theirs in zip(reference.log, compiled.log, strict=False):
        assert ours == theirs
    assert len(reference.log) == len(compiled.log)
    assert reference == compiled  # ends, losses, by source, failures, starts, saves
    assert reference == run_compiled(plan, seed, run, log=False)  # which jumps over saves that nothing comes between


@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(run_plans(), st.integers(0, 2**63 - 1), st.integers(0, 10_000))
def test_on_drawn_plans(plan: RunPlan, seed: int, run: int) -> None:
    agree(plan, seed, run)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(run_plans(shrinks=True), st.integers(0, 3))
def test_on_plans_that_hypothesis_can_shrink(plan: RunPlan, seed: int) -> None:
    agree(plan, seed)


@pytest.mark.slow
@settings(max_examples=20_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(run_plans(), st.integers(0, 2**63 - 1), st.integers(0, 10_000))
def test_on_many_drawn_plans(plan: RunPlan, seed: int, run: int) -> None:
    agree(plan, seed, run)


@pytest.mark.parametrize("backfill", [True, False])
def test_on_jobs_that_end_at_one_instant(backfill: bool) -> None:
    """Rare among drawn plans: two make room for one that needs both, before the later one that fits into the first."""
    jobs = (lasting(10, 1), lasting(10, 1), lasting(3, 2), lasting(1, 1))
    agree(RunPlan(jobs, systems=2, backfill=backfill), seed=1)


def test_what_is_drawn_has_every_event_and_ties() -> None:
    """The tests above are worth something only if each rule is met often, and many things happen at one instant."""
    told, ties = dict.fromkeys(Event, 0), 0
    for seed in range(200):
        plan = drawn_plan(Random(seed))
        outcome = run_reference(plan, seed)
        audit(plan, outcome)
        for before, each in zip(outcome.log, outcome.log[1:], strict=False):
            told[each.event] += 1
            ties += before.ticks == each.ticks and each.event == Event.FAILED
    assert min(count for event, count in told.items() if event != Event.BEGIN) > 10, told
    assert ties > 100
