"""Jobs on a shared cluster as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from wafersim.planning.sharing import Shared
from wafersim.report.words import seconds


def sharing_table(jobs: Sequence[Shared]) -> Table:
    """Step time alone and beside the others."""
    table = Table(title=f"{len(jobs)} jobs on one MemoryX, first come first served", title_justify="left")
    for name in ("job", "model"):
        table.add_column(name)
    for name in ("systems", "alone", "together", "slowdown", "steps"):
        table.add_column(name, justify="right")
    for job in jobs:
        times = (seconds(job.alone_s), seconds(job.together_s), f"{job.slowdown:.4f}x", str(job.steps))
        table.add_row(job.name, job.model, str(job.n_systems), *times)
    return table
