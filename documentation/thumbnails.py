"""Thumbnails of the gallery: `python -m documentation.thumbnails RUNS [NAME ...]` runs experiments into RUNS and draws them
small.

An experiment whose run directory is there already is not run again. Each is a PNG of 16 colours below 25 kB, beside the
page's figures.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from PIL import Image

from documentation.gallery import THUMBNAILS, Shown, shown

WIDTH = 480  # pixels, twice what a card of the gallery shows
MOST_BYTES = 25_000
MAIN = (
    "front.png",
    "comparison.png",
    "jobs.png",
    "finish.png",
    "models_by_clusters.png",
    "throughput.png",
    "timeline-*.png",
    "breakdown.png",
)


def main_figure(directory: Path) -> Path | None:
    """The figure that says most of a run directory."""
    return next((found for name in MAIN for found in sorted(directory.glob(name))), None)


def small(figure: Path, path: Path) -> None:
    """Write the figure in the width of a card, with as few colours as keep it below the limit."""
    image = Image.open(figure).convert("RGB")
    image = image.resize((WIDTH, round(image.height * WIDTH / image.width)), Image.Resampling.LANCZOS)
    for colours in (64, 32, 16, 8):
        image.quantize(colours, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size < MOST_BYTES:
            return
    raise ValueError(f"{path} is larger than {MOST_BYTES} bytes")


def directory_of(one: Shown, runs: Path) -> Path | None:
    """Where an experiment's run was written, the newest."""
    own = re.compile(rf"{re.escape(one.experiment)}-(?:[0-9a-f]{{8}}|sweep)")
    found = [path for path in runs.iterdir() if own.fullmatch(path.name)]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def main() -> None:
    """Of all experiments, or of those that are named."""
    runs, names = Path(sys.argv[1]), sys.argv[2:]
    for one in shown():
        if names and one.name not in names:
            continue
        if directory_of(one, runs) is None:
            out = runs / f"{one.experiment}-sweep" if " sweep " in one.command else runs
            command = [sys.executable, "-m", *one.command.split(), "--out", str(out)]
            subprocess.run(command, check=True, capture_output=True)
        directory = directory_of(one, runs)
        figure = main_figure(directory) if directory is not None else None
        if figure is not None:
            small(figure, THUMBNAILS / f"{one.name}.png")
            print(one.name, figure.name, (THUMBNAILS / f"{one.name}.png").stat().st_size)


if __name__ == "__main__":
    main()
