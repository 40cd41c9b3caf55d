"""Many systems: the tail of a reduction grows with their number, is none for one, and costs what published ratios say."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wafersim.inputs.experiment import Experiment
from wafersim.simulation import job_of, simulate, simulate_step
from wafersim.strategies.weight_streaming.periodic import run_to_period
from wafersim.timeline.clock import to_seconds


def weak(systems: int, model: str = "cerebras-gpt-13b", batch: int = 60, **overrides: str) -> Experiment:
    numbers = {f"swarmx.{name}": value for name, value in overrides.items()}
    system = {"profile": "andromeda", "systems": systems, "software": "R1.7", "overrides": numbers}
    fields = {"name": "t", "model": model, "system": system, "training": {"batch_per_system": batch}}
    return Experiment.model_validate({**fields, "strategy": {"micro_batch": batch}})


NO_TAIL = {"reduction_tail": "0 s", "reduction_tail_per_parameter": "0 s"}


def test_one_system_has_no_tail() -> None:
    one = simulate_step(job_of(weak(1)))
    assert one.plan.reduction_tail == 0
    assert not len(one.periodic.timeline.of("tail"))
    assert one.prediction.breakdown["exposed_reduction"] == 0


def test_a_tail_is_so_many_seconds_for_each_doubling_and_all_of_it_is_exposed() -> None:
    # 10 ms + 5 ps x 1.316e9 parameters (6.579 ms), three times for 8 systems: 49.736 ms.
    numbers = {"reduction_tail": "10 ms", "reduction_tail_per_parameter": "5 ps"}
    with_it, without = (simulate(weak(8, "cerebras-gpt-1.3b", 121, **each)) for each in (numbers, NO_TAIL))
    assert with_it.breakdown["exposed_reduction"] == pytest.approx(49.736e-3, rel=1e-4)
    assert with_it.step_time_s - without.step_time_s == pytest.approx(49.736e-3, rel=1e-4)


def test_alike_systems_stay_alike_and_their_number_is_kept() -> None:
    """Eight and sixteen systems on the same levels of the tree fold to one system and differ in the tail alone."""
    plans = [simulate_step(job_of(weak(n))).plan for n in (8, 16)]
    assert [run_to_period(plan).plan.systems for plan in plans] == [1, 1]
    eight, sixteen = (run_to_period(plan) for plan in plans)
    tails = [plan.reduction_tail for plan in plans]
    assert float(sixteen.step_ticks - eight.step_ticks) == tails[1] - tails[0]
    assert tails[1] / tails[0] == pytest.approx(4 / 3)
    whole = run_to_period(plans[1], reductions=False)
    assert whole.step_ticks == sixteen.step_ticks


def test_sixteen_systems_keep_what_was_measured() -> None:
    """Table 4 of arXiv 2304.03208: 1.3B keeps 96.9 %, 6.7B 96.6 %, 20B 95.8 and 96.6 % at 16; 13B is told nothing of."""
    for model, batch in (("cerebras-gpt-1.3b", 121), ("cerebras-gpt-6.7b", 85), ("cerebras-gpt-13b", 60)):
        one, sixteen = (simulate(weak(n, model, batch)).samples_per_s for n in (1, 16))
        assert 0.95 < sixteen / one / 16 < 0.985


def test_the_tail_is_named_and_asked_of_the_machine() -> None:
    found = simulate_step(job_of(weak(16)))
    critical = found.prediction.critical
    assert critical is not None
    assert dict(critical.shares)["tail"] == pytest.approx(
        to_seconds(float(found.plan.reduction_tail)) / found.prediction.step_time_s, rel=1e-6
    )
    paths = ["swarmx.reduction_tail", "swarmx.reduction_tail_per_parameter"]
    percents = found.replay.elasticities(paths)
    # ln(1 + 0.01 s) / ln 1.01 for a share s: half a percent of s above s.
    assert sum(percents.values()) == pytest.approx(1.005 * dict(critical.shares)["tail"], rel=1e-3)


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 63), st.integers(1, 3), st.sampled_from([("cerebras-gpt-111m", 12), ("cerebras-gpt-1.3b", 33)]))
def test_more_systems_take_longer_a_step_and_train_faster(systems: int, more: int, job: tuple[str, int]) -> None:
    few, many = (simulate(weak(n, *job)) for n in (systems, systems + more))
    assert many.step_time_s >= few.step_time_s
    assert many.samples_per_s > few.samples_per_s


def test_a_sparse_model_reduces_less() -> None:
    dense = weak(16, "cerebras-gpt-1.3b", 121)
    sparse = dense.model_copy(update={"training": dense.training.model_copy(update={"density": 0.25})})
    base, per_parameter = 4 * 10e-3, 4 * 5e-12 * 1_315_723_264  # log2(16) doublings
    numbers = {"swarmx.reduction_tail": "10 ms", "swarmx.reduction_tail_per_parameter": "5 ps"}
    for asked, expected in ((dense, base + per_parameter), (sparse, base + per_parameter / 4)):
        system = asked.system.model_copy(update={"overrides": numbers})
        plan = simulate_step(job_of(asked.model_copy(update={"system": system}))).plan
        assert to_seconds(float(plan.reduction_tail)) == pytest.approx(expected, rel=1e-6)
