"""What was read from files, kept until one of those files changes: nothing is remembered by its name.

A result rests on every file that was looked at for it, also on one that was not there. It is used again while each of
them has the same time stamps, size and inode. A file that changed a moment ago may change again within the clock tick of
its file system, so what rests on it is read anew until it has settled.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

T = TypeVar("T")
Stamp = tuple[int, int, int, int] | None

SEARCHED = "WAFERSIM_PATH"  # folders that files of one's own are looked for in
SETTLED_NS = 100_000_000
MOST_KEPT = 1024  # files of one loader

P = ParamSpec("P")

_open: ContextVar[tuple[dict[Path, Stamp], ...]] = ContextVar("open", default=())
_moment: ContextVar[dict[Path, Stamp] | None] = ContextVar("moment", default=None)
_found: ContextVar[dict[Hashable, Any] | None] = ContextVar("found", default=None)


@contextmanager
def at_one_moment() -> Iterator[None]:
    """Every file is looked at once while the block runs: the points of a grid lean on the same files, thousands of times."""
    token, found = _moment.set({}), _found.set({})
    try:
        yield
    finally:
        _moment.reset(token)
        _found.reset(found)


def for_a_moment(find: Callable[P, T]) -> Callable[P, T]:
    """A function of names that files stand behind, which within `at_one_moment` is asked once for each; names alone, by position.

    It is asked every time while a file is being read, which rests on all that is looked at then.
    """

    @wraps(find)
    def finding(*args: P.args, **kwargs: P.kwargs) -> T:
        found = _found.get()
        if found is None or _open.get() or kwargs or not all(isinstance(each, str | None) for each in args):
            return find(*args, **kwargs)
        key = (find, args, os.environ.get(SEARCHED, ""))
        if key not in found:
            found[key] = find(*args, **kwargs)
        value: T = found[key]
        return value

    return finding


def look_at(path: Path) -> Stamp:
    """The stamp of a file (None where there is none); every loader that is at work rests on it from here on."""
    stamp = _stamp(path)
    for seen in _open.get():
        seen.setdefault(path.absolute(), stamp)
    return stamp


def of_file(load: Callable[[Path], T]) -> Callable[[Path], T]:
    """A loader of a file that remembers what it loaded."""
    kept: dict[tuple[str, ...], tuple[T, dict[Path, Stamp]]] = {}

    @wraps(load)
    def loaded(path: Path) -> T:
        key = (str(path), str(path.absolute()), os.environ.get(SEARCHED, ""))
        if key in kept:
            value, seen = kept[key]
            if all(_stamp(file) == stamp for file, stamp in seen.items()):
                for outer in _open.get():
                    outer.update({file: stamp for file, stamp in seen.items() if file not in outer})
                return value
            del kept[key]
        seen = {}
        token, began = _open.set((*_open.get(), seen)), time.time_ns()
        try:
            look_at(path)
            value = load(path)
        finally:
            _open.reset(token)
        newest = max((max(stamp[:2]) for stamp in seen.values() if stamp), default=0)
        if began - newest > SETTLED_NS:
            if len(kept) >= MOST_KEPT:
                kept.clear()
            kept[key] = value, seen
        return value

    return loaded


def _stamp(path: Path) -> Stamp:
    moment = _moment.get()
    if moment is None:
        return _stamp_now(path)
    if path not in moment:
        moment[path] = _stamp_now(path)
    return moment[path]


def _stamp_now(path: Path) -> Stamp:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
