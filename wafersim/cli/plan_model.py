"""`wafersim plan` without a model: the best one of each machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wafersim.inputs.yaml_file import YamlFile


def answer_open_model(file: YamlFile, beside: Path, seed: int, as_json: bool, began: float) -> None:
    """Prints which model to train on each machine; Infeasible with the reasons where none has one."""
    from time import perf_counter

    from wafersim.errors import Infeasible
    from wafersim.planning.best_model import best_models
    from wafersim.planning.open_model import open_question
    from wafersim.report import console, json_output
    from wafersim.report.screen import show, width_of
    from wafersim.report.screen.best_model import best_model_screen, best_model_title

    goal, sites = open_question(file, beside)
    with console.progress(len(sites), f"{file.values.get('name', 'plan')}: ") as advance:
        found = best_models(goal, sites, seed, advance)
    if as_json:
        sys.stdout.write(json_output.document(best_model=found.to_json()) + "\n")
    if not found.found:
        reasons = "\n".join(f"{name}: {reason}" for name, reason in found.refused)
        raise Infeasible(f"{best_model_title(goal)}: no machine can train one\n{reasons}")
    if not as_json:
        screen = console.new_console()
        show(screen, best_model_screen(found, perf_counter() - began, width_of(screen)))
