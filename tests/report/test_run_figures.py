"""Figures of whole runs at three sizes, with short names and long ones, few causes and many, with dates and without."""

import datetime
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from tests.report.test_figure_layout import LONG, SIZES, sound
from wafersim.report.figures.checkpoint_waste import waste_figure
from wafersim.report.figures.finish_dates import Finishes, finish_figure
from wafersim.report.figures.goodput import Goodput, goodput_figure
from wafersim.report.figures.run_over_time import run_figure
from wafersim.training_run.best_interval import Interval
from wafersim.training_run.draws import TICKS
from wafersim.training_run.intervals import Save, Stops
from wafersim.training_run.plan import JobRun, Loss, RunPlan, Saving, Source, Stretch, Strikes, Wait
from wafersim.training_run.processes import run_reference
from wafersim.training_run.trace import trace_of
from wafersim.training_run.waste import Measured

DAY = 86400.0


def a_job(name: str, causes: int, step_s: int) -> JobRun:
    sources = [
        Source(f"cause {i} {name}", Strikes.STOP, 8, 1500.0 * step_s, detection=Wait(2.0 * step_s))
        for i in range(causes)
    ]
    stretch = Stretch(1000, (step_s * TICKS,), save_every=20, evaluate_every=100)
    saving = Saving(save_ticks=TICKS, restore_ticks=TICKS)
    return JobRun(name, (stretch,), 1, TICKS, TICKS, evaluate_ticks=TICKS, saving=saving, sources=tuple(sources))


@SIZES
@pytest.mark.parametrize("name, causes, step_s", [("a", 0, 1), ("a", 1, 3000), (LONG, 12, 300)])
def test_a_run_over_time(
    name: str, causes: int, step_s: int, width: float, tmp_path: Path, drawn: list[Figure]
) -> None:
    job = a_job(name, causes, step_s)
    run_figure(trace_of(job, run_reference(RunPlan((job,)), 1).log), name, tmp_path / "r.png", width)
    sound(drawn, width)


@SIZES
@pytest.mark.parametrize(
    "name, scale, dated, deadline", [("a", 1.0, True, 120 * DAY), (LONG, 0.001, True, None), ("a", 30.0, False, 1e9)]
)
def test_finish_dates(
    name: str, scale: float, dated: bool, deadline: float | None, width: float, tmp_path: Path, drawn: list[Figure]
) -> None:
    chance = 117 * DAY * scale + np.linspace(0, DAY * scale, 500)
    finishes = Finishes(
        chance, chance * np.linspace(0.9, 1.1, 500), datetime.date(2026, 3, 14) if dated else None, deadline
    )
    finish_figure(finishes, name, tmp_path / "f.png", width)
    sound(drawn, width)


def test_a_run_that_always_takes_as_long_has_a_figure(tmp_path: Path, drawn: list[Figure]) -> None:
    finish_figure(Finishes(np.full(5, 7 * DAY), np.full(5, 7 * DAY)), "a", tmp_path / "f.png")
    sound(drawn, 7.2)


def test_what_the_finish_figure_says(tmp_path: Path, drawn: list[Figure]) -> None:
    """Ends on days 1 to 100: with 90 % by day 90, 14 March + 90 d = 12 June; day 50 is 3 May; 30 of 100 by day 30."""
    ends = np.arange(1, 101) * DAY
    finishes = Finishes(ends, ends, datetime.date(2026, 3, 14), 30 * DAY)
    finish_figure(finishes, "a", tmp_path / "f.png")
    said = " ".join(text.get_text() for text in drawn[0].texts)
    assert "done by 12 June 2026 with 90 %, by 3 May 2026 with 50 %; the deadline is met with 30 %" in said


@SIZES
@pytest.mark.parametrize("names, causes", [(["a"], 0), (["a", LONG], 12)])
def test_goodput(names: list[str], causes: int, width: float, tmp_path: Path, drawn: list[Figure]) -> None:
    losses = tuple(DAY * (30 if loss is Loss.PRODUCTIVE else 0.3 * loss) for loss in Loss)
    runs = [Goodput(name, losses, tuple((f"cause {i}", 1e4 * (i + 1)) for i in range(causes))) for name in names]
    goodput_figure(runs, tmp_path / "g.png", width)
    sound(drawn, width)


def test_what_the_goodput_figure_says(tmp_path: Path, drawn: list[Figure]) -> None:
    losses = [0.0] * len(Loss)
    losses[Loss.PRODUCTIVE], losses[Loss.RECOVERY], losses[Loss.CHECKPOINT_SAVE] = 90 * DAY, 7 * DAY, 3 * DAY
    goodput_figure([Goodput("a", tuple(losses), (("GPU", 2 * DAY), ("host", 5 * DAY)))], tmp_path / "g.png")
    said = " ".join(text.get_text() for text in drawn[0].texts)
    assert (
        "Steps that count take 90.0 % of the time; most is lost to down time (noticing, repair, queue): 7.0 d" in said
    )


@SIZES
@pytest.mark.parametrize("name, mtbf_s, used_s", [("a", DAY, None), (LONG, 500 * DAY, 50 * 3600.0), ("a", 600.0, 30.0)])
def test_waste_against_interval(
    name: str, mtbf_s: float, used_s: float | None, width: float, tmp_path: Path, drawn: list[Figure]
) -> None:
    seconds = (2 * 120 * mtbf_s) ** 0.5
    best = Interval(seconds, (447, 1200), Save(12, 120), Stops(mtbf_s, 60, 600))
    dots = [Measured(f * seconds, best.waste(f), 0.01 * best.waste(f), 1000) for f in (0.1, 0.5, 1, 2, 10)]
    waste_figure(best, dots if used_s else (), name, tmp_path / "w.png", used_s, width)
    sound(drawn, width)


def test_what_the_waste_figure_says(tmp_path: Path, drawn: list[Figure]) -> None:
    """Oracle O204: 8.94, 5.83 and 9.08 % at a third, once and three times 4,474 s."""
    waste_figure(Interval(4474.0, (447,), Save(120), Stops(DAY, 0, 600)), (), "a", tmp_path / "w.png")
    said = " ".join(text.get_text() for text in drawn[0].texts)
    assert "best saved every 74.6 min, which loses 5.8 % of the time" in said
    assert "the best is 447 steps; at a third and three times of it 8.9 % and 9.1 %" in said
