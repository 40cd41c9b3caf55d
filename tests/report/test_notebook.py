"""Results in a notebook: a table, a figure and named columns of each, and the notebook of the docs, which runs as it stands."""

import json
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

import wafersim
from wafersim import numbers
from wafersim.planning.comparison import Sides
from wafersim.planning.goal import plan
from wafersim.planning.planned import Planned
from wafersim.planning.results import Results
from wafersim.report import notebook
from wafersim.report.words import seconds
from wafersim.timeline.timeline import Timeline

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"
HOSTILE = '<script>alert(1)</script> & "quoted"'


@pytest.fixture(scope="module")
def prediction() -> wafersim.Prediction:
    return wafersim.simulate(wafersim.load_experiment("hello_111m"))


@pytest.fixture(scope="module")
def results() -> Results:
    return wafersim.run(wafersim.load_experiment("hello_111m", sweeps=["system.systems=1,2,100000"]))


@pytest.fixture(scope="module")
def planned() -> Planned:
    return plan(
        {
            "name": "mine",
            "goal": {"days": 30},
            "common": {"model": "cerebras-gpt-13b", "training": {"batch": 720, "tokens": "20 per parameter"}},
            "candidates": [{"on": "andromeda"}],
        },
        runs=20,
    )


class Cells(HTMLParser):
    """Rows of cells of all tables, and that every tag that is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def cells(result: Any) -> list[list[str]]:
    return Cells(result._repr_html_()).rows


def test_a_prediction_is_its_numbers_with_units_and_ranges(prediction: wafersim.Prediction) -> None:
    said = dict(cells(prediction))  # type: ignore[arg-type]
    low, high = prediction.uncertainty.bounds(prediction.step_time_s)
    assert said["step time"] == f"{seconds(prediction.step_time_s)} ({seconds(low)} - {seconds(high)})"
    assert said["binds"] == "wafer compute"
    assert said["batch"] == "120 sequences of 2,048 tokens"
    assert prediction.bill.cost_usd is not None
    assert said["cost"].startswith(f"{numbers.amount(prediction.bill.cost_usd, 'USD')} (")
    assert "cerebras-gpt-111m on 1 system" in prediction._repr_html_()


def test_a_table_has_no_colours_of_its_own(prediction: wafersim.Prediction, results: Results) -> None:
    for text in (prediction._repr_html_(), results._repr_html_()):
        colours = re.findall(r"(?:color|background)\s*:\s*([^;\"]+)", text)
        assert set(colours) <= {"inherit", "none"}


def test_results_have_a_row_a_point_and_say_what_cannot_run(results: Results) -> None:
    heads, *rows = cells(results)
    assert heads[:2] == ["model", "systems"]
    assert [row[1] for row in rows] == ["1", "2", "100000"]
    assert seconds(results.predictions[1].step_time_s) in rows[1]
    assert "cannot run" in rows[2]
    reason = results[2].infeasible
    assert reason is not None
    assert reason in unescape(results._repr_html_())
    assert reason in unescape(results[2]._repr_html_())


def test_a_long_table_is_cut_and_says_so(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook, "MOST_ROWS", 2)
    assert len(cells(results)) == 3
    assert "and 1 more points: .rows()" in results._repr_html_()


def test_every_word_is_escaped(results: Results) -> None:
    experiment = results.experiment.model_copy(update={"title": HOSTILE})
    text = replace(results, experiment=experiment)._repr_html_()
    assert "<script" not in text
    assert HOSTILE in unescape(text)


def test_sides_stand_beside_each_other(prediction: wafersim.Prediction) -> None:
    experiment = wafersim.load_experiment("hello_111m")
    from wafersim.planning.comparison import Side

    one = Side(HOSTILE, experiment, None, prediction, None)
    refused = Side("large", experiment, None, None, "no room <b>")
    sides = Sides("mine", (one, one, refused))
    assert [row[0] for row in cells(sides)] == ["side", HOSTILE, HOSTILE, "large"]
    text = sides._repr_html_()
    assert "<script" not in text
    assert "large cannot run: no room <b>" in unescape(text)
    assert f"{HOSTILE}: 1.00x the time" in unescape(text)
    assert cells(Sides("mine", (refused,))) == []
    assert isinstance(sides.plot(), Figure)
    with pytest.raises(wafersim.WafersimError, match="none of the sides can run"):
        Sides("mine", (refused,)).plot()


def test_a_plan_is_its_hardware_and_the_answer(planned: Planned) -> None:
    heads, row = cells(planned)
    assert heads[:3] == ["each at its best", "done in", "80 % range"]
    assert planned.answer is not None
    assert row[0].startswith(planned.answer.label)
    assert f"Use {row[0]}" in planned._repr_html_()
    assert isinstance(planned.plot(), Figure)


def test_a_plan_that_nothing_meets_says_why(planned: Planned) -> None:
    text = replace(planned, best={}, of_each=())._repr_html_()
    assert "nothing meets the goal" in text


def test_figures_are_those_of_the_report(prediction: wafersim.Prediction, results: Results) -> None:
    def words(figure: Any) -> str:
        return " ".join(text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")))

    assert "wafer compute" in words(prediction.plot()) or "compute" in words(prediction.plot())
    assert "systems keep" in words(results.plot())  # a sweep over systems: throughput
    assert "One step" in words(results[0].plot())
    assert "systems keep" not in words(
        replace(results, points=results.points[:1]).plot()
    )  # nothing varies: a breakdown
    for call in (results[2].plot, replace(results, points=results.points[2:]).plot):
        with pytest.raises(wafersim.WafersimError, match=r"can run|cannot run"):
            call()


def test_a_timeline_is_columns_in_words(prediction: wafersim.Prediction, results: Results, tmp_path: Path) -> None:
    columns = prediction.timeline()
    assert list(columns) == [
        "step", "kind", "level", "entity", "pass_", "micro_batch", "layer", "chunk", "start", "end",
    ]  # fmt: skip
    assert len({len(column) for column in columns.values()}) == 1
    assert {"stream", "compute", "egress"} <= set(columns["kind"].tolist())
    assert set(columns["pass_"][columns["kind"] == "update"].tolist()) == {"update"}
    simulated = results[0].simulated
    assert simulated is not None
    simulated.periodic.timeline.save(tmp_path / "t.npz")
    stored, own = Timeline.load(tmp_path / "t.npz"), results[0].timeline()
    assert np.array_equal(own["start"], stored.start)
    assert np.array_equal(own["kind"] == "compute", stored.kind == 3)  # as docs/howto/trace.md has it
    columns["start"][:] = 0  # a copy: the simulation keeps its own
    assert prediction.timeline()["start"].any()


def test_what_has_no_timeline_says_where_there_is_one(results: Results) -> None:
    with pytest.raises(wafersim.WafersimError, match=r"wafersim\.simulate"):
        results.predictions[0].timeline()
    with pytest.raises(wafersim.WafersimError, match="cannot run has no timeline"):
        results[2].timeline()


def test_a_timeline_is_no_part_of_what_a_prediction_says(prediction: wafersim.Prediction) -> None:
    bare = replace(prediction, periodic=None)
    assert bare == prediction
    assert "periodic" not in repr(prediction)
    assert bare.to_json() == prediction.to_json()


def test_the_notebook_of_the_docs_runs_as_it_stands() -> None:
    """Its outputs are not kept: each cell that ends in a value shows a table or a figure, and what is printed is numbers."""
    import nbformat
    from nbclient import NotebookClient

    source = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in source["cells"])

    found = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(found, timeout=120, kernel_name="python3").execute()
    shown = {"table": 0, "figure": 0, "printed": 0}
    for cell in found.cells:
        for output in cell.get("outputs", ()):
            kinds = output.get("data", {})
            shown["table"] += "text/html" in kinds
            shown["figure"] += "image/png" in kinds
            shown["printed"] += output.output_type == "stream" and " s" in output.text
    assert shown == {"table": 4, "figure": 5, "printed": 2}
