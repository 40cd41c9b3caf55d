"""A plan's directory: its question gives the same answer, its table and figures hold the values of the answer."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib.figure import Figure

from wafersim.cli import commands
from wafersim.planning.curves import cheapest_by_deadline, surely_within, surest_by_budget
from wafersim.planning.goal import plan
from wafersim.planning.knees import knees
from wafersim.planning.planned import Planned
from wafersim.report.figures.cost_by_deadline import cost_figure
from wafersim.report.figures.days_by_size import size_figure
from wafersim.report.figures.deadline_chance import chance_figure
from wafersim.report.figures.front import front_figure
from wafersim.report.figures.of_plan import plan_figures
from wafersim.report.figures.sheet import COLUMN, PAGE, SLIDE
from wafersim.report.html.of_plan import plan_page
from wafersim.report.html.page import page_html

JOB = {"model": "cerebras-gpt-1.3b", "training": {"sequence_length": 2048, "batch": 512, "tokens": "260B"}}
SPACE = [
    {"on": "h100", "sizes": [8, 16, 24, 32, 64]},
    {"on": "a100", "sizes": [8, 32, 64, 128], "price": "1 USD/h"},
    {"on": "cs2", "sizes": [1, 2, 4, 8]},
    {"on": "cs3", "sizes": [1, 4]},
]


@pytest.fixture(scope="module")
def found() -> Planned:
    return plan({"goal": {"days": 3.0, "budget": "200 kUSD"}, "common": JOB, "candidates": SPACE}, runs=100)


@pytest.fixture(scope="module")
def unpriced() -> Planned:
    return plan({"goal": {"days": 30.0}, "common": JOB, "candidates": [{"on": "cs3", "sizes": [1, 2, 4]}]}, runs=100)


def points(figure: Figure, *names: str) -> list[tuple[float, float]]:
    """Of all lines with one of these names."""
    lines = [line for axes in figure.axes for line in axes.lines if line.get_gid() in names]
    return [(float(x), float(y)) for line in lines for x, y in zip(*line.get_data(), strict=True)]


def alike(one: Sequence[tuple[float, float]], other: Sequence[tuple[float, float]]) -> bool:
    """To rounding."""
    return len(one) == len(other) and np.allclose(one, other, rtol=1e-9, atol=0)


def test_the_written_question_gives_the_same_answer(tmp_path: Path) -> None:
    def asked(*arguments: str) -> Any:
        result = CliRunner().invoke(commands, ["plan", *arguments, "--runs", "100", "--json"])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    options = (
        "--model",
        "cerebras-gpt-111m",
        "--tokens",
        "2B",
        "--by",
        "2999-01-01",
        "--budget",
        "900",
        "--on",
        "h100,cs3",
    )
    first = asked(*options, "--chips", "16", "--price", "h100=2.5 USD/h", "--out", str(tmp_path), "--no-figures")
    (directory,) = tmp_path.iterdir()
    assert {path.name for path in directory.iterdir()} == {
        "plan.yaml",
        "plan.json",
        "candidates.csv",
        "reasons.txt",
        "version.json",
    }
    assert json.loads((directory / "plan.json").read_text()) == first
    assert asked(str(directory / "plan.yaml"), "--no-save") == first
    assert "start: " in (directory / "plan.yaml").read_text(), "a last day is as far away on any day"


def test_a_machine_of_one_s_own_lies_beside_the_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    from wafersim.inputs.resources import find

    Path("mine").mkdir()
    text = find("hardware", "cs2").read_text(encoding="utf-8")
    Path("mine/wafer.yaml").write_text(
        text.replace("name: cs2\n", "name: wafer\n").replace("aliases:", "# "), encoding="utf-8"
    )
    options = [
        "plan",
        "--model",
        "cerebras-gpt-111m",
        "--tokens",
        "2B",
        "--on",
        "mine/wafer.yaml",
        "--chips",
        "2",
        "--days",
        "9",
    ]
    options += ["--runs", "100", "--json"]
    first = CliRunner().invoke(commands, [*options, "--no-figures"])
    assert first.exit_code == 0, first.output or first.exception
    (directory,) = Path("runs").iterdir()
    assert (directory / "mine" / "wafer.yaml").is_file()
    Path("mine/wafer.yaml").unlink()
    again = CliRunner().invoke(commands, ["plan", str(directory / "plan.yaml"), "--runs", "100", "--json", "--no-save"])
    assert again.stdout == first.stdout


def test_the_screen_says_where_it_was_written(tmp_path: Path) -> None:
    options = ["--model", "cerebras-gpt-111m", "--tokens", "2B", "--days", "5", "--on", "cs3", "--chips", "4"]
    result = CliRunner().invoke(commands, ["plan", *options, "--runs", "100", "--out", str(tmp_path / "o")])
    (directory,) = (tmp_path / "o").iterdir()
    assert f"{directory}/" in result.stdout and len(result.stdout.splitlines()) <= 24
    assert {path.name for path in directory.glob("*.png")} == {"front.png", "days_by_size.png"}


def test_the_table_has_every_candidate_with_whole_runs(found: Planned, tmp_path: Path) -> None:
    from wafersim.planning.wholes_table import wholes_table, write_wholes

    write_wholes(wholes_table(found), tmp_path / "c.csv")
    rows = list(csv.DictReader((tmp_path / "c.csv").open(encoding="utf-8")))
    assert len(rows) == len(found.wholes) > len(found.front)
    for row, whole in zip(rows, found.wholes, strict=True):
        plain = whole.to_json()
        assert (row["hardware"], int(row["chips"])) == (plain["hardware"], plain["chips"])
        assert float(row["time_low_days"]) == plain["days"]["low"]
        assert row["cost_high_usd"] == ("" if plain["cost_usd"] is None else str(plain["cost_usd"]["high"]))
        assert float(row["share_met"]) == plain["met"]
    assert sum(row["on_front"] == "True" for row in rows) == len(found.front)
    assert [row["chips"] for row in rows if "cheapest" in row["best_in"]] == [
        str(found.best["cheapest"].candidate.count)
    ]


def test_the_front_is_drawn_at_its_medians(found: Planned, drawn: list[Figure], tmp_path: Path) -> None:
    front_figure(found, tmp_path / "f.png")
    front = [(whole.days, (whole.usd or 0.0) / 1e3) for whole in found.front]
    assert alike(points(drawn[0], "front"), front) and len(front) > 1
    priced = [whole for whole in found.wholes if whole.usd is not None]
    both = sorted((whole.days, (whole.usd or 0.0) / 1e3) for whole in priced)
    assert alike(sorted(points(drawn[0], "faint", "on the front")), both)
    assert points(drawn[0], "deadline")[0][0] == 3.0 and points(drawn[0], "budget")[0][1] == 200.0
    assert "no price is known: cs3" in " ".join(text.get_text() for text in drawn[0].texts)


def test_each_deadline_costs_the_least_that_keeps_it(found: Planned, drawn: list[Figure], tmp_path: Path) -> None:
    cost_figure(found, tmp_path / "c.png")
    curve = points(drawn[0], "cheapest")
    assert len({usd for _, usd in curve}) > 2
    for days in (1.1, 1.7, 2.9, 3.0, 4.4):
        keep = [whole for whole in found.wholes if whole.usd and whole.share_within(days, 200_000.0) >= 0.8]
        value = [usd for at, usd in curve if at <= days][-1]
        assert value == pytest.approx(min((whole.usd or 0.0) for whole in keep) / 1e3)
    rings = dict(points(drawn[0], "searched"))
    assert found.answer is not None and rings[3.0] == pytest.approx((found.answer.usd or 0.0) / 1e3)


def test_a_budget_buys_the_surest_run_that_it_pays(found: Planned, drawn: list[Figure], tmp_path: Path) -> None:
    chance_figure(found, tmp_path / "c.png")
    priced = [whole for whole in found.wholes if whole.usd is not None]
    drawn_points = sorted(points(drawn[0], "faint", "on the curve"))
    assert alike(
        drawn_points, sorted(((whole.usd or 0.0) / 1e3, 100 * whole.share_within(3.0, None)) for whole in priced)
    )
    curve = points(drawn[0], "surest")
    assert len({y for _, y in curve}) > 1
    for x, y in curve:
        assert y == max(share for usd, share in drawn_points if usd <= x * (1 + 1e-12))


def test_days_fall_along_each_hardware_s_sizes(found: Planned, drawn: list[Figure], tmp_path: Path) -> None:
    size_figure(found, tmp_path / "s.png")
    assert alike(
        sorted(points(drawn[0], "candidate")),
        sorted((float(whole.chips), whole.days) for whole in found.wholes),
    )


def test_without_a_price_energy_takes_the_place_of_money(
    unpriced: Planned, drawn: list[Figure], tmp_path: Path
) -> None:
    plan_figures(tmp_path, unpriced, ["png"])
    front, sizes = drawn
    assert front.axes[0].get_ylabel().startswith("energy") and sizes.axes[0].get_ylabel().startswith("days")
    assert [y for _, y in points(front, "front")] == pytest.approx([one.joules / 3.6e9 for one in unpriced.front])


def test_the_shortest_deadline_is_one_that_enough_runs_keep(found: Planned) -> None:
    for whole in found.wholes:
        days = surely_within(whole, found.goal)
        if days is not None:
            assert whole.share_within(days * (1 + 1e-12), found.goal.budget) >= 0.8
            assert whole.share_within(days * (1 - 1e-12), found.goal.budget) < 0.8
    assert cheapest_by_deadline([], found.goal) == [] == surest_by_budget([], found.goal)


def test_the_knee_of_an_l_is_its_corner_and_a_straight_line_has_none() -> None:
    assert knees([(1, 100), (1.1, 10), (1.2, 1.1), (10, 1.05), (100, 1)])[0] == 2
    assert knees([(1.0, 16.0), (2.0, 8.0), (4.0, 4.0), (8.0, 2.0)]) == []
    assert knees([(1.0, 2.0), (2.0, 1.0)]) == []


@pytest.mark.parametrize("width", [COLUMN, PAGE, SLIDE])
@pytest.mark.parametrize("figure", [front_figure, cost_figure, chance_figure, size_figure])
def test_no_words_cover_each_other(
    found: Planned, figure: Any, width: float, drawn: list[Figure], tmp_path: Path
) -> None:
    figure(found, tmp_path / "f.png", width)
    sheet, renderer = drawn[0], drawn[0].canvas.get_renderer()  # type: ignore[attr-defined]
    axes = sheet.axes[0]
    words = [
        *axes.texts,
        *axes.get_xticklabels(),
        *axes.get_yticklabels(),
        axes.xaxis.label,
        axes.yaxis.label,
        *sheet.texts,
    ]
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in words if text.get_text()]
    for index, (one, box) in enumerate(boxes):
        assert box.x0 >= 0 and box.x1 <= sheet.bbox.x1 and box.y0 >= 0 and box.y1 <= sheet.bbox.y1, one
        for other, second in boxes[:index]:
            across = min(box.x1, second.x1) - max(box.x0, second.x0)
            down = min(box.y1, second.y1) - max(box.y0, second.y0)
            assert across <= 1 or down <= 1, f"{one} covers {other}"


def test_the_page_of_a_plan_says_of_chance_alone_only_what_was_simulated(found: Planned) -> None:
    # Candidates' runs are simulated once, with all that is not known; what chance alone would leave nobody asked for.
    html = page_html(plan_page(found))
    assert "chance alone" not in html
    assert "with all that is not known" in html
