"""A sweep as a command of its own, and its journal as others see it."""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from wafersim.planning.journal import NAME


def command(file: Path, out: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "wafersim", "sweep", str(file), "--out", str(out), *words]


def asked(out: Path, question: str) -> list[tuple[Any, ...]]:
    """Rows of a journal, which may not be there yet."""
    if not (out / NAME).exists():
        return []
    with closing(sqlite3.connect(out / NAME, timeout=60)) as connection:
        try:
            return connection.execute(question).fetchall()
        except sqlite3.OperationalError:  # its tables are still to be made
            return []


def keys(out: Path) -> set[bytes]:
    """Keys of the points that a journal has."""
    return {key for (key,) in asked(out, "SELECT key FROM points")}
