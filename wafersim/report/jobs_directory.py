"""What the directory of jobs holds: the question as it can be asked again, the answer, the screen, a figure, the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wafersim.inputs.jobs import Jobs
from wafersim.inputs.resolved_jobs import resolved_jobs
from wafersim.planning.sharing import Shared
from wafersim.report import json_output, yaml_output
from wafersim.report.run_directory import WIDEST, save_directory, seal
from wafersim.report.screen.family import Packed, family_screen
from wafersim.report.screen.sharing import sharing_screen

if TYPE_CHECKING:  # pages are loaded where they are asked for
    from wafersim.report.html.parts import Page

JOBS, FAMILY, SHARED = "jobs.yaml", "family.json", "shared.json"


def family_document(packed: Packed) -> dict[str, Any]:
    """What `run --json` prints of jobs."""
    return {"family": packed.family.to_json(), "said": [one.model_dump() for one in packed.said]}


def shared_document(jobs: Sequence[Shared]) -> dict[str, Any]:
    """What `share --json` prints."""
    return {"jobs": [vars(job) for job in jobs]}


def save_family(
    root: Path,
    jobs: Jobs,
    packed: Packed,
    figures: bool = True,
    formats: Sequence[str] = ("png",),
    page: Page | None = None,
) -> Path:
    """`root/<name>-<short hash>/` with jobs.yaml, family.json, reasons.txt, the figure in each of the `formats`, and the `page`.

    `wafersim run jobs.yaml` gives the same answer.
    """

    def write(draft: Path) -> None:
        _write_question(draft, jobs)
        (draft / FAMILY).write_text(json_output.document(**family_document(packed)) + "\n", encoding="utf-8")
        _write_reasons(draft, family_screen(packed, WIDEST, len(jobs.experiments) + WIDEST))
        if figures:
            from wafersim.report.figures.jobs import jobs_figure

            for suffix in formats:
                jobs_figure(packed.title, packed.family, draft / f"jobs.{suffix}")
        seal(draft, page)

    return save_directory(root, resolved_jobs(jobs), write)


def save_sharing(root: Path, jobs: Jobs, shared: Sequence[Shared], checked: bool, page: Page) -> Path:
    """The same of jobs that share MemoryX, without a figure: `wafersim share jobs.yaml` gives the same answer.

    shared.json says besides whether every tick was `checked` by SimPy, as the screen does.
    """

    def write(draft: Path) -> None:
        _write_question(draft, jobs)
        (draft / SHARED).write_text(
            json_output.document(**shared_document(shared), checked=checked) + "\n", encoding="utf-8"
        )
        _write_reasons(draft, sharing_screen(shared, checked, 0.0, WIDEST, len(shared) + WIDEST))
        seal(draft, page)

    return save_directory(root, resolved_jobs(jobs), write)


def _write_question(draft: Path, jobs: Jobs) -> None:
    (draft / JOBS).write_text(yaml_output.dumps(resolved_jobs(jobs)), encoding="utf-8")


def _write_reasons(draft: Path, screen: Sequence[str]) -> None:
    """All but its title, which says how long it took."""
    (draft / "reasons.txt").write_text("\n".join(screen[1:]).strip("\n") + "\n", encoding="utf-8")
