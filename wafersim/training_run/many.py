"""Many runs of one plan, with what is not known of it drawn for each: asked for here, simulated by whoever is at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from wafersim.training_run.compiled import Outcomes, Prepared, run_many
from wafersim.training_run.factors import Factors
from wafersim.training_run.plan import RunPlan
from wafersim.training_run.uncertain import Uncertain


@dataclass(frozen=True, eq=False)
class ManyRuns:
    """Runs 0 to `runs` - 1 of a plan: all that they follow from, in any order and any process.

    Without `uncertain` only chance makes them differ. One that is not over after `longest_s` seconds is given up.
    """

    plan: RunPlan
    seed: int
    runs: int
    uncertain: Uncertain | None
    longest_s: float

    @property
    def factors(self) -> Factors | None:
        """What is drawn for each run."""
        return None if self.uncertain is None else self.uncertain.drawn(self.seed, self.runs)

    @cached_property
    def prepared(self) -> Prepared:
        """The same as arrays. `WafersimError` where a bound is passed."""
        return Prepared.of(self.plan, self.seed, self.runs, self.factors, self.longest_s)


Simulate = Callable[[ManyRuns], Outcomes]


def on_all_cores(many: ManyRuns) -> Outcomes:
    """By threads of this process."""
    return run_many(many.plan, many.seed, many.runs, many.factors, longest_s=many.longest_s)
