"""Many runs by the order of one: hand-computed, and by the event queue."""

import numpy as np
import pytest

from wafersim.engine.event_queue import EventQueue
from wafersim.engine.graph import BundleGraph, Edges, build_graph
from wafersim.engine.longest_path import LongestPath
from wafersim.engine.schedule import LANES, Schedule, as_served, in_any_order, solve
from wafersim.engine.waits import waits_of

NO_LAG = np.zeros(1, np.int64)


def two_sources(served: bool = True) -> BundleGraph:
    """Task 0 of a ticks, then 1 at a server, 5 ticks; task 2 of b ticks, then 3 there, 5 ticks, last of equals. Each pair
    begins its next step when its service has ended; without `served` 3 waits for 1 instead.
    """
    server = np.array([-1, 0, -1, 0]) if served else np.full(4, -1)
    edges = [Edges(np.array([1, 3]), np.array([0, 2])), Edges(np.array([0, 2]), np.array([1, 3]), distance=1)]
    if not served:
        edges.append(Edges(np.array([3]), np.array([1])))
    nothing, one = np.zeros(4, np.int64), np.ones(4, np.int64)
    return build_graph(one, np.arange(4), nothing, edges, [], (server, nothing, np.array([0, 0, 0, 1])))


def ticks(a: int, b: int, of_3: int = 5) -> np.ndarray:
    return np.array([a, 5, b, of_3])


def queued(graph: BundleGraph, durations: np.ndarray, steps: int) -> list[np.ndarray]:
    queue = EventQueue(graph, NO_LAG, lambda _, step: durations)
    return [queue.next_step() for _ in range(steps)]


def of_1_and_2(graph: BundleGraph, steps: int = 2) -> Schedule:
    found = as_served(graph, waits_of(graph), queued(graph, ticks(1, 2), steps + 3), ticks(1, 2), steps)
    assert found is not None
    return found


def test_two_steps_by_hand() -> None:
    # 0 ends at 1, 1 is served 1-6, 2 ends at 2, 3 is served 6-11. Then 0 ends at 7 and 1 is served 11-16; 2 ends at 13 and 3 is
    # served 16-21.
    graph = two_sources()
    (ends,), (fits,) = solve(of_1_and_2(graph), ticks(1, 2)[None], NO_LAG[None])
    assert ends.tolist() == [[1, 6, 2, 11], [7, 16, 13, 21]] and fits


@pytest.mark.parametrize(
    ("a", "b", "fits"),
    [(1, 4, True), (2, 2, True), (2, 1, False), (4, 3, False), (900, 1, False), (1, 900, False)],
)
def test_an_order_serves_those_that_ask_in_it(a: int, b: int, fits: bool) -> None:
    # Of equals 1 comes first by rank. Where 2 ends before 0, 3 is served first; where b is 900, 1 of many steps comes before 3.
    graph = two_sources()
    (ends,), (found,) = solve(of_1_and_2(graph), ticks(a, b)[None], NO_LAG[None])
    assert found == fits
    if fits:
        assert np.array_equal(ends, queued(graph, ticks(a, b), 2))


@pytest.mark.parametrize(("b", "fits"), [(6, True), (7, False), (10, False)])
def test_what_is_left_out_must_not_have_come_before(b: int, fits: bool) -> None:
    # One step alone: 0 ends at 1, 1 is served 1-6, 0 ends again at 7. Until then 3 has to have asked: of equals 1 comes first.
    graph = two_sources()
    (ends,), (found,) = solve(of_1_and_2(graph, steps=1), ticks(1, b)[None], NO_LAG[None])
    assert found == fits
    assert np.array_equal(ends, queued(graph, ticks(1, b), 1)) == fits


def test_what_takes_no_time_at_a_server_is_left_to_the_event_queue() -> None:
    graph, durations = two_sources(), ticks(1, 2, 0)
    assert as_served(graph, waits_of(graph), queued(graph, durations, 5), durations, 2) is None
    _, (fits,) = solve(of_1_and_2(graph), durations[None], NO_LAG[None])
    assert not fits


def test_runs_are_as_many_as_are_asked_for_and_each_has_its_own_ticks_and_lags() -> None:
    graph = two_sources(served=False)
    schedule = in_any_order(graph, waits_of(graph), 3)
    for count in (1, 3, LANES):
        durations = np.array([ticks(each, 2 * each, each) for each in range(count)])
        lags = np.arange(count)[:, None]
        ends, fits = solve(schedule, durations, lags)
        assert ends.shape == (count, 3, 4) and fits.all() and len(fits) == count
        for own, row, lag in zip(ends, durations, lags, strict=True):
            path = LongestPath(graph, lag)
            assert [own[step].tolist() for step in range(3)] == [path.next_step(row).tolist() for _ in range(3)]
