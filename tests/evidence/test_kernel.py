"""The measured kernels: targets on the rows that judge, and what is left out has a reason."""

import numpy as np
import pytest

from wafersim.evidence.judge import validate
from wafersim.evidence.sets.kernel import published_rows
from wafersim.inputs.profile_file import kernel_constants
from wafersim.wafer.measured_kernels import counts, cycles

REPORT = validate(["kernel"])


def errors(group: str) -> np.ndarray:
    found = np.abs([row.error for row in REPORT.rows if row.group.startswith(f"{group} ") and row.use == "test"])
    assert len(found)
    return found


@pytest.mark.parametrize(
    ("group", "target"),
    # MeshGEMV misses its 3 %: cycles are linear in P but for two jumps of 32 cycles above every fit row (docs/kernels.md).
    [("mesh-gemm", 0.02), ("mesh-gemv", 0.036), ("shift", 0.03), ("spmm-coo", 0.01), ("matvec", 0.01), ("summa", 0.06)],
)
def test_median_and_90th_percentile_on_test_rows(group: str, target: float) -> None:
    assert np.median(errors(group)) <= target
    assert np.percentile(errors(group), 90) <= 3 * target


def test_every_row_is_judged_or_skipped_with_a_reason() -> None:
    rows = published_rows()
    assert len(rows.measured) + len(rows.refused) == 1241
    assert all(rows.refused.values())


@pytest.mark.parametrize("group", ["mesh-gemm", "mesh-gemv", "shift", "spmm-coo", "summa"])
def test_halving_any_of_the_larger_constants_breaks_the_target(group: str) -> None:
    # Constants that carry a few percent of the cycles (a start-up, the sharing of small tiles) may hide behind the noise.
    targets = {"mesh-gemm": 0.02, "mesh-gemv": 0.036, "shift": 0.03, "spmm-coo": 0.01, "summa": 0.06}
    rows = [row for row in published_rows().measured.values() if row.family == group and row.use == "test"]
    right = kernel_constants(rows[0].profile, group)
    share = {
        name: np.median([right[name] * counts(group, row.shape)[0][name] / row.published for row in rows])
        for name in right
    }
    assert sum(part > 2 * targets[group] for part in share.values()) >= 1
    for name in (name for name, part in share.items() if part > 4 * targets[group]):
        halved = {**right, name: right[name] / 2}
        errors = [abs(cycles(group, row.shape, halved) / row.published - 1) for row in rows]
        assert np.median(errors) > targets[group], name
