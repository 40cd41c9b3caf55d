"""Slack says where the step time bends: both sides of the bend are simulated here."""

import pytest

from wafersim.inputs.loader import load_experiment
from wafersim.simulation import job_of, simulate_step
from wafersim.strategies.critical import critical_ops, critical_tasks
from wafersim.strategies.weight_streaming.periodic import run_to_period
from wafersim.strategies.weight_streaming.slack import COST, scaled, slacks


@pytest.fixture(scope="module", params=["none", "global-norm"])
def periodic(request):
    sets = [f"training.gradient_clipping={request.param}", "model=cerebras-gpt-1.3b"]
    return simulate_step(job_of(load_experiment("hello_111m", sets))).periodic


def ticks(periodic, resource: str, scale: float) -> float:
    return float(run_to_period(scaled(periodic.plan, resource, scale)).step_ticks)


def test_what_binds_pays_in_full_up_to_its_factor_and_less_beyond(periodic) -> None:
    found = [slack for slack in slacks(periodic) if slack.binds and slack.factor is not None]
    assert found
    for slack in found:
        step, bend = float(periodic.step_ticks), 1 / slack.factor
        slope = slack.share * step
        assert ticks(periodic, slack.resource, (1 + bend) / 2) == pytest.approx(step - slope * (1 - bend) / 2, rel=1e-4)
        beyond = ticks(periodic, slack.resource, bend / 2)
        assert beyond > (step - slope * (1 - bend / 2)) * 1.01


def test_what_does_not_bind_costs_a_hundredth_at_its_factor(periodic) -> None:
    found = [slack for slack in slacks(periodic) if not slack.binds]
    assert found
    for slack in found:
        longer = ticks(periodic, slack.resource, slack.factor) / float(periodic.step_ticks)
        assert longer == pytest.approx(1 + COST, abs=1e-4)


def test_the_marked_tasks_follow_each_other_without_a_gap_but_latency(periodic) -> None:
    tasks, chain = critical_tasks(periodic), critical_ops(periodic)
    assert tasks.busy() + chain.ticks["latency"] == pytest.approx(float(periodic.step_ticks) * chain.steps, rel=1e-9)
