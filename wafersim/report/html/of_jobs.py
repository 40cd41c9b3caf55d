"""The page of jobs that share a cluster: their runs over time, what they cost each other, a step, what it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wafersim.inputs.jobs import Jobs
from wafersim.inputs.resolved_jobs import resolved_jobs
from wafersim.planning.beside import Beside, beside_each_other
from wafersim.planning.packing import Packing, points_of
from wafersim.planning.sharing import Shared
from wafersim.planning.sweep import PointResult
from wafersim.report import yaml_output
from wafersim.report.circuit import circuit_lines
from wafersim.report.html.charts import breakdown_chart, memory_charts
from wafersim.report.html.closest_rows import closest_section
from wafersim.report.html.in_words import words_explained
from wafersim.report.html.job_lanes import held_chart, lanes_chart, sharing_chart, when_of
from wafersim.report.html.pages import answers
from wafersim.report.html.parts import Lines, Page, Part, Section, Table, Text
from wafersim.report.html.provenance import provenance_parts
from wafersim.report.html.sentences import family_in_words, sharing_in_words
from wafersim.report.html.timeline import step_timeline
from wafersim.report.screen.family import Packed, family_screen
from wafersim.report.screen.sharing import sharing_screen
from wafersim.report.words import Row, counted, seconds, to_train
from wafersim.simulation import Simulated


@dataclass(frozen=True)
class _Step:
    """A job with its step, as a point and as its row."""

    name: str
    point: PointResult
    row: Row

    @property
    def simulated(self) -> Simulated:
        assert self.point.simulated is not None
        return self.point.simulated

    @property
    def said(self) -> str:
        return f"{self.name} on {counted(self.row)}"


def family_page(jobs: Jobs, found: Packing) -> Page:
    """Of `run`: the whole runs of all jobs, packed and one after the other."""
    family, steps = found.family, _steps(found.points)
    packed = Packed(jobs.spec.title or jobs.spec.name, family, jobs.spec.said)
    wide, narrow = answers(lambda width, most: family_screen(packed, width, most))
    lanes: list[Part] = [lanes_chart(family), held_chart(family)]
    if jobs.spec.said:
        said = [
            f"Published, never fitted to, of {one.job or 'all of them'}: {one.words} ({one.source})"
            for one in jobs.spec.said
        ]
        lanes.append(Lines(said))
    sections = [Section("lanes", "Jobs over time", "", lanes)]
    beside = beside_each_other(jobs.experiments, family.members) if steps[0].row["kind"] == "wafer" else []
    if beside:
        sections.append(_sharing(beside))
    sections += _of_steps(steps, family.assumed)
    sections.append(_again(jobs, f"run jobs.yaml --runs {family.runs} --seed {family.seed} --report"))
    machine = steps[0].simulated.job.machine.name
    says = family_in_words(family, [one.row for one in steps], machine)
    return Page(packed.title, wide, narrow, sections, says, words_explained(*(one.row["kind"] for one in steps)))


def sharing_page(jobs: Jobs, shared: Sequence[Shared], checked: bool) -> Page:
    """Of `share`: jobs that begin together on one MemoryX."""
    steps = _steps(points_of(jobs.experiments))
    wide, narrow = answers(lambda width, most: sharing_screen(shared, checked, 0.0, width, most))
    sections = [Section("sharing", "Who shares MemoryX", _HOW, [sharing_chart([("", shared)])])]
    sections += _of_steps(steps, ())
    sections.append(_again(jobs, "share jobs.yaml --report"))
    says = sharing_in_words(shared, [one.row for one in steps], steps[0].simulated.job.machine.name)
    title = jobs.spec.title or jobs.spec.name
    return Page(title, wide, narrow, sections, says, words_explained(*(one.row["kind"] for one in steps)))


def sharing_title(count: int) -> str:
    """Of jobs that only share MemoryX."""
    return f"{count} jobs on one MemoryX"


_HOW = (
    "Jobs have systems and trees of their own; MemoryX's memory and ports serve whoever comes first. Each step is a mean over"
    " steps that are simulated side by side."
)


def _steps(points: Mapping[str, PointResult]) -> list[_Step]:
    return [_Step(name, point, point.to_json()) for name, point in points.items()]


def _sharing(beside: Sequence[Beside]) -> Section:
    sets = [(when_of(one), one.shared) for one in beside if one.shared]
    parts: list[Part] = [sharing_chart(sets)] if sets else []
    refused = [f"{when_of(one)}, {', '.join(one.names)}: {one.reason}" for one in beside if one.reason]
    lead = f"Jobs that run at the same time in the packed order. {_HOW} The runs above take each step as long as alone."
    return Section("sharing", "Who shares MemoryX", lead, [*parts, *([Lines(refused)] if refused else [])])


def _of_steps(steps: Sequence[_Step], of_operation: Sequence[str]) -> list[Section]:
    """The step of the largest job; where the time of each goes; numbers that all of them rest on."""
    largest = max(steps, key=lambda one: (one.row["parameters"], one.row["n_systems"]))
    sections = []
    timeline = step_timeline(largest.simulated, f"One step of {largest.said}, alone", "step")
    if timeline is not None:
        lead = f"The periodic step of the largest job, {largest.said}, {seconds(largest.row['step_time_s'])}, as it is alone."
        sections.append(Section("timeline", "A step", lead, [timeline, Lines(circuit_lines(largest.point))]))
    bars = [(one.name, one.row) for one in steps]
    sections.append(
        Section("where", "Where time goes", "", [_table(steps), breakdown_chart(bars), *memory_charts(bars)])
    )
    evidence = closest_section(largest.simulated.job, largest.simulated.choice, largest.said)
    sections += [] if evidence is None else [evidence]
    moving = tuple(dict.fromkeys(name for one in steps for name in one.row["assumed"]))
    parts = provenance_parts(largest.simulated.job, moving)
    if of_operation:
        parts.insert(
            0, Lines(of_operation, f"Assumed numbers of operation that whole runs lean on: {len(of_operation)}")
        )
    lead = "All jobs run on one machine. Assumed numbers that move the prediction of one of them stand first."
    return [*sections, Section("provenance", "What it rests on", lead, parts)]


def _table(steps: Sequence[_Step]) -> Table:
    heads = ["job", "model", "chips", "batch", "step", "tokens/s", "MFU", "binds", "to train"]
    rows = [
        [
            one.name, one.row["model"], f"{one.row['n_systems']:,}", f"{one.row['batch']:,}", seconds(one.row["step_time_s"]),
            f"{one.row['tokens_per_s']:,.0f}", f"{one.row['mfu']:.1%}", one.row["binding_resource"], to_train(one.row),
        ]
        for one in steps
    ]  # fmt: skip
    return Table("Every job's step alone", heads, rows, frozenset({2, 3, 4, 5, 6}))


def _again(jobs: Jobs, command: str) -> Section:
    parts: list[Part] = [
        Lines([f"Save the jobs below as jobs.yaml, then: wafersim {command}"]),
        Text("The jobs, every default written out", yaml_output.dumps(resolved_jobs(jobs))),
    ]
    return Section("again", "Run it again", "", parts)
