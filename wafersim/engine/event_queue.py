"""Event queue over a bundle graph whose servers choose: first come first served, ties by (time, source rank).

A task without a server starts as soon as its predecessors allow, so its times follow at once and need no event; the heap
holds decisions of servers only. A decision is taken when every earlier one has been, so whatever could have been there
by then is. Servers that decide in one tick do so in the order of their numbers.

The state of a few steps is kept, in a ring. What leads beyond it is set aside until the oldest step is complete; a decision
due no earlier than that could have come out otherwise, so the ring grows before it is taken.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import pairwise

import numba
import numpy as np

from wafersim.engine.graph import FROM_ALL, FROM_CHILDREN, SAME, TO_CHILDREN, BundleGraph, Ints, sorted_into

RING_TOO_SMALL, STUCK = -1, -2
MOST_ROWS = 1024
HEAP, STACK, ASIDE = range(3)  # places in the array of sizes
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
        groups, tasks, bundle_of = int(graph.group.max()) + 1, graph.tasks, graph.bundle_of
        self._taken = [0] * groups
        self._done: list[deque[Ints]] = [deque() for _ in range(groups)]
        sizes = np.bincount(graph.group[bundle_of], minlength=groups)
        self._group_at = np.concatenate(([0], np.cumsum(sizes)))
        self._successors, self._below, self._ahead = _successors(graph, lags), _children(graph), _furthest(graph)
        self._needs = _needs(bundle_of, *graph.arrays(), graph.reach)  # type: ignore[arg-type, call-arg]
        self._waits_for = self._needs.sum(axis=0)
        assert np.all(self._waits_for > 0), "a task that waits for nothing would start before every step"
        self._server = graph.server_of_task
        servers, ranks = int(self._server.max(initial=0)) + 1, int(graph.rank.max()) + 1
        self._durations = np.zeros((self._rows, graph.durations), np.int64)
        self._duration_at = _durations_of_groups(graph)
        self._ends = np.zeros((self._rows, tasks), np.int64)
        self._ready = np.zeros((self._rows, tasks), np.int64)
        self._waits = np.zeros((self._rows, tasks), np.int64)
        self._remaining = np.zeros((self._rows, groups), np.int64)
        self._oldest = np.zeros(groups, np.int64)
        self._free_at = np.zeros(servers, np.int64)
        self._waiting = np.full((servers, ranks), -1, np.int64)
        self._heap = np.zeros(servers, np.int64)  # of servers, by the tick at which their next decision is due
        self._place = np.full(servers, -1, np.int64)  # in the heap
        self._due = np.zeros(servers, np.int64)
        self._stack = np.zeros(self._rows * tasks + 1, np.int64)
        self._aside = np.zeros(self._rows * tasks + 1, np.int64)  # ended, but what follows is beyond the ring
        self._sizes = np.zeros(3, np.int64)
        self._start()

    def next_step(self, group: int = 0) -> Ints:
        """Ends of the tasks of the group's next step, by task."""
        while not self._done[group]:
            outcome = self._advance()
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
        own = slice(self._group_at[group], self._group_at[group + 1])
        row = step % self._rows
        self._done[group].append(self._ends[row, own].copy())
        self._prepare(group, step + self._rows)
        self._oldest[group] += 1

    def _start(self) -> None:
        for group in range(len(self._oldest)):
            for step in range(self._rows):
                self._prepare(group, step)
        for step in range(min(self._rows, self._graph.reach)):
            # Before the first step everything is there at tick 0: edges from there are already satisfied.
            self._waits[step] -= self._needs[step + 1 :].sum(axis=0)
        _release_roots(*self._settling(), self._waits)  # type: ignore[call-arg]

    def _prepare(self, group: int, step: int) -> None:
        """Make room in the ring for a step of a group."""
        row, low, high = step % self._rows, self._group_at[group], self._group_at[group + 1]
        self._waits[row, low:high] = self._waits_for[low:high]
        self._ready[row, low:high] = 0
        self._remaining[row, group] = high - low
        durations = self._durations_of(group, step)
        self._durations[row, self._duration_at[group] : self._duration_at[group + 1]] = durations

    def _settling(self) -> tuple[Ints, ...]:
        """What the end of a task is worked out from."""
        g = self._graph
        return (
            g.bundle_of, g.duration_of, g.offset, g.rank, self._server, self._durations, self._ready,
            self._ends, self._free_at, self._waiting, self._heap, self._place, self._due, self._stack, self._sizes,
        )  # fmt: skip

    def _advance(self) -> int:
        g = self._graph
        return int(
            _run(  # type: ignore[call-arg]
                *self._settling(), self._aside, g.group, self._ahead, *self._successors, g.maps, *self._below,
                self._waits, self._remaining, self._oldest,
            )
        )  # fmt: skip

    def _again_with_more_rows(self) -> None:
        assert self._rows < MOST_ROWS, "steps overlap without end: work comes faster than it is done"
        taken = self._taken
        self.__init__(self._graph, self._lags, self._durations_of, 2 * self._rows)  # type: ignore[misc]
        for group, steps in enumerate(taken):
            for _ in range(steps):
                self.next_step(group)


def _successors(graph: BundleGraph, lags: Ints) -> tuple[Ints, ...]:
    """The edges by source: (first, first task and width of the target, relation, ticks of delay, distance, map, its start)."""
    to = np.repeat(np.arange(len(graph.width)), np.diff(graph.first))
    first, order = sorted_into(graph.source, len(graph.width))
    target, which = to[order], graph.map[order]
    return (
        first, graph.offset[target], graph.width[target], graph.relation[order], lags[graph.lag[order]],
        graph.distance[order], which, graph.map_at[which],
    )  # fmt: skip


def _durations_of_groups(graph: BundleGraph) -> Ints:
    """Where the durations of each group begin, and the end."""
    last = np.maximum.reduceat(
        graph.duration_at + (graph.width - 1) * graph.duration_stride, np.flatnonzero(np.diff(graph.group, prepend=-1))
    )
    return np.concatenate(([0], last + 1))


def _furthest(graph: BundleGraph) -> Ints:
    """How many steps ahead of a bundle the tasks that wait for it are."""
    furthest = np.zeros(len(graph.width), np.int64)
    np.maximum.at(furthest, graph.source, graph.distance)
    return furthest


def _children(graph: BundleGraph) -> tuple[Ints, Ints, Ints]:
    """The children of parent p of map m are `below[below_at[parent_at[m] + p] : below_at[parent_at[m] + p + 1]]`."""
    below, firsts, parent_at = [], [np.zeros(0, np.int64)], [0]
    for low, high in pairwise(graph.map_at.tolist()):
        parents = graph.maps[low:high]
        first, order = sorted_into(parents, int(parents.max(initial=-1)) + 1)
        below.append(order)
        firsts.append(first + low)
        parent_at.append(parent_at[-1] + len(first))
    return np.concatenate([np.zeros(0, np.int64), *below]), np.concatenate(firsts), np.array(parent_at)


@numba.njit(cache=True)
def _needs(
    bundle_of: Ints, width: Ints, offset: Ints, duration_at: Ints, duration_stride: Ints, first: Ints, source: Ints,
    relation: Ints, lag: Ints, distance: Ints, map_: Ints, maps: Ints, map_at: Ints, reach: int,
) -> Ints:  # fmt: skip
    """[distance, task]: how many predecessors a task has so many steps back."""
    needs = np.zeros((reach + 1, len(bundle_of)), np.int64)
    for bundle in range(len(width)):
        for edge in range(first[bundle], first[bundle + 1]):
            row, at = needs[distance[edge]], offset[bundle]
            if relation[edge] == FROM_CHILDREN:
                parent = map_at[map_[edge]]
                for i in range(width[source[edge]]):
                    row[at + maps[parent + i]] += 1
            elif relation[edge] == FROM_ALL:
                row[at] += width[source[edge]]
            else:
                for i in range(width[bundle]):
                    row[at + i] += 1
    return needs


@numba.njit(cache=True, error_model="numpy", inline="always")
def _before(due: Ints, one: int, other: int) -> bool:
    return due[one] < due[other] or (due[one] == due[other] and one < other)


@numba.njit(cache=True)
def _rise(heap: Ints, place: Ints, due: Ints, at: int) -> None:
    server = heap[at]
    while at > 0:
        up = (at - 1) >> 1
        if not _before(due, server, heap[up]):
            break
        heap[at] = heap[up]
        place[heap[at]] = at
        at = up
    heap[at] = server
    place[server] = at


@numba.njit(cache=True, error_model="numpy", inline="always")
def _decide_at(heap: Ints, place: Ints, due: Ints, sizes: Ints, server: int, time: int) -> None:
    """The server's next decision is due at `time`, or earlier if it already was. A server stands in the heap once."""
    if place[server] < 0:
        heap[sizes[HEAP]] = server
        place[server] = sizes[HEAP]
        sizes[HEAP] += 1
    elif due[server] <= time:
        return
    due[server] = time
    _rise(heap, place, due, place[server])


@numba.njit(cache=True)
def _pop(heap: Ints, place: Ints, due: Ints, sizes: Ints) -> None:
    """Remove the root."""
    place[heap[0]] = -1
    sizes[HEAP] -= 1
    n = sizes[HEAP]
    if n == 0:
        return
    server = heap[n]
    at = 0
    while 2 * at + 1 < n:
        child = 2 * at + 1
        if child + 1 < n and _before(due, heap[child + 1], heap[child]):
            child += 1
        if _before(due, server, heap[child]):
            break
        heap[at] = heap[child]
        place[heap[at]] = at
        at = child
    heap[at] = server
    place[server] = at


@numba.njit(cache=True, error_model="numpy", inline="always")
def _settle(
    bundle_of: Ints, duration_of: Ints, offset: Ints, rank: Ints, server: Ints, durations: Ints,
    ready: Ints, ends: Ints, free_at: Ints, waiting: Ints, heap: Ints, place: Ints, due: Ints, stack: Ints,
    sizes: Ints, step: int, task: int,
) -> None:  # fmt: skip
    """A task has all it waits for: its end is known, or it asks its server."""
    rows = len(ends)
    mask = rows - 1
    row, at = step & mask, server[task]
    if at < 0:
        duration = durations[row, duration_of[task]]
        ends[row, task] = ready[row, task] + duration
        stack[sizes[STACK]] = step << SHIFT | task
        sizes[STACK] += 1
    else:
        waiting[at, rank[bundle_of[task]]] = step << SHIFT | task
        _decide_at(heap, place, due, sizes, at, max(free_at[at], ready[row, task]))


@numba.njit(cache=True)
def _release_roots(
    bundle_of: Ints, duration_of: Ints, offset: Ints, rank: Ints, server: Ints, durations: Ints,
    ready: Ints, ends: Ints, free_at: Ints, waiting: Ints, heap: Ints, place: Ints, due: Ints, stack: Ints,
    sizes: Ints, waits: Ints,
) -> None:  # fmt: skip
    rows, tasks = waits.shape
    for step in range(rows):
        for task in range(tasks):
            if waits[step, task] == 0:
                _settle(
                    bundle_of, duration_of, offset, rank, server, durations, ready, ends, free_at,
                    waiting, heap, place, due, stack, sizes, step, task,
                )  # fmt: skip


@numba.njit(cache=True, error_model="numpy")
def _run(
    bundle_of: Ints, duration_of: Ints, offset: Ints, rank: Ints, server: Ints, durations: Ints,
    ready: Ints, ends: Ints, free_at: Ints, waiting: Ints, heap: Ints, place: Ints, due: Ints, stack: Ints,
    sizes: Ints, aside: Ints, group: Ints, furthest: Ints, first: Ints, target: Ints, width: Ints, relation: Ints, delay: Ints,
    distance: Ints, which: Ints, map_at: Ints, maps: Ints, below: Ints, below_at: Ints, parent_at: Ints, waits: Ints,
    remaining: Ints, oldest: Ints,
) -> int:  # fmt: skip
    """Advance until the oldest step of a group is complete; returns the group."""
    rows = len(ends)
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
            bundle = bundle_of[task]
            own, entity, end = group[bundle], task - offset[bundle], ends[step & mask, task]
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
                    ready[row, child] = max(ready[row, child], at_tick)
                    waits[row, child] -= 1
                    if waits[row, child] == 0:
                        _settle(
                            bundle_of, duration_of, offset, rank, server, durations, ready, ends,
                            free_at, waiting, heap, place, due, stack, sizes, then, child,
                        )  # fmt: skip
            if remaining[step & mask, own] == 0:
                return own  # type: ignore[no-any-return]
        if sizes[HEAP] == 0:
            return RING_TOO_SMALL if sizes[ASIDE] else STUCK
        chosen = heap[0]
        now = due[chosen]
        if now >= horizon:
            return RING_TOO_SMALL
        _pop(heap, place, due, sizes)
        best = _next_in_line(chosen, waiting, ready)
        code = waiting[chosen, best]
        waiting[chosen, best] = -1
        step, task = code >> SHIFT, code & TASK
        row = step & mask
        end = now + durations[row, duration_of[task]]
        ends[row, task] = end
        free_at[chosen] = end
        stack[sizes[STACK]] = code
        sizes[STACK] += 1
        following = _next_in_line(chosen, waiting, ready)
        if following >= 0:
            code = waiting[chosen, following]
            since = ready[(code >> SHIFT) & mask, code & TASK]
            _decide_at(heap, place, due, sizes, chosen, max(end, since))


@numba.njit(cache=True, error_model="numpy", inline="always")
def _next_in_line(server: int, waiting: Ints, ready: Ints) -> int:
    """The rank of the earliest request at a server, the lowest among equals; -1 for none."""
    mask = len(ready) - 1
    best, earliest = -1, 0
    for rank in range(waiting.shape[1]):
        code = waiting[server, rank]
        if code >= 0:
            since = ready[(code >> SHIFT) & mask, code & TASK]
            if best < 0 or since < earliest:
                best, earliest = rank, since
    return best
