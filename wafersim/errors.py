"""What a user can get wrong: one family of exceptions, each fault with its place, what is wrong and what is allowed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


class WafersimError(Exception):
    """Any fault of the user's input; the command line prints it and exits with 2."""


class Infeasible(WafersimError):
    """A point that cannot run (does not fit, too few sequences, too many systems); it stays in a table with its reason."""


@dataclass(frozen=True)
class Fault:
    """One fault: where (file:line: path, or an option) and what, with what is allowed."""

    place: str
    problem: str

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}"


class InputFaults(WafersimError):
    """Every fault of one input at once, one line each."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        assert faults
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, faults)))


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """`; did you mean "x"?` for the nearest known name, or nothing."""
    near = get_close_matches(str(name), list(known), n=1, cutoff=0.6)
    return f'; did you mean "{near[0]}"?' if near else ""
