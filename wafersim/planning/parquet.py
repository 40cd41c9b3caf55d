"""`results.parquet`: the rows of `results.csv` in columns that have types, whatever a sweep left empty."""

from __future__ import annotations

import csv
import glob
from pathlib import Path

from wafersim.errors import WafersimError

PARQUET = "results.parquet"
TEXT = ("model", "split", "flops_convention", "binding_resource", "memory_verdict", "price", "infeasible", "error")


def write_parquet(table: Path) -> list[str]:
    """Write it beside a table; its name, or nothing where duckdb is not installed: one of other rows is then removed.

    Text is text, also where it looks like a number; a number that no point has is one that is missing. Raises WafersimError
    where it cannot be written.
    """
    path = table.with_name(PARQUET)
    try:
        import duckdb
    except ModuleNotFoundError:
        path.unlink(missing_ok=True)
        return []
    draft = path.with_suffix(".parquet.draft")
    with table.open(encoding="utf-8", newline="") as file:
        names = next(csv.reader(file))
    try:
        with duckdb.connect() as database:
            rows = database.read_csv(
                glob.escape(str(table)), header=True, sample_size=-1, delimiter=",", quotechar='"', escapechar='"',
                dtype={name: "VARCHAR" for name in TEXT if name in names},
            )  # fmt: skip
            counts = rows.aggregate(", ".join(f"count({_quoted(name)})" for name in names)).fetchall()[0]
            columns = (
                _quoted(name) if count or name in TEXT else f"CAST(NULL AS DOUBLE) AS {_quoted(name)}"
                for name, count in zip(names, counts, strict=True)
            )
            rows.project(", ".join(columns)).write_parquet(str(draft))
        draft.replace(path)
    except (duckdb.Error, OSError) as error:
        draft.unlink(missing_ok=True)
        said = str(error).partition("\n")[0]
        raise WafersimError(f"{path}: cannot be written ({said}); finished points are kept") from None
    return [PARQUET]


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
