"""Several files replaced so that a kill, a crash or a full disk leaves each of them whole: the old one or the new one.

Everything is written beside its place and flushed to the disk before the first file is renamed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from wafersim.errors import WafersimError

PREPARED = re.compile(r"^\..+\.(\d+)\.new$")  # `.cs2.yaml.1234.new`, written by process 1234


def replace_files(texts: Mapping[Path, str]) -> None:
    """Put the texts into the files; raises WafersimError where they cannot be written, with every file as it was."""
    prepared: dict[Path, Path] = {}
    try:
        for folder in {path.parent for path in texts}:
            folder.mkdir(exist_ok=True)
            _sweep(folder)
        for path, text in texts.items():
            prepared[path] = path.with_name(f".{path.name}.{os.getpid()}.new")
            _write(prepared[path], text, like=path)
        for path, beside in prepared.items():
            beside.replace(path)
        for folder in {path.parent for path in texts}:
            _flush(folder)
    except OSError as error:
        raise WafersimError(f"{error.filename or 'calibration'}: cannot be written ({error.strerror})") from None
    finally:
        for beside in prepared.values():
            with suppress(OSError):
                beside.unlink(missing_ok=True)


def _write(path: Path, text: str, like: Path) -> None:
    """The whole text, on the disk; with the permissions of the file that it will replace."""
    try:
        with path.open("w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        if like.exists():
            path.chmod(like.stat().st_mode & 0o777)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(like)) from None


def _flush(folder: Path) -> None:
    """The renames themselves, on the disk; not every file system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _sweep(folder: Path) -> None:
    """Remove what writers that are no more have left behind."""
    for path in folder.iterdir():
        found = PREPARED.match(path.name)
        if found and not _runs(int(found[1])):
            path.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    if process == os.getpid():
        return False  # a leftover of another machine, or of an earlier call
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
