"""The dials of a page in a real browser: what they say is what Python says of the same grid, number and word."""

import json
import random
from collections.abc import Iterator
from importlib.resources import files
from math import exp
from pathlib import Path
from typing import Any

import pytest

from tests.chromium import opened
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.sweep import Point, expand, put
from wafersim.numbers import change
from wafersim.planning.dials import MEASURES, Corner, Neighbourhood, Turned
from wafersim.planning.neighbourhood import neighbourhood
from wafersim.planning.sweep import run_point
from wafersim.report.html.sliders import MEASURES as TOLD
from wafersim.report.html.sliders import Sliders, sliders, told

pytestmark = pytest.mark.browser
HERE = files("wafersim.report.html")
COLOURS = "--paper: #fff; --ink: #22272b; --grey: #5a646c; --rule: #d9dee2; --shade: #f4f6f8; --link: #2c5d99; --focus: #b2540a;"


def page_of(part: Sliders, folder: Path) -> Path:
    """The dials alone, as a page has them."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(loader=PackageLoader("wafersim.report.html"), autoescape=True, undefined=StrictUndefined)
    body = environment.get_template(part.template).render(part=part)
    style, script = ((HERE / "static" / f"sliders.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    html = "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    html += f"<title>dials</title><link rel=icon href='data:,'><style>:root {{ {COLOURS} }} {style}</style></head>"
    path = folder / "dials.html"
    path.write_text(f"{html}<body><main>{body}</main><script>{script}</script></body></html>", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def found() -> Neighbourhood:
    """8 sequences on 4 CS-2, whose grid has points that cannot run."""
    values = expand(load_experiment("long_context"))[-1].experiment.model_dump(mode="json", exclude_none=True)
    put(values, "run.money.rent", "100 USD/h")
    return neighbourhood(run_point(Point({}, Experiment.model_validate(values)), told=False))


@pytest.fixture
def page(browser: Any, found: Neighbourhood, tmp_path: Path) -> Iterator[Any]:
    part = sliders(found)
    assert part is not None
    with opened(browser, page_of(part, tmp_path)) as opened_page:
        yield opened_page


def in_browser(page: Any, grid: Neighbourhood, settings: list[list[float]]) -> list[dict[str, Any]]:
    """What the page's own script says of settings, or that it refuses."""
    script = """([grid, settings]) => settings.map((setting) => {
        try { return window.wafersimDials.reading(grid, setting); } catch (error) { return { refused: error.name }; }
    })"""
    answer: list[dict[str, Any]] = page.evaluate(script, [grid.to_json(), settings])
    return answer


def drawn(grid: Neighbourhood, generator: random.Random) -> list[float]:
    """A setting somewhere on each dial, at a point or between."""
    out = []
    for dial in grid.dials:
        low, high = dial.values[0], dial.values[-1]
        on_grid = generator.random() < 0.3
        out.append(generator.choice(dial.values) if on_grid else low * (high / low) ** generator.random())
    return out


def test_the_script_reads_the_grid_as_python_does(page: Any, found: Neighbourhood) -> None:
    generator = random.Random(18)
    settings = [drawn(found, generator) for _ in range(300)]
    answers = in_browser(page, found, settings)
    refused = 0
    for setting, answer in zip(settings, answers, strict=True):
        reading = found.at(setting)
        assert answer["simulated"] == reading.simulated
        assert answer["infeasible"] == reading.infeasible
        refused += reading.infeasible is not None
        if reading.infeasible is None:
            assert answer["values"] == pytest.approx(reading.values, rel=1e-12)
    assert 0 < refused < 300


def test_points_of_the_grid_are_the_simulations_to_the_last_digit(page: Any, found: Neighbourhood) -> None:
    places = [(i, j, 1, k) for i in range(4) for j in range(3) for k in range(3)]
    settings = [[dial.values[place] for dial, place in zip(found.dials, each, strict=True)] for each in places]
    for each, answer in zip(places, in_browser(page, found, settings), strict=True):
        corner = found.corner(each)
        assert answer["simulated"]
        if corner.infeasible is None:
            assert answer["values"] == {name: getattr(corner, name) for name in MEASURES}


def test_the_script_refuses_what_lies_beyond(page: Any, found: Neighbourhood) -> None:
    inside = [dial.values[dial.at] for dial in found.dials]
    beyond = [[inside[0] * 4, *inside[1:]], [*inside[:3], inside[3] / 4]]
    assert in_browser(page, found, beyond) == [{"refused": "RangeError"}] * 2


def test_numbers_are_told_as_everywhere(page: Any) -> None:
    generator = random.Random(7)
    values = [exp(generator.uniform(-9, 32)) for _ in range(1500)]
    # Where a unit or a number of digits changes, and ties, which Python rounds to the even digit.
    values += [0.99949, 0.9995, 0.9996, 1.0, 99.95, 99.949, 100.0, 119.9, 120.0, 5399.9, 5400.0]
    values += [9.95, 9.949, 9999.4, 9999.5, 1e7, 0.125, 125.0, 1250.0, 10500.0, 0.375]
    values += [0.1125, 0.25, 1.125, 2.5, 12.5, 62.5, 0.0625, 1125.0, 1e12, 999500, 112.5, 1234567.5]
    for name in TOLD:
        told_there = page.evaluate(f"(values) => values.map(window.wafersimDials.TOLD['{name}'])", values)
        assert told_there == [told(name, value) for value in values]
    relative = [generator.uniform(-0.99, 3.0) for _ in range(300)] + [4e-4, -6e-4, 0.0994, 0.0995, -0.0996, 0.125]
    assert page.evaluate("(values) => values.map(window.wafersimDials.change)", relative) == list(map(change, relative))


def test_values_of_dials_are_said_as_in_python(page: Any, found: Neighbourhood) -> None:
    generator = random.Random(3)
    for dial in found.dials:
        low, high = dial.values[0], dial.values[-1]
        values = [low * (high / low) ** generator.random() for _ in range(100)]
        values = [float(max(1, round(value))) for value in values] if dial.many else values
        script = "([dial, values]) => values.map((value) => window.wafersimDials.said(dial, value))"
        assert page.evaluate(script, [dial.to_json(), values]) == [dial.said(value) for value in values]


def shown(page: Any) -> dict[str, str]:
    return {
        cell.get_attribute("data-measure"): cell.inner_text() for cell in page.query_selector_all("dd[data-measure]")
    }


def test_before_anything_is_turned_the_page_says_the_point(page: Any, found: Neighbourhood) -> None:
    point = found.at([dial.values[dial.at] for dial in found.dials]).values
    assert shown(page) == {name: told(name, point[name]) for name in MEASURES}
    assert page.inner_text(".how") == "The point, simulated."
    assert page.is_disabled(".dials button")
    assert {cell.inner_text() for cell in page.query_selector_all(".change")} == {""}


def test_a_dial_is_turned_by_keys_and_says_what_it_found(page: Any, found: Neighbourhood) -> None:
    chips = page.get_by_label("Systems")
    chips.focus()
    for _ in range(2):
        page.keyboard.press("ArrowLeft")
    setting = [3.0, *(dial.values[dial.at] for dial in found.dials[1:])]  # half way from 4 to 2 systems: 2.83
    reading = found.at(setting)
    assert page.inner_text("output") == "3 systems"
    assert chips.get_attribute("aria-valuetext") == "3 systems"
    assert page.inner_text(".how") == "Interpolated between 2 simulated points."
    assert shown(page) == {name: told(name, reading.values[name]) for name in MEASURES}
    page.keyboard.press("Home")
    one = found.at([1.0, *setting[1:]])
    assert page.inner_text(".how") == "Simulated."
    assert shown(page)["step_time_s"] == told("step_time_s", one.values["step_time_s"])
    point = found.at([dial.values[dial.at] for dial in found.dials])
    assert one.values["step_time_s"] is not None
    assert point.values["step_time_s"] is not None
    beside = page.inner_text("dd[data-measure=step_time_s] + .change")
    assert beside == change(one.values["step_time_s"] / point.values["step_time_s"] - 1)
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Back to the point").click()
    assert page.inner_text("output") == "4 systems"
    assert page.inner_text(".how") == "The point, simulated."
    assert page.evaluate("document.activeElement.type") == "range"


def test_a_corner_that_cannot_run_says_why(page: Any) -> None:
    page.get_by_label("Systems").focus()
    page.keyboard.press("End")
    page.get_by_label("Batch").focus()
    page.keyboard.press("Home")
    assert page.inner_text(".how").startswith("Cannot run. 8 systems, ")
    assert page.inner_text(".how").endswith("batch 4 leaves 4 of 8 systems without a sequence.")
    assert set(shown(page).values()) == {"-"}
    page.keyboard.press("ArrowRight")  # between 4 and 8 sequences
    assert page.inner_text(".how").startswith("Not known here, beside a point that cannot run. 8 systems, ")
    assert page.get_attribute(".reading", "data-said") == "nothing"


def test_it_is_read_out_and_says_where_a_dial_ends(page: Any) -> None:
    assert page.get_attribute(".reading", "aria-live") == "polite"
    assert page.get_attribute(".reading", "role") == "status"
    ends = page.get_by_label("Systems").get_attribute("aria-describedby")
    said = page.inner_text(f"#{ends}")
    assert "1 system" in said
    assert "No more, 16 systems: batch 8 leaves 8 of 16 systems without a sequence." in said


HOSTILE = '</script><img src=x onerror="document.title=1">'


def test_what_cannot_run_is_shown_as_text(browser: Any, tmp_path: Path) -> None:
    dials = (Turned("chips", HOSTILE, (1.0, 2.0), 0, "system", "systems", None, HOSTILE),)
    grid = Neighbourhood(dials, (Corner(1.0, 2.0, 3.0, None), Corner(infeasible=HOSTILE)), 1e9, (HOSTILE,))
    part = sliders(grid)
    assert part is not None
    with opened(browser, page_of(part, tmp_path)) as page:
        page.get_by_label(HOSTILE).focus()
        page.keyboard.press("End")
        assert page.inner_text(".how") == f"Cannot run. 2 systems: {HOSTILE}."
        assert page.title() == "dials"
        assert page.query_selector("img") is None
        assert shown(page)["cost_usd"] == "-"


@pytest.mark.parametrize("width", [1440, 390])
def test_it_fits_a_laptop_and_a_phone(browser: Any, found: Neighbourhood, tmp_path: Path, width: int) -> None:
    part = sliders(found)
    assert part is not None
    with opened(browser, page_of(part, tmp_path), width) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for each in page.query_selector_all("input[type=range]"):
            box = each.bounding_box()
            assert box["height"] >= 24
            assert box["width"] >= 150


def test_a_point_without_dials_has_no_sliders() -> None:
    assert sliders(Neighbourhood((), (Corner(1.0, 2.0, 3.0, 4.0),), 1e9, ("nothing",))) is None


def test_data_survive_the_page(page: Any, found: Neighbourhood) -> None:
    assert page.evaluate("JSON.parse(document.querySelector('.dials script').textContent)") == json.loads(
        json.dumps(found.to_json())
    )
