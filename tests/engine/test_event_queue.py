"""The event queue on graphs small enough to work out by hand."""

import numpy as np
import pytest

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


def queue_of(server: list[int], rank: list[int], ticks: list[int], chained: list[int], rows: int) -> EventQueue:
    """Task 0 waits for nothing in its step, 2 for 1; each of `chained` waits for itself in the step before. The state of `rows`
    steps is kept.
    """
    loops = np.array(chained)
    edges = [Edges(loops, loops, distance=1), Edges(np.array([2]), np.array([1]))]
    nothing = np.zeros(3, np.int64)
    servers = (np.array(server), nothing, np.array(rank))
    graph = build_graph(np.ones(3, np.int64), np.arange(3), nothing, edges, [], servers)
    return EventQueue(graph, np.zeros(1, np.int64), lambda _, step: np.array(ticks), rows)


def test_who_asks_in_the_same_tick_in_a_step_that_is_not_there_yet_has_its_turn() -> None:
    # Task 0 is served 0-5 and 5-10, and at 10 asks for its step 2, which is beyond the two that are kept. Task 1 ends at 10,
    # 20, 30 without a server; then task 2 asks, in the same tick 10 for the first time, and task 0 comes first: 10-15, 15-16.
    # Task 0 goes on 16-21; task 2 of step 1 (there at 20) 21-22; task 0 22-27, 27-32; task 2 of step 2 (there at 30) 32-33.
    queue = queue_of(server=[0, -1, 0], rank=[0, 0, 1], ticks=[5, 10, 1], chained=[0, 1, 2], rows=2)
    assert queue.next_step().tolist() == [5, 10, 16]
    assert queue.next_step().tolist() == [10, 20, 22]
    assert queue.next_step().tolist() == [15, 30, 33]


@pytest.mark.parametrize(
    ("server", "rank", "chained"),
    [
        ([-1, -1, 0], [0, 0, 0], [0, 1]),  # 2 asks as soon as 1 has ended, whether or not it was served before
        ([0, 0, -1], [0, 0, 0], [0, 1, 2]),  # 0 and 1 ask side by side under one rank
    ],
)
def test_a_source_that_asks_for_two_things_at_once_is_refused(
    server: list[int], rank: list[int], chained: list[int]
) -> None:
    with pytest.raises(AssertionError, match="asks a server for the next before it was served"):
        queue_of(server, rank, [5, 10, 1], chained, rows=4).next_step()
