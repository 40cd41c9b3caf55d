"""First screens of compare, kernel, share and validate: 24 lines of 80 columns that answer the question."""

import copy
import io
import re
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.golden.answers import kept
from wafersim.cli import run_command_line
from wafersim.evidence.judge import validate
from wafersim.evidence.rows import ValidatedRow, ValidationReport
from wafersim.evidence.sets.collective import MeasuredCollective
from wafersim.inputs.comparison import load_comparison
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.profile_file import find_profile, read_profile
from wafersim.inputs.resources import names
from wafersim.kernel import kernel_cost
from wafersim.planning import comparison as planning
from wafersim.planning.comparison import compare_sides
from wafersim.planning.sharing import Shared, share_cluster
from wafersim.report.screen.comparison import Compared, comparison_screen
from wafersim.report.screen.kernel import kernel_screen
from wafersim.report.screen.layout import show, titled
from wafersim.report.screen.sharing import sharing_screen
from wafersim.report.screen.validation import Validated, validation_screen
from wafersim.report.words import within

Rows = list[dict[str, Any]]
MACHINE_NUMBER = re.compile(r"\d(\.\d+)?e[+-]\d|\b0\.00\d\d")  # 1.36e+07, 0.000943
SLOW = ("llama3_70b", "llama3_405b")  # comparisons, by the search of their splits
DATAFLOWS = ("weight-streaming", "interleaved", "summa", "cannon")
SIZES = {
    "fits": ("cs2", 65536, 4096, 4096),
    "small": ("cs3", 512, 512, 512),
    "too large": ("cs3", 500_000, 50_000, 64),
    "one": ("cs1", 1, 1, 1),
}


def assert_a_screen(lines: list[str], width: int = 80, most: int = 24) -> None:
    assert len(lines) <= most, "\n".join(lines)
    assert max(map(len, lines)) <= width, "\n".join(lines)
    assert not [line for line in lines if MACHINE_NUMBER.search(line)]
    assert not set("".join(lines)) & set("\x1b│┃─━\t\N{NO-BREAK SPACE}")


def said(lines: list[str]) -> str:
    """The text without the breaks of its lines."""
    return re.sub(r"\s+", " ", " ".join(lines))


@cache
def sides_of(name: str) -> Rows:
    """The sides of a shipped comparison."""
    sides = compare_sides(*load_comparison(name))
    return [side.to_json(sides[0]) for side in sides]


@pytest.fixture(scope="session")
def beside_gpus() -> Rows:
    return sides_of("cs2_vs_a100")


@pytest.fixture(scope="session")
def splits() -> Rows:
    """One job on the same GPUs, split in several ways, beside wafers."""
    return sides_of("gpu_strategies")


@pytest.fixture(scope="session")
def jobs() -> list[Shared]:
    return share_cluster([(name, load_experiment(name)) for name in ("shared_111m", "shared_13b")])


@pytest.fixture(scope="session")
def collectives() -> ValidationReport:
    return validate(["collective"])


@pytest.fixture(scope="session")
def everything() -> ValidationReport:
    """Every row as it was when the answers were kept: how many there are is what fills the screen."""
    answer = kept("validate")
    rows = []
    for row in answer["rows"]:
        fields = {name: value for name, value in row.items() if name not in ("error", "covers")}
        left_out = fields.pop("left_out")
        fields["assumed"] = tuple(fields["assumed"])
        rows.append(ValidatedRow(**fields, left_out=None if left_out is None else tuple(left_out)))
    return ValidationReport(tuple(rows), {one["id"]: one["reason"] for one in answer["skipped"]})


def compared(sides: Rows, width: int = 80) -> list[str]:
    return comparison_screen(Compared("A title", sides, Path("runs/cs2-vs-a100-4d1bcae4"), 12.3), width)


def kernels(size: str, dataflows: tuple[str, ...] = DATAFLOWS, width: int = 80) -> list[str]:
    profile, *sides = SIZES[size]
    system = read_profile(find_profile(profile, Path()))
    return kernel_screen(profile, [kernel_cost(system, name, *sides) for name in dataflows], [], 0.1, width)


# --- 24 lines of 80 columns, 40 columns where the terminal has no more


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in names("comparisons")]
)
@pytest.mark.parametrize("width", [40, 80, 200])
def test_every_shipped_comparison_is_a_screen(name: str, width: int) -> None:
    sides = sides_of(name)
    lines = compared(sides, width)
    assert_a_screen(lines, width, most=24 + 3 * any("infeasible" in side for side in sides))
    assert "next: wafersim validate" in said(lines)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dataflows", [DATAFLOWS, DATAFLOWS[:1]], ids=["all", "one"])
@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_kernel_is_a_screen(size: str, dataflows: tuple[str, ...], width: int) -> None:
    lines = kernels(size, dataflows, width)
    assert_a_screen(lines, width, most=27 if size == "too large" or width == 40 else 24)
    assert all(any(line.startswith(name) for line in lines) for name in dataflows)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_sharing_is_a_screen(jobs: list[Shared], width: int) -> None:
    lines = sharing_screen(jobs, True, 8.0, width)
    assert_a_screen(lines, width)
    assert "shared_111m slows down most" in said(lines)


def test_names_as_wide_as_the_screen_leave_room_for_numbers(jobs: list[Shared]) -> None:
    long = [replace(job, name=job.name + end * 73) for job, end in zip(jobs, "yz", strict=True)]
    rows = sharing_screen(long, False, 8.0, 80)[2:5]
    assert rows[0].split() == ["job", "systems", "together", "longer"]
    assert all(len(row.split()) == 6 for row in rows[1:])  # times and shares have their units beside them


def test_a_title_of_several_lines_is_one() -> None:
    assert titled("two\nlines\u2028or three", 1.0, 40).split() == ["two", "lines", "or", "three", "1.0", "s"]
    assert "\n" not in titled("two\nlines", 1.0, 40)


def test_thirty_jobs_are_a_screen_that_says_how_many_are_left_out(jobs: list[Shared]) -> None:
    lines = sharing_screen([*jobs] * 15, False, 8.0, 80)
    assert_a_screen(lines)
    assert "more: --all" in said(lines)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_validation_is_a_screen(everything: ValidationReport, collectives: ValidationReport, width: int) -> None:
    for report in (everything, collectives):
        lines = validation_screen(Validated(report, [], [], 50.0), width)
        assert_a_screen(lines, width)
        sets = {row.set for row in report.rows}
        assert all(any(line.startswith(name) for line in lines) for name in sets)


@pytest.mark.parametrize("width", [40, 120, 200])
def test_a_comparison_has_the_width_of_its_terminal(beside_gpus: Rows, width: int) -> None:
    lines = compared(beside_gpus, width)
    assert_a_screen(lines, width)
    assert all(any(line.startswith(side["name"][:20]) for line in lines) for side in beside_gpus)


def test_twenty_sides_are_a_screen(beside_gpus: Rows) -> None:
    many = [{**side, "name": f"side {index}"} for index, side in enumerate([*beside_gpus[:5]] * 4)]
    lines = compared(many)
    assert_a_screen(lines)
    assert "more: --all" in said(lines) and "faster" in lines[1] + lines[2]


# --- what a buyer reads


def test_a_comparison_answers_who_is_faster_and_cheaper_and_what_is_too_close(beside_gpus: Rows) -> None:
    by_time, by_cost = (sorted(beside_gpus[:5], key=lambda side: side[key]) for key in ("days_to_train", "cost_usd"))
    text = said(compared(beside_gpus))
    assert f"fastest (a tie): {by_time[0]['name']}; cheapest (a tie): {by_cost[0]['name']}" in text
    # The second is no rival where the interval of the first ends before it.
    apart = copy.deepcopy(beside_gpus)
    for side in apart:
        if side["name"] == by_time[0]["name"]:
            side["interval"]["days_to_train"][1] = by_time[1]["days_to_train"] * 0.99
    assert f"fastest: {by_time[0]['name']};" in said(compared(apart))
    # One unit a column: days for a run of a week and for one of two months.
    rows = [line for line in compared(beside_gpus) if re.match(r"(Andromeda|A100s|OPT|GPT)", line) and " x" not in line]
    assert len(rows) == 7 and all(" d " in row for row in rows)


def test_splits_of_one_job_are_told_by_what_each_costs(splits: Rows) -> None:
    # A side of 10 s that stands still for 1 s and waits 2.5 s for layers, 0.5 s for stages, 1 s for replicas, in 60 GB.
    # Two sides cannot run: there is room for what each of the others costs.
    made = copy.deepcopy(splits)
    refused = next(one for one in made if one["name"] == "data, ZeRO-1")
    refused["infeasible"] = "no split of 10 fits; the smallest does not fit: 99 GB of 80.7 GB: weights 25.7"
    side = next(one for one in made if one["name"] == "pipeline 8")
    side["step_time_s"] = 10.0
    side["breakdown"] |= {"compute": 5.0, "bubble": 1.0, "tensor": 2.5, "sends": 0.5, "data": 1.0}
    side["memory"]["total_bytes"] = 60e9
    side["layout"] |= {"virtual_stages": 4, "zero_stage": 1, "micro_batch": 2, "recompute": "full"}
    side["micro_batch"] = 2
    text = said(compared(made))
    assert "side split memory bubble exposed traffic" in text
    assert "pipeline 8 * PP 8 DP 8 v4 ZeRO-1 60 GB 10 % 40 %" in text
    assert "2 with full recompute (pipeline 8)" in text
    assert "beside" not in text
    assert "Cannot run data: " in text and "data, ZeRO-1: " in text  # two reasons, each as far as it fits


def test_a_side_that_may_not_fit_is_told_with_how_likely_it_does(splits: Rows) -> None:
    # 83 of 81 GB on every GPU: simulated like the others.
    text = said(compared(splits))
    assert "May not fit data, ZeRO-1 (35 % likely to fit)" in text and "data, ZeRO-1 * 64" in text


def test_sides_that_differ_in_their_size_are_set_beside_the_first(beside_gpus: Rows, splits: Rows) -> None:
    assert "beside Andromeda time faster" in said(compared(beside_gpus))
    made = copy.deepcopy(splits)
    made[-1]["n_systems"] = 128
    assert "beside 4 CS-2 time faster" in said(compared(made))


def test_a_first_side_without_a_price_says_so_where_the_cheapest_is_told() -> None:
    text = said(compared(sides_of("llama3_8b")))
    assert re.search(r"cheapest: \S+ of the same power \(no price of 16 CS-3\)", text)
    assert "none of megatron-bridge on dgx-b200, several nodes" in text and "none of no measured" not in text
    assert " cost" not in text


def test_a_side_with_another_job_and_one_that_nobody_measured_say_so_in_their_row(beside_gpus: Rows) -> None:
    lines = compared(beside_gpus)
    (opt,) = [line for line in lines if line.startswith("OPT-175B")]
    assert opt.startswith("OPT-175B (other job) *")
    assert "* no run measured of this stack" in said(lines)
    measured = copy.deepcopy(beside_gpus)
    for side in measured:
        side["interval"]["outside"] = []
    assert "*" not in said(compared(measured))


def test_what_is_extrapolated_is_told_of_every_side(beside_gpus: Rows) -> None:
    # Two sides of one model: today's table spoke of the larger alone.
    sides = copy.deepcopy(beside_gpus)
    for side in sides:
        side["interval"]["outside"] = []
    for index, value in ((1, 7.0), (2, 9.0)):
        sides[index]["interval"]["outside"] = [{"measure": "knots", "value": value, "low": 1.0, "high": 2.0}]
    assert "measured: 1 to 2 knots (here 7 and 9)" in said(compared(sides))


def test_cost_without_a_price_says_which_field_gives_it(beside_gpus: Rows) -> None:
    sides = copy.deepcopy(beside_gpus)
    for side in sides[1:5]:
        side.update(cost_usd=None, price=None)
        side["against_first"].pop("cheaper")
    text = said(compared(sides))
    assert "none of dgx-a100-80gb: run.money.rent gives one" in text
    assert_a_screen(compared(sides))


def test_prices_have_a_date_and_say_that_nobody_checked_them(beside_gpus: Rows) -> None:
    prices = "andromeda 188 USD/h (2021-09, unchecked); dgx-a100-80gb 5.12 USD/h (2025-03-02)"
    assert prices in said(compared(beside_gpus))
    sides = copy.deepcopy(beside_gpus)
    for side in sides:
        side["price"]["unchecked"] = True
    assert "dgx-a100-80gb 5.12 USD/h (2025-03-02, unchecked)" in said(compared(sides))
    with_room = said(compared(beside_gpus[:2]))  # where there is room, who says so, too
    assert "188 USD/h (Cerebras Cloud at Cirrascale for a year, 2021-09, unchecked)" in with_room
    assert "dgx-a100-80gb 5.12 USD/h (AWS on-demand list, 2025-03-02)" in with_room


def test_sides_that_cannot_run_stand_there_with_their_reason(beside_gpus: Rows) -> None:
    refused = [{"name": name, "match": None, "profile": "cs2", "model": "m", "infeasible": "no price " * 20}
               for name in ("one", "two")]  # fmt: skip
    lines = compared([*beside_gpus, *refused])
    assert_a_screen(lines, most=27)
    assert "Cannot run one: no price" in said(lines) and "1 more" in said(lines)
    long = [{**side, "infeasible": f"does not fit: 90 GB of 80 GB: {'weights 3 GB, ' * 9}"} for side in refused]
    assert "Cannot run one: does not fit: 90 GB of 80 GB; two: does not fit" in said(compared([*beside_gpus, *long]))


def test_the_fastest_kernel_that_fits_is_the_answer() -> None:
    system = read_profile(find_profile("cs2", Path()))
    costs = {name: kernel_cost(system, name, *SIZES["fits"][1:]) for name in DATAFLOWS}
    best = min(costs.values(), key=lambda cost: cost.time_s)
    assert f"Answer {best.dataflow} takes {best.time_s * 1e6:.0f} us" in said(kernels("fits"))
    text = said(kernels("too large"))
    assert "Answer no dataflow's tile fits" in text and "Too large weight-streaming needs" in text
    assert "nobody has measured a kernel or a step on cs1" in said(kernels("one"))


def test_a_validation_says_whether_floors_hold_and_what_is_worst(everything: ValidationReport) -> None:
    text = said(validation_screen(Validated(everything, [], [], 50.0), 80))
    assert (
        "Floors all hold" in text and "median error of test rows: " in text and "rows whose own job set nothing" in text
    )
    broken = validation_screen(Validated(everything, ["A04: error +9.1%, floor 8%"] * 30, [], 50.0), 80)
    assert_a_screen(broken, most=27)
    assert "Broken A04: error +9.1%, floor 8%" in said(broken) and "all hold" not in said(broken)


def test_many_rows_of_ones_own_are_shown_as_far_as_there_is_room_and_counted(everything: ValidationReport) -> None:
    gpus = [row for row in everything.rows if row.set == "gpu"]
    lines = validation_screen(Validated(ValidationReport(tuple(gpus), {}), None, [], 1.0), 80)
    assert_a_screen(lines)
    shown = lines.index(next(line for line in lines if line.startswith("and "))) - 2  # after the title and the heads
    assert lines[1].split() == ["row", "predicted", "80", "%", "interval", "measured", "error"]
    assert f"and {len(gpus) - shown:,} more: --all" in lines and "inside their intervals" in said(lines)
    name = next(row.id for row in gpus if len(row.id) > 24)
    lines = validation_screen(Validated(ValidationReport((replace(gpus[0], id=name), gpus[1]), {}), None, [], 1.0), 80)
    assert f"{name[:12]}~{name[-11:]}" in said(lines)


def test_a_row_of_validate_is_told_as_one(everything: ValidationReport) -> None:
    one = ValidationReport(tuple(row for row in everything.rows if row.id == "A04"))
    lines = validation_screen(Validated(one, [], [], 1.0), 80)
    assert lines[0].startswith("A04: GPT-J 6B on 2 CS-2, predicted")
    assert "its own job unseen: " in said(lines)


# --- the figure and the table


def test_the_heatmap_and_the_table_have_the_same_busy_share(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from wafersim.report.figures.kernel import heatmap_figure

    drawn, titles = [], []
    show_image, write = Axes.imshow, Figure.text
    monkeypatch.setattr(Axes, "imshow", lambda self, x, **more: (drawn.append(x), show_image(self, x, **more))[1])
    monkeypatch.setattr(
        Figure, "text", lambda self, x, y, s, **more: (titles.append(s), write(self, x, y, s, **more))[1]
    )
    system = read_profile(find_profile("cs3", Path()))
    for index, (*sides, density) in enumerate([(20000, 2048, 64, 1.0), (20000, 2048, 64, 0.25)]):
        cost = kernel_cost(system, "weight-streaming", *sides, density)
        heatmap_figure(system, cost, tmp_path / "heat.png")
        assert drawn[2 * index].mean() == pytest.approx(cost.pe_utilisation, rel=2e-3)
        screen = kernel_screen("cs3", [cost], [], 0.1, 80)
        assert f" {100 * cost.pe_utilisation:.0f} % " in screen[3]
        assert any(f"{100 * cost.pe_utilisation:.0f} % of the time" in text for text in titles)


# --- terminals, pipes, interruptions


def test_a_terminal_without_colours_gets_none(beside_gpus: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    file = io.StringIO()
    show(Console(file=file, force_terminal=True, width=80), compared(beside_gpus))
    assert not re.search(r"\x1b\[[0-9;]*[34][0-9]", file.getvalue())  # bold is no colour


@pytest.mark.parametrize("arguments", [("kernel", "--m", "64", "--k", "64", "--n", "64", "--compare", "--all")])
def test_a_reader_that_leaves_is_no_fault(arguments: tuple[str, ...]) -> None:
    command = ["bash", "-o", "pipefail", "-c", '"$@" | head -1', "sh", sys.executable, "-m", "wafersim", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1


def command_line(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["wafersim", *arguments])
    return run_command_line()


def test_an_interrupted_comparison_says_which_sides_were_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    simulated = planning._simulated

    def interrupt(name: str, *rest: Any) -> Any:
        if name == "second":
            raise KeyboardInterrupt
        return simulated(name, *rest)

    monkeypatch.setattr(planning, "_simulated", interrupt)
    file = tmp_path / "small.yaml"
    file.write_text(
        "name: small\ncommon: {model: cerebras-gpt-111m, training: {batch: 120, tokens: 1e9}}\n"
        "sides:\n"
        "  - {name: first, fields: {system: {profile: cs2, systems: 1}}}\n"
        "  - {name: second, fields: {system: {profile: cs3, systems: 1}}}\n"
    )
    code = command_line(monkeypatch, "compare", str(file), "--out", str(tmp_path / "runs"))
    assert code == 130
    assert capsys.readouterr() == ("", "small: interrupted, 1 of 2 done (first); nothing is written\n")
    assert not (tmp_path / "runs").exists()


def test_an_interrupted_validation_says_how_far_it_came(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    judge, done = MeasuredCollective.judge, []

    def interrupt(self: MeasuredCollective) -> ValidatedRow:
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(self.id)
        return judge(self)

    monkeypatch.setattr(MeasuredCollective, "judge", interrupt)
    assert command_line(monkeypatch, "validate", "--set", "collective") == 130
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(rf"validate: interrupted, 3 of \d+ done \(the last one {done[-1]}\); nothing is written\n", err)


def test_a_path_is_never_cut(beside_gpus: Rows) -> None:
    place = Path("/tmp") / "a-folder" / ("x" * 60) / "cs2-vs-a100-4d1bcae4"
    lines = comparison_screen(Compared("A title", beside_gpus, place, 12.3), 80)
    assert len(lines) <= 24 and any(line.endswith(f"{place}/") for line in lines)


def test_a_directory_without_a_figure_is_not_said_to_have_one(beside_gpus: Rows) -> None:
    drawn = Compared("A title", beside_gpus[:2], Path("runs/a"), 12.3)
    assert any(line.startswith("Written     figure, reasons: ") for line in comparison_screen(drawn, 120))
    assert any(
        line.startswith("Written     reasons: ") for line in comparison_screen(replace(drawn, figure=False), 120)
    )


def test_how_far_off_is_said_as_a_factor_where_it_is_far() -> None:
    # e^0.96 = 2.6: nothing lies 96 % below and 161 % above.
    assert within([0.09, 0.115]) == "9 to 12 %"
    assert within([0.3]) == "30 %"
    assert within([0.96]) == "a factor of 2.6"
    assert within([0.3, 0.96]) == "30 % to a factor of 2.6"
