"""The pages say what is there: files that exist, links that lead somewhere, keys that are printed, commands that are known."""

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from documentation.hooks import generated
from tests.checkout import ROOT
from wafersim.cli import COMMANDS, commands
from wafersim.inputs.model import Model
from wafersim.inputs.profile import SystemValues
from wafersim.inputs.profile_file import load_profile

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
JSON_PAGE = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
MADE = {(ROOT / "docs" / uri).resolve() for uri in generated()}  # pages of the site, whose links its build checks
FOLDER = re.compile(r"^(?:wafersim|tests|docs|experiments|hardware_profiles|[a-z_]+)/")
ids = {"ids": lambda page: str(page.relative_to(ROOT))}


def sources(text: str) -> list[str]:
    """Python files that a page names with their folder; `<name>` and braces are the reader's to fill in."""
    return [name for name in re.findall(r"`([\w/.]+\.py)`", text) if FOLDER.match(name)]


@pytest.mark.parametrize("page", PAGES, **ids)
def test_every_source_file_that_a_page_names_is_there(page: Path) -> None:
    missing = [
        name
        for name in sources(page.read_text(encoding="utf-8"))
        if not (ROOT / name).is_file() and not (ROOT / "wafersim" / name).is_file()
    ]
    assert not missing


def anchors(page: Path) -> set[str]:
    """What headings answer to, as forges make it."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, **ids)
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if "://" in link or target.resolve() in MADE:
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert not dead


@pytest.mark.parametrize("page", PAGES, **ids)
def test_every_command_and_option_that_a_page_shows_is_known(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    shown = re.findall(r"(?:^|[`$\s])(?:python -m )?wafersim ([a-z_]+)((?: [^`\n#]*)?)", text, re.MULTILINE)
    asked = [(name, rest) for name, rest in shown if name in COMMANDS]
    for name, rest in asked:
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", rest.split("wafersim ")[0]):
            assert option in options(name), f"wafersim {name} has no {option}"


def options(command: str) -> set[str]:
    found = commands.get_command(None, command)  # type: ignore[arg-type]
    assert found is not None
    return {name for one in found.params for name in (*one.opts, *one.secondary_opts)} | {"--help"}


def test_the_page_of_model_files_names_every_field() -> None:
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8").split("\n## ")[0]
    cells = re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)
    named = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(named) == sorted(field.name for field in fields(Model))


def section(heading: str) -> str:
    """A section of the JSON page, up to the next heading."""
    return JSON_PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def documented(heading: str) -> set[str]:
    """Keys in the first column of a section's table."""
    rows = re.findall(r"^\| (`.*?) \|", section(heading), re.MULTILINE)
    return {key for row in rows for key in re.findall(r"`(\w+)`", row)}


def printed(*command: str) -> dict[str, Any]:
    done = CliRunner().invoke(commands, [*command, "--json"], catch_exceptions=False)
    answer: dict[str, Any] = json.loads(done.stdout)
    assert answer["format"] == 1
    return answer


def top_level(command: str) -> list[str]:
    line = next(line for line in JSON_PAGE.splitlines() if line.startswith(f"| `{command}"))
    return re.findall(r"`(\w+)`", line.split("|")[2])


ONE_TOO_LARGE = """
name: one-too-large
model: cerebras-gpt-111m
system: {profile: cs2, systems: 1}
training: {batch_per_system: 16}
sweep: {training.batch_per_system: [16, 10000000]}
"""


def test_the_keys_of_a_point_are_those_that_are_documented(tmp_path: Path) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text(ONE_TOO_LARGE)
    on_wafers = printed("run", str(file), "--no-save", "--sensitivity", "--duration", "--runs", "10")
    assert set(on_wafers["duration"]) == documented("`duration`")
    assert list(on_wafers) == top_level("run")
    works, too_large = on_wafers["points"]
    on_gpus = printed("run", "opt175b_992a100", "--no-save")["points"][0]
    trained = printed("run", "hello_111m", "--no-save", "--set", "system.systems=published")["points"][0]
    assert set(works) | set(on_gpus) | set(trained) == documented("`points[]`")
    assert set(trained["published_run"]) <= set(re.findall(r"`(\w+)`", section("`points[]`")))
    assert set(too_large) == {"kind", "model", "n_systems", "infeasible", "varied"}
    said = set(re.findall(r"`(\w+)`", section("`points[]`")))
    assert {*works["interval"], *on_gpus["interval"]["outside"][0], *on_wafers["sensitivity"][0]} <= said
    assert {*on_gpus["published"], *works["critical"], *works["split"]} <= said


def test_the_keys_of_a_best_model_are_those_that_are_documented() -> None:
    told = printed("plan", "--days", "1", "--on", "cs2", "--chips", "1")
    assert list(told) == ["format", "best_model"]
    answer = told["best_model"]
    assert set(answer["best"][0]) == documented("`best_model`")
    said = set(re.findall(r"`(\w+)`", section("`best_model`")))
    assert {*answer, *answer["best"][0]["model"], *answer["best"][0]["catalogue"][0]} <= said


TWO_SIDES = """
name: two
common: {model: cerebras-gpt-111m, training: {sequence_length: 2048, batch: 16}}
sides:
  - {name: a, fields: {system: {profile: cs2, systems: 1}}}
  - {name: b, fields: {system: {profile: dgx-a100-80gb, gpus: 8}, strategy: auto}}
"""


def test_the_keys_of_a_side_are_those_that_are_documented(tmp_path: Path) -> None:
    file = tmp_path / "two.yaml"
    file.write_text(TWO_SIDES)
    answer = printed("compare", str(file), "--no-save")
    assert list(answer) == top_level("compare")
    first, second = answer["sides"]
    own = {"name", "match", "profile", "dimensions", "note"}
    of_points = {"scaling_efficiency", "varied", "published", "published_run"}
    assert set(first) == (documented("`points[]`") | own) - of_points
    assert set(second) == set(first) | {"against_first"}
    assert own | set(second["against_first"]) <= set(re.findall(r"`(\w+)`", section("`sides[]`")))


def test_the_keys_of_jobs_rows_and_dataflows_are_those_that_are_documented() -> None:
    jobs = printed("share", "shared_111m", "shared_13b")
    assert list(jobs) == top_level("share") and set(jobs["jobs"][0]) == documented("`jobs[]`")
    rows = printed("validate", "--row", "A17")
    assert list(rows) == top_level("validate") and set(rows["rows"][0]) == documented("`rows[]` and `skipped[]`")
    kernel = printed("kernel", "--m", "64", "--k", "64", "--n", "64")
    assert set(kernel) - {"format"} == documented("A dataflow of `kernel`")
    both = printed("kernel", "--m", "64", "--k", "64", "--n", "64", "--compare")
    assert list(both) == ["format", "dataflows"]


def test_the_keys_of_a_plan_are_those_that_are_documented() -> None:
    asked = (
        "--model",
        "cerebras-gpt-111m",
        "--tokens",
        "2B",
        "--runs",
        "100",
        "--days",
        "2",
        "--on",
        "h100,cs3",
        "--chips",
        "8",
    )
    found = printed("plan", *asked)
    assert list(found) == top_level("plan")
    assert set(found["plan"]) == documented("`plan`")
    said = set(re.findall(r"`(\w+)`", section("`plan`")))
    assert {
        *found["plan"]["goal"],
        *found["plan"]["changes"],
        *found["plan"]["front"][0],
        *found["plan"]["rejected"][0],
    } <= said


def test_the_page_of_kernels_has_the_constants_of_the_profile() -> None:
    said = re.search(
        r"([\d.]+) cycles per weight and ([\d.]+) per SIMD group", (ROOT / "docs" / "kernels.md").read_text()
    )
    values = load_profile("cs2").values
    assert said is not None and isinstance(values, SystemValues)
    assert (said[1], said[2]) == (f"{values.weight_issue.value:.1f}", f"{values.group_cost.value:.2f}")
