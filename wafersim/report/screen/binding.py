"""What a point's step is made of: shares of its critical circuit, what the chips compute told as one."""

from __future__ import annotations

from wafersim.report.words import Row
from wafersim.strategies.registry import words_of

COMPUTE = "compute "  # what tasks of the chips themselves begin with


def shares_of(row: Row, in_detail: bool = False) -> dict[str, float]:
    """Share of the step by what binds, largest first; of the breakdown where there is no critical circuit.

    In detail, what the chips compute tells its own parts in its name, in percent of the step.
    """
    words, shares = words_of(row["kind"]), dict[str, float]()
    if row["critical"] is None:
        shares = {part.resource: row["breakdown"][part.key] / row["step_time_s"] for part in words.parts}
        return dict(sorted(shares.items(), key=lambda item: -item[1]))
    tasks = row["critical"]["shares"]
    computed = {task.removeprefix(COMPUTE): share for task, share in tasks.items() if task.startswith(COMPUTE)}
    ranked = sorted(computed.items(), key=lambda item: -item[1])
    parts = f" ({', '.join(f'{name} {100 * share:.0f}' for name, share in ranked)})" if in_detail and ranked else ""
    for task, share in tasks.items():
        name = words.parts[0].resource + parts if task.startswith(COMPUTE) else words.task.get(task, task)
        shares[name] = shares.get(name, 0.0) + share
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def bound_by(row: Row) -> str:
    """The resource with the largest share of the step."""
    return next(iter(shares_of(row)))
