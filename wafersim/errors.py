"""What a user can get wrong: one family of exceptions, each fault with its place, what is wrong and what is allowed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

MOST_LINES = 20  # of faults that are printed; who has more reads no more


class WafersimError(Exception):
    """Any fault of the user's input; the command line prints it and exits with 2."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, with what was done so far; the command line prints it and exits with 130."""


class Infeasible(WafersimError):
    """A point that cannot run (does not fit, too few sequences, too many systems); it stays in a table with its reason."""


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
    """`; did you mean "x"?` for the nearest known name, or nothing."""
    names, asked = list(known), str(name)[:80]
    near = [one for one in names if one.lower() == asked.lower()] or get_close_matches(asked, names, n=1, cutoff=0.6)
    return f'; did you mean "{near[0]}"?' if near else ""


def shortened(value: object) -> str:
    """A value as it is quoted in a fault: the beginning of what is long."""
    try:
        text = repr(value)
    except ValueError:  # a whole number of more digits than Python writes
        return "a whole number of thousands of digits"
    return text if len(text) <= 60 else text[:57] + "..."
