"""The slowest circuit sets the period."""

from fractions import Fraction

import numpy as np

from wafersim.engine.graph import FROM_ALL, FROM_CHILDREN, SAME, TO_ALL, TO_CHILDREN, Edges, build_graph
from wafersim.engine.steady_state import maximum_cycle_ratio


def test_the_slowest_of_two_circuits() -> None:
    # 0 -> 1 -> 0 takes 3 + 4 ticks and a lag of 1 or 2 in one step; 1 -> 2 -> 1 takes 4 and what task 2 takes in three.
    at = np.arange(3)
    edges = [
        Edges(np.array([1]), np.array([0])),
        Edges(np.array([0]), np.array([1]), distance=1, lag=1),
        Edges(np.array([2]), np.array([1]), distance=1),
        Edges(np.array([1]), np.array([2]), distance=2),
    ]
    graph = build_graph(np.ones(3, np.int64), at, np.zeros(3, np.int64), edges, [])
    assert maximum_cycle_ratio(graph, np.array([0, 1]), np.array([3, 4, 19])) == 8  # 23 / 3 < 8
    assert maximum_cycle_ratio(graph, np.array([0, 1]), np.array([3, 4, 21])) == Fraction(25, 3)
    assert maximum_cycle_ratio(graph, np.array([0, 2]), np.array([3, 4, 21])) == 9


def test_through_the_slowest_entity_of_a_bundle() -> None:
    # 0 -> all of bundle 1 (2, 11 and 5 ticks) -> 0: 4 + 11.
    edges = [
        Edges(np.array([1]), np.array([0]), TO_ALL),
        Edges(np.array([0]), np.array([1]), FROM_ALL, distance=1),
    ]
    graph = build_graph(np.array([1, 3]), np.array([0, 1]), np.array([1, 1]), edges, [])
    assert maximum_cycle_ratio(graph, np.array([0]), np.array([4, 2, 11, 5])) == 15


def test_through_a_tree_each_child_meets_its_own_parent() -> None:
    # Parents of 1 and 100 ticks, children of 50, 7 and 2, of which the last alone hangs below the slow parent; a parent's next
    # step waits for all of its children. Circuits: 1 + 50, 1 + 7, 100 + 2.
    maps = [[0, 0, 1]]
    edges = [
        Edges(np.array([1]), np.array([0]), TO_CHILDREN),
        Edges(np.array([0]), np.array([1]), FROM_CHILDREN, distance=1),
    ]
    graph = build_graph(np.array([2, 3]), np.array([0, 2]), np.array([1, 1]), edges, maps)
    assert maximum_cycle_ratio(graph, np.array([0]), np.array([1, 100, 50, 7, 2])) == 102
    assert maximum_cycle_ratio(graph, np.array([0]), np.array([1, 10, 50, 7, 2])) == 51


def test_entities_of_two_bundles_pair_off() -> None:
    # 10 + 1 and 2 + 30, each pair for itself.
    edges = [Edges(np.array([1]), np.array([0]), SAME), Edges(np.array([0]), np.array([1]), SAME, distance=1)]
    graph = build_graph(np.array([2, 2]), np.array([0, 2]), np.array([1, 1]), edges, [])
    assert maximum_cycle_ratio(graph, np.array([0]), np.array([10, 2, 1, 30])) == 32
