"""How many tasks a step has, told from its plan before any of them is made, and how many are simulated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wafersim.errors import Infeasible

MEMORY_GB = 8  # that answering a step may take: half of what a laptop has
# Measured: peak of `wafersim run` over tasks of the step: 940 where every service has its order, 1,620 where servers choose, from
# 4 to 6 million of them; tests/benchmarks/test_memory.py measures it again.
BYTES_A_TASK = 1_700
MOST_TASKS = MEMORY_GB * 10**9 // BYTES_A_TASK


class TooManyTasks(Infeasible):
    """A step of more tasks than are simulated."""


@dataclass(frozen=True)
class Tally:
    """Tasks of a step, what makes them so many, and what a user may change to have fewer."""

    tasks: int
    made_of: tuple[str, ...]
    fewer: tuple[str, ...]


def check_tally(*steps: Tally, each: str = "") -> None:
    """Raises TooManyTasks where steps, simulated side by side, have more tasks than are simulated; `each` says why so many."""
    tasks = sum(step.tasks for step in steps)
    if tasks > MOST_TASKS:
        largest = max(steps, key=lambda step: step.tasks)
        raise TooManyTasks(
            f"a step has {tasks:,} tasks ({', '.join(largest.made_of)}{each}); up to {MOST_TASKS:,} are simulated, "
            f"in {MEMORY_GB} GB: {_alternatives(largest.fewer)}"
        )


def _alternatives(ways: Sequence[str]) -> str:
    return " or ".join([", ".join(ways[:-1]), ways[-1]] if len(ways) > 1 else ways)
