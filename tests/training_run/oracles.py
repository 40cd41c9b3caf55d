"""Published numbers of checkpoint intervals and spares, from data/oracles.csv (with a source in each row)."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

ROWS = {row["id"]: row for row in csv.DictReader((Path(__file__).parent / "data" / "oracles.csv").open())}
SAVE_S, DOWN_S, RECOVERY_S = 600.0, 60.0, 600.0  # C, D, R of all of Aupy's rows


@dataclass(frozen=True)
class Machine:
    """A size of Table 2 of Aupy et al. 2013: mean time between failures, four published periods, the best useful share."""

    mtbf_s: float
    young: float
    daly: float
    rfo: float
    exact: float
    share: float


def machines() -> list[Machine]:
    """The ten sizes; periods hold one save."""
    found = []
    for first in range(100, 140, 4):
        rows = [ROWS[f"O{first + place}"] for place in range(4)]
        mtbf = re.search(r"MTBF (\d+) s", rows[0]["system"])
        share = re.search(r"optimum ([\d.]+)", rows[3]["notes"])
        assert mtbf and share
        found.append(Machine(float(mtbf[1]), *(float(row["value"]) for row in rows), float(share[1])))
    return found


def numbers(name: str) -> list[float]:
    """The decimal numbers of a row's value."""
    return [float(text) for text in re.findall(r"\d+\.\d+", ROWS[name]["value"])]
