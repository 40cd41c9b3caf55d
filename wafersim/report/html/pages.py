"""What pages of every kind share: the first screen, as wide as a desk and as a phone has room for."""

from __future__ import annotations

from collections.abc import Callable

WIDE, NARROW = 100, 44  # characters of a line of the answer
MOST_LINES = 80  # of it: a page has room for more than a terminal
LAST = ("More ", "More:")  # commands, with which a screen ends


def answer(screen: Callable[[int, int], list[str]], width: int) -> str:
    """A first screen of so many columns and lines without its title, which the page has, and without commands."""
    lines = screen(width, MOST_LINES)[1:]
    end = next((place for place, line in enumerate(lines) if line.startswith(LAST)), len(lines))
    return "\n".join(lines[:end]).strip("\n")
