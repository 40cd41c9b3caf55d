"""The section `run` of an experiment: durations, intervals, dates and contradictions, each in one line."""

import datetime
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from wafersim.errors import WafersimError
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.operation import OperationProfile
from wafersim.inputs.profile_file import load_profile
from wafersim.inputs.run import RunSpec


def run(**fields: Any) -> RunSpec:
    return TypeAdapter(RunSpec).validate_python(fields)


def test_intervals_are_steps_or_seconds() -> None:
    assert run(checkpoints={"every": "100 steps"}).checkpoints.every == 100
    assert run(checkpoints={"every": "3 h"}).checkpoints.every == 10_800.0
    assert run(evaluation={"every": "1 step", "time": "2 min"}).evaluation.every == 1  # type: ignore[union-attr]
    assert run().checkpoints.every == "auto"


def test_a_deadline_is_a_date_or_a_time_from_the_start() -> None:
    assert run(start="2026-01-01", deadline="2026-03-14").deadline == datetime.date(2026, 3, 14)
    assert run(deadline="120 days").deadline == 120 * 86_400.0


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"deadline": "2020-01-01"}, "deadline 2020-01-01 is not after today"),
        ({"start": "2026-05-01", "deadline": "2026-05-01"}, "is not after the start"),
        ({"deadline": "2026-02-30"}, "is no date"),
        ({"start": "9999-12-31", "deadline": "10 days"}, "start 9999-12-31 is after 9000-01-01"),
        ({"deadline": "soon"}, "must be a date or a time from the start"),
        ({"checkpoints": {"every": "0 steps"}}, "must be 1 step or more"),
        ({"checkpoints": {"every": 100}}, "must be steps or a time"),
        ({"checkpoints": {"memory_every": "10 steps"}}, "need both memory_every and memory_time"),
        ({"checkpoints": {"pause_time": "3 s"}}, "mode must be asynchronous"),
        ({"checkpoints": {"store_bandwidth": "2 TB"}}, "is a unit of size"),
        ({"maintenance": {"every": "1 h", "time": "2 h"}}, "every must be longer than time"),
        ({"failures": {"gpu": {"per_1000_days": -1}}}, "greater than or equal to 0"),
        ({"spares": -1}, "greater than or equal to 0"),
        ({"when_short": "wait", "may_miss": 2}, "may_miss means nothing"),
        ({"start_up": {"first": "-3 min"}}, "must be from 0 up to 100 years"),
        ({"evaluation": {"every": "auto", "time": "1 min"}}, "leave evaluation out for none"),
    ],
)
def test_what_cannot_be_is_said(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        run(**fields)


def test_a_fault_says_where() -> None:
    with pytest.raises(WafersimError, match=r"run\.maintenance"):
        load_experiment("hello_111m", ["run.maintenance={every: 1 h, time: 2 h}"])


def test_profiles_of_operation_say_how_wide_what_they_assume_is() -> None:
    for name in ("gpu-operation", "wafer-operation"):
        profile = load_profile(name)
        assert isinstance(profile, OperationProfile)
        assert (profile.values.site.standard_error or 0) > 0.5
    assert all(
        failure.per_1000_days.kind == "assumed"
        for failure in load_profile("wafer-operation").failures.values()  # type: ignore[union-attr]
    ), "nothing is published on failures of wafers"


@pytest.mark.parametrize("name", ["bloom_run", "llama3_405b_run", "opt175b_run"])
def test_a_run_is_written_as_it_can_be_read_again(name: str) -> None:
    asked = load_experiment(name, ["run.deadline=120 days", "run.start_up.first=10 min"])
    again = Experiment.model_validate(asked.model_dump(mode="json"))
    assert again.run == asked.run
    dated = load_experiment(name, ["run.start=2026-03-14", "run.deadline=2027-03-14"])
    assert Experiment.model_validate(dated.model_dump(mode="json")).run == dated.run


def test_what_is_written_again_means_the_same() -> None:
    """A run directory's experiment.yaml is run again as it stands."""
    adapter = TypeAdapter(RunSpec)
    spec = run(
        start="2026-01-01",
        deadline="120 days",
        checkpoints={"every": "2.9 h", "save_time": "40 s"},
        evaluation={"every": "1000 steps", "time": "12 min"},
    )
    for mode in ("python", "json"):
        again = adapter.validate_python(adapter.dump_python(spec, mode=mode, exclude_none=True))  # type: ignore[arg-type]
        assert again == spec
