"""Figures say what the rows say: read from their artists, not from pixels."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot
import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from wafersim.inputs.loader import load_experiment
from wafersim.report.figures.breakdown import breakdown_figure
from wafersim.report.figures.comparison import comparison_figure
from wafersim.report.figures.of_run import FORMATS, run_figures
from wafersim.report.figures.published import published_figure
from wafersim.report.figures.sheet import Kept, Words, sheet
from wafersim.report.figures.throughput import throughput_figure
from wafersim.report.figures.timeline import _joined, _last_of_each, timeline_figure
from wafersim.simulation import Simulated, job_of, simulate_step

MakeRow = Callable[..., dict[str, Any]]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Figure]]:
    """Every figure that is written in the test."""
    kept, save = list[Figure](), Figure.savefig

    def saved(figure: Figure, *where: Any, **how: Any) -> None:
        save(figure, *where, **how)
        kept.append(figure)

    monkeypatch.setattr(Figure, "savefig", saved)
    yield kept
    monkeypatch.undo()


@pytest.fixture(scope="module")
def simulated() -> Simulated:
    return simulate_step(job_of(load_experiment("hello_111m", ["system.systems=4"])))


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in (*figure.texts, *(text for axes in figure.axes for text in axes.texts))]


def test_throughput_has_a_line_and_an_ideal_for_each_model(row: MakeRow, tmp_path: Path, drawn: list[Figure]) -> None:
    # b keeps 3/4 of its rate per system on 4 systems
    rows = [row("a", 1), row("a", 4), row("b", 4, tokens_per_s=300.0), row("b", 1, tokens_per_s=100.0)]
    throughput_figure(rows, tmp_path / "t.png")
    rates, kept = (lines_through(axes, points=2) for axes in drawn[0].axes)
    assert rates == [(1000, 4000), (1000, 4000), (100, 400), (100, 300)]
    assert kept == [(100, 100), (100, 75)]
    assert {"a: 100.0 %", "b: 75.0 %", "4 systems keep 75.0 to 100.0 % of linear scaling"} <= set(texts(drawn[0]))
    assert (tmp_path / "t.png").stat().st_size > 10_000


def test_another_swept_value_gets_a_line_of_its_own(row: MakeRow, tmp_path: Path, drawn: list[Figure]) -> None:
    rows = [row("a", n, tokens_per_s=rate * n, varied={"system.systems": n, "system.overrides.x": rate})
            for n in (1, 2) for rate in (10.0, 20.0)]  # fmt: skip
    throughput_figure(rows, tmp_path / "t.png")
    named = [line for line in drawn[0].axes[0].lines if not str(line.get_label()).startswith("_")]
    assert [(line.get_label(), tuple(np.asarray(line.get_ydata()))) for line in named] == [
        ("x 10.0", (10, 20)),
        ("x 20.0", (20, 40)),
    ]


def test_a_line_that_stops_early_says_where(row: MakeRow, tmp_path: Path, drawn: list[Figure]) -> None:
    rows = [row("a", 1), row("a", 8), row("b", 1), row("b", 2, tokens_per_s=1000.0), row("c", 8)]
    throughput_figure(rows, tmp_path / "t.png")
    assert {"a: 100.0 %", "b: 50.0 % at 2", "c", "8 systems keep 100.0 % of linear scaling"} <= set(texts(drawn[0]))


def test_any_number_that_is_swept_is_the_axis(row: MakeRow, tmp_path: Path, drawn: list[Figure]) -> None:
    """0.05 to 2 Tb/s spans a decade; 100 and 120 do not. What is left over makes lines."""
    rows = [row("a", 16, tokens_per_s=rate, varied={"x.link_bandwidth": value, "training.batch": batch})
            for value, rate in (("2 Tb/s", 40.0), ("0.05 Tb/s", 10.0), ("500 Gb/s", 20.0)) for batch in (100, 120)]  # fmt: skip
    throughput_figure(rows, tmp_path / "t.png")
    axes = drawn[0].axes[0]
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "link bandwidth"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.05 Tb/s", "500 Gb/s", "2 Tb/s"]
    assert lines_through(axes, points=3) == [(10, 20, 40)] * 2
    assert {"batch 100", "batch 120", "Link bandwidth from 0.05 Tb/s to 2 Tb/s: 4.00 times the tokens/s"} <= set(
        texts(drawn[0])
    )
    throughput_figure([each for each in rows if "0.05 Tb/s" in str(each["varied"])], tmp_path / "t.png")
    assert (drawn[1].axes[0].get_xscale(), drawn[1].axes[0].get_xlabel()) == ("linear", "batch")


def test_intervals_and_published_rates_are_drawn(row: MakeRow, tmp_path: Path, drawn: list[Figure]) -> None:
    """A step of 2 s between 1.6 and 2.5 s: 4,000 tokens/s between 3,200 and 5,000. Published 3.9 of 4.0 times one system."""
    said = {"metric": "speed_up", "value": 3.9, "predicted": 4.0, "error": 0.026, "source": "Table", "verified": True}
    bounds = {"interval": {"step_time_s": [1.6, 2.5]}}
    throughput_figure([row("a", 1, **bounds), row("a", 4, published=said, **bounds)], tmp_path / "t.png")
    rates, kept = drawn[0].axes
    band = rates.collections[0].get_paths()[0].vertices
    assert {(x, round(y)) for x, y in np.asarray(band)} == {(1, 800), (1, 1250), (4, 3200), (4, 5000)}
    hollow = [[line for line in axes.lines if line.get_markerfacecolor() == "none"] for axes in (rates, kept)]
    assert [float(np.asarray(line.get_ydata())[0]) for (line,) in hollow] == pytest.approx([3900, 97.5])
    slower = {**said, "metric": "step_time_s", "value": 2.2, "predicted": 2.0}  # a tenth slower
    throughput_figure([row("a", 1), row("a", 4, published=slower)], tmp_path / "t.png")
    (ring,) = (line for line in drawn[1].axes[0].lines if line.get_markerfacecolor() == "none")
    assert float(np.asarray(ring.get_ydata())[0]) == pytest.approx(4000 / 1.1)


def test_the_marker_says_what_binds(row: MakeRow, tmp_path: Path, drawn: list[Figure]) -> None:
    """From the critical circuit, compute in one: 0.3 + 0.3 of it against 0.4 on a link; the parts say compute of both."""
    shares = [{"compute dgrad": 0.3, "compute forward": 0.3, "reduce": 0.4}, {"compute dgrad": 0.3, "reduce": 0.7}]
    rows = [row("a", n, critical={"shares": each}) for n, each in zip((1, 2), shares, strict=True)]
    throughput_figure(rows, tmp_path / "t.png")
    said = [text.get_text() for text in drawn[0].legends[0].get_texts()]
    assert said[:2] == ["bound by wafer compute", "bound by SwarmX up"]
    markers = [line.get_marker() for line in drawn[0].axes[0].lines if line.get_linestyle() == "None"]
    assert markers == ["o", "s"]


def test_published_runs_that_make_no_curve_stand_beside_the_prediction(
    row: MakeRow, tmp_path: Path, drawn: list[Figure]
) -> None:
    """A step of 2 s between 1.6 and 2.5 s: 100 TFLOP/s between 80 and 125."""
    said = {"metric": "hardware_tflops_per_gpu", "value": 110.0, "predicted": 100.0, "error": -0.0909, "source": "Table",
            "verified": False}  # fmt: skip
    published_figure([row("a", 8, published=said, interval={"step_time_s": [1.6, 2.5]})], tmp_path / "p.png")
    drawn_at = [np.asarray(line.get_xdata()).tolist() for line in drawn[0].axes[0].lines]
    assert drawn_at == [pytest.approx([80, 125]), [100], [110]]
    assert {"a: 100 TFLOP/s of a GPU predicted, 110 published", "-9.1 % (not verified)"} <= set(texts(drawn[0]))


def test_a_breakdown_bar_is_as_long_as_the_step(row: MakeRow, tmp_path: Path, drawn: list[Figure]) -> None:
    """And beside it all but work again: 0.3 s drain and 0.2 s optimizer of 2 s."""
    breakdown_figure([row("a", 1), row("a", 16), row("b", 16)], tmp_path / "b.png")
    whole, rest = drawn[0].axes
    assert lengths(whole) == pytest.approx([100, 100])  # a once: at its largest cluster
    assert lengths(rest) == pytest.approx([25, 25])
    assert rest.get_xlim()[1] < 30
    assert [label.get_text() for label in whole.get_yticklabels()] == ["a", "b"]
    # 1.5 s of 2 s compute, 0.3 s drain, 0.2 s optimizer
    assert {"75 %", "15 %", "10 %", "2.00 s", "25 %", "The wafer works during 75 % of a step"} <= set(texts(drawn[0]))


def lengths(axes: Any) -> list[float]:
    """Of every bar, its segments together."""
    found: dict[float, float] = {}
    for bar in axes.patches:
        assert isinstance(bar, Rectangle)
        if bar.get_width():
            found[bar.get_y()] = found.get(bar.get_y(), 0) + bar.get_width()
    return list(found.values())


def lines_through(axes: Any, points: int) -> list[tuple[float, ...]]:
    """Heights of the lines that join as many points in order, leaders of labels left out."""
    lines = [line for line in axes.lines if line.get_linestyle() != "None" and line.get_transform() != axes.transAxes]
    return [tuple(np.asarray(line.get_ydata())) for line in lines if len(line.get_ydata()) == points]


def test_sides_of_the_same_job_set_the_axis(row: MakeRow, tmp_path: Path, drawn: list[Figure]) -> None:
    """Another job of 300 days is cut where the axis of 3 and 4 days ends, and its number is there."""
    price = {"written": "2 USD/h", "in_short": "a list, 2025"}
    sides = [
        row(model, 4, name=name, profile="cs2", dimensions=["data"], tokens=1e9, days_to_train=days, energy_j=days * 1e9,
            cost_usd=None if name == "free" else 1e3 * days, price=None if name == "free" else price,
            interval={"days_to_train": [0.9 * days, 1.1 * days]})
        for name, model, days in (("first", "a", 3.0), ("free", "a", 4.0), ("other", "b", 300.0))
    ]  # fmt: skip
    comparison_figure(sides, tmp_path / "c.png")
    days, _, cost = drawn[0].axes
    assert 4.4 <= days.get_xlim()[1] < 5
    assert [bar.get_width() for bar in days.patches] == pytest.approx([3, 4, days.get_xlim()[1]])
    assert {"300", " no price"} <= {text.get_text().strip() if "no" not in text.get_text() else text.get_text()
                                    for axes in drawn[0].axes for text in axes.texts}  # fmt: skip
    assert cost.get_yticks().tolist() == [0, 1, 2]


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_figure_is_what_its_suffix_says_and_twice_the_same(row: MakeRow, tmp_path: Path, suffix: str) -> None:
    starts = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    for name in ("one", "two"):
        breakdown_figure([row("a", 1)], tmp_path / f"{name}.{suffix}")
    written = [(tmp_path / f"{name}.{suffix}").read_bytes() for name in ("one", "two")]
    assert written[0].startswith(starts[suffix])
    assert written[0] == written[1]


def test_a_run_has_its_figures_in_each_format(simulated: Simulated, tmp_path: Path) -> None:
    rows = [simulated.prediction.to_json()]
    run_figures(tmp_path, rows, simulated, "hello", None, ("svg", "pdf"))
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        f"{name}.{suffix}" for name in ("breakdown", "timeline-cerebras-gpt-111m-4") for suffix in ("svg", "pdf")
    }


def test_the_timeline_draws_every_task_of_system_0_twice(
    simulated: Simulated, tmp_path: Path, drawn: list[Figure]
) -> None:
    timeline_figure(simulated, "hello", tmp_path / "t.png")
    whole, close = drawn[0].axes
    lanes = bars(whole)
    assert {"MemoryX sends", "system link in", "wafer compute", "gradient egress", "MemoryX adds", "optimizer"} <= set(
        lanes
    )
    timeline = simulated.periodic.timeline
    assert lanes["wafer compute"] == int(np.sum(timeline.of("compute").entity == 0))
    assert lanes["MemoryX sends"] == len(timeline.of("stream"))
    assert lanes["reduction tail"] == 1  # of four systems, after the last gradient
    low, high = close.get_xlim()
    origin = timeline.start.min()
    compute = timeline.of("compute").select(timeline.of("compute").entity == 0)
    start, end = ((edge - origin) / 1e12 for edge in (compute.start, compute.end))
    assert bars(close)["wafer compute"] == int(np.sum((end > low) & (start < high)))


def bars(axes: Any) -> dict[str, int]:
    """Bars in each lane, by name."""
    lanes = [label.get_text() for label in axes.get_yticklabels()]
    found = [part for part in axes.collections if isinstance(part, PolyCollection)]
    return dict(zip(lanes, [len(part.get_paths()) for part in found], strict=True))


def test_lanes_in_which_nothing_happens_are_a_line_of_words(
    simulated: Simulated, tmp_path: Path, drawn: list[Figure]
) -> None:
    """111M keeps its activations on the wafer; the tail is at the end of a step, and not close up."""
    timeline_figure(simulated, "hello", tmp_path / "t.png")
    whole, close = drawn[0].axes
    assert "activations in" not in bars(whole)
    assert "reduction tail" not in bars(close)
    said = " ".join(text.get_text() for text in drawn[0].texts)
    assert "seconds from the first weight of the step; idle: activations in, activations out" in said
    assert said.count("reduction tail") == 1
    legend = [text.get_text() for text in drawn[0].legends[0].get_texts()]
    assert {"lighter: every other layer", "on the critical circuit"} <= set(legend)


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
    assert f"{100 * share:.0f} %" in texts(drawn[0])


def test_the_close_up_shows_three_neighbouring_layers(
    simulated: Simulated, tmp_path: Path, drawn: list[Figure]
) -> None:
    timeline_figure(simulated, "hello", tmp_path / "t.png")
    names, middle = simulated.plan.layer_names, len(simulated.plan.layers) // 2
    named = [text.get_text() for text in drawn[0].axes[1].texts]
    assert named == [names[middle + 1], names[middle], names[middle - 1]]
    whole, close = (axes.get_xlim() for axes in drawn[0].axes)
    assert whole[0] <= close[0] < close[1] <= whole[1]


def test_a_figure_that_fails_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(KeyError), sheet(tmp_path / "f.png", 2, 2, Words("a", "b")):
        raise KeyError
    assert not (tmp_path / "f.png").exists()


def test_a_figure_is_no_business_of_windows_and_backends(tmp_path: Path) -> None:
    """A notebook's own backend stays what it is, and nothing is left open."""
    before, there = matplotlib.get_backend(), matplotlib.pyplot.get_fignums()
    target = Kept()
    with sheet(target, 2, 2, Words("a", "b")):
        pass
    assert target.figure._repr_png_().startswith(b"\x89PNG")
    assert matplotlib.get_backend() == before
    assert matplotlib.pyplot.get_fignums() == there


def test_bars_that_a_later_one_covers_are_left_out() -> None:
    """Millions of bars thinner than a pixel are thousands of pixels: what is seen there is the last that was drawn."""
    start, colour = np.array([0.0, 0.0, 0.0, 1.0, 0.0]), np.array([3, 5, 3, 3, 4])
    drawn = _last_of_each(start, start + 1, colour)
    assert drawn.tolist() == [1, 2, 3, 4]  # the first is that of place 2 again; another colour or pixel is another bar


def test_marks_closer_than_a_pixel_are_one_line() -> None:
    start, end = np.array([5.0, 0.0, 1.1, 9.0]), np.array([6.0, 1.0, 2.0, 9.5])
    assert _joined(start, end, 0.2) == [(0.0, 2.0), (5.0, 6.0), (9.0, 9.5)]
    assert _joined(start[:0], end[:0], 0.2) == []
