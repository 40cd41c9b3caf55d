"""The arrays of a bundle graph."""

import numpy as np

from wafersim.engine.graph import FROM_CHILDREN, TO_CHILDREN, Edges, build_graph, join, sorted_into
from wafersim.engine.longest_path import LongestPath


def test_sorting_by_bundle_keeps_the_order_of_equals() -> None:
    first, order = sorted_into(np.array([2, 0, 2, 1, 0]), 4)
    assert first.tolist() == [0, 2, 3, 5, 5]  # two of bundle 0, one of 1, two of 2, none of 3
    assert order.tolist() == [1, 4, 3, 0, 2]
    empty, nothing = sorted_into(np.zeros(0, np.int64), 2)
    assert (empty.tolist(), nothing.tolist()) == ([0, 0, 0], [])


def test_tasks_know_their_bundle_entity_duration_and_server() -> None:
    # Bundle 0: 2 tasks with durations of their own at 3, on servers 4 and 5. Bundle 1: 3 tasks with the one at 0 and no server.
    servers = (np.array([4, -1]), np.array([1, 0]), np.array([0, 0]))
    loop = Edges(np.array([0, 1]), np.array([0, 1]), distance=np.array([1, 3]))
    graph = build_graph(np.array([2, 3]), np.array([3, 0]), np.array([1, 0]), [loop], [], servers)
    assert (graph.tasks, graph.reach, graph.durations) == (5, 3, 5)
    assert graph.bundle_of.tolist() == [0, 0, 1, 1, 1]
    assert graph.entity_of.tolist() == [0, 1, 0, 1, 2]
    assert graph.duration_of.tolist() == [3, 4, 0, 0, 0]
    assert graph.server_of_task.tolist() == [4, 5, -1, -1, -1]


def test_graphs_side_by_side_keep_their_edges_and_count_their_own_steps() -> None:
    zero, one = np.array([0]), np.array([1])
    loop = build_graph(np.array([2]), zero, one, [Edges(zero, zero, distance=1, lag=1)], [])
    both, lags = join([(loop, np.array([0, 7])), (loop, np.array([0, 9]))])
    assert both.offset.tolist() == [0, 2]
    assert both.source.tolist() == [0, 1]
    assert both.group.tolist() == [0, 1]
    assert both.duration_of.tolist() == [0, 1, 2, 3]
    assert lags[both.lag].tolist() == [7, 9]


def test_each_of_joined_graphs_keeps_its_own_maps() -> None:
    # Two parents above three children, (0, 0, 1) in one graph and (1, 0, 0) in the other, one map before it in each.
    zero, one = np.array([0]), np.array([1])

    def family(parents: list[int]):
        edges = [Edges(one, zero, TO_CHILDREN, map=1), Edges(np.array([2]), one, FROM_CHILDREN, map=1)]
        return build_graph(np.array([2, 3, 2]), np.array([0, 2, 5]), one.repeat(3), edges, [[0], parents])

    graphs = [family([0, 0, 1]), family([1, 0, 0])]
    ticks = np.array([10, 20, 1, 2, 3, 0, 0])
    alone = [LongestPath(graph, zero).next_step(ticks).tolist() for graph in graphs]
    # Children end at 10 + 1, 10 + 2, 20 + 3, parents with the later of theirs; then at 20 + 1, 10 + 2, 10 + 3.
    assert alone == [[10, 20, 11, 12, 23, 12, 23], [10, 20, 21, 12, 13, 13, 21]]
    both, lags = join([(graph, zero) for graph in graphs])
    assert both.maps.tolist() == [0, 0, 0, 1, 0, 1, 0, 0]
    assert both.map_at.tolist() == [0, 1, 4, 5, 8]
    assert LongestPath(both, lags).next_step(np.tile(ticks, 2)).tolist() == alone[0] + alone[1]


def test_a_graph_counts_the_durations_of_its_widest_bundle() -> None:
    # Bundle 0 has durations 0 .. 4, bundle 1 the one at 2.
    loop = Edges(np.array([0, 1]), np.array([0, 1]), distance=1)
    assert build_graph(np.array([5, 3]), np.array([0, 2]), np.array([1, 0]), [loop], []).durations == 5
