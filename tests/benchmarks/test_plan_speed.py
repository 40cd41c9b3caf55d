"""How long a plan takes over six kinds of hardware, and what its search leaves out."""

from pytest_benchmark.fixture import BenchmarkFixture

from wafersim.planning.goal import plan
from wafersim.planning.planned import Planned
from wafersim.planning.speculation import cores

QUESTION = {
    "goal": {"days": 60.0, "budget": "10 MUSD"},
    "common": {"model": "llama2-70b", "training": {"tokens": "2T"}},
    "candidates": [{"on": name} for name in ("cs3", "h100", "h200", "b200", "gb200", "a100")],
}


def test_a_plan_over_six_kinds_of_hardware(benchmark: BenchmarkFixture) -> None:
    """10 s are wanted, on two idle cores; a second round, so that nothing is compiled."""
    found: Planned = benchmark.pedantic(
        lambda: plan(QUESTION, workers=cores()), rounds=2, iterations=1, warmup_rounds=1
    )
    assert found.answer is not None
    benchmark.extra_info.update(considered=found.considered, bounded=found.bounded, simulated=found.simulated)
