"""Many whole runs on a cluster: its workers are sent blocks of runs, by their numbers, and send their columns back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from wafersim.errors import WafersimError
from wafersim.planning.cluster import Cluster
from wafersim.planning.dispatch import Dispatch
from wafersim.planning.errand import Errand
from wafersim.planning.executor import AHEAD
from wafersim.planning.remote import Order, order_of
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
        work, dispatch = _Blocks(many), Dispatch(_chunks(blocks, self.cluster.workers))
        errand = Errand(self.cluster, work, dispatch)
        try:
            errand.until(dispatch.done)
        finally:
            errand.close()
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


class _Blocks:
    """Blocks of runs, and what became of them."""

    each = "block of runs"

    def __init__(self, many: ManyRuns) -> None:
        self.order: Order = order_of(Blocks(replace(many)))  # without what was worked out of them here
        self.found: dict[int, Room | str] = {}

    def note(self, places: tuple[int, ...], answer: tuple[Room | str, ...]) -> None:
        """Keep what came back."""
        self.found |= dict(zip(places, answer, strict=True))

    def stopped(self) -> str:
        """Nothing of a run is kept."""
        return "the whole run is not answered"


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
