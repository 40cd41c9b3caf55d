"""`wafersim plan` without a model: the best one of each machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wafersim.inputs.yaml_file import YamlFile


def answer_open_model(
    file: YamlFile, beside: Path, seed: int, as_json: bool, began: float, root: Path | None = None
) -> None:
    """Prints which model to train on each machine and writes its directory into `root`; Infeasible with the reasons where none
    has one."""
    from time import perf_counter

    from wafersim.errors import Infeasible
    from wafersim.planning.best_model import RUNS, best_models
    from wafersim.planning.open_model import open_question
    from wafersim.report import console, json_output
    from wafersim.report.plan_directory import PlanFile, save_best_model
    from wafersim.report.run_directory import check_writable
    from wafersim.report.screen import show, width_of
    from wafersim.report.screen.best_model import best_model_screen, best_model_title

    asked = open_question(file, beside)
    if root is not None:
        check_writable(root)
    with console.progress(len(asked.sites), f"{file.values.get('name', 'plan')}: ") as advance:
        found = best_models(asked.goal, asked.sites, seed, advance)
    if as_json:
        sys.stdout.write(json_output.document(best_model=found.to_json()) + "\n")
    if not found.found:
        reasons = "\n".join(f"{name}: {reason}" for name, reason in found.refused)
        raise Infeasible(f"{best_model_title(asked.goal)}: no machine can train one\n{reasons}")
    directory = None if root is None else save_best_model(root, PlanFile(file, beside, RUNS, seed), asked, found)
    if not as_json:
        screen = console.new_console()
        show(screen, best_model_screen(found, perf_counter() - began, width_of(screen), directory))
