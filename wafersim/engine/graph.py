"""A cyclic task graph in bundles: tasks that differ only in the entity they run on stand side by side.

A bundle of width w is w tasks, one per entity; an edge between bundles says how entities map onto each other, so that
thousands of entities cost one edge and the inner loops run over contiguous memory. Bundles are numbered in topological
order of the edges within a step; an edge of `distance` d reaches d steps back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from wafersim.compiled import njit

Ints = npt.NDArray[np.int64]

# How the entities of a predecessor map onto those of the bundle that waits for it.
SAME, TO_CHILDREN, FROM_CHILDREN, TO_ALL, FROM_ALL = range(5)


@dataclass(frozen=True)
class Edges:
    """A family of edges: arrays of equal length, or scalars that hold for all of them. `lag` indexes the table of lags."""

    to: Ints
    source: Ints
    relation: int = SAME
    lag: int = 0
    distance: Ints | int = 0
    map: int = 0


class Followers(NamedTuple):
    """The edges by source: those of bundle b are `first[b]` .. `first[b + 1]`."""

    first: Ints
    target: Ints  # the first task of the bundle that waits
    width: Ints  # of that bundle
    relation: Ints
    lag: Ints
    distance: Ints
    map: Ints
    map_at: Ints


class Children(NamedTuple):
    """Children of parent p of map m: `below[below_at[parent_at[m] + p] : below_at[parent_at[m] + p + 1]]`."""

    below: Ints
    below_at: Ints
    parent_at: Ints


@dataclass(frozen=True)
class BundleGraph:
    """Arrays of `n` bundles, and their predecessors in CSR form.

    Task `offset[b] + i` is entity i of bundle b; its duration is `durations[duration_at[b] + i * duration_stride[b]]`.
    `server[b] + i * server_stride[b]` is the first-come server that it needs, `server[b] < 0` none; `rank[b]` breaks ties
    there. `group[b]` counts steps apart from those of other groups. `maps[map_at[m] + child]` is a child's parent.
    """

    width: Ints
    offset: Ints
    duration_at: Ints
    duration_stride: Ints
    server: Ints
    server_stride: Ints
    rank: Ints
    group: Ints
    first: Ints  # CSR: predecessors of bundle b are first[b] .. first[b + 1]
    source: Ints
    relation: Ints
    lag: Ints
    distance: Ints
    map: Ints
    maps: Ints
    map_at: Ints
    durations: int  # how many durations the graph reads

    @property
    def tasks(self) -> int:
        """Tasks of one step."""
        return int(self.offset[-1] + self.width[-1])

    @cached_property
    def reach(self) -> int:
        """How many steps back the longest edge reaches; at least 1."""
        return max(1, int(self.distance.max(initial=1)))

    @cached_property
    def bundle_of(self) -> Ints:
        """The bundle of every task."""
        return np.repeat(np.arange(len(self.width)), self.width)

    @cached_property
    def entity_of(self) -> Ints:
        """The entity of every task."""
        return np.arange(self.tasks) - self.offset[self.bundle_of]

    @cached_property
    def server_of_task(self) -> Ints:
        """The first-come server of every task, -1 for none."""
        bundle = self.bundle_of
        return np.where(self.server[bundle] < 0, -1, self.server[bundle] + self.entity_of * self.server_stride[bundle])

    @cached_property
    def users(self) -> tuple[Ints, Ints]:
        """The tasks that need server s: `users[1][users[0][s] : users[0][s + 1]]`."""
        users = np.flatnonzero(self.server_of_task >= 0)
        first, order = sorted_into(self.server_of_task[users], int(self.server_of_task.max(initial=-1)) + 1)
        return first, users[order]

    @cached_property
    def duration_of(self) -> Ints:
        """Where every task finds its duration."""
        bundle = self.bundle_of
        return self.duration_at[bundle] + self.duration_stride[bundle] * self.entity_of

    @cached_property
    def looked_up(self) -> Ints:
        """[task, column]: bundle, place of the duration, server, rank; what a look at a task needs lies side by side."""
        rank = self.rank[self.bundle_of]
        return np.stack([self.bundle_of, self.duration_of, self.server_of_task, rank], axis=1)

    @cached_property
    def followers(self) -> Followers:
        """The edges by source."""
        first = np.zeros(len(self.width) + 1, np.int64)
        np.cumsum(np.bincount(self.source, minlength=len(self.width)), out=first[1:])
        columns = [np.empty(len(self.source), np.int64) for _ in Followers._fields[1:]]
        _turn(*self.arrays(), first[:-1].copy(), *columns)
        return Followers(first, *columns)

    @cached_property
    def children(self) -> Children:
        """The maps from the parents' side."""
        below, firsts, parent_at = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [0]
        for low, high in pairwise(self.map_at.tolist()):
            parents = self.maps[low:high]
            first, order = sorted_into(parents, int(parents.max(initial=-1)) + 1)
            below.append(order)
            firsts.append(first + low)
            parent_at.append(parent_at[-1] + len(first))
        return Children(np.concatenate(below), np.concatenate(firsts), np.array(parent_at))

    @cached_property
    def furthest(self) -> Ints:
        """How many steps ahead of each bundle the tasks that wait for it are."""
        furthest = np.zeros(len(self.width), np.int64)
        np.maximum.at(furthest, self.source, self.distance)
        return furthest

    @cached_property
    def waits(self) -> Ints:
        """[step, task]: how many predecessors a task has in a step; from step `reach` on as many as there.

        Before step 0 everything is there at tick 0, so that the first steps wait for less.
        """
        needs = np.zeros((self.reach + 1, self.tasks), np.int64)  # [distance, task]
        _count_waits(*self.arrays(), needs)
        return np.cumsum(needs, axis=0)

    @cached_property
    def roots(self) -> tuple[Ints, Ints]:
        """Steps and tasks of what waits for nothing."""
        step, task = np.nonzero(self.waits == 0)
        return step, task

    @cached_property
    def task_at(self) -> Ints:
        """Where the tasks of each group begin, and the end."""
        return np.concatenate(([0], np.cumsum(np.bincount(self.group[self.bundle_of]))))

    @cached_property
    def duration_from(self) -> Ints:
        """Where the durations of each group begin, and the end."""
        last = self.duration_at + (self.width - 1) * self.duration_stride
        return np.concatenate(([0], np.maximum.reduceat(last, np.flatnonzero(np.diff(self.group, prepend=-1))) + 1))

    def arrays(self) -> tuple[Ints, ...]:
        """What the longest-path kernel reads."""
        return (
            self.width, self.offset, self.duration_at, self.duration_stride, self.first, self.source,
            self.relation, self.lag, self.distance, self.map, self.maps, self.map_at,
        )  # fmt: skip


def build_graph(
    width: Ints,
    duration_at: Ints,
    duration_stride: Ints,
    families: Sequence[Edges],
    maps: Sequence[Sequence[int]],
    servers: tuple[Ints, Ints, Ints] | None = None,
    group: Ints | None = None,
) -> BundleGraph:
    """Sort the families of edges into CSR. `servers` is (server, stride, rank) of each bundle."""
    n = len(width)
    to = np.concatenate([family.to for family in families]).astype(np.int64)
    sources = np.concatenate([family.source for family in families]).astype(np.int64)
    lengths = [len(family.to) for family in families]

    def column(values: Sequence[Ints | int]) -> Ints:
        column = np.empty(len(to), np.int64)
        at = 0
        for value, length in zip(values, lengths, strict=True):
            column[at : at + length] = value
            at += length
        return column

    relation = column([family.relation for family in families])
    lag = column([family.lag for family in families])
    distance = column([family.distance for family in families])
    which = column([family.map for family in families])
    first, order = sorted_into(to, n)
    server, stride, rank = servers or (np.full(n, -1, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64))
    lengths_of_maps = np.array([len(each) for each in maps], dtype=np.int64)
    return BundleGraph(
        width=width,
        offset=np.concatenate(([0], np.cumsum(width)[:-1])),
        duration_at=duration_at,
        duration_stride=duration_stride,
        server=server,
        server_stride=stride,
        rank=rank,
        group=np.zeros(n, np.int64) if group is None else group,
        first=first,
        source=sources[order],
        relation=relation[order],
        lag=lag[order],
        distance=distance[order],
        map=which[order],
        maps=np.concatenate([np.asarray(each, dtype=np.int64) for each in maps] or [np.zeros(0, np.int64)]),
        map_at=np.concatenate(([0], np.cumsum(lengths_of_maps))),
        durations=int((duration_at + (width - 1) * duration_stride).max()) + 1,
    )


def sorted_into(key: Ints, n: int) -> tuple[Ints, Ints]:
    """Edges sorted by bundle, equal ones as they came: (CSR offsets, order of the edges). Keys are below `n`."""
    first, order = np.zeros(n + 1, np.int64), np.empty(len(key), np.int64)
    _sort_counted(key, first, order)
    return first, order


def join(parts: Sequence[tuple[BundleGraph, Ints]]) -> tuple[BundleGraph, Ints]:
    """Graphs with their lags side by side, a group each, with the servers that they name by the same number in common."""
    columns: dict[str, list[Ints]] = {}
    bundles = tasks = edges = maps = rows = durations = lags = 0
    for number, (graph, own_lags) in enumerate(parts):
        shifted = {
            "width": graph.width, "offset": graph.offset + tasks, "duration_at": graph.duration_at + durations,
            "duration_stride": graph.duration_stride, "server": graph.server, "server_stride": graph.server_stride,
            "rank": graph.rank, "group": np.full(len(graph.width), number, np.int64),
            "first": graph.first[:-1] + edges, "source": graph.source + bundles, "relation": graph.relation,
            "lag": graph.lag + lags, "distance": graph.distance, "map": graph.map + rows, "maps": graph.maps,
            "map_at": graph.map_at[:-1] + maps,
        }  # fmt: skip
        for name, values in shifted.items():
            columns.setdefault(name, []).append(values)
        bundles, tasks, edges = bundles + len(graph.width), tasks + graph.tasks, edges + len(graph.source)
        maps, rows = maps + len(graph.maps), rows + len(graph.map_at) - 1
        durations, lags = durations + graph.durations, lags + len(own_lags)
    columns["first"].append(np.array([edges]))
    columns["map_at"].append(np.array([maps]))
    joined = BundleGraph(**{name: np.concatenate(arrays) for name, arrays in columns.items()}, durations=durations)
    return joined, np.concatenate([own_lags for _, own_lags in parts])


@njit(error_model="numpy")
def _sort_counted(key: Ints, first: Ints, order: Ints) -> None:
    """Fill the offsets, all 0, and the order: as many passes as columns beat a comparison sort of packed keys."""
    n = len(first) - 1
    for i in range(len(key)):
        first[key[i] + 1] += 1
    for i in range(n):
        first[i + 1] += first[i]
    place = first[:n].copy()
    for i in range(len(key)):
        order[place[key[i]]] = i
        place[key[i]] += 1


@njit(error_model="numpy")
def _turn(
    width: Ints, offset: Ints, duration_at: Ints, duration_stride: Ints, first: Ints, source: Ints, relation: Ints,
    lag: Ints, distance: Ints, map_: Ints, maps: Ints, map_at: Ints, place: Ints, target: Ints, width_of: Ints,
    relation_of: Ints, lag_of: Ints, distance_of: Ints, map_of: Ints, map_at_of: Ints,
) -> None:  # fmt: skip
    """Put every edge where its source's next one belongs."""
    for bundle in range(len(width)):
        for edge in range(first[bundle], first[bundle + 1]):
            at = place[source[edge]]
            place[source[edge]] += 1
            target[at], width_of[at], relation_of[at] = offset[bundle], width[bundle], relation[edge]
            lag_of[at], distance_of[at] = lag[edge], distance[edge]
            map_of[at], map_at_of[at] = map_[edge], map_at[map_[edge]]


@njit(error_model="numpy")
def _count_waits(
    width: Ints, offset: Ints, duration_at: Ints, duration_stride: Ints, first: Ints, source: Ints, relation: Ints,
    lag: Ints, distance: Ints, map_: Ints, maps: Ints, map_at: Ints, needs: Ints,
) -> None:  # fmt: skip
    """Add up edges by distance and by the task that waits."""
    for bundle in range(len(width)):
        at = offset[bundle]
        for edge in range(first[bundle], first[bundle + 1]):
            kind, row = relation[edge], needs[distance[edge]]
            if kind == FROM_ALL:
                row[at] += width[source[edge]]
            elif kind == FROM_CHILDREN:
                parent = map_at[map_[edge]]
                for child in range(width[source[edge]]):
                    row[at + maps[parent + child]] += 1
            else:
                for task in range(at, at + width[bundle]):
                    row[task] += 1
