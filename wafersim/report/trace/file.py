"""The file of a trace: it appears under its name when it is complete, compressed where the name ends in .gz."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from wafersim.errors import WafersimError

LEVEL = 4  # of compression: 9 takes three times as long for a twentieth less


def check_trace_path(path: Path) -> None:
    """Raises WafersimError, one line, where a trace could not be written: asked before an hour of simulation."""
    with _told(path):
        if _is_special(path):
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
            return
        draft = _draft(path)
        draft.open("xb").close()
        draft.unlink()


def write_trace(path: Path, text: Iterable[str]) -> None:
    """Write pieces of ASCII text as they come; the same text makes the same bytes.

    Raises WafersimError, one line, where that fails; an earlier file of the name then stands as it was.
    """
    with _told(path):
        if _is_special(path):
            with path.open("wb") as file:
                _fill(file, path, text)
            return
        draft = _draft(path)
        try:
            with draft.open("xb") as file:
                _fill(file, path, text)
            draft.replace(os.path.realpath(path))
        except BaseException:
            draft.unlink(missing_ok=True)
            raise


def _fill(file: IO[bytes], path: Path, text: Iterable[str]) -> None:
    if path.suffix == ".gz":
        with gzip.GzipFile("", "wb", LEVEL, file, mtime=0) as packed:
            for piece in text:
                packed.write(piece.encode("ascii"))
        return
    for piece in text:
        file.write(piece.encode("ascii"))


def _is_special(path: Path) -> bool:
    """Whether a pipe or a device stands there, which is written to and not replaced; a directory is refused."""
    if path.is_dir():
        raise IsADirectoryError(None, "it is a directory")
    return path.exists() and not path.is_file()


def _draft(path: Path) -> Path:
    """A hidden file beside the place where the trace will stand, of this process alone."""
    place = Path(os.path.realpath(path))
    return place.with_name(f".{place.name}.{os.getpid()}")


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise WafersimError(f"--trace {path}: cannot be written ({why})") from None
