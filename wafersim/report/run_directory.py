"""A directory of results that appears under its name complete or not at all, whoever else writes there and whatever is killed.

Everything is written into a hidden draft beside the place where it will stand, `root/.wafersim-xxxxxxxx/<name>`, and then
changes places with an earlier run of that name in one system call. At every moment the name holds the old run or the new
one, complete. Chosen over a symbolic link to numbered versions, which has the same property, because a run stays a plain
directory that people copy, delete and rename, and `root` shows nothing but runs.

A draft is locked (flock) by its process for as long as that lives: the kernel lets go of the lock of a process that was
killed, so that the next save can tell a leftover from work in progress without trusting process numbers, which are used
again and mean nothing on another host. Nothing is forced to the disk (fsync): a run that a power cut takes is run again.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wafersim import __version__
from wafersim.errors import WafersimError
from wafersim.planning.model_version import model_version

if TYPE_CHECKING:  # pages are loaded where they are asked for
    from wafersim.report.html.parts import Page

DRAFT = ".wafersim-"
REPORT = "report.html"
VERSION = "version.json"  # of the program and of the model that a directory's numbers are of
OUTSIDE_A_NAME = re.compile(r"[^\w.+-]+")  # '/' would be a directory, markup and control characters nobody types
MOST_OF_A_NAME = 50  # characters; a letter takes 4 bytes at the most, a file's name 255
WIDEST = 400  # characters of a line of reasons.txt
OLD = "old"  # in a draft: the earlier run, where it had to be moved away
AT_FDCWD, RENAME_EXCHANGE = -100, 2  # linux/fs.h
# What a kernel or file system without the exchange answers.
NO_EXCHANGE = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM}


def save_directory(root: Path, resolved: dict[str, Any], write: Callable[[Path], None]) -> Path:
    """`root/<name>-<short hash of what was asked>`, filled by `write`; an earlier one of that name is replaced.

    What processes that died have left in `root` is swept first. Raises WafersimError, one line, when `root` cannot hold
    the directory; then an earlier one stands as it was.
    """
    short = hashlib.sha256(json.dumps(resolved, sort_keys=True).encode()).hexdigest()[:8]
    place = root / f"{resolved['name']}-{short}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        if _in_the_way(place):
            raise WafersimError(f"--out {root}: {place.name} is there and is no directory")
        sweep(root)
        with _draft(root) as draft:
            fresh = draft / place.name
            fresh.mkdir()
            write(fresh)
            _publish(fresh, place)
    except OSError as error:
        raise WafersimError(f"--out {root}: cannot be written ({error.strerror or error})") from None
    return place


def seal(directory: Path, page: Page | None = None) -> None:
    """Beside numbers that are written: their `page`, of which version they are, the sums of their files.

    `report` takes no other than its own.
    """
    if page is not None:
        from wafersim.report.html.page import page_html

        (directory / REPORT).write_text(page_html(page), encoding="utf-8")
    written_by = {"wafersim": __version__, "model": model_version(), "files": sums_of(directory)}
    (directory / VERSION).write_text(json.dumps(written_by, indent=2) + "\n", encoding="utf-8")


def sums_of(directory: Path) -> dict[str, str]:
    """SHA-256, in hexadecimal digits, of every file of questions and answers (YAML, JSON) in a directory, by its path there."""
    asked = (path for path in directory.rglob("*") if path.suffix in (".json", ".yaml") and path.is_file())
    return {
        path.relative_to(directory).as_posix(): sum_of(path) for path in sorted(asked) if path != directory / VERSION
    }


def sum_of(path: Path) -> str:
    """SHA-256 of a file in hexadecimal digits, read in pieces; empty where there is none. Raises OSError if it cannot be read."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def step_file(model: str, systems: int) -> str:
    """What the files of a model's step are called, without suffix; of its name what a file's name can hold."""
    return f"timeline-{OUTSIDE_A_NAME.sub('-', model)[:MOST_OF_A_NAME]}-{systems}"


def check_writable(root: Path) -> None:
    """Raises WafersimError, one line, where `root` could not be made or written in: asked before an hour of simulation."""
    there = root.absolute()
    try:
        while not there.exists() and there != there.parent:
            there = there.parent
        Path(tempfile.mkdtemp(prefix=DRAFT, dir=there)).rmdir()
    except OSError as error:
        raise WafersimError(f"--out {root}: cannot be written ({error.strerror or error})") from None


def _in_the_way(place: Path) -> bool:
    """Whether something that is no directory stands there: one look, since another save may move a run away meanwhile."""
    try:
        return not stat.S_ISDIR(place.lstat().st_mode)
    except FileNotFoundError:
        return False


def sweep(root: Path) -> None:
    """Remove the drafts of processes that died; a run that one of them had moved away returns to its place first."""
    for draft in root.glob(f"{DRAFT}*"):
        with suppress(OSError):  # somebody else's, or just gone, or on a file system without locks
            lock = _lock(draft)
            if lock is None:
                continue
            try:
                _clear(draft)
            finally:
                os.close(lock)


@contextmanager
def _draft(root: Path) -> Iterator[Path]:
    """A hidden directory in `root`, locked while the block runs and gone afterwards."""
    while True:
        draft = Path(tempfile.mkdtemp(prefix=DRAFT, dir=root))
        try:
            lock = _lock(draft)
        except FileNotFoundError:
            continue
        except OSError:  # no locks here, so that nobody sweeps either
            lock = None
            break
        if lock is not None:
            break  # else a sweep took the new directory for a leftover, before it was locked
    try:
        yield draft
    finally:
        _clear(draft)
        if lock is not None:
            os.close(lock)


def _lock(draft: Path) -> int | None:
    """The open descriptor that holds a draft's lock, or None where another process has it or has removed the draft.

    Raises OSError where directories cannot be locked.
    """
    descriptor = os.open(draft, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), draft.stat()):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _clear(draft: Path) -> None:
    """Remove a draft; a run that was moved away into it stands under its name again, unless another one does."""
    for moved in (draft / OLD).glob("*"):
        _put(moved, draft.parent / moved.name)
    shutil.rmtree(draft, ignore_errors=True)


def _publish(fresh: Path, place: Path) -> None:
    """Put `fresh` where an earlier run may stand; that one ends in the draft. Others may publish there at the same time."""
    while not _put(fresh, place):
        try:
            if _exchange(fresh, place):
                return
            _move_away(place, fresh.parent / OLD)
        except FileNotFoundError:
            continue  # somebody took the earlier run away meanwhile


def _put(fresh: Path, place: Path) -> bool:
    """Rename to a place that is free (or an empty directory); False where something stands."""
    try:
        fresh.rename(place)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    return True


def _exchange(one: Path, other: Path) -> bool:
    """Let two directories change places in one step; False where the system cannot (renameat2 is Linux's)."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    sys.audit("wafersim.exchange", str(one), str(other))  # the tests kill the process here
    if rename(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in NO_EXCHANGE:
        return False
    raise OSError(number, os.strerror(number), str(other))


def _move_away(place: Path, old: Path) -> None:
    """The way without an exchange: a kill between this and the next rename leaves the name empty, and `sweep` brings it back."""
    shutil.rmtree(old, ignore_errors=True)
    old.mkdir()
    place.rename(old / place.name)
