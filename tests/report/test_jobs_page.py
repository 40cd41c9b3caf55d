"""The page and the directory of jobs that share a cluster: lanes over time, who slows whom down, what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.report.altered import altered
from wafersim.cli import commands
from wafersim.errors import WafersimError
from wafersim.planning.beside import at_the_same_time
from wafersim.report.html.from_directory import page_of
from wafersim.report.html.parts import plain
from wafersim.report.run_directory import seal
from wafersim.training_run.duration import Spread
from wafersim.training_run.family import Member

EVIL = '</script><script>alert(1)</script><b>&"'
JOBS = """\
name: three
title: '%s'
system: {profile: andromeda, systems: 2}
training: {sequence_length: 2048, batch: 48, steps: 20000}
shared: {systems: 4}
jobs:
  - {model: cerebras-gpt-256m}
  - {name: short, model: cerebras-gpt-111m}
  - {name: wide, model: cerebras-gpt-111m, system.systems: 3}
said: [{job: short, words: an afternoon, source: 'https://example.org/blog'}]
"""


def called(*arguments: str) -> str:
    found = CliRunner().invoke(commands, list(arguments))
    assert found.exit_code == 0, found.output
    return found.output


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of three jobs: two fit beside each other, the third waits."""
    root = tmp_path_factory.mktemp("packed")
    (root / "three.yaml").write_text(JOBS % EVIL.replace("'", "''"))
    screen = called("run", str(root / "three.yaml"), "--runs", "50", "--report", "--out", str(root / "runs"))
    place = next((root / "runs").iterdir())
    assert f"{place}/report.html" in screen
    return place


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shared")
    called("share", "shared_111m", "shared_111m", "--report", "--out", str(root))
    return next(root.iterdir())


def charts(directory: Path) -> dict[str, dict[str, Any]]:
    html = (directory / "report.html").read_text()
    found = re.findall(r'class="plotted" data-for="([^"]*)">(.*?)</script>', html, re.S)
    return {name: json.loads(text) for name, text in found}


def member(name: str, begins: float, ends: float) -> Member:
    spread = Spread(1.0, 1.0, 1.0, 1.0)
    return Member(name, 1, 1, 1.0, spread, begins, ends, begins, ends)


def test_lanes_are_those_of_the_json(packed: Path) -> None:
    family = json.loads((packed / "family.json").read_text())["family"]
    in_order, in_turn = charts(packed)["job-lanes"]["data"]
    for trace, key in ((in_order, ""), (in_turn, "in_turn_")):
        begins = [job[f"{key}begins_s"] / 86400 for job in family["jobs"]]
        ends = [job[f"{key}ends_s"] / 86400 for job in family["jobs"]]
        assert trace["base"] == pytest.approx(begins)
        assert [base + x for base, x in zip(trace["base"], trace["x"], strict=True)] == pytest.approx(ends)
    jobs = {job["name"]: job for job in family["jobs"]}
    assert jobs["wide"]["begins_s"] >= jobs["short"]["ends_s"]  # three of four systems are free only then
    assert jobs["short"]["in_turn_begins_s"] == pytest.approx(jobs["cerebras-gpt-256m"]["in_turn_ends_s"], rel=0.01)


def test_systems_held_are_never_more_than_there_are(packed: Path) -> None:
    """Hand: 2 + 2 systems first, 2 + 3 would be five of four, so that the wide job holds its three alone."""
    layers = charts(packed)["held"]["data"]
    held = [sum(column) for column in zip(*(layer["y"] for layer in layers), strict=True)]
    assert max(held) == 4 and held[-1] == 3


def test_who_shares_is_what_share_says(packed: Path, tmp_path: Path) -> None:
    """Of the two jobs that run at the same time: the file without the third one."""
    alone = JOBS.replace("  - {name: wide, model: cerebras-gpt-111m, system.systems: 3}\n", "") % "two"
    (tmp_path / "two.yaml").write_text(alone)
    said = json.loads(called("share", str(tmp_path / "two.yaml"), "--json"))
    [trace] = charts(packed)["shared"]["data"]
    assert trace["x"] == pytest.approx([100 * (job["slowdown"] - 1) for job in said["jobs"]])


def test_jobs_at_the_same_time_by_hand() -> None:
    """a 0-10, b 0-4, c 4-6, d 5-6: {a, b} until 4, {a, c, d} from 5 holds {a, c}, after 6 a is alone."""
    members = [member("a", 0, 10), member("b", 0, 4), member("c", 4, 6), member("d", 5, 6)]
    assert at_the_same_time(members) == [(("a", "b"), 0, 4), (("a", "c", "d"), 5, 6)]


def test_a_page_names_everything_once_and_shows_titles_as_text(packed: Path, shared: Path) -> None:
    for directory in (packed, shared):
        html = (directory / "report.html").read_text()
        markup = re.sub(r"<script.*?</script>", "", html, flags=re.S)
        names = re.findall(r'\bid="([^"]*)"', markup)
        assert len(names) == len(set(names))
        assert "<script>alert" not in html
    assert plain(EVIL) in page_of(packed).title
    assert 'href="https://example.org/blog"' in (packed / "report.html").read_text()


def test_a_directory_gives_the_page_that_was_written(packed: Path, shared: Path, tmp_path: Path) -> None:
    for directory in (packed, shared):
        called("report", str(directory), "--out", str(tmp_path / "again.html"))
        assert (tmp_path / "again.html").read_bytes() == (directory / "report.html").read_bytes()


def test_a_directory_can_be_run_again(packed: Path, shared: Path) -> None:
    again = json.loads(called("run", str(packed / "jobs.yaml"), "--runs", "50", "--json", "--no-save"))
    assert again["family"] == json.loads((packed / "family.json").read_text())["family"]
    again = json.loads(called("share", str(shared / "jobs.yaml"), "--json"))
    before = json.loads((shared / "shared.json").read_text())["jobs"]
    assert [job["slowdown"] for job in again["jobs"]] == [job["slowdown"] for job in before]
    assert [job["name"] for job in before] == ["shared_111m", "shared_111m-2"]


def test_the_answer_in_words_has_the_numbers_of_the_screen(packed: Path, shared: Path) -> None:
    says, screen = page_of(packed).says, page_of(packed).wide
    for label in ("In turn", "Packed"):
        took = re.search(rf"{label} +([\d.]+ \w+) \(([\d.]+) - ([\d.]+)", screen)
        assert took is not None and f"{took[1]} ({took[2]} to {took[3]} in four of five runs)" in says
    assert "wide ends last" in says
    assert "slows down most" in page_of(shared).says or "None has a step longer" in page_of(shared).says


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("family.json", '{"family": {"runs": 50, "seed": 1}}', "family.json and jobs.yaml are not of one run"),
        ("family.json", '{"family": []}', "has no whole family"),
        ("jobs.yaml", None, "has family.json and no jobs.yaml"),
    ],
)
def test_half_a_directory(packed: Path, tmp_path: Path, name: str, content: str | None, said: str) -> None:
    copy = altered(packed, tmp_path / "copy", name, content)
    if content is not None:
        with pytest.raises(WafersimError, match="is not as it was written"):
            page_of(copy)
    seal(copy)
    with pytest.raises(WafersimError, match=re.escape(said)):
        page_of(copy)


def test_gpus_share_no_memoryx(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(
        "name: gpus\nsystem: {profile: dgx-a100-80gb, gpus: 8}\nstrategy: auto\nshared: {gpus: 16}\n"
        "training: {sequence_length: 2048, batch: 48, steps: 20000}\n"
        "jobs: [{model: cerebras-gpt-111m}, {name: other, model: cerebras-gpt-256m}]\n"
    )
    out = tmp_path / "runs"
    called("run", str(tmp_path / "x.yaml"), "--runs", "20", "--report", "--no-figures", "--out", str(out))
    page = page_of(next(out.iterdir()))
    assert [section.id for section in page.sections if section.id == "sharing"] == []
    assert "MemoryX" not in page.says


def test_one_job_is_not_set_beside_itself(tmp_path: Path) -> None:
    head = JOBS.split("jobs:", maxsplit=1)[0] % "One"
    (tmp_path / "one.yaml").write_text(f"{head}jobs:\n  - {{model: cerebras-gpt-111m}}\n")
    called(
        "run", str(tmp_path / "one.yaml"), "--runs", "20", "--no-figures", "--report", "--out", str(tmp_path / "runs")
    )
    page = next((tmp_path / "runs").glob("*/report.html")).read_text()
    assert "cerebras-gpt-111m, the only job, takes " in page and "All 1 jobs" not in page
