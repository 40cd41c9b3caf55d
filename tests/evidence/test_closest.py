"""The published rows nearest to a point: what they are, what is said of them, and where they differ from it."""

from dataclasses import replace
from math import exp

import pytest

from tests.golden.places import DATA, SETS, judged, text_of
from wafersim.evidence.closest import CloseRow, closest, places, source_of
from wafersim.evidence.sets.gpu import published_rows as gpu_rows
from wafersim.evidence.sets.wafer import throughput_rows
from wafersim.evidence.tables import shipped
from wafersim.inputs.fit import Set, load_fit
from wafersim.simulation import Job, Simulated, simulate_run


def simulated(job: Job) -> Simulated:
    return simulate_run((job,), told=False)


def nearest(job: Job, most: int = 6) -> tuple[CloseRow, ...]:
    one = simulated(job)
    return closest(one.job, one.choice, most)


@pytest.mark.parametrize("which", SETS)
def test_rows_stand_where_their_tables_put_them(which: Set) -> None:
    """After a change of tables, features or kept predictions: `python -m tests.golden.places`."""
    assert (DATA / f"closest_{which}.csv").read_text(encoding="utf-8") == text_of(which)


@pytest.mark.parametrize("name", ["A04", "A08", "U21"])
def test_the_job_of_a_wafer_row_is_nearest_to_itself(name: str) -> None:
    first = min(nearest(throughput_rows()[name].job()), key=lambda row: row.width)
    assert name in (first.id, *(other for other, _ in first.alike))
    assert first.width == 0.0
    assert first.differs == ()


@pytest.mark.parametrize("name", ["vtrain_multi_0094", "mb2511_h100_Llama370B_64_B128", "bloomdev_L695"])
def test_the_job_of_a_gpu_row_is_nearest_to_itself(name: str) -> None:
    row = gpu_rows().measured[name]
    first = nearest(replace(row.jobs()[0], must_fit=False))[0]
    assert name in (first.id, *(other for other, _ in first.alike))
    assert first.width == 0.0
    assert first.differs == ()


def test_a_row_says_what_is_published_and_how_far_off_we_are() -> None:
    row = next(row for row in nearest(throughput_rows()["A04"].job()) if row.id == "A04")
    kept, fit = judged()["A04"], load_fit("wafer")
    assert (row.value, row.unit, row.use, row.note) == (43.67, "samples/s", "fit", "")
    assert row.error == pytest.approx(kept["error"], rel=1e-3)
    # A calibration of wafers is of rates: too low a rate without the row.
    assert row.left_out_error == pytest.approx(exp(-0.054) - 1)
    assert row.half_width == fit.left_out["A04"].half_width
    assert dict(row.families)["GPT-J"] == pytest.approx(exp(-0.0568) - 1)
    assert row.link is not None
    assert row.link.startswith("https://github.com/argonne-lcf/user-guides/blob/")


def test_a_time_that_is_too_long_is_a_rate_that_is_too_low() -> None:
    """Calibrations of GPUs are of times; a page prints the error of the value as it is published."""
    fit = load_fit("gpu")
    rows = {cells["id"]: cells for cells in shipped("gpu")}
    by_metric = {}
    for name, one in fit.left_out.items():
        if one.error > 0.02:
            by_metric.setdefault(rows[name]["metric"], name)
    for metric in ("iteration_time", "tokens_per_s_per_gpu"):
        name = by_metric[metric]
        job = replace(gpu_rows().measured[name].jobs()[0], must_fit=False)
        row = next(row for row in nearest(job, 900) if row.id == name)
        assert row.left_out_error is not None
        assert (row.left_out_error > 0) == (metric == "iteration_time")


def test_what_differs_is_said_in_the_fields_own_measure() -> None:
    job = throughput_rows()["A04"].job()  # GPT-J 6B on 2 CS-2
    training = replace(job.training, batch=job.training.batch * 8)
    row = next(row for row in nearest(replace(job, count=16, training=training), 12) if row.id == "A04")
    assert row.differs == ("2 systems, here 16",)


def test_several_systems_are_shown_speed_ups_besides_and_one_is_not() -> None:
    job = throughput_rows()["A04"].job()
    ratios = {place.id for place in places("wafer") if place.is_ratio}
    one = replace(job, count=1, training=replace(job.training, batch=job.training.batch // 2))
    assert sum(row.id in ratios for row in nearest(job)) == 2
    assert not any(row.id in ratios for row in nearest(one))
    assert all(row.half_width is None for row in nearest(job) if row.id in ratios)


def test_rows_of_another_generation_come_after_those_of_this_one() -> None:
    rows = nearest(throughput_rows()["A14"].job(), 40)  # LLaMA3-8B on a CS-3
    of_wafers = [row.group for row in rows if row.half_width is not None and row.left_out_error is not None]
    assert of_wafers == sorted(of_wafers, reverse=True)  # cs3, then cs2
    assert {"cs2", "cs3"} == set(of_wafers)
    assert next(row for row in rows if row.group == "cs2").differs[0] == "cs2, here cs3"


def test_rows_that_no_feature_tells_apart_are_one_with_all_their_errors() -> None:
    row = next(row for row in nearest(throughput_rows()["U21"].job()) if row.id == "U21")
    assert [name for name, _ in row.alike] == ["U22", "U23", "U24"]
    assert dict(row.alike)["U24"] == pytest.approx(judged()["U24"]["error"], rel=1e-3)


def test_a_row_that_is_not_evidence_says_why() -> None:
    shown = [row for row in nearest(throughput_rows()["U01"].job(), 60) if row.use == "shown" and row.id == "N16"]
    assert [row.note for row in shown] == ["a lower bound"]


def test_a_row_of_the_same_log_has_its_address() -> None:
    table = {cells["id"]: cells for cells in shipped("wafer")}
    text, link = source_of(table["A11"], table)
    assert text == "same log as A10"
    assert link == source_of(table["A10"], table)[1]
    assert link is None or link.startswith("https://")


def test_no_more_rows_than_asked_and_nearest_first() -> None:
    rows = nearest(throughput_rows()["A04"].job(), 5)
    assert len(rows) == 5
    assert [row.width for row in rows] == sorted(row.width for row in rows)
    assert {"cs2"} == {row.group for row in rows}
    assert all(row.to_json()["differs"] == list(row.differs) for row in rows)
