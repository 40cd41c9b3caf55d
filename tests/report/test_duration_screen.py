"""First screens of whole runs fit, and say the date, the range and what was assumed."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from wafersim.cli import commands as cli


def printed(*arguments: str) -> str:
    found = CliRunner().invoke(cli, [*arguments, "--runs", "50"])
    assert found.exit_code == 0, found.output
    return found.output


@pytest.mark.parametrize(
    "asked",
    [
        ("run", "bloom_run", "--duration", "--no-save"),
        (
            "run",
            "hello_111m",
            "--duration",
            "--no-save",
            "--set",
            "run.deadline=1 day",
            "--set",
            "run.energy.grid=france",
        ),
        ("run", "cerebras_gpt_family", "--no-save"),
    ],
)
def test_a_screen_is_24_lines_of_80_columns(asked: tuple[str, ...]) -> None:
    lines = printed(*asked).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80


def test_it_answers_first() -> None:
    lines = printed("run", "bloom_run", "--duration", "--no-save").splitlines()
    assert lines[0].startswith("The run of BLOOM-176B: the whole run on 384 GPUs")
    assert "with 80 %" in lines[2]
    assert "published 118 d" in lines[2]
    assert lines[3].startswith("chance alone") or "chance alone" in " ".join(lines[2:4])
    assert any(line.startswith("By date") and "from 2022-03-11" in line for line in lines)


def test_it_stays_one_screen_however_much_there_is_to_say() -> None:
    said = ("deadline=2022-08-01", "energy.grid=france", "money.rent=400 USD/h")
    causes = [f"failures.cause-number-{i}={{per_1000_days: {i}, detection: 1 h}}" for i in range(1, 9)]
    sets = [word for one in (*said, *causes) for word in ("--set", f"run.{one}")]
    lines = printed("run", "bloom_run", "--duration", "--no-save", *sets).splitlines()
    assert len(lines) <= 24
    for label in ("Done in", "By date", "By cause", "Saves", "Spares", "Takes", "Costs", "Deadline", "Trust", "More"):
        assert any(line.startswith(label) for line in lines), label


def test_it_tells_one_from_many_and_what_spares_are_worth() -> None:
    lines = printed("run", "hello_111m", "--duration", "--no-save").splitlines()
    assert lines[0].startswith("hello-111m: the whole run on 1 system  ")
    trust = " ".join(" ".join(lines[[line[:5] for line in lines].index("Trust") :]).split())
    assert "24 numbers of operation are assumed, wide, in the range, 6 of them failure rates" in trust
    lines = printed("run", "bloom_run", "--duration", "--no-save").splitlines()
    spares = next(line for line in lines if line.startswith("Spares"))
    assert "nodes stand by; without: " in spares
    assert " d longer; one more: " in spares


def test_json_has_all_numbers() -> None:
    found = json.loads(printed("run", "hello_111m", "--duration", "--no-save", "--json"))["duration"]
    assert found["elapsed_s"]["low"] <= found["elapsed_s"]["median"] <= found["elapsed_s"]["high"]
    assert sum(found["losses_s"].values()) == pytest.approx(found["elapsed_s"]["mean"])
    assert found["footprint"]["costs"]["purchase"]["usd"] > 0


def test_jobs_take_no_options_of_one_experiment() -> None:
    found = CliRunner().invoke(cli, ["run", "cerebras_gpt_family", "--set", "training.batch=8"])
    assert found.exit_code == 2
    assert (
        "has jobs: --set, --sweep, --flops, --engine, --why, --sensitivity, --trace, --point and --cluster are of one experiment"
        in found.output
    )


@pytest.mark.parametrize("asked", [("run", "hello_111m", "--no-save"), ("compare", "cs2_vs_a100", "--no-save")])
def test_runs_and_seeds_are_of_whole_runs(asked: tuple[str, ...]) -> None:
    found = CliRunner().invoke(cli, [*asked, "--seed", "1"])
    assert found.exit_code == 2
    assert "--seed is of --duration" in found.output


def told(*arguments: str) -> str:
    """A screen in one line, however it is broken."""
    return " ".join(printed(*arguments, "--duration", "--no-save").split())


def test_each_dollar_has_its_price_with_whose_it_is_and_when_beside_it() -> None:
    text = told("run", "hello_111m", "--set", "run.money.cost=amortised")
    assert "USD amortised at 1.875 MUSD (30 MUSD to build Andromeda, 2022-11-14) over 4 years (assumed)" in text
    assert "electricity at 0.0977 USD/kWh (assumed)" in text
    assert "rented at 188 USD/h (Cerebras Cloud at Cirrascale for a year, 2021-09, unchecked)" in text
    assert "USD rented at 3 USD/h (this experiment, 2026)" in told(
        "run", "hello_111m", "--set", "run.money.rent=3 USD/h"
    )


TWO_SIDES = """
name: two
common: {model: cerebras-gpt-111m, training: {sequence_length: 2048, batch: 16, tokens: 1e9}}
sides:
  - {name: a, fields: {system: {profile: cs3, systems: 1}}}
  - {name: b, fields: {system: {profile: dgx-a100-80gb, gpus: 8}, strategy: auto}}
  - {name: c, fields: {system: {profile: dgx-a100-80gb, gpus: 16}, strategy: auto}}
"""


def test_a_side_without_a_price_stays_and_says_which_field_gives_one(tmp_path: Path) -> None:
    file = tmp_path / "two.yaml"
    file.write_text(TWO_SIDES)
    text = told("compare", str(file))
    assert "a no price; run.money.rent gives one; 2 sides rented at 5.12 USD/h (AWS on-demand list, 2025-03-02)" in text
    assert json.loads(printed("compare", str(file), "--no-save", "--json", "--duration"))["sides"][0]["price"] is None


TWO_JOBS = """
name: two
system: {profile: andromeda, systems: 2}
training: {sequence_length: 2048, batch: 48, steps: 100}
jobs: [{model: cerebras-gpt-111m}, {name: b, model: cerebras-gpt-111m}]
"""


@pytest.mark.parametrize(
    "asked",
    ["run hello_111m --duration --runs 50", "run hello_111m", "run jobs.yaml --runs 10", "compare sides.yaml"],
)
def test_figures_are_named_where_they_were_drawn(asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("jobs.yaml").write_text(TWO_JOBS)
    Path("sides.yaml").write_text(TWO_SIDES)
    for out, more in (("a", []), ("b", ["--no-figures"])):
        done = CliRunner().invoke(cli, [*asked.split(), "--out", out, *more])
        assert done.exit_code == 0, done.output
        lines = done.output.splitlines()
        [place] = Path(out).iterdir()
        assert bool(list(place.glob("*.png"))) is not bool(more)
        [written] = [line for line in lines if f"{place}/" in line]
        assert ("figure" in written) is not bool(more)
