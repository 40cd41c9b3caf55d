"""The version of the model: a hash over everything that a prediction is made of, code, catalogue, profiles and fits."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

from wafersim.inputs import resources

LEFT_OUT = {"__pycache__", "_shipped", "report", "cli", "evidence"}  # which no prediction reads
LIBRARIES = ("numba", "numpy")  # whose arithmetic the numbers are


@cache
def model_version() -> str:
    """Sixteen hexadecimal digits; another byte in a file that predictions are made of gives others. Some 20 ms."""
    return version_of((resources.PACKAGE, resources.folder("hardware")))


def version_of(folders: tuple[Path, ...]) -> str:
    """The same of some folders: names and contents of their files."""
    digest = hashlib.sha256("".join(f"{name} {version(name)}\n" for name in LIBRARIES).encode())
    for folder in folders:
        files = (path for path in folder.rglob("*") if not LEFT_OUT & set(path.relative_to(folder).parts))
        for path in sorted(path for path in files if path.is_file()):
            content = path.read_bytes()
            digest.update(f"{path.relative_to(folder).as_posix()} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()[:16]
