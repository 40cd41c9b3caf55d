"""The lines of a sweep, each a model or another swept value on several numbers of chips, and what each is called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wafersim.report.words import Row, label, varied_paths
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
    """(what their names say, the lines in the order of the sweep).

    A name has the values that tell its line from others, and before a number its field where there is room.
    """
    grouped: dict[tuple[str, ...], list[Row]] = {}
    paths = varied_paths(rows)
    for row in rows:
        values = row.get("varied", {})
        grouped.setdefault((row["model"], *(label(values.get(path, "")) for path in paths)), []).append(row)
    shown = _telling(list(grouped)) or [0]
    heads = ["model", *(path.rpartition(".")[2].replace("_", " ") for path in paths)]
    plain = [[key[index] for key in grouped] for index in range(1 + len(paths))]
    plain[0] = shortened(plain[0])
    said = [plain[0], *([f"{head} {one}" if one[:1].isdigit() else one for one in column]
                        for head, column in zip(heads[1:], plain[1:], strict=True))]  # fmt: skip
    if len(shown) == 1:  # the head of the column says of what
        said = plain
    names = _joined([said[index] for index in shown])
    unsaid = [index for index in shown if said[index] == plain[index]]
    if max(map(len, names)) > LONG:  # values without the fields they are of
        names, unsaid = [re.sub(r"(?<!\S)[^\s=]+=", "", name) for name in _joined([plain[i] for i in shown])], shown
    points = (tuple(found) for found in grouped.values())
    head = " ".join(heads[index] for index in unsaid) or "point"
    return head, [Line(*both) for both in zip(names, points, strict=True)]


def _telling(keys: Sequence[tuple[str, ...]]) -> list[int]:
    """Places of the values that tell keys apart: none in which all are alike, and none that goes with those before it."""
    found: list[int] = []
    apart = 1
    for place in range(len(keys[0])):
        together = len({tuple(key[one] for one in (*found, place)) for key in keys})
        if together > apart:
            found, apart = [*found, place], together
    return found


def _joined(columns: Sequence[Sequence[str]]) -> list[str]:
    return [" ".join(filter(None, parts)) for parts in zip(*columns, strict=True)]


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
