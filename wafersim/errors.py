"""What a user can get wrong: one family of exceptions, each fault with its place, what is wrong and what is allowed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

MOST_LINES = 20  # of faults that are printed; who has more reads no more


class WafersimError(Exception):
    """Any fault of the user's input; the command line prints it and exits with 2."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, with what was done so far; the command line prints it and exits with 130."""


class Infeasible(WafersimError):
    """A point that cannot run (does not fit, too few sequences, too many systems); it stays in a table with its reason."""

    memory: Mapping[str, object] | None = None  # where memory is why: what is needed, what there is, how likely it fits


@dataclass(frozen=True)
class Fault:
    """One fault: the file (or the option, such as --set), the line and the dotted path in it, and what is wrong and allowed."""

    file: str
    line: int | None
    path: str
    problem: str
    about: str = ""  # the part of the file that it is about, where that has a name

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        place += f" ({self.about})" if self.about else ""
        if self.file.startswith("--"):  # an option names the path that it sets
            return f"{place} {self.path}: {self.problem}"
        return ": ".join(part for part in (place, self.path, self.problem) if part)

    @property
    def order(self) -> tuple[int, str, str]:
        """Faults in the order in which a reader goes through them: options, then lines."""
        return self.line or 0, self.file, self.path


class InputFaults(WafersimError):
    """Every fault of one input at once, one line each; beyond 20 of them the number of the others."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        assert faults
        self.faults = tuple(faults)
        lines = [str(fault) for fault in self.faults[:MOST_LINES]]
        if len(faults) > MOST_LINES:
            lines.append(f"and {len(faults) - MOST_LINES} more")
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[type[InputFaults], tuple[tuple[Fault, ...]]]:
        return type(self), (self.faults,)


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """`; did you mean "x" or "y"?` for the nearest known names, up to three, or nothing where none is near.

    Near is, in this order: a path that ends in it (`systems`, "system.systems"); one that differs in a letter of each four,
    case, hyphens and underscores aside; one that begins with it, or with which it begins, where that is four letters long.
    """
    asked = str(name)[:80]
    names = list(dict.fromkeys(known))
    near = [one for one in names if asked and one.endswith(f".{asked}")] or _nearest(asked, names)
    if not near:
        return ""
    first, last = near[:3][:-1], near[:3][-1]
    return f"; did you mean {', '.join(map(_quoted, first))}{' or ' if first else ''}{_quoted(last)}?"


def _nearest(said: str, names: Sequence[str]) -> list[str]:
    asked = _plain(said)
    most = min(3, max(1, len(asked) // 4))
    apart = {one: _edits(asked, _plain(one), most) for one in names}
    least = min(apart.values(), default=most + 1)
    if least <= most and least < len(asked):
        return [one for one in names if apart[one] == least]
    if len(asked) < 4:
        return []
    as_it_is = [one for one in names if one.startswith(said)]
    longer = as_it_is or [one for one in names if _plain(one).startswith(asked)]
    shorter = [one for one in names if len(_plain(one)) >= 4 and asked.startswith(_plain(one))]
    return sorted(longer, key=len) or sorted(shorter, key=len, reverse=True)[:1]


def _edits(one: str, other: str, most: int) -> int:
    """Letters to insert, drop, change or swap with the next between two words; anything above `most` where it is more."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        earlier, before, row = before, row, [i]
        for j, its in enumerate(other, 1):
            best = min(before[j] + 1, row[-1] + 1, before[j - 1] + (letter != its))
            if i > 1 and j > 1 and letter == other[j - 2] and its == one[i - 2]:
                best = min(best, earlier[j - 2] + 1)
            row.append(best)
        if min(row) > most:
            return most + 1
    return row[-1]


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum() or letter == ".")


def _quoted(name: str) -> str:
    return f'"{name}"'


def shortened(value: object) -> str:
    """A value as it is quoted in a fault: the beginning of what is long."""
    try:
        text = repr(value)
    except ValueError:  # a whole number of more digits than Python writes
        return "a whole number of thousands of digits"
    return text if len(text) <= 60 else text[:57] + "..."
