"""What pages of every kind share: the first screen, as wide as a desk and as a phone has room for; a step once more."""

from __future__ import annotations

from collections.abc import Callable

from wafersim.inputs.experiment import Experiment
from wafersim.inputs.sweep import Point
from wafersim.planning.sweep import run_point
from wafersim.simulation import Simulated

WIDE, NARROW = 100, 44  # characters of a line of the answer
MOST_LINES = 80  # of it: a page has room for more than a terminal
LAST = ("More ", "More:")  # commands, with which a screen ends


def answers(screen: Callable[[int, int], list[str]]) -> tuple[str, str]:
    """A first screen, called with columns and lines, on a desk and on a phone."""
    return _answer(screen, WIDE), _answer(screen, NARROW)


def simulated_again(experiment: Experiment) -> Simulated:
    """The step of an experiment that ran before."""
    found = run_point(Point({}, experiment), told=False).simulated
    assert found is not None, "what ran cannot run again"
    return found


def _answer(screen: Callable[[int, int], list[str]], width: int) -> str:
    """Without its title, which the page has, and without commands."""
    lines = screen(width, MOST_LINES)[1:]
    end = next((place for place, line in enumerate(lines) if line.startswith(LAST)), len(lines))
    return "\n".join(lines[:end]).strip("\n")
