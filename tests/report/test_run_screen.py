"""The first screen of every shipped experiment, from its kept answer: 24 lines of 80 columns in numbers for people."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.checkout import ROOT
from tests.golden.answers import RUNS, kept
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.resources import names
from wafersim.numbers import amount, change, digits, duration, energy, percent, span, step
from wafersim.planning.results import run
from wafersim.planning.what_if import WhatIf
from wafersim.report.screen import LINES, Found, run_screen

HELPS = [
    WhatIf("clock x2", -0.4780),
    WhatIf("kernel launches at half their time", -0.1930),
    WhatIf("micro-batch 90", -0.0811),
    WhatIf("SwarmX links x2", 0.0112, anomaly=True),
    WhatIf("attention at half its cost", -0.0334),
    WhatIf("SRAM x2", 0.0),
]
NOT_FOR_PEOPLE = re.compile(r"\d[eE][+-]?\d|(?<![\d.])0\.00\d")
WARNED = 3  # lines more where points cannot run, or were run otherwise than asked
SIMULATED: dict[str, tuple[str, ...]] = {  # experiments whose answers are not kept, and what makes the slow ones quick
    "andromeda16_as_published": (),
    "andromeda16_strong": (),
    "andromeda16_weak": (),
    "bloom_run": (),
    "cs3_13b": (),
    "llama3_405b_run": (),
    "llama3_cs3": ("model=llama3-8b",),
    "llama3_h100": ("model=llama3-8b", "system.gpus=512"),
    "long_context": (),
    "opt175b_run": (),
    "sparsity": (),
    "what_if_chip": (),
}
EXPERIMENTS = (*RUNS, *SIMULATED)
FOR_SWEEP = ("sweep_model_x_cluster",)  # which has a screen of its own


@cache
def rows_of(name: str) -> list[dict[str, Any]]:
    """A run's points: as they were kept, else simulated."""
    if name not in SIMULATED:
        found: list[dict[str, Any]] = kept(f"run_{name}")["points"]
        return found
    return [result.to_json() for result in run(load_experiment(name, SIMULATED[name]))]


def found(name: str, rows: list[dict[str, Any]] | None = None) -> Found:
    rows = rows or rows_of(name)
    able = [row for row in rows if "infeasible" not in row]
    largest = max(able, key=lambda row: (row["parameters"], "published_run" in row, row["n_systems"]))
    spec = load_experiment(name)
    return Found(spec.title or spec.name, name, rows, largest, HELPS, Path(f"runs/{name}-4d51bd1c"), 12.3)


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_it_is_24_lines_of_its_width_in_numbers_for_people(name: str, width: int) -> None:
    told = found(name)
    screen = run_screen(told, width)
    assert len(screen) <= LINES + WARNED * any("infeasible" in row or row.get("notes") for row in told.rows)
    assert max(len(line) for line in screen if not line.startswith("Written")) <= width  # a path is never cut
    assert not NOT_FOR_PEOPLE.search("\n".join(screen))
    assert not any(line.endswith("~") for line in screen) or width < 80


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_it_answers_how_long_how_sure_what_binds_and_what_would_help(name: str) -> None:
    told = found(name)
    text = "\n".join(run_screen(told, 80))
    assert "step" in text
    assert duration(told.largest["days_to_train"] * 86_400) in text or "more lines" in text
    for label in ("Binds  ", "Would help  ", "Trust  ", "Written  ", "More  "):
        assert f"\n{label}" in text
    assert "clock x2 -48 %" in text
    assert "SRAM x2" not in text  # what changes nothing gives way to what does
    assert "beyond measured" in text or not told.largest["interval"]["outside"]


def test_every_shipped_experiment_is_here() -> None:
    assert {*EXPERIMENTS, *FOR_SWEEP} == set(names("experiments"))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_on_a_narrow_screen_no_command_and_no_path_is_cut(name: str) -> None:
    screen = run_screen(found(name), 40)
    text = " ".join(screen)
    assert f"next: wafersim run {name} --sensitivity" in text or "next: wafersim compare cs2_vs_a100" in text
    assert any(line.endswith(f"runs/{name}-4d51bd1c/") for line in screen)


def test_a_number_that_was_swept_says_of_what() -> None:
    binds = " ".join(run_screen(found("long_context"), 80))
    assert "sequence length 2048: " in binds  # the batch goes with it and is not said


def test_a_better_machine_that_is_slower_is_named_for_what_it_is() -> None:
    told = found("hello_111m")
    few = Found(told.title, told.experiment, told.rows, told.largest, [HELPS[3]], None, 1.0)
    assert "SwarmX links x2 +1.1 % (order of service)" in "\n".join(run_screen(few, 80))


def test_what_binds_is_what_the_critical_circuit_says() -> None:
    rows = [row for row in kept("run_what_if_swarmx")["points"] if "0.06 Tb/s" in str(row["varied"])]
    binds = next(line for line in run_screen(found("what_if_swarmx", rows), 80) if line.startswith("Binds"))
    shares = rows[0]["critical"]["shares"]
    assert max(shares, key=lambda name: shares[name]) == "reduce"
    assert binds.startswith(f"Binds       SwarmX up {100 * shares['reduce']:.0f} %")


def test_a_point_that_cannot_run_is_told_with_its_reason() -> None:
    rows = kept("run_hello_111m")["points"]
    refused = {"kind": "wafer", "model": "cerebras-gpt-111m", "n_systems": 99, "infeasible": "no micro-batch fits"}
    text = "\n".join(run_screen(found("hello_111m", [*rows, refused]), 80))
    assert "Cannot run  cerebras-gpt-111m on 99: no micro-batch fits" in text


def test_a_price_that_nobody_knows_is_asked_for_by_its_field() -> None:
    row = kept("run_hello_111m")["points"][0] | {"cost_usd": None, "price": None}
    text = "\n".join(run_screen(found("hello_111m", [row]), 80))
    assert "no price is known" in text
    assert "--set run.money.rent=" in text


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (step(0.1694), "169 ms"),
        (step(8.3064), "8.31 s"),
        (step(0.9996), "1.00 s"),
        (duration(1529.0), "25.5 min"),
        (duration(0.000943 * 86_400), "81.5 s"),
        (duration(9.9 * 3600), "9.9 h"),
        (duration(10.6 * 86_400), "10.6 d"),
        (duration(3600 * 86_400), "9.9 y"),
        (span(11.5 * 86_400, 14.7 * 86_400, 13 * 86_400), "11.5 - 14.7"),
        (amount(3.9e6), "3.9 M"),
        (amount(2.571e11), "257 B"),
        (amount(1080.0), "1,080"),
        (amount(604_321.0, "USD"), "604 kUSD"),
        (energy(1.0e11), "28 MWh"),
        (energy(3.5e7), "9.7 kWh"),
        (change(-0.1712), "-17 %"),
        (change(-0.0334), "-3.3 %"),
        (change(0.0001), "0 %"),
        (percent(0.004), "< 1 %"),
        (digits(13_600_000.0), "13,600,000"),
    ],
)
def test_numbers_are_said_as_people_say_them(said: str, expected: str) -> None:
    assert said == expected


def test_the_readme_shows_todays_screen() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = text.split("answers on one screen:")[1].split("```")[1].strip().splitlines()
    today = run_screen(found("andromeda16"), 80)
    tables = next(index for index, line in enumerate(today) if line.startswith("Binds"))
    assert shown[1:tables] == today[1:tables]

    def trust(lines: list[str]) -> list[str]:
        """From there to what was written, whose folder has another name every time."""
        kinds = [line.split(" ")[0] for line in lines]
        return lines[kinds.index("Trust") : kinds.index("Written")]

    assert trust(shown) == trust(today)
