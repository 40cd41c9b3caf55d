"""Event queue over a bundle graph whose servers choose: first come first served, ties by (time, source rank).

A task without a server starts as soon as its predecessors allow, so its times follow at once and need no event; the heap
holds decisions of servers only. A decision is taken when every earlier one has been, so whatever could have been there
by then is. Servers that decide in one tick do so in the order of their numbers.

A rank at a server stands for one source, which asks for one thing at a time: its tasks there wait for each other, in a
chain. A graph whose source asks for the next before it was served is refused.

The state of a few steps is kept, in a ring. What leads beyond it is set aside until the oldest step is complete; a decision
due no earlier than that could have come out otherwise, so the ring grows before it is taken.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from wafersim.compiled import njit
from wafersim.engine.graph import FROM_ALL, FROM_CHILDREN, SAME, TO_CHILDREN, BundleGraph, Ints

RING_TOO_SMALL, STUCK = -1, -2
ASKS_TWICE = "a source asks a server for the next before it was served"
MOST_ROWS = 1024
HEAP, STACK, ASIDE, LOST = range(4)  # places in the array of sizes; requests that another of their source displaced
# Columns by task: what one look at a task needs lies side by side in memory.
BUNDLE, DURATION, SERVER, RANK = range(4)  # of `BundleGraph.looked_up`
READY, WAITS, END = range(3)  # of one step: ready so far at, predecessors still to come, end
DUE, WHO = range(2)  # of a server in the heap
STATES = 4  # a power of two, so that a task does not straddle cache lines
SHIFT = 32  # a task of a step is one number: step << SHIFT | task
TASK = (1 << SHIFT) - 1
FAR = np.iinfo(np.int64).max


class EventQueue:
    """`next_step(group)` runs until the next step of a group is complete and returns the ends of its tasks.

    `durations_of(group, step)` gives a group's durations in a step; groups advance independently of each other. The
    state of `rows` steps is kept at a time; if steps overlap by more, the simulation starts again with twice the rows.
    """

    def __init__(
        self, graph: BundleGraph, lags: Ints, durations_of: Callable[[int, int], Ints], rows: int | None = None
    ) -> None:
        self._graph, self._lags, self._durations_of = graph, lags, durations_of
        wanted = rows or graph.reach + 1
        self._rows = 1 << (wanted - 1).bit_length()  # a power of two: a step's row is step & (rows - 1)
        assert np.all(graph.waits[-1] > 0), "a task that waits for nothing would start before every step"
        groups, tasks = len(graph.task_at) - 1, graph.tasks
        self._taken = [0] * groups
        self._done: list[deque[Ints]] = [deque() for _ in range(groups)]
        self._fixed = graph.looked_up
        servers, ranks = int(self._fixed[:, SERVER].max(initial=0)) + 1, int(graph.rank.max()) + 1
        followers = graph.followers
        self._followers = followers._replace(lag=lags[followers.lag])  # in ticks
        self._durations = np.zeros((self._rows, graph.durations), np.int64)
        self._state = np.zeros((self._rows, tasks, STATES), np.int64)
        self._remaining = np.zeros((self._rows, groups), np.int64)
        self._oldest = np.zeros(groups, np.int64)
        self._free_at = np.zeros(servers, np.int64)
        self._waiting = np.full((servers, ranks), -1, np.int64)
        self._heap = np.zeros((servers, 2), np.int64)  # of servers, by the tick at which their next decision is due
        self._place = np.full(servers, -1, np.int64)  # in the heap
        self._stack = np.zeros(self._rows * tasks + 1, np.int64)
        self._aside = np.zeros(self._rows * tasks + 1, np.int64)  # ended, but what follows is beyond the ring
        self._sizes = np.zeros(4, np.int64)
        self._start()

    def next_step(self, group: int = 0) -> Ints:
        """Ends of the tasks of the group's next step, by task."""
        while not self._done[group]:
            outcome = self._advance()
            assert not self._sizes[LOST], ASKS_TWICE
            assert outcome != STUCK, "the plan deadlocks"
            if outcome == RING_TOO_SMALL:
                self._again_with_more_rows()
            else:
                self._collect(outcome)
        self._taken[group] += 1
        return self._done[group].popleft()

    def _collect(self, group: int) -> None:
        """Put a complete step aside and make room for a later one."""
        step = int(self._oldest[group])
        own = slice(self._graph.task_at[group], self._graph.task_at[group + 1])
        row = step % self._rows
        self._done[group].append(self._state[row, own, END].copy())
        self._prepare(group, step + self._rows)
        self._oldest[group] += 1

    def _start(self) -> None:
        for group in range(len(self._oldest)):
            for step in range(self._rows):
                self._prepare(group, step)
        self._release_roots()

    def _release_roots(self) -> None:
        """What waits for nothing ends or asks its server, all of it at tick 0."""
        step, task = self._graph.roots
        code, (_, duration, server, rank) = step << SHIFT | task, self._fixed[task].T
        free = server < 0
        self._state[step[free], task[free], END] = self._durations[step[free], duration[free]]
        ended, asked = code[free], np.unique(server[~free])
        assert len(np.unique(np.stack((server, rank))[:, ~free], axis=1).T) == np.sum(~free), ASKS_TWICE
        self._stack[: len(ended)] = ended
        self._waiting[server[~free], rank[~free]] = code[~free]
        self._heap[: len(asked), WHO] = asked  # all due at once: in the order of their numbers they are a heap
        self._place[asked] = np.arange(len(asked))
        self._sizes[HEAP], self._sizes[STACK] = len(asked), len(ended)

    def _prepare(self, group: int, step: int) -> None:
        """Make room in the ring for a step of a group."""
        graph, row = self._graph, step % self._rows
        low, high = graph.task_at[group], graph.task_at[group + 1]
        self._state[row, low:high] = 0
        self._state[row, low:high, WAITS] = graph.waits[min(step, graph.reach), low:high]
        self._remaining[row, group] = high - low
        own = slice(graph.duration_from[group], graph.duration_from[group + 1])
        self._durations[row, own] = self._durations_of(group, step)

    def _advance(self) -> int:
        g = self._graph
        return int(
            _run(
                self._fixed, self._state, self._durations, self._free_at, self._waiting, self._heap, self._place,
                self._stack, self._sizes, self._aside, g.offset, g.group, g.furthest, *self._followers, g.maps, *g.children,
                self._remaining, self._oldest,
            )
        )  # fmt: skip

    def _again_with_more_rows(self) -> None:
        assert self._rows < MOST_ROWS, "steps overlap without end: work comes faster than it is done"
        taken = self._taken
        self.__init__(self._graph, self._lags, self._durations_of, 2 * self._rows)  # type: ignore[misc]
        for group, steps in enumerate(taken):
            for _ in range(steps):
                self.next_step(group)


@njit(error_model="numpy", inline="always")
def _decide_at(heap: Ints, place: Ints, sizes: Ints, server: int, time: int) -> None:
    """The server's next decision is due at `time`, or earlier if it already was. A server stands in the heap once."""
    at = place[server]
    if at < 0:
        at = sizes[HEAP]
        sizes[HEAP] += 1
    elif heap[at, DUE] <= time:
        return
    while at > 0:
        up = (at - 1) >> 1
        if heap[up, DUE] < time or (heap[up, DUE] == time and heap[up, WHO] < server):
            break
        heap[at, DUE], heap[at, WHO] = heap[up, DUE], heap[up, WHO]
        place[heap[at, WHO]] = at
        at = up
    heap[at, DUE], heap[at, WHO] = time, server
    place[server] = at


@njit(error_model="numpy", inline="always")
def _sink(heap: Ints, place: Ints, size: int, server: int, time: int) -> None:
    """Put a server in the root's place and let it sink to its own."""
    at, child = 0, 1
    while child < size:
        other = child + 1
        if other < size and (
            heap[other, DUE] < heap[child, DUE]
            or (heap[other, DUE] == heap[child, DUE] and heap[other, WHO] < heap[child, WHO])
        ):
            child = other
        if time < heap[child, DUE] or (time == heap[child, DUE] and server < heap[child, WHO]):
            break
        heap[at, DUE], heap[at, WHO] = heap[child, DUE], heap[child, WHO]
        place[heap[at, WHO]] = at
        at, child = child, 2 * child + 1
    heap[at, DUE], heap[at, WHO] = time, server
    place[server] = at


@njit(error_model="numpy", inline="always")
def _settle(
    fixed: Ints, state: Ints, durations: Ints, free_at: Ints, waiting: Ints, heap: Ints, place: Ints,
    stack: Ints, sizes: Ints, step: int, task: int,
) -> None:  # fmt: skip
    """A task has all it waits for: its end is known, or it asks its server."""
    row, server = step & (len(state) - 1), fixed[task, SERVER]
    if server < 0:
        state[row, task, END] = state[row, task, READY] + durations[row, fixed[task, DURATION]]
        stack[sizes[STACK]] = step << SHIFT | task
        sizes[STACK] += 1
    else:
        sizes[LOST] += waiting[server, fixed[task, RANK]] >= 0
        waiting[server, fixed[task, RANK]] = step << SHIFT | task
        _decide_at(heap, place, sizes, server, max(free_at[server], state[row, task, READY]))


@njit(error_model="numpy")
def _run(
    fixed: Ints, state: Ints, durations: Ints, free_at: Ints, waiting: Ints, heap: Ints, place: Ints,
    stack: Ints, sizes: Ints, aside: Ints, offset: Ints, group: Ints, furthest: Ints, first: Ints, target: Ints,
    width: Ints, relation: Ints, delay: Ints, distance: Ints, which: Ints, map_at: Ints, maps: Ints, below: Ints,
    below_at: Ints, parent_at: Ints, remaining: Ints, oldest: Ints,
) -> int:  # fmt: skip
    """Advance until the oldest step of a group is complete; returns the group."""
    rows = len(state)
    mask = rows - 1
    for i in range(sizes[ASIDE]):
        stack[sizes[STACK] + i] = aside[i]
    sizes[STACK] += sizes[ASIDE]
    sizes[ASIDE] = 0
    horizon = FAR  # the earliest tick at which something beyond the ring begins
    while True:
        while sizes[STACK] > 0:
            sizes[STACK] -= 1
            code = stack[sizes[STACK]]
            step, task = code >> SHIFT, code & TASK
            bundle = fixed[task, BUNDLE]
            own, entity, end = group[bundle], task - offset[bundle], state[step & mask, task, END]
            if step + furthest[bundle] - oldest[own] >= rows:
                aside[sizes[ASIDE]] = code
                sizes[ASIDE] += 1
                horizon = min(horizon, end)
                continue
            remaining[step & mask, own] -= 1
            for edge in range(first[bundle], first[bundle + 1]):
                then, at_tick = step + distance[edge], end + delay[edge]
                row, at, kind = then & mask, target[edge], relation[edge]
                low, high = at, at + 1
                if kind == SAME:
                    low, high = at + entity, at + entity + 1
                elif kind == FROM_CHILDREN:
                    low = at + maps[map_at[edge] + entity]
                    high = low + 1
                elif kind == TO_CHILDREN:
                    parent = parent_at[which[edge]] + entity
                    low, high = below_at[parent], below_at[parent + 1]
                elif kind != FROM_ALL:
                    high = at + width[edge]
                for number in range(low, high):
                    child = at + below[number] if kind == TO_CHILDREN else number
                    state[row, child, READY] = max(state[row, child, READY], at_tick)
                    state[row, child, WAITS] -= 1
                    if state[row, child, WAITS] == 0:
                        _settle(fixed, state, durations, free_at, waiting, heap, place, stack, sizes, then, child)
            if remaining[step & mask, own] == 0:
                return own  # type: ignore[no-any-return]
        if sizes[HEAP] == 0:
            return RING_TOO_SMALL if sizes[ASIDE] else STUCK
        now, chosen = heap[0, DUE], heap[0, WHO]
        if now >= horizon:
            return RING_TOO_SMALL
        best = _next_in_line(chosen, waiting, state)
        code = waiting[chosen, best]
        waiting[chosen, best] = -1
        row, task = (code >> SHIFT) & mask, code & TASK
        end = now + durations[row, fixed[task, DURATION]]
        state[row, task, END] = end
        free_at[chosen] = end
        stack[sizes[STACK]] = code
        sizes[STACK] += 1
        following = _next_in_line(chosen, waiting, state)
        if following >= 0:
            code = waiting[chosen, following]
            _sink(heap, place, sizes[HEAP], chosen, max(end, state[(code >> SHIFT) & mask, code & TASK, READY]))
        else:
            place[chosen] = -1
            sizes[HEAP] -= 1
            last = sizes[HEAP]
            if last > 0:
                _sink(heap, place, last, heap[last, WHO], heap[last, DUE])


@njit(error_model="numpy", inline="always")
def _next_in_line(server: int, waiting: Ints, state: Ints) -> int:
    """The rank of the earliest request at a server, the lowest among equals; -1 for none."""
    mask = len(state) - 1
    best, earliest = -1, 0
    for rank in range(waiting.shape[1]):
        code = waiting[server, rank]
        if code >= 0:
            since = state[(code >> SHIFT) & mask, code & TASK, READY]
            if best < 0 or since < earliest:
                best, earliest = rank, since
    return best
