"""When a simulation may say that it repeats."""

import numpy as np

from wafersim.engine.graph import Edges, Ints, build_graph
from wafersim.engine.longest_path import LongestPath
from wafersim.engine.steady_state import maximum_cycle_ratio
from wafersim.strategies.run import settle
from wafersim.timeline.timeline import Timeline

ONE = np.array([0])
# One task of 7 ticks that waits for itself a step ago, and for itself three steps ago and 23 ticks more.
GRAPH = build_graph(
    np.array([1]), ONE, ONE, [Edges(ONE, ONE, distance=1), Edges(ONE, ONE, distance=3, lag=1)], []
)  # fmt: skip
LAGS, DURATIONS = np.array([0, 23]), np.array([7])


class Plan:
    """What settling asks of a plan."""

    arrival_order = ()
    repeats = True


class Steps:
    """The task's steps by the longest path."""

    reach = GRAPH.reach

    def __init__(self) -> None:
        self._path = LongestPath(GRAPH, LAGS)

    def next_step(self) -> Ints:
        return self._path.next_step(DURATIONS).copy()

    def timeline(self, step: int, ends: Ints) -> Timeline:
        raise NotImplementedError


def test_a_shift_is_a_period_once_it_held_over_all_steps_that_a_task_may_wait_for() -> None:
    # x(k) = 7 + max(x(k-1), x(k-3) + 23): 7 14 21 37 44 51 67 74 81. Step 3 comes 16 after step 2, as all of its one task
    # do, but that is no period: 30 ticks for 3 steps are.
    steps = Steps()
    assert [int(steps.next_step()[0]) for _ in range(9)] == [7, 14, 21, 37, 44, 51, 67, 74, 81]
    found = settle(Plan(), Steps(), "fast", "")
    assert (found.exact, found.cycle, found.step_ticks) == (True, 3, 10)
    assert found.steps_simulated == 6  # the first at which three steps have a counterpart three steps before
    assert maximum_cycle_ratio(GRAPH, LAGS, DURATIONS) == 10  # max(7 / 1, 30 / 3)
