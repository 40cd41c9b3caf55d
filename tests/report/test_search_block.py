"""The first screen of a run whose split was searched, and of one that may not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wafersim.inputs.loader import load_experiment
from wafersim.planning.results import Results, run
from wafersim.report.screen import LINES, Found, run_screen

SEARCHED = (
    "name: x\nmodel: cerebras-gpt-6.7b\nsystem: {profile: dgx-a100-80gb, gpus: 16}\nstrategy: auto\n"
    "training: {sequence_length: 2048, batch: 64, tokens: 1e9}\n"
)
# shared/cases l2_70b_fsdp_a100: one sequence a GPU ran, two did not fit.
TIGHT = (
    "name: x\nmodel: llama2-70b\nsystem: {profile: dgx-a100-80gb, gpus: 64, software: torchtitan}\n"
    "strategy: {data: 64, tensor: 1, pipeline: 1, virtual_stages: 1, micro_batch: %s, recompute: selective, zero_stage: 3}\n"
    "training: {sequence_length: 4096, batch: 128, tokens: 1e9}\n"
)


@pytest.fixture
def results(tmp_path: Path):
    """`results(text)` -> the points of an experiment."""

    def made(text: str) -> Results:
        path = tmp_path / "x.yaml"
        path.write_text(text)
        return run(load_experiment(path))

    return made


def screen(found: Results, width: int = 80) -> list[str]:
    rows: list[dict[str, Any]] = [point.to_json() for point in found]
    return run_screen(Found("A title", "x", rows, rows[-1], [], None, 1.0), width)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_search_shows_its_five_fastest_splits(results: Any, width: int) -> None:
    found = results(SEARCHED)
    lines = screen(found, width)
    assert len(lines) <= LINES and all(len(line) <= width for line in lines)
    search = found[0].to_json()["search"]
    head = next(index for index, line in enumerate(lines) if line.startswith("fastest of "))
    assert f"fastest of {search['considered']:,} splits" in lines[head]
    if width >= 80:
        assert lines[head].split()[-2:] == ["fits", "fastest"]
        assert all(line.rstrip().endswith("%") for line in lines[head + 1 : head + 6])


def test_what_may_not_fit_is_simulated_and_says_so(results: Any) -> None:
    found = results(TIGHT % 1)
    row = found[0].to_json()
    assert row["memory"]["verdict"] == "may not fit" and 0.05 < row["memory"]["fits_probability"] < 0.9
    assert row["memory"]["total_bytes_low"] < row["memory"]["capacity_bytes"] < row["memory"]["total_bytes_high"]
    said = " ".join(" ".join(screen(found)).split())
    assert (
        f"Note may not fit: {row['memory']['total_bytes'] / 1e9:.1f} GB of 80.7 GB, " in said
        and "likely to fit" in said
    )
    flat = found.rows()[0]
    assert flat["memory_verdict"] == "may not fit" and flat["fits_probability"] == row["memory"]["fits_probability"]


def test_what_does_not_fit_says_what_is_needed_in_json_too(results: Any) -> None:
    row = results(TIGHT % 2)[0].to_json()
    assert row["infeasible"].startswith("does not fit: ") and "full recompute would need" in row["infeasible"]
    assert row["memory"]["verdict"] == "does not fit" and row["memory"]["fits_probability"] < 0.05
    assert row["memory"]["total_bytes"] > row["memory"]["capacity_bytes"]


def test_a_margin_is_left_free(results: Any) -> None:
    whole, less = (results(SEARCHED.replace("auto", f"{{memory_margin: {margin}}}"))[0] for margin in (0.0, 0.4))
    memories = [point.to_json()["memory"] for point in (whole, less)]
    assert memories[1]["capacity_bytes"] == pytest.approx(0.6 * memories[0]["capacity_bytes"])
    assert memories[1]["total_bytes"] <= memories[1]["capacity_bytes"] < memories[0]["total_bytes"]
