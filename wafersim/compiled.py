"""Functions compiled by numba, with the machine code kept for the next run wherever there is a place to keep it."""

from __future__ import annotations

import os
import re
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
    holds the machine code of the functions that it calls, so it is good until a module changes that its own imports.
    """

    def compile_(function: Callable[..., Any]) -> Any:
        try:
            return _good_until_a_module_changes(numba.njit(cache=True, **options)(function), function)
        except RuntimeError:  # no locator available
            own = _own_directory()
        if own is None:
            return numba.njit(**options)(function)
        numba.config.CACHE_DIR = str(own)  # type: ignore[attr-defined]
        return _good_until_a_module_changes(numba.njit(cache=True, **options)(function), function)

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


def _good_until_a_module_changes(compiled: Any, function: Callable[..., Any]) -> Any:
    """numba itself looks at the file of the function alone, and would keep the old code of one that is called from it."""
    if not numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        compiled._cache._cache_file._source_stamp = _stamp(Path(function.__code__.co_filename))
    return compiled


@cache
def _stamp(path: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, time of change and size of a module and of those of its folder that it imports, directly or not."""
    found, rest = {path}, [path]
    while rest:
        beside = {
            path.parent / f"{name}.py" for line in _IMPORTED.findall(rest.pop().read_text()) for name in _names(line)
        }
        new = {module for module in beside - found if module.is_file()}
        found |= new
        rest += new
    statuses = ((module.name, module.stat()) for module in sorted(found))
    return tuple((name, status.st_mtime_ns, status.st_size) for name, status in statuses)


_IMPORTED = re.compile(r"^from ([\w.]+) import ([\w, ]*)", re.MULTILINE)


def _names(imported: tuple[str, str]) -> list[str]:
    """Modules that `from package.module import names` may name: the last part, or a name."""
    return [imported[0].rpartition(".")[2], *re.findall(r"\w+", imported[1])]


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
