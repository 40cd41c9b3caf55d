"""Power of nodes against what was measured: rows that judge apart from those that set a number."""

import pytest

from wafersim.evidence.judge import validate
from wafersim.evidence.sets.power import published_rows

WITHIN = 0.12  # the bar that a model calibrated on node power reached on unseen workloads (arXiv 2506.14551: 11.4 %)
RATED = {"P006": 10_200, "P007": 10_200}


def rows(use: str) -> list[str]:
    return [name for name, row in published_rows().measured.items() if row.use == use]


@pytest.mark.parametrize("name", rows("test"))
def test_measured_nodes_that_set_nothing_are_met(name: str) -> None:
    row = published_rows().measured[name].judge()
    assert abs(row.error) < WITHIN
    assert abs(RATED[name] / row.published - 1) > WITHIN  # the rated power, which was taken before, is not


@pytest.mark.parametrize("name", rows("fit"))
def test_a_profile_keeps_what_its_rows_say(name: str) -> None:
    assert abs(published_rows().measured[name].judge().error) < 0.011  # P005 is 404 W of 400


def test_machines_that_nothing_describes_are_named_with_the_reason() -> None:
    report = validate(["power"])
    assert set(report.skipped) == {"P002", "P004", "P010", "P011"}
    assert "mean_power" in report.skipped["P002"] and "unknown hardware profile" in report.skipped["P004"]
    assert {row.id for row in report.rows if row.use == "test"} == set(RATED)
    assert {row.id: row for row in report.rows}["P009"].use == "shown"
