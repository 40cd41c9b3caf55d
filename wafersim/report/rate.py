"""How far thousands of points are: a bar with the rate and the time left on a terminal, a line now and then where it is piped."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from wafersim import numbers

EVERY_S = 10.0  # between two lines of what is piped


@contextmanager
def counted(total: int, before: int) -> Iterator[Callable[[int], None]]:
    """What to call with the number of points that were just finished; `before` were done already. On stderr."""
    began, done = time.monotonic(), before

    if not sys.stderr.isatty():
        said = began

        def tell(count: int) -> None:
            nonlocal done, said
            done += count
            now = time.monotonic()
            if now - said >= EVERY_S:
                said = now
                text = rate_and_left(done - before, total - done, now - began)
                print(f"{done:,} of {total:,} points, {text}", file=sys.stderr, flush=True)

        yield tell
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total, completed=before)

        def advance(count: int) -> None:
            nonlocal done
            done += count
            text = rate_and_left(done - before, total - done, time.monotonic() - began)
            bar.update(task, completed=done, description=text)

        yield advance


def rate_and_left(done: int, left: int, seconds: float) -> str:
    """`31 points/s, 2.6 min left`, of so many points in so many seconds."""
    if not done or seconds <= 0:
        return "no point yet"
    return f"{numbers.digits(done / seconds, 2)} points/s, {numbers.duration(left * seconds / done)} left"
