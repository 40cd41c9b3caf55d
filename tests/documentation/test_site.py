"""The site builds without a warning, has a page of everything, and loads nothing from anywhere else."""

import html
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.exceptions import Abort

import wafersim
from documentation import gallery, reference
from tests.checkout import ROOT
from tests.chromium import chromium, serious
from wafersim.cli import COMMANDS


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("site")
    handler = Kept()
    logging.getLogger("mkdocs").addHandler(handler)
    try:
        build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder)))
    except Abort as aborted:
        pytest.fail("\n".join([str(aborted), *handler.kept]))
    finally:
        logging.getLogger("mkdocs").removeHandler(handler)
    assert handler.kept == []
    yield folder


class Kept(logging.Handler):
    """Warnings of a build."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.kept: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.kept.append(record.getMessage())


def text(site: Path, name: str) -> str:
    """What a reader sees of a page's HTML."""
    return html.unescape(re.sub(r"<[^>]+>", "", (site / name).read_text(encoding="utf-8")))


def test_every_page_of_the_folder_is_a_page_of_the_site(site: Path) -> None:
    for page in (ROOT / "docs").rglob("*.md"):
        assert (site / page.relative_to(ROOT / "docs")).with_suffix(".html").is_file()


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    """Links may lead out; what a browser fetches by itself may not."""
    for page in site.rglob("*.html"):
        found = page.read_text(encoding="utf-8")
        fetched = re.findall(r"<(?:script|img|iframe|source|video|audio|use)\b[^>]*?\b(?:src|href)=\"([^\"]+)\"", found)
        fetched += re.findall(r"<link\b(?![^>]*rel=\"(?:canonical|next|prev)\")[^>]*?href=\"([^\"]+)\"", found)
        assert fetched and not [url for url in fetched if re.match(r"(?:https?:)?//", url)], page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(\s*['\"]?(?:https?:)?//|@import", sheet.read_text(encoding="utf-8")), sheet


def test_every_picture_and_drawing_is_there(site: Path) -> None:
    drawn = 0
    for page in site.rglob("*.html"):
        found = page.read_text(encoding="utf-8")
        for source in re.findall(r"<img [^>]*src=\"([^\":]+)\"", found):
            assert (page.parent / source).is_file() or source.startswith("/"), (page, source)
        drawn += found.count('<svg class="drawing')
    assert drawn >= 2


def test_lists_and_tables_are_shown_as_such(site: Path) -> None:
    """A list needs an empty line before it, and what belongs to an item four spaces; else a site shows dashes in a paragraph."""
    for page in site.rglob("*.html"):
        for paragraph in re.findall(r"<p>(.*?)</p>", page.read_text(encoding="utf-8"), re.DOTALL):
            assert not re.search(r"\n\s*(?:- |\d+\. |[a-e]\. |\| )", paragraph), (page.name, paragraph[:200])


def test_the_reference_has_every_field_with_its_words(site: Path) -> None:
    for page, sections in {
        "experiment": reference.experiment_sections(),
        "profile": reference.profile_sections(),
    }.items():
        found = text(site, f"reference/{page}.html")
        plain = " ".join(found.split())
        for section in sections:
            for field in section.fields:
                assert " ".join(field.said.replace("`", "").split()) in plain, field.path


def test_commands_options_and_public_names_are_there(site: Path) -> None:
    commands, library = text(site, "reference/commands.html"), text(site, "reference/library.html")
    for name, said in COMMANDS.items():
        assert f"wafersim {name}" in commands and said in commands
    assert "--duration" in commands and "--cluster" in commands
    assert [name for name in wafersim.__all__ if f"{name}" not in library] == []
    assert "step_time_s" in library and "to_csv" in library


def test_the_gallery_shows_every_experiment_with_a_picture(site: Path) -> None:
    page = text(site, "gallery.html")
    shown = gallery.shown()
    assert [
        one.name for one in shown if any(what not in page for what in (one.name, one.command, one.text.rstrip()))
    ] == []
    pictures = {path.stem: path.stat().st_size for path in gallery.THUMBNAILS.glob("*.png")}
    assert set(pictures) <= {one.name for one in shown} and max(pictures.values()) < 25_000
    assert [one.name for one in shown if one.name not in pictures] == []


@pytest.mark.browser
@pytest.mark.parametrize(("width", "dark"), [(1440, False), (390, True)])
def test_pages_can_be_read_in_a_browser_and_ask_for_nothing_elsewhere(site: Path, width: int, dark: bool) -> None:
    with chromium() as browser:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
        )
        page, asked, complaints = context.new_page(), list[str](), list[str]()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        for name in ("index", "tour", "gallery", "reference/experiment", "reference/commands", "howto/own_model"):
            page.goto((site / f"{name}.html").as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
            scheme = page.evaluate("document.body.getAttribute('data-md-color-scheme')")
            assert scheme == ("slate" if dark else "default")
            assert serious(page) == [], name
        context.close()
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert complaints == []
