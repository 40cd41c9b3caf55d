"""Tasks in an order in which each comes after all that it waits for."""

import numpy as np

from wafersim.engine.topology import topological_order


def ordered(tasks: int, edges: list[tuple[int, int]]) -> list[int]:
    """`edges` are (waits, for whom)."""
    to, source = np.array(edges, np.int64).reshape(-1, 2).T
    return topological_order(tasks, np.ascontiguousarray(to), np.ascontiguousarray(source)).tolist()


def test_a_task_that_waits_for_two_comes_after_both() -> None:
    # 3 is followed by 1 and 2, and 0 waits for both of them: once it is ready, not twice.
    assert ordered(4, [(1, 3), (2, 3), (0, 1), (0, 2)]) == [3, 1, 2, 0]


def test_two_edges_between_the_same_tasks_count_as_two() -> None:
    assert ordered(3, [(0, 1), (0, 1), (0, 2)]) == [1, 2, 0]


def test_who_waits_for_nobody_keeps_its_place() -> None:
    assert ordered(3, []) == [0, 1, 2]


def test_a_circuit_leaves_its_tasks_and_those_behind_it_out() -> None:
    # 0 is free; 1 and 2 wait for each other, and 3 for 2.
    assert ordered(4, [(1, 2), (2, 1), (3, 2)]) == [0]
