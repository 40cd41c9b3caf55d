"""A file that appears under its name when it is complete: a kill, a crash or a full disk leaves the earlier one as it was."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from wafersim.errors import WafersimError


def check_place(path: Path, said: str) -> None:
    """Raises WafersimError, one line that begins with `said`, where no file could be written."""
    with _told(said):
        if _is_special(path):
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
            return
        draft = _draft(path)
        draft.open("xb").close()
        draft.unlink()


@contextmanager
def appearing(path: Path, said: str) -> Iterator[IO[bytes]]:
    """A file to write into, which stands there after the block; of a link it is the one that it leads to.

    Raises WafersimError, one line that begins with `said`, where that fails; an earlier file then stands as it was.
    """
    with _told(said):
        if _is_special(path):
            with path.open("wb") as file:
                yield file
            return
        draft = _draft(path)
        try:
            with draft.open("xb") as file:
                yield file
            draft.replace(os.path.realpath(path))
        except BaseException:
            draft.unlink(missing_ok=True)
            raise


def _is_special(path: Path) -> bool:
    """Whether a pipe or a device stands there, which is written to and not replaced; a directory is refused."""
    if path.is_dir():
        raise IsADirectoryError(None, "it is a directory")
    return path.exists() and not path.is_file()


def _draft(path: Path) -> Path:
    """A hidden file beside the place where the whole one will stand, of this process alone."""
    place = Path(os.path.realpath(path))
    return place.with_name(f".{place.name}.{os.getpid()}")


@contextmanager
def _told(said: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise WafersimError(f"{said}: cannot be written ({why})") from None
