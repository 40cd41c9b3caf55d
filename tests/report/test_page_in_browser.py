"""A report in Chromium: it opens from a disk, loads nothing, is walked through by keyboard, tells the numbers of the JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser, Page

from tests.chromium import opened, serious
from wafersim.cli import commands

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    asked = ["run", "hello_111m", "--sweep", "system.systems=1,2,4", "--duration", "--runs", "50"]
    found = CliRunner().invoke(commands, [*asked, "--report", "--no-figures", "--out", str(root)])
    assert found.exit_code == 0, found.output
    return next(root.iterdir())


@pytest.fixture
def page(browser: Browser, written: Path) -> Iterator[Page]:
    with opened(browser, written / "report.html") as found:
        ready(found)
        yield found


def ready(page: Page) -> None:
    page.wait_for_selector(".timeline[data-ready=true]")
    page.wait_for_selector("html[data-drawn=true]")


def selected(page: Page) -> str:
    return page.locator(".selected").inner_text()


def test_every_chart_is_drawn_and_nothing_is_wider_than_the_page(browser: Browser, written: Path) -> None:
    for width, dark in ((1440, True), (390, False)):
        with opened(browser, written / "report.html", width=width, dark=dark) as page:
            ready(page)
            boxes = [plot.bounding_box() for plot in page.locator(".plot:has(.main-svg)").all()]
            assert len(boxes) == page.locator("script.plotted").count() >= 5
            assert all(box is not None and box["height"] > 100 for box in boxes)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate("document.documentElement.dataset.theme") == ("dark" if dark else "light")


def test_the_answer_is_the_screen_of_the_width(browser: Browser, written: Path) -> None:
    for width, there, gone in ((1440, "wide", "narrow"), (390, "narrow", "wide")):
        with opened(browser, written / "report.html", width=width) as page:
            assert page.locator(f"pre.{there}").is_visible()
            assert not page.locator(f"pre.{gone}").is_visible()
            box = page.locator(f"pre.{there}")
            assert box.evaluate("node => node.scrollWidth - node.clientWidth") <= 0  # no line is cut


def test_a_phone_shows_how_long_it_takes_and_no_row_fills_its_screen(browser: Browser, written: Path) -> None:
    with opened(browser, written / "report.html", width=390) as page:
        assert "in four of five such runs" in page.locator(".says").inner_text()
        rows = page.locator("table:visible tbody tr").all()
        assert max(box["height"] for row in rows if (box := row.bounding_box())) < 400


def test_a_step_is_walked_through_by_keyboard(page: Page) -> None:
    canvas = page.locator("canvas")
    canvas.focus()
    page.keyboard.press("ArrowRight")
    first = selected(page)
    assert "where" in first and "time" in first
    page.keyboard.press("ArrowRight")
    assert selected(page) != first
    page.keyboard.press("ArrowDown")
    lane = selected(page)
    assert lane != first
    page.keyboard.press("n")
    assert "on the circuit that sets the step time" in selected(page)
    before = page.evaluate("timelines.then(([one]) => one.to - one.from)")
    page.keyboard.press("+")
    assert page.evaluate("timelines.then(([one]) => one.to - one.from)") == pytest.approx(before / 2)
    page.keyboard.press("0")
    assert page.evaluate("timelines.then(([one]) => [one.from, one.to])") == [0, 1]


def point_at(page: Page, lane: str) -> str:
    """What is told of the first slice of the first lane of that name."""
    place = """timelines.then(([one]) => {
        const row = one.rows.find((each) => each.label === NAME && each.type === 'lane');
        const i = one.firstOf[row.lane];
        const box = one.canvas.getBoundingClientRect();
        return [box.left + one.x((one.start[i] + one.end[i]) / 2 / (2 ** 32 - 1)), box.top + row.y + 10];
    })"""
    page.locator("canvas").scroll_into_view_if_needed()
    page.mouse.move(*page.evaluate(place.replace("NAME", json.dumps(lane))))
    assert page.locator(".tip").is_visible()
    return page.locator(".tip").inner_text()


def test_a_slice_that_is_pointed_at_tells_its_bytes_and_flops(page: Page) -> None:
    for name, said in (("wafer", "FLOPs of matmuls"), ("link in", "bytes")):
        assert said in point_at(page, name)
    page.mouse.move(5, 5)
    assert not page.locator(".tip").is_visible()


def test_a_slice_of_a_gpu_tells_what_it_does(browser: Browser, tmp_path: Path) -> None:
    asked = ["run", "gpt_neox20b_96a100", "--report", "--no-figures", "--out", str(tmp_path)]
    found = CliRunner().invoke(commands, asked)
    assert found.exit_code == 0, found.output
    with opened(browser, next(tmp_path.iterdir()) / "report.html") as page:
        ready(page)
        work = point_at(page, "GPU")
        assert all(said in work for said in ("FLOPs of matmuls", "bytes in HBM", "bytes sent"))
        # Four sequences of 2,048 tokens, hidden size 6,144, in 16 bits.
        assert "bytes\n101 MB" in point_at(page, "sends over the network")


def test_the_step_on_the_page_is_that_of_the_json(page: Page, written: Path) -> None:
    step = json.loads((written / "prediction.json").read_text())["points"][2]["step_time_s"]
    lasts, critical = page.evaluate(
        """timelines.then(([one]) => [
            one.data.seconds, one.circuit.reduce((sum, i) => sum + one.end[i] - one.start[i], 0) / (2 ** 32 - 1),
        ])"""
    )
    assert lasts >= step * (1 - 1e-9)  # its tasks may go on into the next one
    assert 0.5 * step < lasts * critical <= step * (1 + 1e-6)


def test_zoom_by_buttons_wheel_and_drag(page: Page) -> None:
    window = "timelines.then(([one]) => [one.from, one.to])"
    page.get_by_role("button", name="Zoom in").click()
    low, high = page.evaluate(window)
    assert high - low == pytest.approx(0.5)
    box = page.locator("canvas").bounding_box()
    assert box is not None
    x, y = box["x"] + 0.6 * box["width"], box["y"] + 60
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 100, y, steps=4)
    page.mouse.up()
    assert page.evaluate(window)[0] < low
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    page.wait_for_function("timelines.then(([one]) => one.to - one.from < 0.49)")
    page.get_by_role("button", name="Whole step").click()
    assert page.evaluate(window) == [0, 1]


def test_slices_are_found_by_name(page: Page) -> None:
    page.get_by_placeholder("layer, pass, operation").fill("wgrad")
    said = page.locator(".found").inner_text()
    found, of = (int(number.replace(",", "")) for number in said.removesuffix(" slices").split(" of "))
    assert 0 < found < of


def test_dark_and_light_by_a_button(page: Page) -> None:
    page.get_by_role("button", name="Dark").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    ink = page.locator("#breakdown .xtick text").first.evaluate("node => getComputedStyle(node).fill")
    assert ink == "rgb(230, 234, 237)"


def test_print_shows_the_tables_and_no_controls(page: Page) -> None:
    page.emulate_media(media="print")
    assert not page.locator(".controls").first.is_visible()
    assert page.locator("pre.wide").is_visible()


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (390, True)])
def test_axe_finds_no_serious_fault(browser: Browser, written: Path, width: int, dark: bool) -> None:
    with opened(browser, written / "report.html", width=width, dark=dark) as page:
        ready(page)
        for details in page.locator("details").all():
            details.evaluate("node => { node.open = true; }")
        assert serious(page) == []


JOBS = """\
name: two
system: {profile: andromeda, systems: 2}
training: {sequence_length: 2048, batch: 48, steps: 20000}
shared: {systems: 4}
jobs: [{model: cerebras-gpt-256m}, {name: short, model: cerebras-gpt-111m}, {name: last, model: cerebras-gpt-111m}]
"""


@pytest.mark.parametrize("command", ["run", "share"])
def test_pages_of_jobs_are_drawn_fit_and_are_read_by_everybody(browser: Browser, tmp_path: Path, command: str) -> None:
    (tmp_path / "two.yaml").write_text(JOBS)
    found = CliRunner().invoke(
        commands, [command, str(tmp_path / "two.yaml"), "--report", "--out", str(tmp_path / "runs")]
    )
    assert found.exit_code == 0, found.output
    report = next((tmp_path / "runs").glob("*/report.html"))
    for width, dark in ((1440, False), (390, True)):
        with opened(browser, report, width=width, dark=dark) as page:
            ready(page)
            assert page.locator(".plot:has(.main-svg)").count() == page.locator("script.plotted").count() >= 3
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            lines = page.locator("pre.wide" if width > 760 else "pre.narrow")
            assert lines.evaluate("node => node.scrollWidth - node.clientWidth") <= 0 and "~" not in lines.inner_text()
            first = page.locator(".plot").first.bounding_box()
            heading = page.locator("section h2").first.bounding_box()
            assert (
                first is not None and heading is not None and heading["y"] < first["y"]
            )  # no chart lies over its heading
            page.locator("canvas").focus()
            page.keyboard.press("ArrowRight")
            assert "time" in selected(page)
            for details in page.locator("details").all():
                details.evaluate("node => { node.open = true; }")
            assert serious(page) == []
            page.emulate_media(media="print")
            assert not page.locator(".controls").first.is_visible() and page.locator(".plot").first.is_visible()
