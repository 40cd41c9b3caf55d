"""The file of a trace: it appears under its name when it is complete, compressed where the name ends in .gz."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from wafersim.report.whole_file import appearing, check_place

LEVEL = 4  # of compression: 9 takes three times as long for a twentieth less


def check_trace_path(path: Path) -> None:
    """Raises WafersimError, one line, where a trace could not be written: asked before an hour of simulation."""
    check_place(path, f"--trace {path}")


def write_trace(path: Path, text: Iterable[str]) -> None:
    """Write pieces of ASCII text as they come; the same text makes the same bytes.

    Raises WafersimError, one line, where that fails; an earlier file of the name then stands as it was.
    """
    with appearing(path, f"--trace {path}") as file:
        _fill(file, path, text)


def _fill(file: IO[bytes], path: Path, text: Iterable[str]) -> None:
    if path.suffix == ".gz":
        with gzip.GzipFile("", "wb", LEVEL, file, mtime=0) as packed:
            for piece in text:
                packed.write(piece.encode("ascii"))
        return
    for piece in text:
        file.write(piece.encode("ascii"))
