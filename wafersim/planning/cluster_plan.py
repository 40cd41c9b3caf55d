"""The candidates of a plan on a cluster: its workers are sent one at a time, of those that may be asked for next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from wafersim.inputs.goal import GoalSpec
from wafersim.planning.candidates import Candidate, Hardware, Least, Size
from wafersim.planning.cluster import Cluster
from wafersim.planning.dispatch import Dispatch
from wafersim.planning.errand import Answers, Errand
from wafersim.planning.whole_run import Whole, whole_or_why


@dataclass(frozen=True, eq=False)
class Question:
    """What a worker is sent of a plan: hardware once, and of each candidate (place of its hardware, chips, spares, bounds)."""

    goal: GoalSpec
    hardware: tuple[Hardware, ...]
    forms: tuple[tuple[int, int, int | None, Least], ...]
    runs: int
    seed: int

    @classmethod
    def of(cls, goal: GoalSpec, candidates: Sequence[Candidate], runs: int, seed: int) -> Question:
        """Of candidates as they are; nothing that was worked out of them goes along."""
        places: dict[int, int] = {}
        hardware: list[Hardware] = []
        for one in candidates:
            if id(one.hardware) not in places:
                places[id(one.hardware)] = len(hardware)
                hardware.append(Hardware(one.hardware.offer, one.hardware.machine, one.hardware.pay))
        forms = [(places[id(one.hardware)], one.count, one.spares, one.least) for one in candidates]
        return cls(goal, tuple(hardware), tuple(forms), runs, seed)

    def __call__(self, places: tuple[int, ...]) -> tuple[Whole | str, ...]:
        """The whole runs of some candidates, or why there are none."""
        return tuple(whole_or_why(self._candidate(place), self.goal, self.runs, self.seed) for place in places)

    def _candidate(self, place: int) -> Candidate:
        hardware, count, spares, least = self.forms[place]
        size = self._sizes.setdefault((hardware, count), Size(self.hardware[hardware], count))
        return Candidate(size, spares, least)

    @cached_property
    def _sizes(self) -> dict[tuple[int, int], Size]:
        """Those that were met: with other spares one has the same step."""
        return {}


class ClusterPlan:
    """Whoever works for a cluster's scheduler measures candidates of a plan."""

    def __init__(self, cluster: Cluster, goal: GoalSpec, candidates: Sequence[Candidate], runs: int, seed: int) -> None:
        self._asked = cluster, goal, candidates, runs, seed
        self._coming: set[int] = set()
        self._dispatch = Dispatch(iter(()), ahead=1)  # who is asked next is not known before

    @cached_property
    def _work(self) -> Answers[Whole | str]:
        _, goal, candidates, runs, seed = self._asked
        return Answers(Question.of(goal, candidates, runs, seed), "candidate", "the plan is not answered")

    @cached_property
    def _errand(self) -> Errand:
        return Errand(self._asked[0], self._work, self._dispatch)

    def room(self) -> int:
        """Workers that have nothing to do; the first of them is waited for."""
        self._errand.until(lambda: self._errand.fit > 0)
        return self._errand.fit - len(self._coming - self._work.found.keys())

    def begin(self, place: int) -> None:
        """By a worker that is idle."""
        self._coming.add(place)
        self._dispatch.ask([place])

    def result(self, place: int) -> Whole | str:
        """What a worker found; another one, where the first died."""
        self._errand.until(lambda: place in self._work.found)
        return self._work.found[place]

    def close(self) -> None:
        """What was not asked for is not waited for."""
        if "_errand" in self.__dict__:
            self._errand.close()
