"""Candidates of a plan, bounded from below, and the best of them in any respect by simulating few.

Bounds come in three steps: the peak FLOP/s, the least bound of all splits, and what was measured. Nothing beats its bound, so the
answers are those of simulating the whole runs of all candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import inf

from wafersim.errors import Infeasible
from wafersim.inputs.goal import GoalSpec
from wafersim.planning.candidates import Candidate, Hardware, Least, Refused, Size, candidate_of, least_at_peak
from wafersim.planning.front import best, front
from wafersim.planning.planned import CHEAPEST, FASTEST, FEWEST, LEAST_ENERGY
from wafersim.planning.speculation import Beside, Forked, Measured
from wafersim.planning.whole_run import SAMPLED, Whole, whole_or_why

Others = Callable[[GoalSpec, Sequence[Candidate], int, int], Beside[Whole | str]]
"""Who measures the candidates of a goal with so many runs and a seed, in place of processes of this machine."""


@dataclass(frozen=True)
class Aim:
    """A respect in which there is a best candidate: the value of whole runs, and what no run of a candidate beats.

    None where a candidate has no such value: without a price it has no cost.
    """

    name: str
    bound: Callable[[Candidate], float | None]
    value: Callable[[Whole], float | None]


AIMS = {
    CHEAPEST: Aim(CHEAPEST, lambda one: one.least.usd, lambda whole: whole.usd),
    FASTEST: Aim(FASTEST, lambda one: one.least.days, lambda whole: whole.days),
    LEAST_ENERGY: Aim(LEAST_ENERGY, lambda one: one.least.joules, lambda whole: whole.joules),
    FEWEST: Aim(FEWEST, lambda one: float(one.count + (one.spares or 0)), lambda whole: float(whole.chips)),
}


class PlanSearch:
    """Hardware in sizes for a goal. Deadlines up to `longest` times the goal's may be asked for.

    Candidates are measured by so many processes, or by `others`.
    """

    def __init__(
        self, goal: GoalSpec, hardware: Sequence[Hardware], runs: int, seed: int, longest: float,
        progress: Callable[[str], None], workers: int = 1, others: Others | None = None,
    ) -> None:  # fmt: skip
        self.goal = goal
        self.candidates: list[Candidate] = []
        self.refused: list[Refused] = []
        for one in hardware:
            for size, spares in one.forms(goal):
                found = self._bounded(size, spares, longest)
                if isinstance(found, Candidate):
                    self.candidates.append(found)
                else:
                    self.refused.append(found)
            progress(one.name)
        self._runs, self._seed = runs, seed
        self._measured: Measured[Whole | str] = Measured(self._measure, self._beside(workers, others))
        self._wholes: dict[int, Whole | None] = {}

    def __enter__(self) -> PlanSearch:
        return self

    def __exit__(self, *reason: object) -> None:
        self._measured.close()

    @property
    def simulated(self) -> int:
        """Candidates whose whole runs were simulated."""
        return len(self._measured)

    def judged(self, place: int) -> Whole | None:
        """The whole run of a candidate if it was simulated, and could run."""
        return self._wholes.get(place)

    def wholes(self) -> list[Whole]:
        """Those that were simulated and could run, by hardware and size."""
        ran = [whole for whole in self._wholes.values() if whole is not None]
        rank: dict[int, int] = {}
        for one in self.candidates:
            rank.setdefault(id(one.hardware), len(rank))
        return sorted(ran, key=lambda whole: (rank[id(whole.candidate.hardware)], whole.candidate.count))

    def whole(self, place: int) -> Whole | None:
        """The whole run of a candidate; None where it cannot run, which is then said of it."""
        if place not in self._wholes:
            found, one = self._measured(place), self.candidates[place]
            if isinstance(found, str):
                self.refused.append(Refused(one.hardware, one.count, found))
            # What comes from another process has a hardware of its own.
            self._wholes[place] = None if isinstance(found, str) else replace(found, candidate=one)
        return self._wholes[place]

    def _measure(self, place: int) -> Whole | str:
        return whole_or_why(self.candidates[place], self.goal, self._runs, self._seed)

    def _beside(self, workers: int, others: Others | None) -> Beside[Whole | str] | None:
        if others is not None:
            return others(self.goal, self.candidates, self._runs, self._seed)
        return None if workers == 1 else Forked(self._measure, workers)

    def _bounded(self, size: Size, spares: int | None, longest: float) -> Candidate | Refused:
        try:
            least = least_at_peak(size, spares)
            if least is not None and not self._may(least, longest):
                return Refused(size.hardware, size.count, "", least)
            return candidate_of(size, spares)
        except Infeasible as reason:
            return Refused(size.hardware, size.count, str(reason))

    def added(self, like: Candidate, count: int) -> Whole | None:
        """The whole run of a candidate like another, but for its size, whatever its bound; None where it cannot run."""
        hardware, spares = like.hardware, like.spares
        for place, one in enumerate(self.candidates):
            if one.hardware is hardware and (one.count, one.spares) == (count, spares):
                return self.whole(place)
        try:
            self.candidates.append(candidate_of(Size(hardware, count), spares))
        except Infeasible:
            return None
        return self.whole(len(self.candidates) - 1)

    def _may(self, least: Least, times: float = 1.0) -> bool:
        """Whether a whole run with this bound may keep to the goal, or to one with so many times the days."""
        goal, days, over = self.goal, self.goal.within_days, 1 + SAMPLED
        late = days is not None and least.days > days * times * over
        dear = goal.budget is not None and least.usd is not None and least.usd > goal.budget * over
        return not (late or dear or (goal.power is not None and least.watts > goal.power))

    def promising(self, times: float = 1.0) -> list[int]:
        """Places of the candidates that may meet the goal by their bounds."""
        return [place for place, one in enumerate(self.candidates) if self._may(one.least, times)]

    def powered(self) -> list[int]:
        """Places of the candidates that keep to the power alone."""
        power = self.goal.power
        return [place for place, one in enumerate(self.candidates) if power is None or one.least.watts <= power]

    def meets(self, whole: Whole, times: float = 1.0) -> bool:
        """Whether enough runs keep to deadline and budget, and the site to its power."""
        goal = self.goal
        if goal.power is not None and whole.watts > goal.power:
            return False
        days = None if goal.within_days is None else goal.within_days * times
        return whole.share_within(days, goal.budget) >= goal.sure

    def best(self, name: str, places: Iterable[int], times: float = 1.0, judged: bool = True) -> Whole | None:
        """The best of some places in one respect that meets the goal (that runs at all, unless `judged`)."""
        aim = AIMS[name]
        bounds = [(aim.bound(self.candidates[place]), place) for place in places]
        some = [(bound, place) for bound, place in bounds if bound is not None]

        def value(index: int) -> float:
            whole = self.whole(some[index][1])
            if whole is None or (judged and not self.meets(whole, times)):
                return inf
            found = aim.value(whole)
            return inf if found is None else found

        def ahead(indices: Iterable[int]) -> None:
            self._measured.ahead(some[index][1] for index in indices)

        index = best([bound / (1 + SAMPLED) for bound, _ in some], value, ahead)
        return None if index is None else self.whole(some[index][1])

    def front(self, places: Sequence[int]) -> list[Whole]:
        """Of days against dollars, or against energy where nothing has a price; of those that meet the goal."""
        priced = [place for place in places if self.candidates[place].least.usd is not None]
        against = AIMS[CHEAPEST if priced else LEAST_ENERGY]
        some = priced or list(places)

        def values(index: int) -> tuple[float, float]:
            whole = self.whole(some[index])
            other = None if whole is None or not self.meets(whole) else against.value(whole)
            return (inf, inf) if whole is None or other is None else (whole.days, other)

        def bound(one: Candidate) -> tuple[float, float]:
            return one.least.days / (1 + SAMPLED), (against.bound(one) or 0.0) / (1 + SAMPLED)

        def ahead(indices: Iterable[int]) -> None:
            self._measured.ahead(some[index] for index in indices)

        bounds = [bound(self.candidates[place]) for place in some]
        found = [self.whole(some[index]) for index in front(bounds, values, ahead)]
        return [whole for whole in found if whole is not None]
