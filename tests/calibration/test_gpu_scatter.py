"""GPU rows of one family repeat each other: they are counted, and left out, together."""

import numpy as np
import pytest

from wafersim.calibration.gpu_problem import declared, fit_rows, fit_stacks, problem_of, ratios_of
from wafersim.calibration.gpu_scatter import Sample, families_left_out, scatter_of
from wafersim.calibration.robust import without_each
from wafersim.inputs.fit import load_fit

MANY = "megatron-deepspeed on vtrain-a100, one node"  # 348 rows of 30 families
H100 = "llm-foundry-amp-h100 on mosaic-h100, several nodes"


@pytest.fixture(scope="module")
def sample() -> Sample:
    return Sample.of(problem_of(fit_rows()), np.array([one.value for one in load_fit("gpu").constants]))


def test_rows_that_run_the_same_kernels_err_alike(sample: Sample) -> None:
    mine = sample.only(sample.groups == MANY)
    of_family = [mine.errors[mine.families == name] for name in np.unique(mine.families)]
    assert (len(mine.rows), len(of_family)) == (348, 30)
    inside = np.sqrt(sum(np.sum((errors - errors.mean()) ** 2) for errors in of_family) / (348 - 30))
    assert inside < 0.3 * np.std([errors.mean() for errors in of_family])


def test_a_row_told_ten_times_says_no_more(sample: Sample) -> None:
    mine = sample.only(sample.groups == H100)
    once, often = (
        scatter_of(mine, declared())[H100],
        scatter_of(mine.only(np.repeat(np.arange(len(mine.rows)), 10)), declared())[H100],
    )
    assert (often.within, often.between, often.degrees) == pytest.approx((once.within, once.between, once.degrees))
    assert often.covariance == pytest.approx(once.covariance)


def test_a_group_that_scatters_more_is_wider_and_leaves_the_others_as_they_are(sample: Sample) -> None:
    before = scatter_of(sample, declared())
    louder = sample.only(np.full(len(sample.rows), True))
    louder.errors[louder.groups == H100] *= 5
    after = scatter_of(louder, declared())
    assert after[H100].total > 2 * before[H100].total
    assert (after[MANY].within, after[MANY].between) == (before[MANY].within, before[MANY].between)


def test_a_family_that_is_left_out_does_not_narrow_its_own_interval(sample: Sample) -> None:
    """A group of two families: without one the other is alone, and a t of one degree of freedom is wide."""
    names = np.unique(sample.families[sample.groups == H100])[:2]
    two = sample.only(np.isin(sample.families, names))
    scatter = scatter_of(two, declared())
    found = families_left_out(two, scatter, declared())
    half = scatter[H100].half_width(two.elasticities[0])
    assert all(one.half_width > half for one in found.rows.values())


@pytest.mark.slow
@pytest.mark.parametrize(("row", "off"), [("bloomdev_L511", 0.04), ("mosaic_020_h100_80gb_30b_8_8192", 0.01)])
def test_one_step_says_what_a_refit_without_the_family_says(sample: Sample, row: str, off: float) -> None:
    """The first moves by 4 % when it is left out, the second by 1 %."""
    family = next(each.family for each in sample.rows if each.id == row)
    inside = sample.families == family
    step = without_each(sample.errors, sample.elasticities, sample.counts, sample.widths, {"it": inside})["it"]
    found = fit_stacks(list(sample.rows[~inside]))
    refit = ratios_of(problem_of(list(sample.rows[inside])).groups, found.constants, found.values)
    assert step == pytest.approx([refit[each.id] for each in sample.rows[inside]], abs=off)
