"""The experiments that are tables of the Cerebras-GPT paper ask for the very jobs of the published rows."""

from functools import cache

import pytest

import wafersim
from wafersim.evidence.sets.wafer import scaling_rows
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.sweep import expand
from wafersim.report.words import line_name
from wafersim.simulation import job_of, simulate_step
from wafersim.strategies.job import Job

TABLES = {"andromeda16_weak": True, "andromeda16_strong": False}
SHAPE = ("layers", "d_model", "heads", "d_ffn", "position_kind")


def key(job: Job) -> tuple[object, ...]:
    model = job.workload.model
    shape = tuple(getattr(model, field) for field in SHAPE)
    return (*shape, job.workload.sequence_length, job.count, job.training.batch)


@cache
def jobs(table: str) -> dict[tuple[object, ...], Job]:
    return {key(job): job for job in (job_of(point.experiment) for point in expand(load_experiment(table)))}


@pytest.mark.parametrize(("table", "weak"), TABLES.items())
def test_every_row_of_the_table_is_a_point_and_every_cluster_a_row(table: str, weak: bool) -> None:
    rows = [row for row in scaling_rows().values() if row.weak == weak]
    asked = {key(row.job.job()) for row in rows}
    assert asked == {name for name, job in jobs(table).items() if job.count > 1}
    assert {key(row.baseline.job()) for row in rows} == {name for name, job in jobs(table).items() if job.count == 1}


@pytest.mark.parametrize(("table", "weak"), TABLES.items())
def test_the_micro_batches_are_the_printed_ones_on_the_same_release(table: str, weak: bool) -> None:
    for row in scaling_rows().values():
        if row.weak != weak:
            continue
        for measured in (row.job, row.baseline):
            job = jobs(table)[key(measured.job())]
            assert job.machine == measured.machine(), row.id
            assert simulate_step(job).prediction.micro_batch == measured.micro_batch, row.id


@pytest.mark.parametrize(("table", "weak"), TABLES.items())
def test_the_published_ratios_are_those_of_the_data(table: str, weak: bool) -> None:
    quoted = {}
    for point in expand(load_experiment(table)):
        assert point.experiment.published is not None
        job = job_of(point.experiment)
        quoted[key(job)] = point.experiment.published.value_on(job.count)
    assert {name: value for name, value in quoted.items() if value is not None} == {
        key(row.job.job()): row.published for row in scaling_rows().values() if row.weak == weak
    }


def test_two_sequence_lengths_of_one_model_are_told_apart() -> None:
    points = wafersim.run(load_experiment("andromeda16_weak", ["sweep.system.systems=[16]"])).points
    assert [point.varied["training.sequence_length"] for point in points] == [2048, 10000, 2048, 2048, 2048]
    assert len({line_name(point.to_json()) for point in points}) == len(points)
