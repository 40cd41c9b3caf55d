"""Directories of which a file is another."""

import shutil
from pathlib import Path


def altered(directory: Path, copy: Path, name: str, content: str | None) -> Path:
    """A copy of a directory in which a file has other content, or for None is not there."""
    shutil.copytree(directory, copy)
    if content is None:
        (copy / name).unlink()
    else:
        (copy / name).write_text(content)
    return copy
