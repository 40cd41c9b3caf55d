"""The slowest circuit sets the period."""

from fractions import Fraction

import numpy as np

from wafersim.engine.graph import FROM_ALL, TO_ALL, Edges, build_graph
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
