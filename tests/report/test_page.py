"""A page from its values and from a directory: what it holds, what it escapes, and what it refuses."""

from __future__ import annotations

import base64
import gzip
import json
import re
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tests.report.altered import altered
from wafersim.cli import commands
from wafersim.errors import WafersimError
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.sweep import expand
from wafersim.planning.model_version import model_version
from wafersim.planning.sweep import run_points
from wafersim.report.html.from_directory import page_of
from wafersim.report.html.in_words import GPU_TERMS, TERMS, WAFER_TERMS
from wafersim.report.html.of_run import RunFindings, run_page
from wafersim.report.html.page import page_html
from wafersim.report.html.parts import Page, Section, Table, drawn, pieces, plain
from wafersim.report.html.slices import MOST_LANES, MOST_SLICES, slices_of
from wafersim.report.html.timeline import StepTimeline, step_timeline
from wafersim.report.run_directory import seal
from wafersim.report.trace.step import VIEWS
from wafersim.simulation import Simulated
from wafersim.timeline.timeline import KINDS

EVIL = '</script><script>alert(1)</script><b>&"\x1b[31m\u202e'


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's directory with its report."""
    root = tmp_path_factory.mktemp("runs")
    found = CliRunner().invoke(
        commands,
        ["run", "hello_111m", "--sweep", "system.systems=1,2,4", "--report", "--no-figures", "--out", str(root)],
    )
    assert found.exit_code == 0, found.output
    return next(root.iterdir())


@pytest.fixture(scope="module")
def simulated() -> Simulated:
    """A small step."""
    found = run_points(expand(load_experiment("hello_111m")))[0].simulated
    assert found is not None
    return found


class Texts(HTMLParser):
    """Texts of a page outside scripts and styles, and its tags."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.tags, self.inside = "", list[tuple[str, dict[str, str | None]]](), ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.inside = tag

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside not in ("script", "style"):
            self.text += data


def texts(html: str) -> Texts:
    found = Texts()
    found.feed(html)
    return found


def test_a_directory_gives_the_page_that_the_run_wrote(written: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.html"
    found = CliRunner().invoke(commands, ["report", str(written), "--out", str(again)])
    assert found.exit_code == 0, found.output
    assert again.read_bytes() == (written / "report.html").read_bytes()


def test_numbers_on_the_page_are_those_of_the_json(written: Path) -> None:
    page = texts((written / "report.html").read_text())
    rows = json.loads((written / "prediction.json").read_text())["points"]
    for row in rows:
        assert f"{row['step_time_s'] * 1e3:.0f} ms" in page.text
        assert f"{row['mfu']:.1%}" in page.text
    charts = re.findall(
        r'class="plotted" data-for="([^"]*)">(.*?)</script>', (written / "report.html").read_text(), re.S
    )
    drawn_there = {name: json.loads(text) for name, text in charts}
    line = next(trace for trace in drawn_there["throughput"]["data"] if trace.get("mode") == "lines+markers")
    assert line["y"] == [row["tokens_per_s"] for row in rows]
    assert line["x"] == [row["n_systems"] for row in rows]
    shares = sum(trace["x"][0] for trace in drawn_there["breakdown"]["data"])
    assert shares == pytest.approx(100, abs=0.5)  # parts below 0.05 % are not drawn


def test_it_loads_nothing(written: Path) -> None:
    for tag, attributes in texts((written / "report.html").read_text()).tags:
        if tag in ("link", "img", "script", "iframe", "source"):
            address = attributes.get("src") or attributes.get("href") or ""
            assert address in ("", "data:,"), (tag, attributes)


def test_the_point_that_is_asked_for_is_shown(written: Path) -> None:
    page = page_of(written, "systems=2")
    assert "on 2 systems" in next(section for section in page.sections if section.id == "timeline").lead
    assert "on 4 systems" in next(section for section in page_of(written).sections if section.id == "timeline").lead
    assert page_of(written, "2").sections[0].lead == page.sections[0].lead


@pytest.mark.parametrize(
    ("asked", "said"),
    [("9", "points are 1 to 3"), ("9" * 5000, "points are 1 to 3"), ("systems=3", "no point has systems=3"),
     ("colour=2", "no field 'colour'"),
     ("model=cerebras-gpt-111m", "3 points have that; say system.systems, too"), ("x", "FIELD=VALUE")],
)  # fmt: skip
def test_a_point_that_is_not_there(written: Path, asked: str, said: str) -> None:
    with pytest.raises(WafersimError, match=re.escape(said)):
        page_of(written, asked)


def broken(written: Path, tmp_path: Path, name: str, content: str | None, signed: bool = False) -> str:
    """What is said of a copy of the directory in which a file is another, or is not there; `signed`: as if written so."""
    copy = altered(written, tmp_path / "copy", name, content)
    if signed:
        seal(copy)
    found = CliRunner().invoke(commands, ["report", str(copy), "--out", str(tmp_path / "x.html")])
    assert not (tmp_path / "x.html").exists()
    assert isinstance(found.exception, WafersimError), found.output
    assert len(str(found.exception).splitlines()) == 1
    return str(found.exception)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("prediction.json", None, "has no prediction.json"),
        ("prediction.json", '{"format": 1, "poi', "prediction.json: is not as it was written; `wafersim run "),
        ("experiment.yaml", None, "has prediction.json and no experiment.yaml"),
        ("would_help.json", None, "would_help.json: is not there any more"),
        ("duration.json", "{}", "duration.json: was put there later"),
        ("version.json", None, "was written by an earlier version of wafersim"),
        ("version.json", '{"wafersim": "0.0.1", "model": "0"}', "was written by 0.0.1 of wafersim"),
        ("version.json", f'{{"model": "{model_version()}"}}', "does not say which files are of it"),
        ("version.json", "[" * 100_000, "cannot be read as JSON"),
    ],
)
def test_half_a_directory_or_another_version(
    written: Path, tmp_path: Path, name: str, content: str | None, said: str
) -> None:
    assert said in broken(written, tmp_path, name, content)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("prediction.json", '{"format": 1, "poi', "cannot be read as JSON"),
        ("prediction.json", "[" * 100_000, "cannot be read as JSON"),
        ("prediction.json", '{"points": [1]}', "has no list 'points'"),
        ("prediction.json", '{"points": []}', "has 0 points and experiment.yaml 3"),
        ("would_help.json", '[{"labe": 1}]', "is not whole"),
        ("would_help.json", "[" * 100_000, "is not whole"),
        ("duration.json", '{"duration": {"runs": "x"}}', "has no whole duration"),
        ("duration.json", '{"duration": {"runs": 1000000000000, "seed": 0}}', "are none that `wafersim` writes"),
    ],
)
def test_a_directory_of_somebody_elses_program(
    written: Path, tmp_path: Path, name: str, content: str, said: str
) -> None:
    assert said in broken(written, tmp_path, name, content, signed=True)


@pytest.mark.parametrize("value", ["x", None, float("nan"), 1e308, [], "gone"])
@pytest.mark.parametrize("place", [0, 2])
def test_a_point_that_was_changed_by_hand(written: Path, tmp_path: Path, place: int, value: object) -> None:
    document = json.loads((written / "prediction.json").read_text())
    for key in ("mfu", "tokens_per_s", "memory", "kind"):
        document["points"][place][key] = value
        if value == "gone":
            del document["points"][place][key]
    assert "prediction.json: is not as it was written" in broken(
        written, tmp_path, "prediction.json", json.dumps(document)
    )


def test_a_plan_without_a_model_has_no_page(tmp_path: Path) -> None:
    (tmp_path / "best_model.json").write_text("{}")
    with pytest.raises(WafersimError, match="of a plan without a model; of that no page is made"):
        page_of(tmp_path)


def test_another_runs_numbers_are_not_told(written: Path, tmp_path: Path) -> None:
    document = json.loads((written / "prediction.json").read_text())
    document["points"][2]["step_time_s"] *= 1.01
    assert "are not of one run" in broken(written, tmp_path, "prediction.json", json.dumps(document), signed=True)


def test_nothing_that_ran(written: Path, tmp_path: Path) -> None:
    document = json.loads((written / "prediction.json").read_text())
    for row in document["points"]:
        row["infeasible"] = "too large"
    assert "nothing ran: too large" in broken(written, tmp_path, "prediction.json", json.dumps(document), signed=True)


def test_no_directory_and_a_file_that_cannot_be_written(written: Path, tmp_path: Path) -> None:
    with pytest.raises(WafersimError, match="is no directory"):
        page_of(tmp_path / "none")
    found = CliRunner().invoke(commands, ["report", str(written), "--out", str(tmp_path / "no" / "x.html")])
    assert "cannot be written" in str(found.exception)


@contextmanager
def room_for(most: int) -> Iterator[None]:
    """No file grows beyond so many bytes."""
    size = resource.getrlimit(resource.RLIMIT_FSIZE)
    kept = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that too much is an error of the write
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, size[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, size)
        signal.signal(signal.SIGXFSZ, kept)


def test_a_full_disk_leaves_the_earlier_page_and_no_draft(written: Path, tmp_path: Path) -> None:
    """Half a page is written to a file system that has no more room; what stood there stands."""
    place, link = tmp_path / "x.html", tmp_path / "link.html"
    place.write_text("the earlier one")
    link.symlink_to(place)
    with room_for(100_000):
        found = CliRunner().invoke(commands, ["report", str(written), "--out", str(link)])
    assert str(found.exception) == f"{link}: cannot be written (File too large)"
    assert place.read_text() == "the earlier one"
    assert {path.name for path in tmp_path.iterdir()} == {"x.html", "link.html"}
    assert CliRunner().invoke(commands, ["report", str(written), "--out", str(link)]).exit_code == 0
    assert link.is_symlink() and place.stat().st_size > 1_000_000


def test_a_full_disk_is_said_by_the_place_that_was_named(tmp_path: Path) -> None:
    """And not by the draft, which is gone."""
    asked = ["run", "hello_111m", "--report", "--no-figures", "--out", str(tmp_path / "runs")]
    with room_for(1_000_000):
        found = CliRunner().invoke(commands, asked)
    assert str(found.exception) == f"--out {tmp_path / 'runs'}: cannot be written (File too large)"
    assert list((tmp_path / "runs").iterdir()) == []


def test_titles_are_shown_as_text() -> None:
    table = Table(EVIL, [EVIL], [[EVIL]])
    html = page_html(Page(EVIL, EVIL, EVIL, [Section("a", "A", EVIL, [table])]))
    page = texts(html)
    shown = plain(EVIL)
    assert page.text.count(shown) >= 6
    assert "\x1b" not in html and "\u202e" not in html and r"\x1b[31m" in html
    assert not any(tag == "b" for tag, _ in page.tags)
    assert "alert(1)</script>" not in html


def test_an_experiments_title_goes_through_every_part(tmp_path: Path) -> None:
    spec = load_experiment("hello_111m").model_copy(update={"title": EVIL})
    results = run_points(expand(spec))
    html = page_html(run_page(RunFindings.of(spec, [one.to_json() for one in results], results[0], 0)))
    assert plain(EVIL) in texts(html).text
    assert "<script>alert" not in html and "\x1b" not in html


def test_text_that_plotly_would_read_as_markup() -> None:
    assert drawn("<a href='x'>&") == "&lt;a href='x'&gt;&amp;"


def test_addresses_become_links() -> None:
    assert pieces("see https://a.org/b, arXiv:2304.03208.") == [
        ("see ", None),
        ("https://a.org/b", "https://a.org/b"),
        (", ", None),
        ("arXiv:2304.03208", "https://arxiv.org/abs/2304.03208"),
        (".", None),
    ]
    assert pieces("javascript:alert(1)") == [("javascript:alert(1)", None)]


def unpacked(part: StepTimeline) -> dict[str, np.ndarray]:
    """Columns of a timeline as the page's script reads them."""
    data, count = part.data, part.data["slices"]
    raw = gzip.decompress(base64.b64decode(data["columns"]))
    found = {name: np.frombuffer(raw, "<u4", count, 4 * count * place) for place, name in enumerate(("start", "end"))}
    for place, name in enumerate(("lane", "kind", "pass", "critical")):
        found[name] = np.frombuffer(raw, "u1", count, (8 + place) * count)
    return found


def test_slices_are_the_tasks_of_the_timeline(simulated: Simulated) -> None:
    part = step_timeline(simulated, "a step", "step")
    assert part is not None
    columns, timeline = unpacked(part), simulated.periodic.timeline
    busy = timeline.end > timeline.start
    assert len(columns["start"]) == busy.sum()
    span = int(timeline.end.max() - timeline.start.min())
    unit = span / (2**32 - 1)
    for code in np.unique(timeline.kind).tolist():
        mine = columns["kind"] == code
        told = float((columns["end"][mine] - columns["start"][mine].astype(float)).sum() * unit)
        whole = float((timeline.end - timeline.start)[timeline.kind == code].sum())
        assert told == pytest.approx(whole, abs=2 * unit * max(1, mine.sum())), KINDS[code]
    order = np.lexsort((columns["start"], columns["lane"]))
    assert (order == np.arange(len(order))).all()
    same = columns["lane"][1:] == columns["lane"][:-1]
    assert (columns["start"][1:].astype(int) - columns["end"][:-1].astype(int))[same].min() >= -1  # rounded outwards
    said = gzip.decompress(base64.b64decode(part.data["said"])).decode().split("\n")
    assert len(said) == len(columns["start"])
    assert all("name" in json.loads("{" + one + "}") for one in said)
    assert columns["critical"].sum() > 0


def test_a_step_of_too_many_tasks_is_thinned(simulated: Simulated, monkeypatch: pytest.MonkeyPatch) -> None:
    timeline, view = simulated.periodic.timeline, VIEWS[simulated.job.kind](simulated)
    critical = np.zeros(len(timeline), bool)
    critical[100:200] = True
    whole = slices_of(timeline, view, critical)
    monkeypatch.setattr("wafersim.report.html.slices.MOST_SLICES", 100)
    monkeypatch.setattr("wafersim.report.html.slices.MOST_LANES", 5)
    few = slices_of(timeline, view, critical)
    assert few.window > 0 == whole.window and len(few.start) <= 100 < len(whole.start) <= MOST_SLICES
    assert len(few.lanes) == 5 < len(whole.lanes) <= MOST_LANES and few.lanes_left_out == len(whole.lanes) - 5
    for lane, name in enumerate(few.lanes):
        before = whole.lane == whole.lanes.index(name)
        assert few.start[few.lane == lane].min() == whole.start[before].min()
        assert few.end[few.lane == lane].max() == whole.end[before].max()
    several = [re.match(r'"name": "([\d,]+) x ', said) for said in few.said]
    counted = sum(1 if found is None else int(found[1].replace(",", "")) for found in several)
    lanes = [whole.lanes.index(name) for name in few.lanes]
    assert counted == np.isin(whole.lane, lanes).sum()


def test_the_page_begins_with_its_answer_as_a_sentence(written: Path) -> None:
    row = json.loads((written / "prediction.json").read_text())["points"][2]
    says = page_of(written).says
    minutes, low, high = (days * 24 * 60 for days in (row["days_to_train"], *row["interval"]["days_to_train"]))
    assert (
        f"on 2.2 B tokens with 4 systems of cs2 takes {minutes:.1f} min ({low:.1f} to {high:.1f} in four of five"
        in says
    )
    assert f"A step takes {1e3 * row['step_time_s']:.0f} ms, 92 % of it wafer compute." in says
    assert says in texts((written / "report.html").read_text()).text


def test_words_of_pages_are_explained_as_the_glossary_does() -> None:
    glossary = (Path(__file__).parents[2] / "docs" / "glossary.md").read_text()
    entries = dict(re.findall(r"^\*\*(.+)\*\*\n:   (.+)$", glossary, re.M))
    for word, meaning in (TERMS | WAFER_TERMS | GPU_TERMS).items():
        assert meaning == entries[word].replace("*", ""), word


def test_kinds_that_take_turns_are_thinned_together(simulated: Simulated, monkeypatch: pytest.MonkeyPatch) -> None:
    timeline, view = simulated.periodic.timeline, VIEWS[simulated.job.kind](simulated)
    critical = np.ones(len(timeline), bool)
    monkeypatch.setattr("wafersim.report.html.slices.MOST_SLICES", 20)
    few = slices_of(timeline, view, critical)
    assert len(few.start) <= 20 and few.critical.all() and few.tasks == len(timeline)
    assert any("x several kinds, the first" in said for said in few.said)
    assert sorted(set(few.lane.tolist())) == list(range(len(few.lanes)))
