"""`wafersim run` of a file with jobs: their whole runs on the systems that they share."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter


@dataclass(frozen=True)
class JobsOptions:
    """What `run` asks of a file with jobs."""

    runs: int
    seed: int
    out: Path
    save: bool
    figures: bool
    formats: Sequence[str]
    report: bool
    as_json: bool
    every: bool


def run_jobs(name: str, asked: JobsOptions, began: float) -> None:
    """Simulate the jobs of a file, each as it would run alone, one after the other, and packed."""
    from wafersim.cli.run_options import check_report_asked
    from wafersim.inputs.jobs import load_jobs
    from wafersim.planning.packing import pack
    from wafersim.report import console, json_output
    from wafersim.report.jobs_directory import family_document, save_family
    from wafersim.report.run_directory import check_writable
    from wafersim.report.screen.family import Packed, family_screen
    from wafersim.report.screen.layout import LINES, show, width_of

    check_report_asked(asked.report, asked.save)
    jobs = load_jobs(name)
    if asked.save:
        check_writable(asked.out)
    with console.progress(len(jobs.experiments), f"{jobs.spec.name}: ") as advance:
        found = pack(jobs, asked.runs, asked.seed, advance)
    packed = Packed(jobs.spec.title or jobs.spec.name, found.family, jobs.spec.said)
    page = None
    if asked.report:
        from wafersim.report.html.of_jobs import family_page

        page = family_page(jobs, found)
    directory = save_family(asked.out, jobs, packed, asked.figures, asked.formats, page) if asked.save else None
    if asked.as_json:
        sys.stdout.write(json_output.document(**family_document(packed)) + "\n")
        return
    screen = console.new_console()
    answer = replace(
        packed, took=perf_counter() - began, directory=directory, figures=asked.figures, report=asked.report
    )
    show(screen, family_screen(answer, width_of(screen), LINES + asked.every * len(jobs.experiments)))
