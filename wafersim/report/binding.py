"""What binds a step: the resource with the largest share of its critical circuit, which sees what overlaps as parts do not."""

from __future__ import annotations

from wafersim.report.words import Row
from wafersim.strategies.registry import words_of

COMPUTE = "compute "


def circuit_shares(row: Row) -> dict[str, float]:
    """Shares of the critical circuit by resource, the largest first, what chips compute told as one; empty without a circuit."""
    words, critical = words_of(row["kind"]), row.get("critical") or {"shares": {}}
    shares: dict[str, float] = {}
    for name, share in critical["shares"].items():
        label = words.parts[0].resource if name.startswith(COMPUTE) else words.task.get(name, name)
        shares[label] = shares.get(label, 0.0) + share
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def bound_by(row: Row) -> str:
    """The resource that binds; that of the largest part of the step where no circuit was followed (the SimPy reference)."""
    return next(iter(circuit_shares(row)), str(row["binding_resource"]))
