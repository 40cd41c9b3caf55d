"""How long a sweep will take, by points of every model that it sweeps: one of 405B takes a hundred times one of 8B.

A worker takes many neighbours together, which share much of their work, so that those behind a first one are timed together.
What was tried is journalled, and what it loads and compiles is there for workers that are forked from this process.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import prod

from wafersim import numbers
from wafersim.planning.executor import CHUNK_S, Task, compute
from wafersim.planning.journal import Journal

TRIED_S = 8.0  # for which points are tried
SHARE = 4  # of so many points one is tried, in whole rows: the others are the workers'
ROUNDS = 4  # rows of each model at most
ROW = 9  # neighbours; the first of them is not timed
TOLD_APART = ("model", "*")  # axes of a sweep whose values take times of their own
LOOKS = 8  # places of a model that are looked at for one that is not done
RATIO = 0.618033988749895  # of the golden section: multiples of it modulo 1 lie all over, however many there are


@dataclass(frozen=True)
class Timed:
    """Points of one model: which share of the grid's missing ones they are, and seconds of those tried."""

    weight: float
    seconds: tuple[float, ...]


@dataclass(frozen=True)
class Forecast:
    """Seconds of the mean point, and of the mean one if each model's points were as the fastest or slowest tried of it."""

    each_s: float
    low_s: float
    high_s: float
    tried_on: str

    def said(self, points: int, workers: int) -> str:
        """`about 12 min`, or `8 to 20 min` where that is known less well."""
        low, mean, high = (numbers.duration(points * each / workers) for each in (self.low_s, self.each_s, self.high_s))
        return f"about {mean}" if low == high or self.high_s <= 1.25 * self.low_s else f"{low} to {high}"


def forecast(task: Task, journal: Journal) -> Forecast | None:
    """Of the points that a journal lacks, some of which are computed here; None where none is missing."""
    models = _Places(task)
    found: list[list[float]] = [[] for _ in range(models.count)]
    looks = [models.missing(journal, which) for which in range(models.count)]
    weights = [len(rows) / models.looks for rows in looks]
    if not any(weights):
        return None
    compute(task, next(rows[0] for rows in looks if rows)[:1], journal)  # once for what is loaded by the first
    began, tried = time.perf_counter(), 0
    most = (task.grid.size - journal.done(task.sweep)) // SHARE
    turns = [which for which in _spread(models.count) if looks[which]]
    for turn in range(ROUNDS):
        for which in turns:
            more = tried < most and time.perf_counter() - began < TRIED_S
            if turn < len(looks[which]) and (more or not any(found)):
                tried += len(looks[which][turn])
                seconds = _beside_the_first(task, journal, looks[which][turn])
                if seconds is not None:
                    found[which].append(seconds)
    timed = [Timed(weight, tuple(each)) for weight, each in zip(weights, found, strict=True)]
    return told([one for one in timed if one.weight])


def told(models: list[Timed]) -> Forecast:
    """Weighted over models; one that was not tried is as the tried ones are in the mean, the fastest, the slowest."""
    tried = [one for one in models if one.seconds]
    if not tried:  # all were done by the time they were tried
        return Forecast(0.0, 0.0, 0.0, "all of them tried")
    means = [sum(one.seconds) / len(one.seconds) for one in tried]
    mean = sum(one.weight * each for one, each in zip(tried, means, strict=True)) / sum(one.weight for one in tried)
    low, high = min(min(one.seconds) for one in tried), max(max(one.seconds) for one in tried)
    total = sum(one.weight for one in models)
    of_all = [
        (sum(one.seconds) / len(one.seconds), min(one.seconds), max(one.seconds)) if one.seconds else (mean, low, high)
        for one in models
    ]
    each_s, low_s, high_s = (
        sum(one.weight * seconds[side] for one, seconds in zip(models, of_all, strict=True)) / total
        for side in range(3)
    )
    count = sum(len(one.seconds) for one in tried)
    of_models = f" of {len(tried)} of {len(models)} models" if len(models) > 1 else ""
    said = f"{numbers.step(each_s)} a point, tried on {count} places{of_models}"
    return Forecast(each_s, low_s, high_s, said)


class _Places:
    """The places of a grid by the model that they are of; of a grid without models all are of one."""

    def __init__(self, task: Task) -> None:
        sizes = task.grid.sizes
        self._size = task.grid.size
        path = next((path for path in TOLD_APART if sizes.get(path, 1) > 1), None)
        self.count = 1 if path is None else sizes[path]
        paths = list(sizes)
        self._inner = 1 if path is None else prod(sizes[other] for other in paths[paths.index(path) + 1 :])
        self._sweep, self._own = task.sweep, self._size // self.count
        self._wanted = list(dict.fromkeys(int(self._own * ((look + 0.5) * RATIO % 1.0)) for look in range(LOOKS)))
        self.looks = len(self._wanted)

    def missing(self, journal: Journal, which: int) -> list[list[int]]:
        """Places of a model in a row, `ROW` of them, behind each of some all over its own that is not done."""
        own = self._own
        rows = [[self._place(which, (number + more) % own) for more in range(min(ROW, own))] for number in self._wanted]
        return [row for row in rows if journal.missing(self._sweep, range(row[0], row[0] + 1))]

    def _place(self, which: int, number: int) -> int:
        if self.count == 1:
            return number
        outer, rest = divmod(number, self._inner)
        return (outer * self.count + which) * self._inner + rest


def _spread(count: int) -> list[int]:
    """Numbers below `count` in an order whose beginning lies all over them."""
    return sorted(range(count), key=lambda number: number * RATIO % 1.0)


def _beside_the_first(task: Task, journal: Journal, places: list[int]) -> float | None:
    """Mean seconds of points of one model in a row, computed together as a worker does, behind the first that is missing.

    Of one where the first took long; of the first itself where it is the only one; None where none is missing.
    """
    lacking = [place for place in places if journal.missing(task.sweep, range(place, place + 1))]
    if len(lacking) > 1:
        began = time.perf_counter()
        compute(task, lacking[:1], journal)
        slow = time.perf_counter() - began > CHUNK_S
        lacking = lacking[1:2] if slow else lacking[1:]
    if not lacking:
        return None
    began = time.perf_counter()
    compute(task, lacking, journal)
    return (time.perf_counter() - began) / len(lacking)
