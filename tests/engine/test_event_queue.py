"""The event queue on graphs small enough to work out by hand."""

import numpy as np

from wafersim.engine.event_queue import EventQueue
from wafersim.engine.graph import Edges, build_graph


def test_a_server_goes_on_with_others_while_one_request_is_long_in_coming() -> None:
    # Task 0 takes 1,000,000 ticks without a server, then task 1 asks; tasks 2 .. 401 ask one after the other, 3 ticks each,
    # and the next step begins when task 1 has ended.
    short = np.arange(2, 402)
    n = len(short) + 2
    server, rank = np.full(n, -1), np.zeros(n, np.int64)
    server[1:], rank[1] = 0, 1
    edges = [
        Edges(np.array([1]), np.array([0])),
        Edges(short[1:], short[:-1]),
        Edges(np.array([0, 2]), np.array([1, 1]), distance=1),
    ]
    graph = build_graph(
        np.ones(n, np.int64), np.arange(n), np.zeros(n, np.int64), edges, [], (server, np.zeros(n, np.int64), rank)
    )
    durations = np.full(n, 3)
    durations[0] = 1_000_000
    ends = EventQueue(graph, np.zeros(1, np.int64), lambda _, step: durations).next_step()
    assert ends[1] == 1_000_003
    assert np.array_equal(ends[2:], 3 * np.arange(1, 401))
