"""The lines of a sweep, each a model or another swept value on several numbers of chips, and what each is called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wafersim.report.words import COUNTS, Row, label
from wafersim.strategies.registry import words_of

LONG = 32  # characters of a name that leave too little of a line for numbers


@dataclass(frozen=True)
class Line:
    """Points that differ in their number of chips alone. `head` is the one that is told of."""

    name: str
    points: tuple[Row, ...]

    @property
    def ran(self) -> tuple[Row, ...]:
        """Points that can run, by chips; the published run only where no other point is on as many."""
        ran = sorted((row for row in self.points if "infeasible" not in row), key=as_trained, reverse=True)
        by_count = {row["n_systems"]: row for row in ran}
        return tuple(by_count[count] for count in sorted(by_count))

    @property
    def head(self) -> Row | None:
        """The run as it was trained where that is asked for, else the most chips; None where nothing can run."""
        ran = [row for row in self.points if "infeasible" not in row]
        trained = [row for row in ran if as_trained(row)]
        ranked = trained or sorted(ran, key=lambda row: row["n_systems"])
        return ranked[-1] if ranked else None


def as_trained(row: Row) -> bool:
    """Whether a point is the run that the model's authors describe."""
    return "published_run" in row


def lines_of(rows: Sequence[Row]) -> tuple[str, list[Line]]:
    """(what their names say, the lines in the order of the sweep)."""
    grouped: dict[tuple[str, ...], list[Row]] = {}
    varied = [name for row in rows for name in row.get("varied", {}) if name not in ("model", *COUNTS)]
    paths = list(dict.fromkeys(varied))
    for row in rows:
        values = row.get("varied", {})
        grouped.setdefault((row["model"], *(label(values.get(path, "")) for path in paths)), []).append(row)
    shown = [index for index in range(1 + len(paths)) if len({key[index] for key in grouped}) > 1] or [0]
    columns = [
        shortened([key[index] for key in grouped]) if index == 0 else [key[index] for key in grouped] for index in shown
    ]
    names = [" ".join(filter(None, parts)) for parts in zip(*columns, strict=True)]
    if max(map(len, names)) > LONG:  # values without the fields they are of
        names = [re.sub(r"(?<!\S)[^\s=]+=", "", name) for name in names]
    heads = ["model", *(path.rpartition(".")[2].replace("_", " ") for path in paths)]
    points = (tuple(found) for found in grouped.values())
    return " ".join(heads[index] for index in shown), [Line(*both) for both in zip(names, points, strict=True)]


def shortened(names: Sequence[str]) -> list[str]:
    """Names without the words that all of them begin with: cerebras-gpt-13b beside cerebras-gpt-111m is 13B."""
    words = [name.split("-") for name in names]
    same = 0
    while all(len(name) > same + 1 and name[same] == words[0][same] for name in words) and len(set(names)) > 1:
        same += 1
    cut = ["-".join(name[same:]) for name in words]
    return [name.upper() if name[:1].isdigit() else name for name in cut]


def chips_of(rows: Iterable[Row]) -> str:
    """What the chips of some points are called, in a column's head."""
    return "/".join(dict.fromkeys("GPUs" if row["kind"] == "gpu" else words_of(row["kind"]).many for row in rows))
