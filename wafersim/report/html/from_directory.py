"""The page of a directory that `run`, `compare` or `plan` has written: its numbers as they stand there, steps simulated again.

Only a directory of this very version of the model is taken, as it was written: what is simulated again are the same numbers
then, and a page says one thing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wafersim.errors import WafersimError
from wafersim.inputs.comparison import load_comparison
from wafersim.inputs.goal import plan_file
from wafersim.inputs.jobs import load_jobs
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.sweep import expand
from wafersim.planning.goal import answered
from wafersim.planning.model_version import model_version
from wafersim.planning.open_model import offers_for_a_loss
from wafersim.planning.packing import pack
from wafersim.planning.pointed import place_of
from wafersim.planning.sensitivity import Sensitivity
from wafersim.planning.sharing import share_cluster
from wafersim.planning.speculation import cores
from wafersim.planning.sweep import largest_place, run_point
from wafersim.planning.what_if import WhatIf
from wafersim.report.html.of_comparison import ComparisonFindings, comparison_page
from wafersim.report.html.of_jobs import family_page, sharing_page
from wafersim.report.html.of_plan import plan_page
from wafersim.report.html.of_run import RunFindings, run_page
from wafersim.report.html.parts import Page
from wafersim.report.html.shown_step import STEP, kept_step
from wafersim.report.jobs_directory import FAMILY, JOBS, SHARED, shared_document
from wafersim.report.run_directory import VERSION, sum_of
from wafersim.report.screen.plan import unmet
from wafersim.simulation import jobs_of
from wafersim.strategies.registry import strategy_of
from wafersim.training_run.duration import duration_of

RUN, COMPARISON, PLAN = "prediction.json", "comparison.json", "plan.json"
ASKED = {  # what was asked, beside the answer
    RUN: "experiment.yaml", COMPARISON: "comparison.yaml", PLAN: "plan.yaml", FAMILY: JOBS, SHARED: JOBS,
}  # fmt: skip
OPEN = "best_model.json"
HELPS, SENSITIVE, LASTED = "would_help.json", "sensitivity.json", "duration.json"
BESIDE = (HELPS, SENSITIVE, LASTED, STEP)  # what some runs have written, too
RUNS, SEEDS = range(1, 100_001), range(2**32)  # as many as commands take
COMMAND = {RUN: "run", COMPARISON: "compare", PLAN: "plan", FAMILY: "run", SHARED: "share"}


def page_of(directory: Path, point: str | None = None) -> Page:
    """The page. Raises WafersimError, one line, for what is no such directory, not whole, or of another version of the model."""
    pages: dict[str, Callable[[Path, str | None], Page]] = {
        RUN: _of_run, COMPARISON: _of_comparison, PLAN: _of_plan, FAMILY: _of_family, SHARED: _of_sharing,
    }  # fmt: skip
    if not directory.is_dir():
        raise WafersimError(f"{directory}: is no directory; `wafersim run ... --report` makes one with a report in it")
    kind = next((name for name in pages if (directory / name).is_file()), None)
    if kind is None and (directory / OPEN).is_file():
        raise WafersimError(f"{directory}: has {OPEN}, of a plan without a model; of that no page is made")
    if kind is None:
        raise WafersimError(
            f"{directory}: has no {', '.join(list(pages)[:-1])} or {SHARED}: it is no directory of run, compare, plan or share"
        )
    if point is not None and kind != RUN:
        raise WafersimError(f"--point is of a run's directory; {directory} has {kind}")
    asked = ASKED[kind]
    if not (directory / asked).is_file():
        raise WafersimError(f"{directory}: has {kind} and no {asked}; the directory is not whole")
    _check_written(directory, f"`wafersim {COMMAND[kind]} {directory / asked} --report` makes it anew")
    return pages[kind](directory, point)


def _check_written(directory: Path, anew: str) -> None:
    """Raises WafersimError for what another version has written, and for what was changed or half copied since."""
    version = directory / VERSION
    said = _json(version) if version.is_file() else {"wafersim": "an earlier version"}
    if said.get("model") != model_version():
        by = said.get("wafersim", "an unknown version")
        raise WafersimError(f"{directory}: was written by {by} of wafersim, with another model than this one; {anew}")
    files = said.get("files")
    if not isinstance(files, dict):
        raise WafersimError(f"{version}: does not say which files are of it; {anew}")
    for name in sorted({*files, *BESIDE}):
        path = directory / name
        try:
            found = sum_of(path)
        except OSError as error:
            raise WafersimError(f"{path}: cannot be read ({_short(error)})") from None
        if found != files.get(name, ""):
            what = "is not as it was written" if found else "is not there any more"
            raise WafersimError(f"{path}: {what if name in files else 'was put there later'}; {anew}")


def _json(path: Path) -> dict[str, Any]:
    """An object of a file. Raises WafersimError where it is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise WafersimError(f"{path}: cannot be read as JSON ({_short(error)})") from None
    if not isinstance(found, dict):
        raise WafersimError(f"{path}: holds no object")
    return found


def _short(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).splitlines()[0]


def _listed(path: Path, key: str) -> list[dict[str, Any]]:
    found = _json(path).get(key)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise WafersimError(f"{path}: has no list {key!r}; the directory is not whole")
    return found


def _of_run(directory: Path, point: str | None) -> Page:
    rows = _listed(directory / RUN, "points")
    experiment = load_experiment(directory / "experiment.yaml")
    points = expand(experiment)
    if len(points) != len(rows):
        raise WafersimError(
            f"{directory}: {RUN} has {len(rows):,} points and experiment.yaml {len(points):,}; the directory is not whole"
        )
    place = largest_place(points, rows) if point is None else place_of(points, point)
    if place is None or "infeasible" in rows[place]:
        reason = rows[place or 0].get("infeasible", "there is no point")
        raise WafersimError(f"{directory}: there is no step to show, nothing ran: {reason}")
    helps, sensitive = _kept(directory, WhatIf, HELPS), _kept(directory, Sensitivity, SENSITIVE)
    lasted, step = directory / LASTED, kept_step(directory, place)
    if step is not None and not lasted.is_file():
        job = jobs_of(points[place].experiment)[-1]
        choice = strategy_of(job.kind).choose(job, told=False)
        return run_page(RunFindings(experiment, rows, place, job, choice, step, helps or (), sensitive))
    shown = run_point(points[place], told=lasted.is_file())
    simulated = shown.simulated
    if simulated is None or simulated.prediction.step_time_s != rows[place]["step_time_s"]:
        raise WafersimError(f"{directory}: {RUN} and experiment.yaml are not of one run; the directory is not whole")
    duration = None
    if lasted.is_file():
        runs, seed = _chance(lasted, "duration")
        duration = duration_of(points[place].experiment, simulated.prediction, runs, seed)
    more = {"helps": helps or (), "sensitive": sensitive, "duration": duration}
    return run_page(RunFindings.of(experiment, rows, shown, place, **more))


def _kept(directory: Path, of: Callable[..., Any], name: str) -> list[Any] | None:
    """Values of a list that the run has written; None where it has not."""
    path = directory / name
    if not path.is_file():
        return None
    try:
        return [of(**one) for one in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise WafersimError(f"{path}: is not whole ({_short(error)})") from None


def _chance(path: Path, key: str) -> tuple[int, int]:
    """How many whole runs there were, and of which seed."""
    said = _json(path).get(key)
    runs, seed = (said.get("runs"), said.get("seed")) if isinstance(said, dict) else (None, None)
    if not isinstance(runs, int) or not isinstance(seed, int):
        raise WafersimError(f"{path}: has no whole {key}; the directory is not whole")
    if runs not in RUNS or seed not in SEEDS:
        raise WafersimError(f"{path}: {runs} runs of seed {seed} are none that `wafersim` writes")
    return runs, seed


def _of_comparison(directory: Path, _: str | None) -> Page:
    rows = _listed(directory / COMPARISON, "sides")
    spec, experiments = load_comparison(directory / "comparison.yaml")
    if len(rows) != len(experiments):
        raise WafersimError(f"{directory}: {COMPARISON} and comparison.yaml differ; the directory is not whole")
    return comparison_page(ComparisonFindings(spec.title or spec.name, rows, experiments))


def _of_plan(directory: Path, _: str | None) -> Page:
    """Whole runs of candidates are in no file: the plan is answered again, with as many runs and the seed that it had."""
    runs, seed = _chance(directory / PLAN, "plan")
    spec, offers = offers_for_a_loss(*plan_file(directory / "plan.yaml"))
    found = answered(spec, offers, runs, seed, workers=cores())
    if found.answer is None:
        raise unmet(found)
    return plan_page(found)


def _of_family(directory: Path, _: str | None) -> Page:
    """Whole runs of jobs are simulated again, as many and of the seed that they had."""
    runs, seed = _chance(directory / FAMILY, "family")
    jobs = load_jobs(directory / JOBS)
    found = pack(jobs, runs, seed)
    _check_same(directory, FAMILY, _json(directory / FAMILY)["family"], found.family.to_json())
    return family_page(jobs, found)


def _of_sharing(directory: Path, _: str | None) -> Page:
    said, jobs = _json(directory / SHARED), load_jobs(directory / JOBS)
    checked = said.get("checked") is True
    shared = share_cluster(list(jobs.experiments.items()), checked)
    _check_same(directory, SHARED, said.get("jobs"), shared_document(shared)["jobs"])
    return sharing_page(jobs, shared, checked)


def _check_same(directory: Path, name: str, said: object, again: object) -> None:
    """Raises WafersimError where what a file says is not what its jobs give."""
    if said != json.loads(json.dumps(again)):
        raise WafersimError(f"{directory}: {name} and {JOBS} are not of one run; the directory is not whole")
