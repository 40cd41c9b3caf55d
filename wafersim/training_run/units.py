"""Units of a job's pools. Each is in the job, or outside of it: a spare that lies there, or in repair until it is one.

A place in the job whose unit was taken is *missing* until a spare replaces it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush

from wafersim.training_run.plan import Pool


class Units:
    """All pools of one job."""

    def __init__(self, pools: Sequence[Pool]) -> None:
        self._may_miss = [pool.may_miss for pool in pools]
        self._missing = [0] * len(pools)
        self._there_at = [
            [0] * pool.spares for pool in pools
        ]  # heaps: when each unit outside the job is, or was, a spare
        for heap in self._there_at:
            heapify(heap)

    @property
    def missing(self) -> int:
        """Of pool 0, the one that makes steps slower."""
        return self._missing[0] if self._missing else 0

    def take(self, pool: int, back_at: Iterable[int]) -> None:
        """Units leave the job for repair, each until its tick."""
        for at in back_at:
            self._missing[pool] += 1
            heappush(self._there_at[pool], at)

    def replace(self, pool: int, now: int) -> int:
        """Spares that are there replace missing units as far as they go; how many did."""
        replaced, heap = 0, self._there_at[pool]
        while self._missing[pool] and heap and heap[0] <= now:
            heappop(heap)
            self._missing[pool] -= 1
            replaced += 1
        return replaced

    def replace_all(self, now: int) -> None:
        """The same in every pool, as a start begins."""
        for pool in range(len(self._missing)):
            self.replace(pool, now)

    def too_few(self, pool: int) -> bool:
        """More are missing than may be."""
        return self._missing[pool] > self._may_miss[pool]

    def next_back(self, pool: int) -> int:
        """The tick at which the next unit is there."""
        return self._there_at[pool][0]

    def could_be_complete(self, now: int) -> bool:
        """Pool 0 misses units, and as many spares are there."""
        return 0 < self.missing <= sum(at <= now for at in self._there_at[0])
