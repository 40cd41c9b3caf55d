"""A page as one file: templates, styles, scripts and plotly inside it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from wafersim import __version__
from wafersim.errors import WafersimError
from wafersim.report.html.parts import Chart, Page, pieces, plain
from wafersim.report.whole_file import appearing

HERE = files("wafersim.report.html")
STYLES = ("report.css", "sliders.css")
SCRIPTS = ("report.js", "timeline.js", "sliders.js")
HOW = "pip install -e '.[report]'"


def check_report() -> None:
    """Raises WafersimError, one line, where what a page is made with is not installed: asked before an hour of simulation."""
    missing = [name for name in ("jinja2", "plotly") if find_spec(name) is None]
    if missing:
        raise WafersimError(f"a report needs {' and '.join(missing)}: {HOW}")


def save_page(page: Page, path: Path) -> None:
    """Write the page, whole or not at all: an earlier one stays then. Raises WafersimError, one line, where it cannot be."""
    html = page_html(page).encode()
    with appearing(path, str(path)) as file:
        file.write(html)


def page_html(page: Page) -> str:
    """The page as one text. Everything that is not markup of the templates is escaped."""
    check_report()
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("wafersim.report.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = plain
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    link = Markup('<a href="{}">{}</a>')

    def said(text: str) -> Markup:
        """A text whose addresses are links."""
        parts = (link.format(to, plain(piece)) if to else Markup.escape(plain(piece)) for piece, to in pieces(text))
        return Markup("").join(parts)

    environment.globals["said"] = said
    draws = any(isinstance(part, Chart) for section in page.sections for part in section.parts)
    return environment.get_template("page.html").render(
        page=page,
        written_by=f"wafersim {__version__}",
        css="\n".join(_static(STYLES)),
        draws=draws,
        plotly=_plotly() if draws else "",
        scripts=list(_static(SCRIPTS)),
    )


def _static(names: tuple[str, ...]) -> Iterator[str]:
    return ((HERE / "static" / name).read_text(encoding="utf-8") for name in names)


def _plotly() -> str:
    """plotly.js without importing plotly, which takes longer than a page."""
    spec: Any = find_spec("plotly")
    folder = Path(spec.submodule_search_locations[0]) / "package_data"
    return (folder / "plotly.min.js").read_text(encoding="utf-8")
