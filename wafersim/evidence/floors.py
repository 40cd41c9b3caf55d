"""How good a report is: its errors and its coverage, held to floors that a change may not break."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wafersim.evidence.coverage import Coverage, by_group
from wafersim.evidence.kinds import kinds
from wafersim.evidence.rows import ValidatedRow, ValidationReport
from wafersim.evidence.sets.gpu import left_out_by_stack
from wafersim.evidence.tables import own_count, read_data
from wafersim.inputs.fit import load_fit
from wafersim.inputs.profile_file import number_at

MANY = 8  # rows of a group, of which a share says something
FLOORS = {
    "median": "median",
    "mean": "mean",
    "90th": "ninetieth",
    "max": "most",
}  # a floor's name -> field of `Summary`


@dataclass(frozen=True)
class Summary:
    """Errors of some rows: absolute but for the bias. `covered` and `half_width` (of ln) are None where none has an interval."""

    n: int
    bias: float
    median: float
    mean: float
    ninetieth: float
    most: float
    covered: float | None
    half_width: float | None


def summary(rows: Sequence[ValidatedRow]) -> Summary:
    """Of at least one row."""
    errors = np.array([row.error for row in rows])
    size = np.abs(errors)
    covers = [row.covers for row in rows if row.covers is not None]
    halves = [np.log(row.high / row.low) / 2 for row in rows if row.low and row.high]
    return Summary(
        n=len(rows),
        bias=float(errors.mean()),
        median=float(np.median(size)),
        mean=float(size.mean()),
        ninetieth=float(np.percentile(size, 90)),
        most=float(size.max()),
        covered=float(np.mean(covers)) if covers else None,
        half_width=float(np.median(halves)) if halves else None,
    )


def broken_floors(report: ValidationReport, some: bool = False) -> list[str]:
    """What is worse than was committed, one line each; only kinds that are in the report are held to theirs.

    Coverage is that of a whole kind: of `some` of its groups it says nothing.
    """
    table = read_data("floors.yaml")
    out = drifted({row.set for row in report.rows})
    # Floors are those of the published calibration: a user's own may serve his machines better and published ones worse.
    published = {each.name for each in kinds() if each.fit is None or not own_count(load_fit(each.fit))}
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
        if not judges:
            continue
        found = summary(judges)
        for measure, most in floors.items():
            error = getattr(found, FLOORS[measure]) if measure != "use" else 0.0
            if measure != "use" and error > most:
                out.append(f"{group}: {measure} error {error:.2%} of {found.n} rows, floor {most:.2%}")
    if some:
        return out
    for which, (least, most) in table["coverage"].items():
        share = coverage(report, which)
        if share is not None and not least <= share <= most:
            out.append(f"{which}: 80 % intervals cover {share:.0%} of the rows, floor {least:.0%} to {most:.0%}")
    if any(row.set == "gpu" for row in report.rows):
        out += badly_covered(by_group(left_out_by_stack(load_fit("gpu"))), *table["left_out"]["gpu"])
    return out


def badly_covered(groups: Mapping[str, Coverage], least: float, most: float) -> list[str]:
    """Groups of many rows whose families, left out, lie in their intervals too seldom or too often."""
    return [
        f"{group}: 80 % intervals cover {one.share:.0%} of {one.families} families left out, floor {least:.0%} to {most:.0%}"
        for group, one in groups.items()
        if one.rows >= MANY and not least <= one.share <= most
    ]


def coverage(report: ValidationReport, which: str) -> float | None:
    """Share of a kind's rows that their intervals cover: of rows left out one by one, where there are few, or of test rows."""
    mine = [row for row in report.rows if row.set == which]
    left_out = [(row.published, row.left_out) for row in mine if row.left_out is not None]
    if left_out:
        return float(np.mean([low <= value <= high for value, (_, low, high) in left_out]))
    covers = [row.covers for row in mine if row.use == "test" and row.covers is not None]
    return float(np.mean(covers)) if covers else None


def drifted(which: Collection[str]) -> list[str]:
    """Calibrated numbers of profiles that are not what their calibration found."""
    out = []
    for each in kinds():
        if each.fit is None or each.name not in which:
            continue
        for constant in load_fit(each.fit).constants:
            for place in constant.sets:
                value = number_at(place).value
                if constant.kind == "calibrated" and abs(value / constant.value - 1) > 1e-3:
                    out.append(f"{place} is {value:.4g}, its calibration found {constant.value:.4g}")
    return out
