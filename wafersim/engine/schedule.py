"""Many runs of one task graph at once: what one of them has shown of the order of things serves those whose ticks differ.

A schedule is an order in which the ends of a graph's tasks, over several steps, become known. Where a plan fixes every order of
service any topological order will do. A first-come server serves in an order that hangs on ticks: the one that the event queue
has found for one run is taken for the others too, and whether it is theirs is checked task by task. Requests have to have come
in the order in which they are served, ties by rank, and nothing that is left out may have come before them. A run that fails is
said so and has to be simulated by itself; one that does not has the event queue's ends to the tick.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wafersim.compiled import njit
from wafersim.engine.event_queue import DURATION, RANK, SERVER
from wafersim.engine.graph import BundleGraph, Ints
from wafersim.engine.waits import Waits

LANES = 8  # runs that are solved in one pass: their ticks lie side by side, a cache line for each task


@dataclass(frozen=True)
class Schedule:
    """`sequence` has step * tasks + task of everything that is solved. `steps` are whole; of those up to `rows` only what
    competes with them is. `beyond` are the first tasks that are left out."""

    graph: BundleGraph
    waits: Waits
    sequence: Ints
    beyond: Ints
    steps: int
    rows: int


def in_any_order(graph: BundleGraph, waits: Waits, steps: int) -> Schedule:
    """Of a graph without servers: step by step, in the order in which its bundles are numbered."""
    assert np.all(graph.server < 0), "a first-come server's order has to be found first"
    return Schedule(graph, waits, np.arange(steps * graph.tasks), np.zeros(0, np.int64), steps, steps)


def as_served(graph: BundleGraph, waits: Waits, ends: Sequence[Ints], durations: Ints, steps: int) -> Schedule | None:
    """The order of one run, whose `ends` are known of some further steps as well; None where those are too few.

    Left out is what begins when `steps` steps are over, and what takes no time at a server has no order of its own.
    """
    tasks, ticks = graph.tasks, durations[graph.duration_of]
    ended = np.stack(ends)
    over = ended[steps - 1].max()
    solved = ended - ticks < over
    solved[:steps] = True
    if solved[-1].any() or not np.all(ticks[graph.server_of_task >= 0] > 0):
        return None
    at = np.flatnonzero(solved)
    sequence = at[np.argsort(ended.ravel()[at], kind="stable")]
    rows = int(at.max()) // tasks + 1
    beyond = np.flatnonzero(_all_known(*waits, solved[:rows], graph.reach))
    return Schedule(graph, waits, sequence, beyond, steps, rows)


def solve(schedule: Schedule, durations: Ints, lags: Ints) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """(ends [run, step, task], whether the schedule is that of each run) of up to `LANES` runs, a row of durations and of lags
    for each."""
    graph, runs = schedule.graph, len(durations)
    wide = np.arange(LANES) % runs  # lanes that are left over repeat a run
    ends = np.empty((schedule.rows * graph.tasks, LANES), np.int64)
    fits = np.ones(LANES, np.bool_)
    servers = int(graph.server_of_task.max(initial=-1)) + 1
    _solve(
        *schedule.waits, graph.looked_up, schedule.sequence, schedule.beyond, durations[wide].T.copy(), lags[wide].T.copy(),
        np.zeros((servers, LANES), np.int64), np.full((servers, LANES), -1, np.int64), np.full(servers, -1, np.int64), ends, fits,
    )  # fmt: skip
    whole = ends[: schedule.steps * graph.tasks, :runs]
    return whole.T.copy().reshape(runs, schedule.steps, graph.tasks), fits[:runs]


@njit(error_model="numpy")
def _solve(
    first: Ints, source: Ints, lag: Ints, distance: Ints, fixed: Ints, sequence: Ints, beyond: Ints, durations: Ints, lags: Ints,
    free_at: Ints, latest: Ints, latest_rank: Ints, ends: Ints, fits: npt.NDArray[np.bool_],
) -> None:  # fmt: skip
    tasks = len(first) - 1
    ready = np.zeros(LANES, np.int64)
    for place in range(len(sequence)):
        code = sequence[place]
        step, task = code // tasks, code % tasks
        _ready(first, source, lag, distance, lags, ends, step, task, tasks, ready)
        server, rank, duration = fixed[task, SERVER], fixed[task, RANK], fixed[task, DURATION]
        if server < 0:
            for lane in range(LANES):
                ends[code, lane] = ready[lane] + durations[duration, lane]
            continue
        for lane in range(LANES):
            since, before = ready[lane], latest[server, lane]
            if since < before or (since == before and rank < latest_rank[server]) or durations[duration, lane] == 0:
                fits[lane] = False
            latest[server, lane] = since
            free_at[server, lane] = max(since, free_at[server, lane]) + durations[duration, lane]
            ends[code, lane] = free_at[server, lane]
        latest_rank[server] = rank
    for place in range(len(beyond)):
        _ready(first, source, lag, distance, lags, ends, beyond[place] // tasks, beyond[place] % tasks, tasks, ready)
        for server in range(len(latest)):
            for lane in range(LANES):
                if latest[server, lane] >= ready[lane]:
                    fits[lane] = False


@njit(error_model="numpy", inline="always")
def _ready(
    first: Ints, source: Ints, lag: Ints, distance: Ints, lags: Ints, ends: Ints, step: int, task: int, tasks: int, ready: Ints,
) -> None:  # fmt: skip
    """The tick from which a task has all it waits for; before the first step everything is there at tick 0."""
    for lane in range(LANES):
        ready[lane] = 0
    for edge in range(first[task], first[task + 1]):
        if distance[edge] <= step:
            row, delay = (step - distance[edge]) * tasks + source[edge], lag[edge]
            for lane in range(LANES):
                ready[lane] = max(ready[lane], ends[row, lane] + lags[delay, lane])


@njit(error_model="numpy")
def _all_known(
    first: Ints, source: Ints, lag: Ints, distance: Ints, solved: npt.NDArray[np.bool_], reach: int
) -> npt.NDArray[np.bool_]:
    """[step, task]: what is not solved while all that it waits for is."""
    rows, tasks = solved.shape
    known = np.zeros((rows + reach, tasks), np.bool_)
    for step in range(rows + reach):
        for task in range(tasks):
            if step < rows and solved[step, task]:
                continue
            known[step, task] = True
            for edge in range(first[task], first[task + 1]):
                before = step - distance[edge]
                if before >= rows or (before >= 0 and not solved[before, source[edge]]):
                    known[step, task] = False
    return known
