"""What a plan found: the best in each respect, each hardware's own best, the front, why others lost, what the answer hangs on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wafersim.inputs.goal import GoalSpec, Offer, PlanSpec
from wafersim.planning.whole_run import Whole
from wafersim.shown import Shown

CHEAPEST, FASTEST, LEAST_ENERGY, FEWEST = "cheapest", "fastest", "least energy", "fewest chips"


@dataclass(frozen=True)
class Rejected:
    """A hardware none of whose sizes meets the goal, or that is the best in no respect, and why."""

    name: str
    reason: str
    meets: bool

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dict(vars(self))


@dataclass(frozen=True)
class AtDeadline:
    """The answer at another deadline; None where nothing meets it within the budget."""

    days: float
    answer: Whole | None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"days": self.days, "answer": None if self.answer is None else self.answer.to_json()}


@dataclass(frozen=True)
class Changes:
    """What the answer hangs on.

    `one_more`: the same hardware with one unit more. `rival`: the cheapest of another hardware; the answer stays the cheapest
    until it costs `price_factor` times as much. It would do `tokens_factor` times the tokens. None where there is no such thing.
    """

    deadlines: tuple[AtDeadline, ...]
    one_more: Whole | None
    rival: Whole | None
    price_factor: float | None
    tokens_factor: float | None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "deadlines": [one.to_json() for one in self.deadlines],
            "one_more": None if self.one_more is None else self.one_more.to_json(),
            "rival": None if self.rival is None else self.rival.to_json(),
            "price_factor": self.price_factor,
            "tokens_factor": self.tokens_factor,
        }


@dataclass(frozen=True, repr=False)
class Planned(Shown):
    """The answer to a plan's question. `best` by respect; of `of_each` hardware that meets the goal its best, the cheapest first;
    the front of days against dollars (against energy where nothing has a price), in the order of days. Where nothing meets the
    goal `near` is the fastest and the cheapest that runs at all. `considered` counts hardware times sizes; `wholes` are all that
    were simulated, by hardware and size, whether they meet the goal or not."""

    spec: PlanSpec  # the question
    offers: tuple[Offer, ...]  # hardware with its prices
    model: str  # its name
    tokens: float  # of the whole run
    best: dict[str, Whole]  # cheapest, fastest, least energy, fewest chips
    of_each: tuple[Whole, ...]  # the best of each hardware that meets the goal
    front: tuple[Whole, ...]  # none of which another beats in both days and dollars
    rejected: tuple[Rejected, ...]  # hardware that is not the answer, with the reason
    changes: Changes | None  # what another deadline, a unit more or another price would change
    near: dict[str, Whole]  # where nothing meets the goal
    considered: int  # sizes in all
    bounded: int  # sizes with a bound of their splits
    simulated: int  # sizes with whole runs
    wholes: tuple[Whole, ...]  # all that were simulated

    def __repr__(self) -> str:
        return f"<Plan {self.spec.name} for {self.model}: {self.answer or 'nothing meets the goal'}>"

    @property
    def goal(self) -> GoalSpec:
        """What was asked."""
        return self.spec.goal

    @property
    def answer(self) -> Whole | None:
        """The cheapest, or that of fewest chips where nothing has a price; None where nothing meets the goal."""
        return self.best.get(CHEAPEST, self.best.get(FEWEST))

    @property
    def assumed(self) -> tuple[str, ...]:
        """What was taken for granted of names and batches."""
        return tuple(dict.fromkeys(line for offer in self.offers for line in offer.assumed))

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        goal = self.goal
        asked = {
            "days": goal.within_days,
            "budget_usd": goal.budget,
            "power_w": goal.power,
            "chips": goal.chips,
            "sure": goal.sure,
        }
        return {
            "name": self.spec.name,
            "model": self.model,
            "tokens": self.tokens,
            "goal": asked,
            "best": {name: whole.to_json() for name, whole in self.best.items()},
            "of_each": [whole.to_json() for whole in self.of_each],
            "front": [whole.to_json() for whole in self.front],
            "rejected": [one.to_json() for one in self.rejected],
            "changes": None if self.changes is None else self.changes.to_json(),
            "near": {name: whole.to_json() for name, whole in self.near.items()},
            "considered": self.considered,
            "bounded": self.bounded,
            "simulated": self.simulated,
            "runs": next((whole.duration.runs for whole in self.wholes), None),
            "seed": next((whole.duration.seed for whole in self.wholes), None),
            "assumed": list(self.assumed),
        }
