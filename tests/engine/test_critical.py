"""The chain behind the latest task."""

import numpy as np

from wafersim.engine.critical import _served_before, critical_chain
from wafersim.engine.graph import Edges, build_graph
from wafersim.engine.longest_path import LongestPath

# Tasks 0 and 1 start a step, 2 waits for both, 1 tick after 0; a step begins when the one before has ended.
GRAPH = build_graph(
    np.ones(3, np.int64), np.arange(3), np.zeros(3, np.int64),
    [
        Edges(np.array([2]), np.array([0]), lag=1),
        Edges(np.array([2]), np.array([1])),
        Edges(np.array([0, 1]), np.array([2, 2]), distance=1),
    ],
    [],
)  # fmt: skip
LAGS, DURATIONS = np.array([0, 1]), np.array([6, 4, 3])


def test_the_chain_closes_over_a_period() -> None:
    # A step takes 6 + 1 + 3 = 10; task 1 has 3 ticks to spare.
    ends = LongestPath(GRAPH, LAGS).next_step(DURATIONS)
    assert ends.tolist() == [6, 4, 10]
    chain = critical_chain(GRAPH, LAGS, ends[None], (ends - DURATIONS)[None], 10)
    assert chain.task.tolist() == [2, 0]
    assert chain.lag.tolist() == [1, 0]
    assert chain.steps == 1


def test_without_a_period_the_chain_ends_where_the_window_begins() -> None:
    path = LongestPath(GRAPH, LAGS)
    ends = np.array([path.next_step(DURATIONS).copy(), path.next_step(DURATIONS).copy()])
    chain = critical_chain(GRAPH, LAGS, ends, ends - DURATIONS, None)
    assert (chain.task.tolist(), chain.step.tolist()) == ([2, 0, 2, 0], [1, 1, 0, 0])
    assert chain.steps == 0


def test_a_server_holds_up_whom_it_serves_next() -> None:
    # Two tasks of one server, 5 and 3 ticks, both ready at 0: the second starts when the first has ended.
    loop = Edges(np.array([0, 1]), np.array([0, 1]), distance=1)
    graph = build_graph(
        np.ones(2, np.int64), np.arange(2), np.zeros(2, np.int64), [loop], [],
        (np.zeros(2, np.int64), np.zeros(2, np.int64), np.arange(2)),
    )  # fmt: skip
    ends, starts = np.array([[5, 8]]), np.array([[0, 5]])
    chain = critical_chain(graph, np.array([0]), ends, starts, None)
    assert chain.task.tolist() == [1, 0]


def test_of_tasks_without_duration_in_one_tick_the_one_with_the_lower_number_was_served_before() -> None:
    users, ticks = np.array([0, 1, 2]), np.array([[5, 5, 3]])
    assert _served_before(users, ticks, ticks, -1, 1, 0) == (0, 0)
    assert _served_before(users, ticks, ticks, -1, 0, 0) == (2, 0)
    assert _served_before(users, ticks, ticks, -1, 2, 0) == (-1, 0)


def test_a_user_of_a_later_step_can_have_been_served_before() -> None:
    # One server, a period of 10: task 0 is served 3-5, 13-15, task 1 15-17, 25-27. Before task 1 of step 0 comes task 0 of
    # step 1; before task 0 of step 0 (3) task 1 of two steps earlier, -5 to -3.
    users, starts, ends = np.array([0, 1]), np.array([[3, 15]]), np.array([[5, 17]])
    assert _served_before(users, starts, ends, 10, 1, 0) == (0, 1)
    assert _served_before(users, starts, ends, 10, 0, 0) == (1, -2)
