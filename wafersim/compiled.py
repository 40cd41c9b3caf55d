"""Functions compiled by numba, with the machine code kept for the next run wherever there is a place to keep it."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba


def njit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """`numba.njit`, with its cache beside the source or in the home directory.

    Where neither can be written (a package that root installed, run by a service without a home) the cache is a directory of
    the user's own among the temporary files, and if that cannot be had, the function is compiled in every run. What is kept
    holds the machine code of the functions that it calls, so it is good until any file of its folder changes.
    """

    def compile_(function: Callable[..., Any]) -> Any:
        try:
            return _good_until_its_folder_changes(numba.njit(cache=True, **options)(function), function)
        except RuntimeError:  # no locator available
            own = _own_directory()
        if own is None:
            return numba.njit(**options)(function)
        numba.config.CACHE_DIR = str(own)  # type: ignore[attr-defined]
        return _good_until_its_folder_changes(numba.njit(cache=True, **options)(function), function)

    return compile_


def inner(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A function that only compiled functions call: without a face to Python or a cache of its own, it takes half as long."""
    bare: Any = {
        "no_cpython_wrapper": True,
        "no_cfunc_wrapper": True,
        **options,
    }  # numba's names, which its stubs leave out
    compile_: Callable[[Callable[..., Any]], Any] = numba.njit(**bare)
    return compile_


def _good_until_its_folder_changes(compiled: Any, function: Callable[..., Any]) -> Any:
    """numba itself looks at the file of the function alone, and would keep the old code of one that is called from it."""
    if not numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        compiled._cache._cache_file._source_stamp = _stamp(Path(function.__code__.co_filename).parent)
    return compiled


@cache
def _stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, time of change and size of every module in a folder."""
    found = ((path.name, path.stat()) for path in sorted(folder.glob("*.py")))
    return tuple((name, status.st_mtime_ns, status.st_size) for name, status in found)


def _own_directory() -> Path | None:
    """A directory that nobody else can write, since what lies in a cache is run: anybody may put files into /tmp."""
    directory = Path(tempfile.gettempdir()) / f"wafersim-{os.getuid()}"
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        found = directory.lstat()
    except OSError:
        return None
    private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022
    return directory if private and os.access(directory, os.W_OK) else None
