"""Every calibrated constant of the wafer shows in a floor of `validate --set wafer`: halved, one breaks."""

import pytest

from wafersim.evidence.floors import broken_floors
from wafersim.evidence.rows import ValidatedRow, ValidationReport
from wafersim.evidence.sets.wafer import scaling_rows, throughput_rows
from wafersim.evidence.sets.wafer_ratio import ScalingRow
from wafersim.evidence.sets.wafer_row import WaferRow
from wafersim.inputs.fit import load_fit
from wafersim.inputs.machine import load_machine, numbers
from wafersim.simulation import step_seconds

SYSTEM = load_machine("cs2").system
CALIBRATED = {
    **{constant.name: constant.value for constant in load_fit("wafer").constants if constant.kind == "calibrated"},
    **{f"releases.{name}": one.value for name, one in SYSTEM.releases.items() if one.kind == "calibrated"},
}
TAIL = ("reduction_tail", "reduction_tail_per_parameter")


def judged(row: WaferRow | ScalingRow, constants: dict[str, float]) -> ValidatedRow:
    if isinstance(row, ScalingRow):
        predicted = row.predicted(*row.seconds(constants))
    else:
        predicted = row.batch / step_seconds(row.job(constants))
    return ValidatedRow(row.id, row.use, "", predicted, row.published, row.unit, group=row.group)


def test_the_constants_are_those_that_calibrate_writes() -> None:
    machine = load_machine("andromeda")
    written = {path.partition(".")[2] for path, number, _ in numbers(machine) if number.kind == "calibrated"}
    assert written | {"releases.R1.7", "releases.R1.8", "releases.R1.9", "releases.R2.0"} == set(CALIBRATED)


@pytest.mark.parametrize("name", sorted(set(CALIBRATED) - set(TAIL)))
def test_half_of_a_constant_breaks_the_floor_of_a_row(name: str) -> None:
    rows = [row for row in throughput_rows().values() if row.use in ("fit", "release")]
    mine = [row for row in rows if not name.startswith("releases.") or name == f"releases.{row.software}"]
    half = {name: CALIBRATED[name] / 2}
    assert any(broken_floors(ValidationReport((judged(row, half),))) for row in mine)


@pytest.mark.parametrize("name", TAIL)
def test_half_of_a_tail_breaks_a_floor_of_speed_ups(name: str) -> None:
    half = {name: CALIBRATED[name] / 2}
    assert broken_floors(ValidationReport(tuple(judged(row, half) for row in scaling_rows().values())))


def test_whole_they_break_none() -> None:
    """Of speed-ups; `test_judge` has all rows."""
    assert broken_floors(ValidationReport(tuple(judged(row, {}) for row in scaling_rows().values()))) == []
