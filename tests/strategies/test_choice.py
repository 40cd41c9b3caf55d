"""Micro-batches and policies are chosen by their steps, over steps of which it is written down how long they take."""

from dataclasses import replace
from typing import Any

import pytest

from tests.strategies.test_hand_computed import TWO_LAYERS, plan
from tests.strategies.test_planner import MACHINE, SETTINGS
from wafersim.errors import Infeasible
from wafersim.strategies.weight_streaming import choice
from wafersim.strategies.weight_streaming.activations import Policy
from wafersim.strategies.weight_streaming.periodic import run_to_period
from wafersim.strategies.weight_streaming.plan import Kernel
from wafersim.strategies.weight_streaming.planner import Planned

POLICY = Policy(0, "wafer")
NOTHING: Any = None


class Written:
    """Steps by their number of micro-batches: `ticks` of those that are written down, 1,000 of others; `fewest` that fit."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, ticks: dict[int, float], fewest: int = 1) -> None:
        self.simulated: list[int] = []

        def build(workload: Any, machine: Any, settings: Any, policy: Policy, costs: Any) -> Planned | str:
            count = settings.micro_batches
            return Planned(count, policy, NOTHING) if count >= fewest else "too large"

        def fastest(policies: Any, workload: Any, machine: Any, settings: Any) -> choice.Fastest:
            self.simulated.append(settings.micro_batches)
            return choice.Fastest(POLICY, "", ticks.get(settings.micro_batches, 1000.0))

        monkeypatch.setattr(choice, "build_plan", build)
        monkeypatch.setattr(choice, "_fastest_policy", fastest)
        monkeypatch.setattr(choice, "_lower_bound", lambda count: ticks.get(count, 1000.0))

    def best_of(self, shard: int) -> int:
        alone = replace(SETTINGS, shards=(shard,))
        return choice._fastest_micro_batches((POLICY,), NOTHING, MACHINE, alone)


@pytest.mark.parametrize("fewest", [1, 2, 3, 11, 31, 64])
def test_the_fewest_that_fit(monkeypatch: pytest.MonkeyPatch, fewest: int) -> None:
    written = Written(monkeypatch, {}, fewest)
    written.best_of(64)
    assert written.simulated[0] == fewest and min(written.simulated) == fewest


def test_a_sequence_that_does_not_fit_alone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Infeasible, match="no micro-batch fits: too large"):
        Written(monkeypatch, {}, 65).best_of(64)


def test_counts_are_doubled_over_one_that_is_slower(monkeypatch: pytest.MonkeyPatch) -> None:
    # 4 is slower than 2, and 8 faster than both; 16 and 32 are tried, a fourfold of the best, and 64 is not.
    written = Written(monkeypatch, {2: 50, 4: 60, 8: 40}, fewest=2)
    assert written.best_of(1000) == 8
    assert written.simulated[:5] == [2, 4, 8, 16, 32] and 64 not in written.simulated


def test_between_the_doublings_every_size_from_a_quarter_to_twice_the_best_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # 64 sequences, best of the doublings 8 micro-batches of 8. Sizes 2 to 16: 32, 22, 16, 13, 11, 10, 8, 7, 6, 5 and 4 of them.
    doublings = {1: 90, 2: 80, 4: 70, 8: 40, 16: 50, 32: 60}
    for between in (22, 13, 11, 10, 7, 6, 5):
        assert Written(monkeypatch, doublings | {between: 39}).best_of(64) == between
    assert Written(monkeypatch, doublings | {between: 41}).best_of(64) == 8
    assert Written(monkeypatch, doublings | {9: 1}).best_of(64) == 8  # sizes of 8 and 7 make 8 and 10 micro-batches
    assert Written(monkeypatch, doublings | {3: 1}).best_of(64) == 8  # a size of 22 is more than twice


def test_the_system_with_the_largest_shard_decides() -> None:
    alone = choice._alone(replace(SETTINGS, shards=(7, 6, 6)))
    assert alone.shards == (7,)


def test_many_micro_batches_go_on_as_the_first_few_do() -> None:
    # With credits for all chunks the wafer never waits once it works: 50 ticks a micro-batch.
    many = replace(TWO_LAYERS, micro_batches=30, size_of=((0,) * 30,) * 2, weight_credits=90)
    step = run_to_period(many).step_ticks
    assert step > 30 * 50
    assert choice._step_ticks(many) == step


def test_a_step_takes_at_least_what_its_busiest_resource_needs() -> None:
    # Two micro-batches: five kernels of 10; three chunks of 3 come in, two of 3 go out.
    assert choice._lower_bound(TWO_LAYERS) == 2 * 5 * 10
    slow = replace(TWO_LAYERS.layers[0], ingress_ticks=(100,), egress_ticks=(90,))
    assert choice._lower_bound(replace(TWO_LAYERS, layers=(slow, slow))) == 2 * 3 * 100
    slow = replace(TWO_LAYERS.layers[0], egress_ticks=(100,))
    assert choice._lower_bound(replace(TWO_LAYERS, layers=(slow, slow))) == 2 * 2 * 100


def test_activations_take_their_turn_on_the_links() -> None:
    # Pieces of 60 and 40 of one offload, and of one fetch; a chunk of 3 beside either.
    kernels = [
        Kernel("forward", 0, streams=True, frees=True, offloads=2),
        Kernel("wgrad", 0, drains=True, fetches=2, releases_fetch=True),
    ]
    both = replace(plan(kernels, layers=1, systems=1, micro_batches=2), fetch_ticks=((60, 40),))
    assert choice._lower_bound(both) == 2 * (100 + 3)
    out = replace(both, kernels=(kernels[0], replace(kernels[1], fetches=0)))
    assert choice._lower_bound(replace(out, layers=(replace(out.layers[0], ingress_ticks=(1,)),))) == 2 * (100 + 3)
