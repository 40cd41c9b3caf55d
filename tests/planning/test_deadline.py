"""The smallest cluster that meets a deadline, over clusters of which it is written down how long they take."""

from types import SimpleNamespace
from typing import Any

import pytest

from wafersim.planning import comparison
from wafersim.planning.deadline import batches_near, smaller_cluster


@pytest.fixture
def smallest(monkeypatch: pytest.MonkeyPatch):
    """`smallest({nodes: days}, deadline)` -> (nodes or None, what is said, sizes tried); what is not written down cannot run."""
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
        asked: Any = SimpleNamespace(machine=SimpleNamespace(unit=8))
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


def test_batches_near_are_within_an_eighth() -> None:
    assert batches_near(1024) == (1152, 1088, 960, 896)
    assert batches_near(1) == () and all(0.87 < one / 720 < 1.13 for one in batches_near(720))


def preferred(
    days: dict[tuple[int, int], float], most: int, deadline: float
) -> tuple[tuple[int, int] | None, list[int]]:
    """((nodes, batch) or None, nodes that were simulated) over days that are written down by (nodes, batch)."""
    tried: list[int] = []

    def attempt(nodes: int, batch: int) -> tuple[int, int] | None:
        tried.append(nodes)
        return (nodes, batch) if days[nodes, batch] <= deadline else None

    found = smaller_cluster((90, 110), most, deadline, lambda *one: days.get(one, 1e9), attempt)
    return (None if found is None else found[0]), tried


def test_another_batch_saves_nodes_where_it_divides_over_fewer() -> None:
    # 64 nodes are needed with the batch that was asked; 45 do it with 110 sequences.
    days = {(nodes, batch): (450 if batch == 110 else 640) / nodes for nodes in range(1, 65) for batch in (90, 110)}
    assert preferred(days, 64, 10.0)[0] == (45, 110)
    # One of a tenth fewer, whose numbers divide better still, is found.
    assert preferred(days | {(42, 90): 9.0}, 64, 10.0)[0] == (42, 90)


def test_another_batch_is_not_taken_for_a_node_or_two() -> None:
    days = {(nodes, batch): 630 / nodes for nodes in range(1, 65) for batch in (90, 110)}
    assert preferred(days, 64, 10.0) == (None, [])


def test_an_estimate_that_was_too_good_does_not_count() -> None:
    days = {(nodes, 110): 450 / nodes for nodes in range(1, 65)}
    tried: list[int] = []
    found = smaller_cluster((110,), 64, 10.0, lambda *one: days[one], lambda nodes, _: tried.append(nodes))
    assert found is None and tried == list(range(45, 53))


def test_a_deadline_prefers_its_batch_and_says_so_where_another_needs_fewer_gpus(tmp_path: Any) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(
        "name: x\ncommon:\n  model: cerebras-gpt-13b\n  training: {sequence_length: 2048, batch: 128, tokens: 1e9}\n"
        "deadline_days: 0.05\nsides:\n"
        "  - {name: a, fields: {system: {profile: dgx-a100-80gb, gpus: 64}, strategy: auto}}\n"
        "  - {name: b, match: deadline, fields: {system: {profile: dgx-a100-80gb}, strategy: auto}}\n"
    )
    side = comparison.compare(path)[1]
    # 128 sequences go round on powers of two and 3 x 64 GPUs; 144 of them on 18 nodes too.
    assert side.prediction.days_to_train <= 0.05 and side.prediction.n_systems < 192
    assert side.prediction.batch == side.experiment.training.batch != 128
    assert side.note == f"batch {side.prediction.batch} instead of 128, with which 192 GPUs are needed"
    assert side.to_json()["note"] == side.note
