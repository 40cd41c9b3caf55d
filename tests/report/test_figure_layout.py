"""Every figure at three sizes: no text covers another, none leaves the sheet, no title is cut."""

import gzip
import json
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import matplotlib.pyplot
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from wafersim.inputs.loader import load_experiment
from wafersim.inputs.profile import SystemProfile
from wafersim.inputs.profile_file import load_profile
from wafersim.kernel import kernel_cost
from wafersim.planning.sensitivity import sensitivities
from wafersim.report.figures.breakdown import breakdown_figure
from wafersim.report.figures.comparison import comparison_figure
from wafersim.report.figures.kernel import heatmap_figure, sweep_figure
from wafersim.report.figures.pipeline import pipeline_figure
from wafersim.report.figures.published import published_figure
from wafersim.report.figures.sensitivity import sensitivity_figure
from wafersim.report.figures.sheet import COLUMN, PAGE, SLIDE
from wafersim.report.figures.throughput import throughput_figure
from wafersim.report.figures.timeline import timeline_figure
from wafersim.report.figures.validation import validation_figure
from wafersim.simulation import Simulated, job_of, simulate_step
from wafersim.wafer.mesh import DATAFLOWS

SIZES = pytest.mark.parametrize("width", [COLUMN, PAGE, SLIDE])
Rows = list[dict[str, Any]]
GOLDEN = Path(__file__).parents[1] / "golden"
LONG = "a-model-with-the-longest-name-that-anybody-would-give-to-one-of-them"


def golden(name: str) -> Any:
    return json.loads(gzip.decompress((GOLDEN / f"{name}.json.gz").read_bytes()))["answer"]


def written(figure: Figure) -> list[tuple[str, Bbox]]:
    """Every text that can be seen, with the pixels that it takes."""
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    texts: list[Text] = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    hidden = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            shown = {id(tick) for tick in axis._update_ticks()}  # type: ignore[attr-defined]
            hidden |= {
                id(label)
                for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks())
                if id(tick) not in shown
                for label in (tick.label1, tick.label2)
            }
    return [(text.get_text(), text.get_window_extent(renderer)) for text in texts if id(text) not in hidden]


def faults(figure: Figure) -> list[str]:
    """Texts that cover each other by more than a pixel, or stand outside the sheet."""
    found, sheet = [], figure.bbox
    texts = written(figure)
    for text, box in texts:
        if box.x0 < sheet.x0 or box.y0 < sheet.y0 or box.x1 > sheet.x1 or box.y1 > sheet.y1:
            found.append(f"clipped: {text!r}")
    for (one, first), (other, second) in combinations(texts, 2):
        across = min(first.x1, second.x1) - max(first.x0, second.x0)
        down = min(first.y1, second.y1) - max(first.y0, second.y0)
        if across > 1 and down > 1:
            found.append(f"{one!r} covers {other!r}")
    return found


def sound(drawn: list[Figure], width: float) -> None:
    (figure,) = drawn
    assert faults(figure) == []
    assert figure.get_size_inches()[0] >= width


@pytest.fixture(scope="module")
def simulated() -> Simulated:
    return simulate_step(job_of(load_experiment("hello_111m", ["system.systems=4"])))


@pytest.fixture(scope="module")
def pipeline() -> Simulated:
    return simulate_step(job_of(load_experiment("gpt_neox20b_96a100")))


def sweeps(row: Callable[..., dict[str, Any]]) -> dict[str, Rows]:
    """Few points and many, short names and long ones, rates that are equal, published figures, other numbers than chips."""
    said = {
        "metric": "speed_up",
        "value": 3.9,
        "predicted": 4.0,
        "error": 0.026,
        "source": "A Table",
        "verified": False,
    }
    bounds = {"interval": {"step_time_s": [1.8, 2.3], "half_width": 0.1}}
    values = ["0.06 Tb/s", "0.12 Tb/s", "1.2 Tb/s", "2.4 Tb/s"]
    return {
        "one line": [row("a", 1, **bounds), row("a", 4, published=said, **bounds)],
        "equal rates": [row(f"model-{i}", n, **bounds) for i in range(12) for n in (1, 2, 4, 8, 12, 16, 24, 192)],
        "long names": [row(f"{LONG}-{i}", n) for i in range(4) for n in (1, 2000)],
        "bandwidth": [row("a", 16, tokens_per_s=1e5 * i, varied={"x.link_bandwidth": v}, **bounds)
                      for i, v in enumerate(values, 1)],
        "batches": [row(m, 16, varied={"model": m, "training.batch": v}) for m in ("a", LONG) for v in (60, 120, 125, 130)],
    }  # fmt: skip


@SIZES
@pytest.mark.parametrize("which", ["one line", "equal rates", "long names", "bandwidth", "batches"])
def test_throughput(
    row: Callable[..., dict[str, Any]], which: str, width: float, tmp_path: Path, drawn: list[Figure]
) -> None:
    throughput_figure(sweeps(row)[which], tmp_path / "t.png", width)
    sound(drawn, width)


@SIZES
@pytest.mark.parametrize("which", ["one line", "equal rates", "long names", "bandwidth", "batches"])
def test_breakdown(
    row: Callable[..., dict[str, Any]], which: str, width: float, tmp_path: Path, drawn: list[Figure]
) -> None:
    breakdown_figure(sweeps(row)[which], tmp_path / "b.png", width)
    sound(drawn, width)


@SIZES
@pytest.mark.parametrize(
    "experiment", ["andromeda16", "andromeda16_fixed_batch", "megatron_table1", "scale_1_to_192", "what_if_swarmx"]
)
def test_shipped_sweeps(experiment: str, width: float, tmp_path: Path, drawn: list[Figure]) -> None:
    rows = [point for point in golden(f"run_{experiment}")["points"] if "infeasible" not in point]
    breakdown_figure(rows, tmp_path / "b.png", width)
    sound(drawn, width)
    drawn.clear()
    if experiment == "megatron_table1":
        published_figure(rows, tmp_path / "p.png", width)
    else:
        throughput_figure(rows, tmp_path / "t.png", width)
    sound(drawn, width)


@SIZES
def test_timeline(simulated: Simulated, width: float, tmp_path: Path, drawn: list[Figure]) -> None:
    timeline_figure(simulated, LONG, tmp_path / "t.png", width)
    sound(drawn, width)


@SIZES
def test_pipeline(pipeline: Simulated, width: float, tmp_path: Path, drawn: list[Figure]) -> None:
    pipeline_figure(pipeline, LONG, tmp_path / "p.png", width)
    sound(drawn, width)


@SIZES
def test_sensitivity(simulated: Simulated, width: float, tmp_path: Path, drawn: list[Figure]) -> None:
    sensitivity_figure(LONG, sensitivities(simulated), tmp_path / "s.png", width)
    sound(drawn, width)


@SIZES
def test_comparison(width: float, tmp_path: Path, drawn: list[Figure]) -> None:
    comparison_figure(golden("compare_cs2_vs_a100")["sides"], tmp_path / "c.png", width)
    sound(drawn, width)


@SIZES
def test_validation(width: float, tmp_path: Path, drawn: list[Figure]) -> None:
    validation_figure(golden("validate")["rows"], tmp_path / "v.png", width)
    sound(drawn, width)
    assert drawn[0].get_size_inches()[0] == width  # it fits one column of a paper


@SIZES
def test_kernel(width: float, tmp_path: Path, drawn: list[Figure]) -> None:
    system = load_profile("cs2")
    assert isinstance(system, SystemProfile)
    heatmap_figure(system, kernel_cost(system, "weight-streaming", 128, 64, 64), tmp_path / "h.png", width)
    sound(drawn, width)
    drawn.clear()
    sweep_figure(system, ("weight-streaming", *DATAFLOWS), (512, 512, 512), tmp_path / "s.png", width)
    sound(drawn, width)


def test_a_text_that_leaves_the_sheet_and_one_that_covers_another_are_seen(drawn: list[Figure]) -> None:
    figure = matplotlib.pyplot.figure(figsize=(3, 1))
    for x, words in ((0.1, "below"), (0.12, "above"), (0.9, "a long way out")):
        figure.text(x, 0.5, words)
    assert faults(figure) == ["clipped: 'a long way out'", "'below' covers 'above'"]


@pytest.mark.parametrize("title", [f"One step of {LONG} on 16 systems", LONG * 3])
def test_titles_are_broken_and_never_cut(
    title: str, row: Callable[..., dict[str, Any]], tmp_path: Path, drawn: list[Figure]
) -> None:
    said = {"metric": "speed_up", "value": 3.9, "predicted": 4.0, "error": 0.026, "source": title, "verified": True}
    published_figure([row(title, 4, published=said)], tmp_path / "p.png", COLUMN)
    sound(drawn, COLUMN)
    letters = "".join(text.get_text() for text in drawn[0].texts).replace(" ", "")
    assert letters.count(title.replace(" ", "")) >= 2  # in the finding and as the source
