"""Carbon that a grid's electricity stands for: by the name of a grid and a year from a table, or as a number of one's own."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from wafersim import quantity
from wafersim.errors import did_you_mean, shortened

INTENSITY = "carbon intensity"
EXAMPLE = 'a grid such as france, us-average or quebec, or a number such as "57 g/kWh"'


@dataclass(frozen=True)
class Grid:
    """Carbon intensity in kg CO2e/J, of a year where a table says which, and where it comes from."""

    name: str
    kg_per_j: float
    year: int | None
    source: str

    @property
    def written(self) -> str:
        """In g/kWh."""
        return quantity.format(self.kg_per_j, INTENSITY)


def grid_of(written: str, year: int | None = None) -> Grid:
    """The grid that is meant; a table's newest year where none is asked for. Raises ValueError with what is allowed."""
    name = written.strip().lower().replace(" ", "-").replace("_", "-")
    table = _table()
    if name not in table:
        if not any(digit in written for digit in "0123456789") or written.strip()[0].isalpha():
            raise ValueError(f"unknown grid {shortened(written)}{did_you_mean(name, sorted(table))}; must be {EXAMPLE}")
        value = quantity.parse(written, INTENSITY)
        if not 0 <= value <= MOST:
            raise ValueError(f"must be from 0 up to {quantity.format(MOST, INTENSITY)} (got {written!r})")
        return Grid(written.strip(), value, year, "this experiment")
    found = table[name]
    if year is None:
        return found[max(found)]
    if year not in found:
        years = ", ".join(str(known) for known in sorted(found))
        raise ValueError(f'of {name} the year {years} is known, not {year}; give a number such as "57 g/kWh" for that')
    return found[year]


MOST = 5.0 / 3.6e6  # kg/J; coal is at 1 kg/kWh


@cache
def _table() -> dict[str, dict[int, Grid]]:
    """{name or alias: {year: grid}} of `grid_carbon.csv`."""
    out: dict[str, dict[int, Grid]] = {}
    with (files("wafersim.inputs") / "grid_carbon.csv").open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            year = int(row["year"])
            value = quantity.parse(f"{row['g_per_kwh']} g/kWh", INTENSITY)
            grid = Grid(row["name"], value, year, f"{row['what']}: {row['source']}, {row['row']}, {year}")
            for name in (row["name"], *row["aliases"].split()):
                out.setdefault(name, {})[year] = grid
    return out
