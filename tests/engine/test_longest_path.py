"""The longest path through bundles: each relation between entities on a graph small enough to work out by hand."""

import numpy as np
import pytest

from wafersim.engine.graph import FROM_ALL, FROM_CHILDREN, SAME, TO_ALL, TO_CHILDREN, Edges, build_graph
from wafersim.engine.longest_path import LongestPath

ZERO, ONE = np.array([0]), np.array([1])
PARENTS = [0, 0, 1]  # children 0 and 1 hang below parent 0, child 2 below parent 1


def ends_of_second(width: int, other: int, relation: int, first: list[int], second: list[int]) -> list[int]:
    """Ends of the second bundle, which waits for the first by one relation, 2 ticks later."""
    graph = build_graph(
        np.array([width, other]), np.array([0, width]), np.array([1, 1]), [Edges(ONE, ZERO, relation, lag=1)], [PARENTS]
    )
    ends = LongestPath(graph, np.array([0, 2])).next_step(np.array([*first, *second]))
    assert ends[:width].tolist() == first  # nothing before them
    return [int(end) for end in ends[width:]]


@pytest.mark.parametrize(
    ("relation", "first", "second", "expected"),
    [
        (SAME, [5, 9], [1, 1], [5 + 2 + 1, 9 + 2 + 1]),
        (TO_ALL, [5], [1, 4], [5 + 2 + 1, 5 + 2 + 4]),
        (FROM_ALL, [5, 9, 7], [1], [9 + 2 + 1]),
        (FROM_ALL, [5, 7, 9], [1], [9 + 2 + 1]),
        (TO_CHILDREN, [5, 9], [1, 2, 3], [5 + 2 + 1, 5 + 2 + 2, 9 + 2 + 3]),
        (FROM_CHILDREN, [5, 9, 7], [1, 1], [9 + 2 + 1, 7 + 2 + 1]),
    ],
)
def test_each_relation(relation: int, first: list[int], second: list[int], expected: list[int]) -> None:
    assert ends_of_second(len(first), len(second), relation, first, second) == expected


def test_one_duration_serves_a_bundle_of_stride_zero() -> None:
    graph = build_graph(np.array([3]), ZERO, ZERO, [Edges(ZERO, ZERO, distance=1)], [])
    path = LongestPath(graph, ZERO)
    assert path.next_step(np.array([4])).tolist() == [4, 4, 4]
    assert path.next_step(np.array([6])).tolist() == [10, 10, 10]


def test_a_graph_whose_server_chooses_is_not_its_business() -> None:
    servers = (ZERO, ZERO, ZERO)
    graph = build_graph(ONE, ZERO, ZERO, [Edges(ZERO, ZERO, distance=1)], [], servers)
    with pytest.raises(AssertionError, match="event queue"):
        LongestPath(graph, ZERO)


def test_an_edge_of_some_distance_reaches_so_many_steps_back() -> None:
    # Task 0 takes 4 after itself a step ago; task 1 takes 1 after task 0 two steps ago: nothing in the first two steps.
    edges = [Edges(ZERO, ZERO, distance=1), Edges(ONE, ZERO, distance=2)]
    path = LongestPath(build_graph(np.array([1, 1]), np.array([0, 1]), np.array([0, 0]), edges, []), ZERO)
    assert [path.next_step(np.array([4, 1])).tolist() for _ in range(4)] == [[4, 1], [8, 1], [12, 4 + 1], [16, 8 + 1]]
