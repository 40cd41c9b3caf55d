"""The smallest cluster that meets a deadline, over clusters of which it is written down how long they take."""

from types import SimpleNamespace
from typing import Any

import pytest

from wafersim.planning import comparison


@pytest.fixture
def smallest(monkeypatch: pytest.MonkeyPatch):
    """`smallest({nodes: days}, deadline)` -> (nodes or None, what is said, sizes tried); what is not written down cannot run."""
    monkeypatch.setattr(comparison, "_machine", lambda _: SimpleNamespace(unit=8))
    monkeypatch.setattr(comparison, "_with_gpus", lambda _, gpus: gpus)

    def found(days: dict[int, float], deadline: float) -> tuple[int | None, str | None, list[int]]:
        tried: list[int] = []

        def simulated(name: str, gpus: Any, match: str) -> comparison.Side:
            nodes = gpus // 8
            tried.append(nodes)
            if nodes not in days:
                return comparison.Side(name, gpus, match, None, f"{nodes} nodes are too few")
            prediction: Any = SimpleNamespace(days_to_train=days[nodes], n_systems=gpus)
            return comparison.Side(name, gpus, match, prediction, None)

        monkeypatch.setattr(comparison, "_simulated", simulated)
        asked: Any = None
        side = comparison._by_deadline("side", asked, deadline)
        return (None if side.prediction is None else side.prediction.n_systems // 8), side.infeasible, tried

    return found


def even(upto: int) -> dict[int, float]:
    """1,000 days on one node, and as many times less on more."""
    return {nodes: 1000 / nodes for nodes in range(1, upto + 1)}


@pytest.mark.parametrize(("deadline", "nodes"), [(1000.0, 1), (999.0, 2), (50.0, 20), (10.0, 100), (9.99, 101)])
def test_the_smallest_that_is_fast_enough(smallest: Any, deadline: float, nodes: int) -> None:
    assert smallest(even(4096), deadline)[0] == nodes


def test_a_smaller_one_whose_numbers_divide_better_is_found(smallest: Any) -> None:
    # 32 nodes take 10 days and 31 take too long, but 29 divide the layers and take 9.5: halving passes them by.
    days = {nodes: 320 / nodes for nodes in range(1, 64)} | {29: 9.5}
    nodes, _, tried = smallest(days, 10.0)
    assert nodes == 29
    assert tried == [1, 2, 4, 8, 16, 32, 24, 28, 30, 31, 29]


def test_only_those_just_below_are_tried(smallest: Any) -> None:
    # A tenth below 30 nodes is 27: 26 would do, and nobody looks.
    nodes, _, tried = smallest({nodes: 300 / nodes for nodes in range(1, 64)} | {26: 1.0}, 10.0)
    assert nodes == 30
    assert min(tried[tried.index(30) + 1 :]) == 27
    # Twelve at the most: from 188 on below 200.
    _, _, tried = smallest({nodes: 2000 / nodes for nodes in range(1, 512)}, 10.0)
    assert min(tried[-12:]) == tried[-12] == 188


def test_none_that_is_fast_enough_says_the_nearest(smallest: Any) -> None:
    nodes, said, tried = smallest(even(4096), 0.1)
    assert nodes is None and tried[-1] == 4096
    assert said == "no cluster of up to 32768 GPUs meets 0.1 days: 32768 GPUs take 0.244 days"
    assert smallest({}, 1.0)[1] == "no cluster of up to 32768 GPUs meets 1 days: 4096 nodes are too few"
