"""Many whole runs on a cluster: its workers are sent blocks of runs, by their numbers, and send their columns back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace

from wafersim.errors import WafersimError
from wafersim.planning.cluster import Cluster
from wafersim.planning.dispatch import Dispatch
from wafersim.planning.errand import Answers, Errand
from wafersim.planning.executor import AHEAD
from wafersim.training_run.compiled import Outcomes, Room, joined
from wafersim.training_run.many import ManyRuns

LONGEST_CHUNK = 40  # blocks, which take about half a second


@dataclass(frozen=True)
class ClusterRuns:
    """Whoever works for a cluster's scheduler simulates many runs, with the bits that they have on one machine."""

    cluster: Cluster

    def __call__(self, many: ManyRuns) -> Outcomes:
        """What becomes of each run. Raises WafersimError as `run_many` does, and where no worker is of use."""
        blocks = many.prepared.blocks
        sent = Blocks(replace(many))  # without what was worked out of them here
        work = Answers[Room | str](sent, "block of runs", "the whole run is not answered")
        dispatch = Dispatch(_chunks(blocks, self.cluster.workers))
        with closing(Errand(self.cluster, work, dispatch)) as errand:
            errand.until(dispatch.done)
        found = [work.found[number] for number in range(blocks)]
        return joined([_good(block) for block in found])


def _good(block: Room | str) -> Room:
    if isinstance(block, str):
        raise WafersimError(block)
    return block


def _chunks(blocks: int, workers: int) -> Iterator[list[int]]:
    length = max(1, min(LONGEST_CHUNK, blocks // (AHEAD * max(1, workers))))
    for first in range(0, blocks, length):
        yield list(range(first, min(blocks, first + length)))


@dataclass(frozen=True)
class Blocks:
    """What a worker is sent."""

    many: ManyRuns

    def __call__(self, places: tuple[int, ...]) -> tuple[Room | str, ...]:
        """What becomes of the runs of some blocks, or why they are given up."""
        return tuple(self._block(number) for number in places)

    def _block(self, number: int) -> Room | str:
        try:
            return self.many.prepared.block(number)
        except WafersimError as reason:
            return str(reason)
