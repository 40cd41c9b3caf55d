"""A sweep's time is told by points of each of its models, and as a range where those tried differ."""

from pathlib import Path
from typing import Any

import pytest

from wafersim.inputs.experiment import Experiment
from wafersim.planning import forecast as forecasting
from wafersim.planning.executor import Task, compute
from wafersim.planning.forecast import Forecast, Timed, forecast, told
from wafersim.planning.journal import Entry, Finished, Journal

FIELDS: dict[str, Any] = {
    "name": "told", "model": "cerebras-gpt-111m", "system": {"profile": "cs2", "systems": 1},
    "training": {"batch_per_system": 8, "sequence_length": 128},
}  # fmt: skip
MODELS = ["cerebras-gpt-111m", "cerebras-gpt-256m", "cerebras-gpt-590m", "cerebras-gpt-13b"]


def task(**sweep: list[Any]) -> Task:
    return Task(Experiment.model_validate({**FIELDS, "sweep": sweep}))


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Seconds that a point of each model takes: nothing is simulated, and the clock stands but for that."""
    takes = {"cerebras-gpt-13b": 100.0}
    now = 0.0

    def tick(asked: Task, places: list[int], journal: Journal) -> int:
        nonlocal now
        for place in places:
            name = asked.grid.shown(place).get("model", FIELDS["model"])
            now += takes.get(str(name), 1.0)
            journal.add_all(asked.sweep, "0", [Finished.of(place, place.to_bytes(16, "big"), Entry("ran", {}))])
        return len(places)

    monkeypatch.setattr(forecasting, "compute", tick)
    monkeypatch.setattr(forecasting.time, "perf_counter", lambda: now)
    monkeypatch.setattr(forecasting, "TRIED_S", 1e9)
    return takes


@pytest.mark.parametrize("order", ["model first", "model last"])
def test_each_model_counts_by_its_share(order: str, journal: Journal, clock: dict[str, float]) -> None:
    # Three models of 1 s and one of 100 s a point: 25.75 s in the mean, wherever in the grid the points lie.
    axes = {"model": MODELS, "training.batch_per_system": list(range(8, 58))}
    found = forecast(task(**(axes if order == "model first" else dict(reversed(axes.items())))), journal)
    assert found is not None and found.each_s == pytest.approx(25.75)
    assert "of 4 of 4 models" in found.tried_on


def test_a_model_whose_points_are_done_counts_no_more(journal: Journal, clock: dict[str, float]) -> None:
    asked = task(**{"model": MODELS, "training.batch_per_system": list(range(8, 58))})
    forecasting.compute(asked, list(range(50, 200)), journal)  # all but those of the first model
    found = forecast(asked, journal)
    assert found is not None and found.each_s == pytest.approx(1.0)


def test_nothing_is_missing(journal: Journal, clock: dict[str, float]) -> None:
    asked = task(**{"system.systems": [1, 2, 4]})
    forecasting.compute(asked, [0, 1, 2], journal)
    assert forecast(asked, journal) is None


def test_points_that_were_tried_are_kept_and_a_small_grid_is_done_by_them(journal: Journal) -> None:
    asked = task(**{"system.systems": [1, 2]})
    found = forecast(asked, journal)
    assert found is not None and journal.done(asked.sweep) == 2
    assert compute(asked, journal.missing(asked.sweep, range(2)), journal) == 0


def test_a_range_is_told_where_points_of_a_model_differ() -> None:
    # Half the points take 1 to 3 s, a quarter 10 s, and a quarter is not tried: 2, 10 and (2 x 2 + 10) / 3 s in the mean.
    found = told([Timed(0.5, (1.0, 3.0)), Timed(0.25, (10.0,)), Timed(0.25, ())])
    untried = (0.5 * 2 + 0.25 * 10) / 0.75
    assert found.each_s == pytest.approx(0.5 * 2 + 0.25 * 10 + 0.25 * untried)
    assert found.low_s == pytest.approx(0.5 * 1 + 0.25 * 10 + 0.25 * 1)
    assert found.high_s == pytest.approx(0.5 * 3 + 0.25 * 10 + 0.25 * 10)
    assert found.said(3600, 1) == "3.2 h to 6.5 h"
    assert Forecast(1.0, 0.95, 1.1, "").said(3600, 2).startswith("about 30")
