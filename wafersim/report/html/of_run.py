"""The page of a run: its answer, the step that can be explored, where time goes, and what all of it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wafersim import numbers
from wafersim.inputs.experiment import Experiment
from wafersim.planning.sensitivity import Sensitivity
from wafersim.planning.sweep import PointResult
from wafersim.planning.what_if import WhatIf
from wafersim.report import yaml_output
from wafersim.report.explain import engines, explain, why_these_policies
from wafersim.report.html.charts import breakdown_chart, largest_of, memory_charts, scaling_charts
from wafersim.report.html.closest_rows import closest_section
from wafersim.report.html.in_words import run_in_words, words_explained
from wafersim.report.html.pages import answers
from wafersim.report.html.parts import Lines, Page, Part, Section, Table, Text
from wafersim.report.html.provenance import provenance_section
from wafersim.report.html.shown_step import ShownStep, shown_step
from wafersim.report.html.whole_run import whole_run_section
from wafersim.report.screen.lines import as_trained
from wafersim.report.screen.run import Found, run_screen
from wafersim.report.words import Row, figure, label, line_name, plus_minus, point_name, seconds, to_train, varied_paths
from wafersim.simulation import Job
from wafersim.training_run.duration import Duration

MOST_POINTS = 2000  # rows of the table of all points
MOST_SENSITIVE = 20


@dataclass(frozen=True)
class RunFindings:
    """What a run found. The step that is shown, its job and choice, and what would help it, are those of one point, which ran."""

    experiment: Experiment
    rows: Sequence[Row]
    place: int  # of that point among the rows
    job: Job
    choice: Any
    step: ShownStep
    helps: Sequence[WhatIf] = ()
    sensitive: Sequence[Sensitivity] | None = None
    duration: Duration | None = None

    @classmethod
    def of(
        cls, experiment: Experiment, rows: Sequence[Row], shown: PointResult, place: int, **more: Any
    ) -> RunFindings:
        """Of a point that was simulated just now."""
        simulated = shown.simulated
        assert simulated is not None
        return cls(experiment, rows, place, simulated.job, simulated.choice, shown_step(shown), **more)

    @property
    def title(self) -> str:
        """Of the experiment."""
        return self.experiment.title or self.experiment.name

    @property
    def row(self) -> Row:
        """The point whose step is shown."""
        return self.rows[self.place]

    @property
    def of_shown(self) -> str:
        """What that point is called."""
        return point_name(self.row)


def run_page(found: RunFindings) -> Page:
    """All of it. The answer is the first screen of `run`, without the time it took and the commands that go on from it."""
    screen = Found(found.title, found.experiment.name, found.rows, found.row, found.helps, None, 0.0)
    wide, narrow = answers(lambda width, most: run_screen(screen, width, most))
    says, words = run_in_words(found.row, found.job.machine.name), words_explained(found.row["kind"])
    return Page(found.title, wide, narrow, _sections(found), says, words)


def _sections(found: RunFindings) -> list[Section]:
    step = found.step
    good = [row for row in found.rows if "infeasible" not in row]
    sections = []
    if step.timeline is not None:
        lead = f"The periodic step of {found.of_shown}, {seconds(found.row['step_time_s'])}: what sets its length is underlined."
        sections.append(Section("timeline", "A step", lead, [step.timeline, Lines(step.circuit)]))
    sections.append(_where(found, good))
    charts = scaling_charts(good)
    if charts:
        sections.append(Section("scaling", "Scaling", "", charts))
    sections.append(Section("memory", "Memory", "", [*memory_charts(largest_of(good)), *_policies(good)]))
    lead = f"{found.of_shown}, on a machine of other numbers or with another batch: what would it take?"
    if step.dials is None:
        lead = f"{found.of_shown} takes too long to simulate, or runs in too few other ways, for dials around it."
    sections.append(Section("what-if", "What if", lead, [] if step.dials is None else [step.dials]))
    if found.duration is not None:
        sections.append(whole_run_section(found.duration, found.of_shown))
    evidence = closest_section(found.job, found.choice, found.of_shown)
    sections += [] if evidence is None else [evidence]
    sections.append(provenance_section(found.job, tuple(found.row["assumed"]), found.of_shown))
    sections.append(Section("points", "Every point", "", [_points(found.rows), *_refused(found.rows)]))
    sections.append(Section("again", "Run it again", "", _again(found)))
    return sections


def _where(found: RunFindings, good: Sequence[Row]) -> Section:
    parts: list[Part] = [breakdown_chart(largest_of(good))]
    if found.helps:
        parts.append(
            Table(
                f"What would help {found.of_shown}: each made and simulated again",
                ["change", "time to train"],
                [
                    [one.label, numbers.change(one.change) + (" (order of service)" if one.anomaly else "")]
                    for one in found.helps
                ],
                frozenset({1}),
            )
        )
    if found.sensitive:
        parts.append(
            Table(
                f"What 1 % more of a number does to a step of {found.of_shown}",
                ["number", "value", "step time", "kind"],
                [
                    [one.path, one.written, f"{one.percent:+.3f} %", one.kind]
                    for one in found.sensitive[:MOST_SENSITIVE]
                ],
                frozenset({1, 2}),
            )
        )
    parts.append(Lines([*explain(good), *engines(good)]))
    return Section("where", "Where time goes", "", parts)


def _policies(good: Sequence[Row]) -> list[Part]:
    """Why each line of the sweep keeps its activations where it does: one open, more behind a line that opens them."""
    said = why_these_policies(good)
    return [Lines(said, "Why activations are kept where they are" if len(said) > 1 else "")] if said else []


def _points(rows: Sequence[Row]) -> Table:
    """One row a point, as `--all` prints them; of very many the first, which the caption says."""
    paths = varied_paths(rows)
    several = f", the first {MOST_POINTS:,} of {len(rows):,}" if len(rows) > MOST_POINTS else ""
    heads = ["model", "chips", *paths, "batch", "step", "80 %", "tokens/s", "MFU", "binds", "to train"]
    body = []
    for row in rows[:MOST_POINTS]:
        said = [label(row.get("varied", {}).get(path, "")) for path in paths]
        model = f"{row['model']}, as trained" if as_trained(row) else row["model"]
        if "infeasible" in row:
            body.append([model, f"{row['n_systems']:,}", *said, "-", "cannot run", *[""] * 5])
            continue
        found = (f"{row['batch']:,}", seconds(row["step_time_s"]), plus_minus(row), figure(row["tokens_per_s"]))
        mfu = f"{row['mfu']:.1%}"
        body.append([model, f"{row['n_systems']:,}", *said, *found, mfu, row["binding_resource"], to_train(row)])
    start = 2 + len(paths)
    return Table(
        f"{len(rows):,} point{'s' * (len(rows) > 1)}{several}",
        heads,
        body,
        frozenset({1, *range(start, start + 5)}),
        folded=len(rows) > 60,
    )


def _refused(rows: Sequence[Row]) -> list[Part]:
    reasons = dict.fromkeys(
        f"{line_name(row)} on {row['n_systems']:,}: {row['infeasible']}" for row in rows if "infeasible" in row
    )
    return [Lines([f"Cannot run: {reason}" for reason in list(reasons)[:MOST_POINTS]])] if reasons else []


def _again(found: RunFindings) -> list[Part]:
    text = yaml_output.dumps(found.experiment.model_dump(mode="json", exclude_none=True))
    return [
        Lines(["Save the experiment below as experiment.yaml, then: wafersim run experiment.yaml --report"]),
        Text("The experiment, every default written out", text),
    ]
