"""The fastest splits of a search: how likely each fits in memory, and how likely it is the fastest of them."""

from __future__ import annotations

from wafersim import numbers
from wafersim.report.screen.layout import Column, table
from wafersim.report.words import Row, chance

SHOWN = 5


def search_block(row: Row, width: int) -> list[str]:
    """A line a split; nothing where no other split was looked at."""
    search = row.get("search")
    if search is None or len(search["best"]) < 2:
        return []
    best = search["best"][:SHOWN]
    unit = numbers.common_unit([one["step_time_s"] for one in best])
    return table(
        [
            Column(
                f"fastest of {search['considered']:,} splits",
                tuple(one["split"].replace(" x ", " ").replace(",", "") for one in best),
                left=True,
            ),
            Column("micro-batch", tuple(str(one["micro_batch"]) for one in best), 2),
            Column("step", tuple(numbers.step(one["step_time_s"], unit) for one in best)),
            Column("memory", tuple(f"{one['memory_bytes'] / 1e9:.0f} GB" for one in best), 1),
            Column("fits", tuple(chance(one["fits_probability"]) for one in best), 3),
            Column("fastest", tuple(chance(one["fastest_probability"]) for one in best), 4),
        ],
        width,
    )
