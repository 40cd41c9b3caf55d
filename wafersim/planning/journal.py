"""The journal of a sweep: every finished point in an SQLite file, committed while others are computed, so that a kill loses none.

A point is filed under a key that says all of what it is (its fields and the version of the model); the places of a grid
point to keys. A grid that has grown, or another one in the same journal, finds the points that it shares. Write-ahead
logging lets every worker write for itself while others read. Nothing is forced to the disk: what a power cut takes is
computed again.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

from wafersim.errors import WafersimError

P = ParamSpec("P")
T = TypeVar("T")
Status = Literal["ran", "infeasible", "failed"]

NAME = "journal.sqlite"
OURS = 0x77666A31  # SQLite's application_id: wfj and the format, 1
MAGIC = b"SQLite format 3\0"
LAST_BREATH_S = 3.0  # in which the workers of a sweep that was killed notice, and let go of its lock
PATIENCE_S = 60.0  # for another worker's turn to write
TABLES = """
CREATE TABLE IF NOT EXISTS points (key BLOB PRIMARY KEY, version TEXT NOT NULL, status TEXT NOT NULL, cells TEXT NOT NULL)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS places (sweep BLOB NOT NULL, place INTEGER NOT NULL, key BLOB NOT NULL, PRIMARY KEY (sweep, place))
    WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Entry:
    """A finished point: whether it ran, and the cells of its row that do not say where in a grid it stands."""

    status: Status
    cells: dict[str, Any]


@dataclass(frozen=True)
class Finished:
    """The same as it is written: at a place of a grid, under its key, cells as JSON."""

    place: int
    key: bytes
    status: Status
    cells: str

    @classmethod
    def of(cls, place: int, key: bytes, entry: Entry) -> Finished:
        """An entry at its place."""
        return cls(place, key, entry.status, json.dumps(entry.cells))


def _said(method: Callable[P, T]) -> Callable[P, T]:
    """SQLite's errors (a full disk, a file that is damaged or none of SQLite's) as one line of ours."""

    @wraps(method)
    def said(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except sqlite3.OperationalError as error:  # a full disk, a folder without the right to write
            raise WafersimError(f"{args[0]}: cannot be written ({error}); finished points are kept") from None
        except sqlite3.DatabaseError as error:
            raise WafersimError(f"{args[0]}: is damaged ({error}); move it away, or give another --out") from None

    return said


class Journal:
    """One connection to the journal of a directory; a process has its own. Raises WafersimError, one line."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / NAME
        self.open()

    def __str__(self) -> str:
        return str(self.path)

    @_said
    def open(self) -> None:
        """Connect, once more after `close`."""
        try:
            with self.path.open("rb") as file:
                begins = file.read(len(MAGIC))
        except FileNotFoundError:
            begins = b""
        except OSError as error:
            raise WafersimError(f"{self.path}: cannot be read ({error.strerror})") from None
        if begins not in (b"", MAGIC):  # SQLite takes a short file for an empty one
            raise sqlite3.DatabaseError("file is not a database")
        self._sql = sqlite3.connect(self.path, PATIENCE_S, isolation_level=None)
        found = self._sql.execute("PRAGMA application_id").fetchone()[0]
        if found != OURS and self._sql.execute("SELECT 1 FROM sqlite_master").fetchone():
            what = "a journal in another release's format" if found >> 8 == OURS >> 8 else "no journal of this program"
            raise WafersimError(f"{self.path}: is {what}; move it away, or give another --out")
        self._sql.execute("PRAGMA journal_mode=WAL")
        self._sql.execute("PRAGMA synchronous=NORMAL")
        if found != OURS:
            self._sql.executescript(f"BEGIN IMMEDIATE; {TABLES} PRAGMA application_id={OURS}; COMMIT;")

    def close(self) -> None:
        """The last one to close folds the log into the file."""
        self._sql.close()

    @_said
    def check(self) -> None:
        """Raises WafersimError where the file is damaged."""
        said = self._sql.execute("PRAGMA quick_check(1)").fetchone()[0]
        if said != "ok":
            raise sqlite3.DatabaseError(str(said).splitlines()[-1])

    @_said
    def add_all(self, sweep: bytes, version: str, points: Sequence[Finished]) -> None:
        """Finished points, committed together; a second one of a key changes nothing."""
        rows = [(point.key, version, point.status, point.cells) for point in points]
        places = [(sweep, point.place, point.key) for point in points]
        self._sql.execute("BEGIN IMMEDIATE")
        try:
            self._sql.executemany("INSERT OR IGNORE INTO points VALUES (?, ?, ?, ?)", rows)
            self._sql.executemany("INSERT OR REPLACE INTO places VALUES (?, ?, ?)", places)
            self._sql.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._sql.execute("ROLLBACK")
            raise

    @_said
    def place(self, sweep: bytes, place: int, key: bytes) -> bool:
        """Whether a point is there already; its place in this grid is noted then."""
        if self._sql.execute("SELECT 1 FROM points WHERE key=?", (key,)).fetchone() is None:
            return False
        self._sql.execute("INSERT OR REPLACE INTO places VALUES (?, ?, ?)", (sweep, place, key))
        return True

    @_said
    def has_others(self, sweep: bytes, version: str) -> bool:
        """Whether points of a version are there that this grid has not found yet; it may share them."""
        asked = "SELECT 1 FROM points WHERE version=? AND key NOT IN (SELECT key FROM places WHERE sweep=?) LIMIT 1"
        return self._sql.execute(asked, (version, sweep)).fetchone() is not None

    @_said
    def forget_failed(self) -> None:
        """Failed points are tried again: what they failed by may have passed."""
        self._sql.execute("BEGIN IMMEDIATE")
        self._sql.execute("DELETE FROM places WHERE key IN (SELECT key FROM points WHERE status='failed')")
        self._sql.execute("DELETE FROM points WHERE status='failed'")
        self._sql.execute("COMMIT")

    @_said
    def missing(self, sweep: bytes, places: range) -> list[int]:
        """Of some places in a row those that are not done."""
        done = {
            place
            for (place,) in self._sql.execute(
                "SELECT place FROM places WHERE sweep=? AND place>=? AND place<?", (sweep, places.start, places.stop)
            )
        }
        return [place for place in places if place not in done]

    @_said
    def done(self, sweep: bytes) -> int:
        """How many points of a grid are there."""
        return int(self._sql.execute("SELECT count(*) FROM places WHERE sweep=?", (sweep,)).fetchone()[0])

    @_said
    def of_other_versions(self, version: str) -> int:
        """Points that another version of the model made; they stay, and count for nothing."""
        return int(self._sql.execute("SELECT count(*) FROM points WHERE version<>?", (version,)).fetchone()[0])

    def entries(self, sweep: bytes) -> Iterator[tuple[int, Entry]]:
        """(place, point) of all that are done, in the order of the grid; one at a time, however many there are."""
        asked = "SELECT place, status, cells FROM places JOIN points USING (key) WHERE sweep=? ORDER BY place"
        for place, status, cells in self._sql.execute(asked, (sweep,)):
            yield place, Entry(status, json.loads(cells))

    @_said
    def counts(self, sweep: bytes) -> dict[Status, int]:
        """How many points of each status."""
        asked = "SELECT status, count(*) FROM places JOIN points USING (key) WHERE sweep=? GROUP BY status"
        return dict(self._sql.execute(asked, (sweep,)).fetchall())


def only_one(directory: Path) -> int | None:
    """The descriptor of a lock on a directory; None where the file system has no locks.

    The kernel lets go of it when the process and its workers are dead, however they died. Raises WafersimError where another
    sweep holds it.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    until = time.monotonic() + LAST_BREATH_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() < until:
                time.sleep(0.1)
                continue
            os.close(descriptor)
            said = f"--out {directory}: another sweep is at work there; wait for it, or give another"
            raise WafersimError(said) from None
        except OSError:
            os.close(descriptor)
            return None


def prepared(directory: Path) -> None:
    """Make the directory of a sweep. Raises WafersimError, one line, where it cannot be made or written in."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        trial = directory / f".trial-{os.getpid()}"
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise WafersimError(f"--out {directory}: cannot be written ({error.strerror or error})") from None
