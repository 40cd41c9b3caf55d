"""A user's own table of measurements: told by its columns, checked cell by cell."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from wafersim.errors import Fault, InputFaults
from wafersim.evidence import gpu_rows, wafer
from wafersim.evidence.tables import Table, columns
from wafersim.inputs.fit import SETS, Set

COLUMNS: dict[Set, tuple[str, ...]] = {  # that a table needs, and that tell which it is
    "wafer": ("id", "system", "n_systems", "model", "micro_batch_per_system", "metric", "value", "unit"),
    "gpu": ("id", "hardware", "n_gpus", "layers", "d_model", "heads", "d_ffn", "seq_len", "tp", "pp", "dp", "metric", "value"),
    "kernel": ("id", "arch", "platform", "kernel", "grid_rows", "Mt", "Kt", "Nt", "metric", "value"),
    "collective": ("id", "hardware", "n_gpus", "collective", "bytes", "seconds", "busbw_GBps"),
}  # fmt: skip
NUMBERS: dict[Set, tuple[str, ...]] = {
    "wafer": ("n_systems", "value", "seq_len", "micro_batch_per_system", "global_batch", "params"),
    "gpu": ("n_gpus", "value", "tp", "pp", "dp", "seq_len", "micro_batch", "global_batch", "params_b", "layers", "d_model",
            "heads", "d_ffn", "vocab", "vp_stages"),
    "kernel": ("value", "grid_rows", "Mt", "Kt", "Nt"),
    "collective": ("n_gpus", "bytes", "seconds", "busbw_GBps"),
}  # fmt: skip
MEASURED = ("value", "bytes", "seconds", "busbw_GBps", "params_b", "Mt", "Kt", "Nt")  # the others come whole
METRICS: dict[Set, tuple[str, ...]] = {
    "wafer": (wafer.METRIC,),
    "gpu": tuple(gpu_rows.METRICS),
}  # others are not predicted


@dataclass(frozen=True)
class OwnTable:
    """Rows with every column of the shipped table, and by id why others cannot be read."""

    set: Set
    rows: Table
    skipped: dict[str, str]


def read_own(path: Path) -> OwnTable:
    """Raises InputFaults where the file is no such table; a row with a cell that is no number is listed with the reason."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputFaults(
            [Fault(str(path), None, "", f"cannot be read ({getattr(error, 'strerror', None) or error})")]
        ) from None
    lines = text.strip().splitlines()
    if not lines:
        raise InputFaults([Fault(str(path), None, "", "is empty")])
    reader = csv.reader(lines, delimiter=max(",;\t", key=lines[0].count), skipinitialspace=True)
    usual = {name.lower(): name for which in SETS for name in columns(which)}
    given = [usual.get(name.strip().lower(), name.strip()) for name in next(reader)]
    table = [dict(zip(given, map(str.strip, row), strict=False)) for row in reader if any(row)]
    lacking = {which: [name for name in wanted if name not in given] for which, wanted in COLUMNS.items()}
    which = min(lacking, key=lambda name: len(lacking[name]) / len(COLUMNS[name]))
    if lacking[which]:
        problem = f"has no column {', '.join(lacking[which])}; a {which} table has {', '.join(COLUMNS[which])}"
        raise InputFaults([Fault(str(path), 1, "", problem)])
    if not table:
        raise InputFaults([Fault(str(path), None, "", "has no rows")])
    found, seen = [], set[str]()
    for number, row in enumerate(table, start=2):
        if not row["id"] or row["id"] in seen:
            problem = "is empty" if not row["id"] else f"{row['id']!r} stands there twice"
            found.append(Fault(str(path), number, "id", problem))
        seen.add(row["id"])
    if found:
        raise InputFaults(found)
    whole = dict.fromkeys(columns(which), "")
    reasons = {row["id"]: _unreadable(which, row) for row in table}
    rows = [{**whole, **row} for row in table if not reasons[row["id"]]]
    return OwnTable(which, rows, {name: reason for name, reason in reasons.items() if reason})


def _unreadable(which: Set, row: dict[str, str]) -> str:
    """What is wrong with the numbers of a row; nothing where its metric is another and they do not matter."""
    if row.get("metric") not in METRICS.get(which, (row.get("metric"),)):
        return ""
    cells = {name: row.get(name, "") for name in NUMBERS[which]}
    wrong = [
        f"{name} must be a number > 0 (got {text!r})" for name, text in cells.items() if text and not _positive(text)
    ]
    wrong += [
        f"{name} must be whole (got {text!r})"
        for name, text in cells.items()
        if _positive(text) and name not in MEASURED and float(text) % 1
    ]
    if not wrong and "value" in cells and not cells["value"]:
        wrong = ["value is missing"]
    return "; ".join(wrong)


def _positive(text: str) -> bool:
    try:
        return 0 < float(text) < float("inf")
    except ValueError:
        return False
