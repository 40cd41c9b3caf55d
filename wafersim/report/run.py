"""What a run's directory holds: resolved experiment, predictions, a table of them, one timeline, figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from wafersim.inputs.experiment import Experiment
from wafersim.planning.results import Results
from wafersim.planning.sensitivity import Sensitivity
from wafersim.planning.sweep import PointResult, largest
from wafersim.planning.what_if import WhatIf
from wafersim.report import json_output, yaml_output
from wafersim.report.circuit import circuit_lines
from wafersim.report.console import print_points, print_reasons
from wafersim.report.run_directory import WIDEST, save_directory, seal, step_file
from wafersim.report.words import line_name

if TYPE_CHECKING:  # whole runs and pages are loaded where they are asked for
    from wafersim.report.html.parts import Page
    from wafersim.report.html.shown_step import ShownStep
    from wafersim.training_run.duration import Duration


def save_run(
    root: Path,
    experiment: Experiment,
    results: Sequence[PointResult],
    shown: PointResult | None = None,
    figures: bool = True,
    sensitive: Sequence[Sensitivity] | None = None,
    helps: Sequence[WhatIf] = (),
    formats: Sequence[str] = ("png",),
    duration: Duration | None = None,
    page: Page | None = None,
    step: ShownStep | None = None,
) -> Path:
    """Write `root/<name>-<short hash>/` and return it; an earlier run of the same experiment is replaced.

    The step that is drawn is that of `shown`; of the largest point if left out.
    Figures are drawn once in each of the `formats`: png, svg, pdf. A `page` is written as report.html; `step`, which it
    shows, is kept where it has many tasks, and made if left out.
    """
    resolved = experiment.model_dump(mode="json", exclude_none=True)
    drawn = formats if figures else ()

    def write(draft: Path) -> None:
        _write(draft, experiment, resolved, results, shown, drawn, sensitive, helps, duration)
        _keep_step(draft, results, largest(results) if shown is None else shown, step)
        seal(draft, page)

    return save_directory(root, resolved, write)


def _keep_step(draft: Path, results: Sequence[PointResult], shown: PointResult | None, step: ShownStep | None) -> None:
    """What a page shows of a step that takes long to simulate."""
    from wafersim.report.html.shown_step import has_many, keep_step, shown_step

    if shown is not None and has_many(shown):
        place = next(at for at, one in enumerate(results) if one is shown)
        keep_step(draft, step or shown_step(shown), place)


def _write(
    draft: Path,
    experiment: Experiment,
    resolved: dict[str, Any],
    results: Sequence[PointResult],
    shown: PointResult | None,
    formats: Sequence[str],
    sensitive: Sequence[Sensitivity] | None,
    helps: Sequence[WhatIf],
    duration: Duration | None,
) -> None:
    (draft / "experiment.yaml").write_text(yaml_output.dumps(resolved), encoding="utf-8")
    rows = [result.to_json() for result in results]
    shown = largest(results) if shown is None else shown
    with (draft / "reasons.txt").open("w", encoding="utf-8") as file:
        console = Console(file=file, width=WIDEST)
        print_points(experiment.title or experiment.name, rows, console)
        print_reasons(rows, circuit_lines(shown) if shown is not None else [], helps, console)
    (draft / "prediction.json").write_text(json_output.document(points=rows) + "\n", encoding="utf-8")
    Results(experiment, tuple(results)).to_csv(draft / "results.csv")
    if shown is None:
        return
    simulated = shown.simulated
    assert simulated is not None
    name = step_file(simulated.prediction.model, simulated.prediction.n_systems)
    simulated.periodic.timeline.save(draft / f"{name}.npz")
    if sensitive is not None:
        plain = [one.to_json() for one in sensitive]
        (draft / "sensitivity.json").write_text(json_output.dumps(plain) + "\n", encoding="utf-8")
    (draft / "would_help.json").write_text(json_output.dumps([one.to_json() for one in helps]) + "\n", encoding="utf-8")
    if duration is not None:
        (draft / "duration.json").write_text(json_output.document(duration=duration.to_json()) + "\n", encoding="utf-8")
    if formats:
        from wafersim.report.figures.of_run import run_figures

        name = line_name(shown.to_json())
        run_figures(draft, rows, simulated, name, sensitive, formats)
        if duration is not None:
            from wafersim.report.figures.whole_run import duration_figures

            duration_figures(draft, duration, name, formats)
