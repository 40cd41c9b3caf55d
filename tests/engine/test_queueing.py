"""The event queue against queueing theory: what comes out is known without any simulator."""

import numpy as np
import pytest

from wafersim.engine.event_queue import EventQueue
from wafersim.engine.graph import FROM_ALL, SAME, TO_ALL, Edges, build_graph


def line(gaps: np.ndarray, services: list[np.ndarray]) -> np.ndarray:
    """Ends [stage, customer]: customers arrive `gaps` apart and pass a line of first-come servers, one after the other."""
    n, stages = len(gaps), len(services)
    bundles = n * (stages + 1)  # the clock's ticks first, then the customers of each stage
    at = np.arange(n)
    families = [Edges(at[1:], at[:-1]), Edges(at[:1], np.array([bundles - 1]), distance=1)]
    families += [Edges(at + (k + 1) * n, at + k * n) for k in range(stages)]
    server = np.concatenate([np.full(n, k - 1) for k in range(stages + 1)])
    graph = build_graph(
        np.ones(bundles, np.int64), np.arange(bundles), np.zeros(bundles, np.int64), families, [],
        (server, np.zeros(bundles, np.int64), np.tile(at, stages + 1)),
    )  # fmt: skip
    durations = np.concatenate([gaps, *services])
    ends = EventQueue(graph, np.zeros(1, np.int64), lambda _, step: durations).next_step()
    return ends.reshape(stages + 1, n)


@pytest.mark.parametrize("gap, service", [(10, 7), (10, 10), (7, 10)])
def test_deterministic_arrivals_and_service(gap: int, service: int) -> None:
    n = 50
    arrived, left = line(np.full(n, gap), [np.full(n, service)])
    waits = left - service - arrived
    assert waits.tolist() == [max(0, service - gap) * k for k in range(n)]


def test_a_tandem_line_moves_at_the_pace_of_its_slowest_server() -> None:
    n, times = 40, [3, 9, 5]
    *_, left = line(np.zeros(n, np.int64), [np.full(n, t) for t in times])
    assert left.tolist() == [sum(times) + 9 * k for k in range(n)]


def test_waits_follow_lindley_and_their_mean_pollaczek_khinchine() -> None:
    n, service, load = 10_000, 1000, 0.6
    gaps = np.random.default_rng(7).exponential(service / load, n).astype(np.int64)
    arrived, left = line(gaps, [np.full(n, service)])
    waits = left - service - arrived
    expected = [0]
    for gap in gaps[1:]:
        expected.append(max(0, expected[-1] + service - int(gap)))
    assert waits.tolist() == expected
    mean = load * service / (2 * (1 - load))
    batches = waits.reshape(20, -1).mean(axis=1)
    assert abs(waits.mean() - mean) < 3 * batches.std(ddof=1) / np.sqrt(len(batches))


def test_a_join_waits_for_the_slowest_branch_of_a_fork() -> None:
    width = np.array([1, 5, 1])
    graph = build_graph(
        width, np.array([0, 1, 6]), np.array([0, 1, 0]),
        [
            Edges(np.array([1]), np.array([0]), TO_ALL),
            Edges(np.array([2]), np.array([1]), FROM_ALL),
            Edges(np.array([0]), np.array([0]), SAME, 0, 1),
            Edges(np.array([1]), np.array([1]), SAME, 0, 1),
        ],
        [], (np.array([-1, 0, -1]), np.array([0, 1, 0]), np.zeros(3, np.int64)),
    )  # fmt: skip
    queue = EventQueue(graph, np.zeros(1, np.int64), lambda _, step: np.array([2, 4, 1, 9, 3, 3, 1]))
    # Nothing ties the fork of a step to the one before: each branch works on, and the join follows the slowest.
    assert [queue.next_step()[-1] for _ in range(3)] == [12, 21, 30]
