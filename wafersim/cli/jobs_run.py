"""`wafersim run` of a file with jobs: their whole runs on the systems that they share."""

from __future__ import annotations

import sys
from time import perf_counter


def run_jobs(name: str, runs: int, seed: int, as_json: bool, began: float) -> None:
    """Simulate the jobs of a file, each as it would run alone, one after the other, and packed."""
    from wafersim.inputs.jobs import load_jobs
    from wafersim.planning.packing import pack
    from wafersim.report import console, json_output
    from wafersim.report.screen.family import Packed, family_screen
    from wafersim.report.screen.layout import show, width_of

    jobs = load_jobs(name)
    with console.progress(len(jobs.experiments), f"{jobs.spec.name}: ") as advance:
        family = pack(jobs, runs, seed, advance)
    if as_json:
        said = [one.model_dump() for one in jobs.spec.said]
        sys.stdout.write(json_output.document(family=family.to_json(), said=said) + "\n")
        return
    screen = console.new_console()
    published = tuple(f"{one.job or 'all of them'}: {one.words}" for one in jobs.spec.said)
    answer = Packed(jobs.spec.title or jobs.spec.name, family, published, perf_counter() - began)
    show(screen, family_screen(answer, width_of(screen)))
