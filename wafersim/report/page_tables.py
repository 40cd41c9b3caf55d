"""Tables of a generated page, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def page_table(names: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """Rows under their names; a bar within a cell does not end it."""
    out = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    out += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines]
    return "\n".join(out)


def median(values: Iterable[float]) -> float:
    """Of at least one value."""
    ranked = sorted(values)
    middle = len(ranked) // 2
    return ranked[middle] if len(ranked) % 2 else 0.5 * (ranked[middle - 1] + ranked[middle])
