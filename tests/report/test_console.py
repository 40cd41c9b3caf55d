"""Tables hold every point, as plain text when nobody watches."""

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from wafersim.report.console import new_console, print_points, print_reasons, progress
from wafersim.report.explain import explain
from wafersim.report.words import figure, seconds

MakeRow = Callable[..., dict[str, Any]]
REFUSED = {"kind": "wafer", "model": "huge", "n_systems": 4, "infeasible": "no micro-batch fits"}


def printed(rows: list[dict[str, Any]], title: str = "t", terminal: bool = False, width: int = 140) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=width, markup=False, emoji=False)
    print_points(title, rows, console)
    print_reasons(rows, [], [], console)
    return file.getvalue()


def test_every_point_has_a_row_also_one_that_cannot_run(row: MakeRow) -> None:
    text = printed([row("a", 1), row("a", 2), row("b", 16), REFUSED])
    throughput = text.split("\n\n")[0].splitlines()[2:]
    assert [line.split()[:2] for line in throughput] == [["a", "1"], ["a", "2"], ["b", "16"], ["huge", "4"]]
    assert "huge on 4: cannot run: no micro-batch fits" in text


def test_only_refused_points_still_make_a_table() -> None:
    assert "cannot run: no micro-batch fits" in printed([REFUSED])


def test_piped_text_is_plain_aligned_and_whole(row: MakeRow) -> None:
    reason = "because " * 60
    one = row("a-model-with-a-long-name" * 3)
    one["memory"]["reason"] = reason.strip()
    text = printed([one, row("b")], width=40)
    assert not set(text) & set("│┃─━┏\x1b…")
    assert reason.strip() in text
    header, *lines = text.split("\n\n")[0].splitlines()[1:]
    end = header.index("step time") + len("step time")
    assert all(line[:end].endswith("2.00 s") for line in lines)


def test_shares_of_the_step_are_in_percent(row: MakeRow) -> None:
    # 1.5 of 2 s compute, 0.3 s drain, 0.2 s optimizer
    line = next(part for part in printed([row("a")]).split("\n\n") if part.startswith("Where")).splitlines()[2]
    assert line.split()[2:] == ["75.0", "0.0", "0.0", "15.0", "0.0", "0.0", "0.0", "10.0", "0.0"]


@pytest.mark.parametrize("width", [120, 140, 160])
def test_a_terminal_keeps_a_point_on_one_line(row: MakeRow, width: int) -> None:
    one = row("cerebras-gpt-13b", 16, tokens_per_s=1_981_657.0, samples_per_s=15_472.0)
    one["memory"] |= {"activation_policy": "all on the wafer", "reason": "x " * 200}
    lines = printed([one], terminal=True, width=width).splitlines()
    rows = [line.split()[:2] for line in lines if line.startswith(" cerebras")]
    assert rows == [["cerebras-gpt-13b", "16"]] * 3  # throughput, breakdown, memory
    assert any(re.search(r"16 .*8 .*2 x 4.*2\.00 s.*1,981,657.*25\.0%.*wafer compute.*3\.0 d", line) for line in lines)


def test_a_terminal_too_narrow_for_the_table_loses_no_column(row: MakeRow) -> None:
    text = printed([row("cerebras-gpt-13b", 16)], terminal=True, width=60)
    assert "…" not in text
    assert any(line.startswith("cerebras-gpt-13b       16") and "wafer compute" in line for line in text.splitlines())


@pytest.mark.parametrize("terminal", [True, False])
def test_brackets_in_a_title_are_text(row: MakeRow, terminal: bool) -> None:
    assert "sweep [/a] [red] :smile:" in printed([row()], title="sweep [/a] [red] :smile:", terminal=terminal)


def test_the_default_console_takes_brackets_as_text(row: MakeRow, capsys: pytest.CaptureFixture[str],
                                                    monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setenv("FORCE_COLOR", "1")  # a terminal as far as rich is concerned
    print_points("sweep [/a]", [row()], new_console())
    assert "sweep [/a]" in capsys.readouterr().out


def test_explain_speaks_of_the_largest_cluster_in_any_order(row: MakeRow) -> None:
    rows = [row("a", 16, binding_part="exposed_drain", binding_resource="gradient drain"), row("a", 1)]
    for order in (rows, rows[::-1]):
        line, turn = explain(order)
        assert line.startswith("a on 16 systems: gradient drain binds, 75% of the step - gradients leave too slowly")
        assert turn == "a: gradient drain leads from 16 systems"


def test_explain_names_assumed_numbers_and_notes_once(row: MakeRow) -> None:
    rows = [row("a", n, assumed=["memoryx.latency"], notes=["uneven shards"]) for n in (1, 2)]
    assert [line for line in explain(rows) if "memoryx.latency" in line or "uneven" in line] == [
        "Predictions rest on 1 assumed number: memoryx.latency (`wafersim show PROFILE` gives the reason of each).",
        "Note: uneven shards",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1236, "124 ms"), (0.00123456, "1.23 ms"), (0.9996, "1.00 s"), (2.996, "3.00 s"), (99.97, "100 s"), (4321.0, "4,321 s")],
)  # fmt: skip
def test_a_time_has_three_digits(value: float, text: str) -> None:
    assert seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.000811, "0.000811"), (10.04, "10.0"), (999.7, "1,000"), (1234.5, "1,234"), (3.174e7, "31,700,000"),
     (2.3e22, "2.30e+22")],
)  # fmt: skip
def test_a_number_has_three_digits_whole_above_a_thousand(value: float, text: str) -> None:
    assert figure(value) == text


def test_no_progress_bar_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(3, "x: ") as advance:
        advance("one")
    assert capsys.readouterr() == ("", "")
