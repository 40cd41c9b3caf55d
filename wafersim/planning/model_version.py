"""The version of the model: a hash over everything that a prediction is made of, code, catalogue, profiles and fits."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

from wafersim.inputs import resources

LEFT_OUT = {"__pycache__", "_shipped", "report", "cli", "evidence"}  # which no prediction reads
LIBRARIES = ("numba", "numpy")  # whose arithmetic the numbers are


@cache
def model_version() -> str:
    """Sixteen hexadecimal digits; another byte in a file that predictions are made of gives others. Some 20 ms."""
    first_stamps()
    return version_of((resources.PACKAGE, resources.folder("hardware")))


def version_of(folders: tuple[Path, ...]) -> str:
    """The same of some folders: names and contents of their files."""
    digest = hashlib.sha256("".join(f"{name} {version(name)}\n" for name in LIBRARIES).encode())
    for folder, path in _files(folders):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


@cache
def first_stamps() -> tuple[tuple[int, int], ...]:
    """Of the files when this process first asked for their version; one that is forked has its parent's."""
    return stamps()


def stamps() -> tuple[tuple[int, int], ...]:
    """(time of change, bytes) of each file of the model: sooner than a hash, for who asks whether one changed meanwhile."""
    folders = resources.PACKAGE, resources.folder("hardware")
    found = (entry.stat() for folder in folders for entry in _entries(folder))
    return tuple((each.st_mtime_ns, each.st_size) for each in found)


def _entries(folder: Path | str) -> Iterator[os.DirEntry[str]]:
    """The same files as `_files`, without a path for each: this is asked for every chunk of a sweep."""
    for entry in sorted(os.scandir(folder), key=lambda each: each.name):
        if entry.is_dir() and entry.name not in LEFT_OUT:
            yield from _entries(entry.path)
        elif entry.is_file() and entry.name not in LEFT_OUT:
            yield entry


def _files(folders: tuple[Path, ...]) -> list[tuple[Path, Path]]:
    """(folder, file) in order."""
    found = ((folder, path) for folder in folders for path in folder.rglob("*"))
    kept = [(folder, path) for folder, path in found if not LEFT_OUT & set(path.relative_to(folder).parts)]
    return sorted((folder, path) for folder, path in kept if path.is_file())
