"""Fit the wafer's three constants on the CS-2 and CS-3 rows, then one speed factor per older software release.

The constants minimise the squared log ratio of predicted to published throughput over the rows marked `fit` (release
R2); each older release then gets the one factor that meets its single row. Both go through `simulate`, as users do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from wafersim.simulation import simulate
from wafersim.validation.profile_writer import rewrite_profile
from wafersim.validation.wafer import PublishedRow, published_rows

CONSTANTS = ("weight_issue", "group_cost", "kernel_latency")
START = (20.0, 2.0, 3.5e-4)
PROFILES = ("cs2", "cs3")  # one set of constants; releases live in the first


@dataclass(frozen=True)
class WaferFit:
    """The constants in SI units, the release factors, and the in-sample errors by row."""

    constants: dict[str, float]
    releases: dict[str, float]
    errors: dict[str, float]

    def __str__(self) -> str:
        lines = [f"{name} = {value:.4g}" for name, value in self.constants.items()]
        lines += [f"release {name}: {value:.4g} of R2's speed (one row)" for name, value in self.releases.items()]
        lines += [f"{row}: {error:+.1%} (in sample)" for row, error in self.errors.items()]
        return "\n".join(lines)


def fit_wafer() -> WaferFit:
    """Fit on the rows of the table; needs scipy (the `calibrate` extra)."""
    from scipy.optimize import least_squares

    rows, _ = published_rows()
    fit_rows = [row for row in rows.values() if row.how["role"] == "fit"]

    def residuals(logs: list[float]) -> list[float]:
        constants = dict(zip(CONSTANTS, map(math.exp, logs), strict=True))
        return [_log_ratio(row, constants) for row in fit_rows]

    start = [math.log(value) for value in START]
    found = least_squares(residuals, start, diff_step=0.02, xtol=1e-5, ftol=1e-8)
    constants = {name: round_to(math.exp(log), 4) for name, log in zip(CONSTANTS, found.x, strict=True)}
    errors = {row.id: math.expm1(_log_ratio(row, constants)) for row in fit_rows}
    releases = {}
    for row in rows.values():
        if row.how["role"] == "release":
            releases[row.how["software"]] = round_to(_release_factor(row, constants), 4)
    return WaferFit(constants, releases, errors)


def _log_ratio(row: PublishedRow, constants: dict[str, float]) -> float:
    return math.log(simulate(row.experiment(**constants)).samples_per_s / row.published)


def _release_factor(row: PublishedRow, constants: dict[str, float]) -> float:
    """The speed at which a release meets its row: throughput is close to linear in it, so two secant steps do."""
    reference = PublishedRow(row.id, row.measured, {**row.how, "software": "R2"})
    return math.exp(-_log_ratio(reference, constants))


def round_to(value: float, digits: int) -> float:
    """`value` with so many significant digits."""
    return float(f"{value:.{digits}g}")


def write_wafer(fit: WaferFit) -> tuple[Path, ...]:
    """Put the constants into the profiles, and the releases into the first; nothing where nothing changed."""
    values: dict[tuple[str, ...], float] = {("values", name): value for name, value in fit.constants.items()}
    releases: dict[tuple[str, ...], float] = {("releases", name): value for name, value in fit.releases.items()}
    return tuple(
        rewrite_profile(name, values if index else {**values, **releases}) for index, name in enumerate(PROFILES)
    )
