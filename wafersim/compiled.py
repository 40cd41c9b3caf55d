"""Functions compiled by numba, with the machine code kept for the next run wherever there is a place to keep it."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba


def njit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """`numba.njit`, with its cache beside the source or in the home directory.

    Where neither can be written (a package that root installed, run by a service without a home) the cache is a directory of
    the user's own among the temporary files, and if that cannot be had, the function is compiled in every run.
    """

    def compile_(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(cache=True, **options)(function)
        except RuntimeError:  # no locator available
            own = _own_directory()
        if own is None:
            return numba.njit(**options)(function)
        numba.config.CACHE_DIR = str(own)  # type: ignore[attr-defined]
        return numba.njit(cache=True, **options)(function)

    return compile_


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
