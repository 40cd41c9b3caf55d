"""Hooks of mkdocs: pages that are made at build, and drawings inside of their pages, where they take the page's colours."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def generated() -> dict[str, str]:
    """Markdown of each page that is made, by its path below `docs/`."""
    if sys.path[0] != str(
        ROOT
    ):  # of this checkout, whatever is installed; mkdocs forgets what a hook adds as it is read
        sys.path.insert(0, str(ROOT))
    from documentation import command_pages, gallery, library_page, reference

    made = {f"reference/{name}": text for name, text in reference.pages().items()}
    made |= {"reference/commands.md": command_pages.page(), "reference/library.md": library_page.page()}
    return made | {"gallery.md": gallery.page()}


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are made."""
    from mkdocs.structure.files import File

    for uri, content in generated().items():
        files.append(File.generated(config, uri, content=content))
    return files


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:
    """Put the SVG drawings of `figures/` into the page itself."""
    folder = Path(config["docs_dir"]) / Path(page.file.src_uri).parent

    def inlined(found: re.Match[str]) -> str:
        return (folder / found["path"]).resolve().read_text(encoding="utf-8")

    return re.sub(r'<img [^>]*?src="(?P<path>[^":]*figures/[\w-]+\.svg)"[^>]*/?>', inlined, html)
