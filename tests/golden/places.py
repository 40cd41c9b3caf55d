"""Where published rows stand among jobs and what was predicted of them: `wafersim/evidence/data/closest_*.csv`.

python -m tests.golden.places             makes them anew of the tables and the kept answer of `validate`
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from math import log
from pathlib import Path
from typing import Any

import wafersim
from tests.golden.answers import kept
from wafersim.calibration.gpu import gpu_of
from wafersim.calibration.gpu_scatter import features_of
from wafersim.calibration.wafer_sample import place_of
from wafersim.errors import Infeasible
from wafersim.evidence.closest import FIXED
from wafersim.evidence.sets import gpu, wafer
from wafersim.evidence.sets.wafer_ratio import ScalingRow
from wafersim.evidence.sets.wafer_row import WaferRow
from wafersim.inputs.fit import Set
from wafersim.inputs.machine import evidence_name, load_gpu_machine
from wafersim.strategies.gpu_parallel.features import NAMES as OF_GPUS
from wafersim.strategies.weight_streaming.features import NAMES as OF_WAFERS

DATA = Path(wafersim.__file__).parent / "evidence" / "data"
SETS: tuple[Set, ...] = ("wafer", "gpu")
Line = tuple[str | float, ...]


def text_of(which: Set) -> str:
    """The table as it should be."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow((*FIXED, *{"wafer": OF_WAFERS, "gpu": OF_GPUS}[which]))
    writer.writerows(wafer_lines() if which == "wafer" else gpu_lines())
    return file.getvalue()


def judged() -> dict[str, dict[str, Any]]:
    """What `validate` said, by id."""
    return {row["id"]: row for row in kept("validate")["rows"]}


def wafer_lines() -> Iterator[Line]:
    """Rates and speed-ups."""
    said = judged()
    for row in wafer.published_rows().measured.values():
        job = row.job if isinstance(row, ScalingRow) else row
        if isinstance(job, WaferRow) and row.id in said:
            one = said[row.id]
            yield (row.id, one["what"], one["note"], job.group, "", "", job.mode, *_predicted(one), *place_of(job))


def gpu_lines() -> Iterator[Line]:
    """All rows whose job can be laid out, but for those that are recalled, which nobody has verified."""
    said = judged()
    for row in gpu.published_rows().measured.values():
        if row.recalled:
            continue
        try:
            place = features_of(row)
        except Infeasible:
            continue
        if row.id in said:
            one, what = said[row.id], f"{row.model.name} on {row.gpus} GPUs of {row.profile} with {row.software}"
            stack = evidence_name(load_gpu_machine(row.profile, row.software).software)
            yield (row.id, what, one["note"], row.stack, gpu_of(row), stack, "train", *_predicted(one), *place)


def _predicted(row: dict[str, Any]) -> tuple[str, str]:
    half = f"{log(row['high'] / row['low']) / 2:.4f}" if row["low"] else ""
    return f"{row['predicted']:.6g}", half


if __name__ == "__main__":
    for each in SETS:
        (DATA / f"closest_{each}.csv").write_text(text_of(each), encoding="utf-8")
