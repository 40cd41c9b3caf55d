"""What a plan's directory holds: the question as it can be asked again, the answer, all candidates with whole runs, figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wafersim.inputs.resolved_plan import resolved_plan
from wafersim.inputs.yaml_file import YamlFile
from wafersim.planning.model_goal import BestModels
from wafersim.planning.open_model import OpenQuestion
from wafersim.planning.planned import Planned
from wafersim.planning.wholes_table import wholes_table, write_wholes
from wafersim.report import json_output, yaml_output
from wafersim.report.run_directory import WIDEST, save_directory, seal
from wafersim.report.screen.best_model import best_model_screen
from wafersim.report.screen.plan import plan_lines

if TYPE_CHECKING:  # pages are loaded where they are asked for
    from wafersim.report.html.parts import Page


@dataclass(frozen=True)
class PlanFile:
    """The file that was asked, options included, in its folder; the whole runs of each candidate, and their seed."""

    file: YamlFile
    beside: Path
    runs: int
    seed: int


def save_plan(
    root: Path,
    asked: PlanFile,
    found: Planned,
    figures: bool = True,
    formats: Sequence[str] = ("png",),
    page: Page | None = None,
) -> Path:
    """`root/<name>-<short hash>/` with plan.yaml, plan.json, candidates.csv, reasons.txt, and figures in each of the `formats`,
    and the `page` as report.html.

    `wafersim plan plan.yaml`, with the options that its first line names, gives the same answer.
    """
    resolved, profiles = resolved_plan(asked.file, asked.beside, found.spec, found.offers)

    def write(draft: Path) -> None:
        head = f"# wafersim plan plan.yaml --runs {asked.runs} --seed {asked.seed}\n"
        _write_question(draft, resolved, profiles, head)
        (draft / "plan.json").write_text(json_output.document(plan=found.to_json()) + "\n", encoding="utf-8")
        write_wholes(wholes_table(found), draft / "candidates.csv")
        lines = [*plan_lines(found, WIDEST), *(f"{one.name}: {one.reason}" for one in found.rejected)]
        (draft / "reasons.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        if figures:
            from wafersim.report.figures.of_plan import plan_figures

            plan_figures(draft, found, formats)
        seal(draft, page)

    return save_directory(root, resolved, write)


def save_best_model(root: Path, asked: PlanFile, question: OpenQuestion, found: BestModels) -> Path:
    """The same of a plan without a model: plan.yaml, best_model.json, reasons.txt with the whole answer."""
    resolved, profiles = resolved_plan(asked.file, asked.beside, question.spec, question.offers)

    def write(draft: Path) -> None:
        _write_question(draft, resolved, profiles, f"# wafersim plan plan.yaml --seed {asked.seed}\n")
        (draft / "best_model.json").write_text(
            json_output.document(best_model=found.to_json()) + "\n", encoding="utf-8"
        )
        lines = [*best_model_screen(found, 0.0, WIDEST)[1:], *(f"{name}: {reason}" for name, reason in found.refused)]
        (draft / "reasons.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        seal(draft)

    return save_directory(root, resolved, write)


def _write_question(draft: Path, resolved: dict[str, Any], profiles: dict[str, dict[str, Any]], head: str) -> None:
    """plan.yaml, and the profiles of one's own that it names beside it."""
    for name, profile in profiles.items():
        (draft / name).parent.mkdir(parents=True, exist_ok=True)
        _write_yaml(draft / name, profile)
    _write_yaml(draft / "plan.yaml", resolved, head)


def _write_yaml(path: Path, fields: dict[str, Any], head: str = "") -> None:
    path.write_text(head + yaml_output.dumps(fields), encoding="utf-8")
