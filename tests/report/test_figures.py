"""Figures say what the rows say: read from their artists, not from pixels."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib.pyplot
import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from wafersim.inputs.loader import load_experiment
from wafersim.report.figures import style
from wafersim.report.figures.breakdown import breakdown_figure
from wafersim.report.figures.throughput import throughput_figure
from wafersim.report.figures.timeline import timeline_figure
from wafersim.simulation import Simulated, job_of, simulate_step

MakeRow = Callable[..., dict[str, Any]]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Figure]]:
    """Every figure that is closed in the test."""
    kept: list[Figure] = []
    monkeypatch.setattr(matplotlib.pyplot, "close", kept.append)
    yield kept
    monkeypatch.undo()
    matplotlib.pyplot.close("all")


@pytest.fixture(scope="module")
def simulated() -> Simulated:
    return simulate_step(job_of(load_experiment("hello_111m", ["system.systems=4"])))


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in (*figure.texts, *(text for axes in figure.axes for text in axes.texts))]


def test_throughput_has_a_line_and_an_ideal_for_each_model(row: MakeRow, tmp_path: Path, drawn: list[Figure]) -> None:
    # b keeps 3/4 of its rate per system on 4 systems
    rows = [row("a", 1), row("a", 4), row("b", 4, tokens_per_s=300.0), row("b", 1, tokens_per_s=100.0)]
    throughput_figure(rows, tmp_path / "t.png")
    rates, kept = ([tuple(np.asarray(line.get_ydata())) for line in axes.lines] for axes in drawn[0].axes)
    assert rates == [(1000, 4000), (1000, 4000), (100, 400), (100, 300)]
    assert kept == [(100, 100), (100, 75)]
    assert {"a  100.0%", "b  75.0%", "4 systems keep 75.0% to 100.0% of linear scaling"} <= set(texts(drawn[0]))
    assert (tmp_path / "t.png").stat().st_size > 10_000


def test_another_swept_value_gets_a_line_of_its_own(row: MakeRow, tmp_path: Path, drawn: list[Figure]) -> None:
    rows = [row("a", n, tokens_per_s=rate * n, varied={"system.systems": n, "system.overrides.x": rate})
            for n in (1, 2) for rate in (10.0, 20.0)]  # fmt: skip
    throughput_figure(rows, tmp_path / "t.png")
    solid = [line for line in drawn[0].axes[0].lines if line.get_linestyle() == "-"]
    assert [(line.get_label(), tuple(np.asarray(line.get_ydata()))) for line in solid] == [
        ("a 10.0", (10, 20)),
        ("a 20.0", (20, 40)),
    ]


def test_a_line_that_stops_early_says_where(row: MakeRow, tmp_path: Path, drawn: list[Figure]) -> None:
    rows = [row("a", 1), row("a", 8), row("b", 1), row("b", 2, tokens_per_s=1000.0), row("c", 8)]
    throughput_figure(rows, tmp_path / "t.png")
    assert {"a  100.0%", "b  50.0% at 2", "c", "8 systems keep 100.0% of linear scaling"} <= set(texts(drawn[0]))


def test_labels_of_equal_rates_do_not_overlap(row: MakeRow, tmp_path: Path, drawn: list[Figure]) -> None:
    throughput_figure([row(f"model-{i}", n) for i in range(7) for n in (1, 16)], tmp_path / "t.png")
    labels = [text for text in drawn[0].axes[0].texts if text.get_text().startswith("model")]
    boxes = sorted((label.get_window_extent() for label in labels), key=lambda box: box.y0)
    assert len(boxes) == 7
    assert all(below.y1 <= above.y0 for below, above in pairwise(boxes))
    assert all(box.x1 < drawn[0].bbox.x1 for box in boxes)


def test_a_breakdown_bar_is_as_long_as_the_step(row: MakeRow, tmp_path: Path, drawn: list[Figure]) -> None:
    breakdown_figure([row("a", 1), row("a", 16), row("b", 16)], tmp_path / "b.png")
    axes = drawn[0].axes[0]
    lengths: dict[float, float] = {}
    for bar in axes.patches:
        assert isinstance(bar, Rectangle)
        if bar.get_width():
            lengths[bar.get_y()] = lengths.get(bar.get_y(), 0) + bar.get_width()
    assert list(lengths.values()) == pytest.approx([100, 100])  # a once: at its largest cluster
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    # 1.5 s of 2 s compute, 0.3 s drain, 0.2 s optimizer
    assert {"75 %", "15 %", "10 %", "2.00 s", "The wafer works during 75% of a step"} <= set(texts(drawn[0]))


def test_the_timeline_draws_every_task_of_system_0_twice(
    simulated: Simulated, tmp_path: Path, drawn: list[Figure]
) -> None:
    timeline_figure(simulated, "hello", tmp_path / "t.png")
    whole, close = drawn[0].axes
    lanes = [label.get_text() for label in whole.get_yticklabels()]
    assert lanes == [label.get_text() for label in close.get_yticklabels()]
    assert {"MemoryX sends", "system link in", "wafer compute", "gradient egress", "MemoryX adds", "optimizer"} <= set(
        lanes
    )
    timeline = simulated.periodic.timeline
    for axes in (whole, close):
        bars = [part for part in axes.collections if isinstance(part, PolyCollection)]
        paths = dict(zip(lanes, [part.get_paths() for part in bars], strict=True))
        assert len(paths["wafer compute"]) == int(np.sum(timeline.of("compute").entity == 0))
        assert len(paths["MemoryX sends"]) == len(timeline.of("stream"))


def test_no_bar_of_the_overview_is_thinner_than_a_pixel(
    simulated: Simulated, tmp_path: Path, drawn: list[Figure]
) -> None:
    timeline_figure(simulated, "hello", tmp_path / "t.png")
    whole = drawn[0].axes[0]
    pixel = np.diff(whole.transData.inverted().transform([(0, 0), (1, 0)])[:, 0])[0]
    for bars in (each for each in whole.collections if isinstance(each, PolyCollection)):
        widths = [np.ptp(np.asarray(path.vertices)[:, 0]) for path in bars.get_paths()]
        assert min(widths) >= 0.99 * pixel


def test_the_busy_share_of_compute_is_its_ticks_over_the_step(
    simulated: Simulated, tmp_path: Path, drawn: list[Figure]
) -> None:
    timeline_figure(simulated, "hello", tmp_path / "t.png")
    compute = simulated.periodic.timeline.of("compute")
    share = compute.select(compute.entity == 0).busy() / float(simulated.periodic.step_ticks)
    assert f"{share:.0%}" in texts(drawn[0])


def test_the_close_up_shows_three_neighbouring_layers(
    simulated: Simulated, tmp_path: Path, drawn: list[Figure]
) -> None:
    timeline_figure(simulated, "hello", tmp_path / "t.png")
    layers, middle = simulated.plan.layers, len(simulated.plan.layers) // 2
    named = [text.get_text() for text in drawn[0].axes[1].texts]
    assert named == [layers[middle + 1].name, layers[middle].name, layers[middle - 1].name]
    whole, close = (axes.get_xlim() for axes in drawn[0].axes)
    assert whole[0] <= close[0] < close[1] <= whole[1]


def test_a_figure_that_fails_is_not_written_and_is_closed(tmp_path: Path) -> None:
    with pytest.raises(KeyError), style.figure(tmp_path / "f.png", 2, 2):
        raise KeyError
    assert not (tmp_path / "f.png").exists()
    assert matplotlib.pyplot.get_fignums() == []
