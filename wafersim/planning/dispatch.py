"""Which worker of a cluster has which chunk: none is lost when workers die, none is held by two.

A chunk waits, is with a worker, or has come back. When a worker dies, one of its chunks may be why: they all are suspects,
sent again at the end, each to a worker that has nothing else. One that loses such a worker, too, is halved, until the point
is found that kills whoever computes it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from wafersim.planning.executor import AHEAD


@dataclass(frozen=True, eq=False)
class Chunk:
    """Places, of a grid or of candidates; `deaths` of workers that had nothing else to do."""

    places: tuple[int, ...]
    suspect: bool = False
    deaths: int = 0


class Dispatch:
    """The chunks of a source, and who has them: `ahead` at most, one at work and others on their way."""

    def __init__(self, source: Iterator[list[int]], ahead: int = AHEAD) -> None:
        self.ahead = ahead
        self._source: Iterator[list[int]] | None = source
        self._again: deque[Chunk] = deque()
        self._suspects: deque[Chunk] = deque()
        self._with: dict[str, set[Chunk]] = {}

    def next_for(self, worker: str) -> Chunk | None:
        """A chunk that this worker has from here on; None where it has enough, or where none is left for it."""
        here = self._with.setdefault(worker, set())
        if len(here) >= self.ahead or any(chunk.suspect for chunk in here):
            return None
        chunk = self._again.popleft() if self._again else self._fresh()
        if chunk is None and self._suspects and not here:
            chunk = self._suspects.popleft()
        if chunk is not None:
            here.add(chunk)
        return chunk

    def ask(self, places: list[int]) -> None:
        """One more chunk, for the next worker that is idle."""
        self._again.append(Chunk(tuple(places)))

    def _fresh(self) -> Chunk | None:
        if self._source is not None:
            for places in self._source:
                return Chunk(tuple(places))
            self._source = None
        return None

    def landed(self, worker: str, chunk: Chunk) -> bool:
        """Note that a worker has answered; False where the chunk has been taken from it, and is somebody else's."""
        here = self._with.get(worker, set())
        if chunk not in here:
            return False
        here.remove(chunk)
        return True

    def taken_back(self, worker: str) -> list[Chunk]:
        """The chunks of a worker that will not answer, by no fault of theirs; somebody else gets them."""
        chunks = list(self._with.pop(worker, ()))
        self._again.extend(chunks)
        return chunks

    def died(self, worker: str) -> tuple[list[Chunk], int]:
        """(the chunks of a worker that died, how many have died of one point alone); others get them at the end."""
        chunks = list(self._with.pop(worker, ()))
        if len(chunks) != 1:
            self._suspects.extend(replace(chunk, suspect=True) for chunk in chunks)
            return chunks, 0
        (chunk,) = chunks
        half = len(chunk.places) // 2
        if half:
            self._suspects.extend(Chunk(part, suspect=True) for part in (chunk.places[:half], chunk.places[half:]))
            return chunks, 0
        self._suspects.append(Chunk(chunk.places, suspect=True, deaths=chunk.deaths + 1))
        return chunks, chunk.deaths + 1

    @property
    def workers(self) -> frozenset[str]:
        """Those that were given chunks and have not left."""
        return frozenset(self._with)

    def done(self) -> bool:
        """Whether every chunk of the source has landed."""
        if self._again or self._suspects or any(self._with.values()):
            return False
        chunk = self._fresh()
        if chunk is not None:
            self._again.append(chunk)
        return chunk is None
