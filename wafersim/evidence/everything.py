"""All sets through one door: which rows, a user's own, floors that a change may not break."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from wafersim.errors import WafersimError, did_you_mean
from wafersim.evidence import collectives, gpu, gpu_rows, kernels, wafer
from wafersim.evidence.own_table import read_own
from wafersim.evidence.report import ValidatedRow, ValidationReport, judged
from wafersim.evidence.tables import Table, own_count, published_ids
from wafersim.inputs.fit import SETS, Set, load_fit
from wafersim.inputs.profile_file import number_at

VALIDATE: dict[Set, Callable[[str | None], ValidationReport]] = {
    "wafer": wafer.validate_wafer,
    "gpu": gpu.validate_gpus,
    "kernel": kernels.validate_kernels,
    "collective": collectives.validate_collectives,
}
ROWS: dict[Set, Callable[[Table], tuple[dict[str, Any], dict[str, str]]]] = {
    "wafer": wafer.rows_of,
    "gpu": gpu_rows.rows_of,
    "kernel": kernels.rows_of,
    "collective": collectives.own_rows,
}
JUDGE: dict[Set, Callable[[Any], ValidatedRow]] = {
    "wafer": wafer.judge,
    "gpu": gpu.judge,
    "kernel": kernels.judge,
    "collective": collectives.judge,
}


def validate(which: Sequence[Set] = SETS, only: str | None = None) -> ValidationReport:
    """Rows of the sets, or the one row; raises WafersimError for an id that none has."""
    report, unknown = ValidationReport(()), 0
    for name in which:
        try:
            report = report.with_rows(VALIDATE[name](only))
        except WafersimError:
            unknown += 1
    if unknown == len(which):
        known = [row.id for row in validate(which).rows]
        raise WafersimError(f"--row {only}: no such row{did_you_mean(only, known)}")
    return report


def validate_own(path: Path) -> ValidationReport:
    """A user's own table, told by its columns; raises InputFaults where it is none."""
    own = read_own(path)
    rows, skipped = ROWS[own.set](own.rows)
    report = judged(rows, {**own.skipped, **skipped}, JUDGE[own.set])
    mine = set(load_fit(own.set).rows) - published_ids(own.set)  # after `calibrate --data --write` they judge no more
    return replace(report, rows=tuple(replace(row, use="fit") if row.id in mine else row for row in report.rows))


def summary(rows: Sequence[ValidatedRow]) -> dict[str, Any]:
    """n, bias, absolute errors and coverage of some rows."""
    errors = np.array([row.error for row in rows])
    size = np.abs(errors)
    covers = [row.covers for row in rows if row.covers is not None]
    halves = [np.log(row.high / row.low) / 2 for row in rows if row.low and row.high]
    return {
        "n": len(rows),
        "bias": float(errors.mean()),
        "median": float(np.median(size)),
        "mean": float(size.mean()),
        "90th": float(np.percentile(size, 90)),
        "max": float(size.max()),
        "covered": float(np.mean(covers)) if covers else None,
        "half_width": float(np.median(halves)) if halves else None,
    }


def broken_floors(report: ValidationReport) -> list[str]:
    """What is worse than was committed, one line each; only sets that are in the report are held to theirs."""
    table: dict[str, Any] = YAML(typ="safe").load(
        (files("wafersim.evidence") / "data" / "floors.yaml").read_text(encoding="utf-8")
    )
    out = drifted({row.set for row in report.rows})
    # Floors are those of the published calibration: a user's own may serve his machines better and published ones worse.
    published = {name for name in SETS if not own_count(load_fit(name))}
    report = replace(report, rows=tuple(row for row in report.rows if row.set in published))
    by_id = {row.id: row for row in report.rows}
    for name, most in table["rows"].items():
        row = by_id.get(name)
        if row is not None and abs(row.error) > most:
            out.append(f"{name}: error {row.error:+.1%}, floor {most:.0%}")
    if len(report.rows) < 2:
        return out
    for group, floors in table["groups"].items():
        judges = [row for row in report.rows if row.group == group and row.use == floors.get("use", "test")]
        found = summary(judges) if judges else {}
        for measure, most in floors.items():
            if measure != "use" and found and found[measure] > most:
                out.append(f"{group}: {measure} error {found[measure]:.2%} of {found['n']} rows, floor {most:.2%}")
    for which, (least, most) in table["coverage"].items():
        share = coverage(report, which)
        if share is not None and not least <= share <= most:
            out.append(f"{which}: 80 % intervals cover {share:.0%} of the rows, floor {least:.0%} to {most:.0%}")
    return out


def coverage(report: ValidationReport, which: str) -> float | None:
    """Share of a set's test rows (of rows left out one by one, where there are few) that their intervals cover."""
    mine = [row for row in report.rows if row.set == which]
    if which == "wafer":
        left_out = [(row.published, row.left_out) for row in mine if row.left_out is not None]
        return float(np.mean([low <= value <= high for value, (_, low, high) in left_out])) if left_out else None
    covers = [row.covers for row in mine if row.use == "test"]
    return float(np.mean([bool(one) for one in covers])) if covers else None


def drifted(which: set[str]) -> list[str]:
    """Calibrated numbers of profiles that are not what their calibration found."""
    out = []
    for name in SETS:
        for constant in load_fit(name).constants if name in which else ():
            for place in constant.sets:
                value = number_at(place).value
                if constant.kind == "calibrated" and abs(value / constant.value - 1) > 1e-3:
                    out.append(f"{place} is {value:.4g}, its calibration found {constant.value:.4g}")
    return out
