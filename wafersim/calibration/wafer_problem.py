"""The wafer's fit as a problem: which constants, which rows, what each counts.

Minimised are the log ratios of predicted to published rates of the rows marked `fit`, squared as long as they are small. Runs of
one job repeat each other and count as one, and n jobs of one family as sqrt(n).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, Literal

import numpy as np

from wafersim import quantity
from wafersim.calibration.robust import Floats, Loss, Prior, Problem
from wafersim.calibration.variance import Scatter
from wafersim.calibration.wafer_steps import RELEASE, Rates
from wafersim.evidence.sets.wafer import throughput_rows
from wafersim.evidence.sets.wafer_row import WaferRow
from wafersim.evidence.tables import read_data
from wafersim.inputs.machine import WAFER_PARTS
from wafersim.inputs.sourced import dimension_of

LOSS = Loss("soft_l1", 0.1)  # a row may be wrong, a user's above all
STEPS = {"step": 1e-3, "x_tolerance": 1e-6}


@dataclass(frozen=True)
class Constant:
    """One number: fitted from `start`, or assumed; `sigma` is the width of what is known of its logarithm."""

    name: str
    kind: Literal["calibrated", "assumed"]
    start: float
    sigma: float
    sets: tuple[str, ...]


@dataclass(frozen=True)
class Declared:
    """What `wafer_fit.yaml` states: constants, what is left out together, the widening of intervals at least."""

    constants: tuple[Constant, ...]
    families: Mapping[str, Sequence[str]]
    sizes: Mapping[str, Sequence[str]]
    generations: Mapping[str, Sequence[str]]  # what the rows of the first have to predict of the second
    within: Scatter
    between: Scatter
    beyond: Mapping[str, float]  # by the name of a feature
    widening: float
    transfer: float  # of a generation without rows, where no rows can tell it
    mode: float  # of a job that does not train, where no rows can tell it
    ratio: Mapping[str, float]  # standard deviation of ln ratio per e-fold beyond all rows of a ratio, by feature

    @property
    def fitted(self) -> tuple[Constant, ...]:
        """Those that rows set."""
        return tuple(constant for constant in self.constants if constant.kind == "calibrated")


def declared(own: Sequence[WaferRow] = ()) -> Declared:
    """As the file states it; rows of a user are a family of their own."""
    table = read_data("wafer_fit.yaml")
    out = []
    for name, entry in table["constants"].items():
        start = quantity.parse(entry["start"], _dimension(name)) if "start" in entry else float("nan")
        out.append(Constant(name, entry["kind"], start, float(entry["sigma"]), tuple(entry["sets"])))
    families = table["families"] | ({"own rows": [row.id for row in own]} if own else {})
    sizes: dict[str, Sequence[str]] = table["sizes"]
    newer = [row.id for row in own if row.group != "cs2"]
    generations = {name: [*members, *newer] for name, members in table["generations"].items()}
    within, between = (
        Scatter(float(table["scatter"][which]["middle"]), float(table["scatter"][which]["width"]))
        for which in ("within", "between")
    )
    return Declared(
        tuple(out), families, sizes, generations, within, between, table["beyond"], float(table["widening"]),
        float(table["transfer"]), float(table["mode"]), table["ratio"],
    )  # fmt: skip


def _dimension(name: str) -> Any:
    if name.startswith(RELEASE):
        return "count"
    part = next(p for p in WAFER_PARTS if name in WAFER_PARTS[p].model_fields)
    return dimension_of(WAFER_PARTS[part].model_fields[name]).name


def fit_rows() -> list[WaferRow]:
    """Rows marked `fit`."""
    return [row for row in throughput_rows().values() if row.use == "fit"]


def families_of(rows: Sequence[WaferRow], said: Declared) -> list[str]:
    """The family of each row: the one that names it, else its model."""
    named = {name: family for family, members in said.families.items() for name in members}
    return [named.get(row.id, row.called) for row in rows]


def job_of(row: WaferRow) -> tuple[str, str, int, int, str, str]:
    """What two rows share that repeat each other: machine, model, tokens, release and what is done; not the batch."""
    return row.group, row.called, row.micro_batch, row.sequence, row.software, row.mode


def weights_of(rows: Sequence[WaferRow], said: Declared) -> Floats:
    """Square roots of what each row counts: repeats of a job count as one, and n jobs of a family as sqrt(n)."""
    repeats = Counter(job_of(row) for row in rows)
    of_row = families_of(rows, said)
    jobs = {
        name: len({job_of(row) for row, of in zip(rows, of_row, strict=True) if of == name}) for name in set(of_row)
    }
    return np.array([(repeats[job_of(row)] * sqrt(jobs[of])) ** -0.5 for row, of in zip(rows, of_row, strict=True)])


def problem_of(
    rows: Sequence[WaferRow], said: Declared, rates: Rates, start: Mapping[str, float] | None = None
) -> Problem:
    """Log ratios of jobs by the logarithms of the constants; where the rows do not tell, what is known beforehand.

    `start` is where the search begins, if it is not there.
    """
    weights, centre = weights_of(rows, said), np.log([constant.start for constant in said.fitted])
    first = centre if start is None else np.log([start[constant.name] for constant in said.fitted])

    def residuals(logs: Floats) -> Floats:
        return weights * rates.log_ratios(named(said, logs))

    return Problem(residuals, first, LOSS, prior=Prior(centre, np.array([constant.sigma for constant in said.fitted])))


def named(said: Declared, logs: Floats) -> dict[str, float]:
    return dict(zip([c.name for c in said.fitted], np.exp(logs).tolist(), strict=True))


def fitted(
    rows: Sequence[WaferRow], said: Declared, rates: Rates, start: Mapping[str, float] | None = None
) -> dict[str, float]:
    """The constants by name where the problem is least."""
    return named(said, problem_of(rows, said, rates, start).solve(**STEPS).x)
