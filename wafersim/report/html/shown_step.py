"""What of a page a step has to be simulated for: its timeline, its critical circuit, the dials around it.

Of a step of many tasks a run keeps this beside its numbers, thinned as the page shows it: so a page of its directory is the same,
and no second simulation is waited for. A small step is soon simulated again, and its run not slowed down.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from wafersim.errors import WafersimError
from wafersim.inputs import resources
from wafersim.planning.model_version import version_of
from wafersim.planning.neighbourhood import neighbourhood
from wafersim.planning.sweep import PointResult
from wafersim.report.circuit import circuit_lines
from wafersim.report.html.sliders import Sliders, sliders
from wafersim.report.html.timeline import StepTimeline, step_timeline
from wafersim.report.words import point_name

STEP = "step.json"
MANY = 200_000  # tasks of a step that takes seconds to simulate
PARTS = ("timeline", "circuit", "dials")
COLOUR = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True)
class ShownStep:
    """None where a strategy has no lanes, or nothing of the point can be turned."""

    timeline: StepTimeline | None
    circuit: Sequence[str]
    dials: Sliders | None


def shown_step(shown: PointResult) -> ShownStep:
    """Of a point that ran."""
    assert shown.simulated is not None
    timeline = step_timeline(shown.simulated, f"One step of {point_name(shown.to_json())}", "step")
    return ShownStep(timeline, circuit_lines(shown), sliders(neighbourhood(shown)))


def has_many(shown: PointResult) -> bool:
    """Whether a point's step is kept."""
    return shown.simulated is not None and len(shown.simulated.periodic.ends[-1]) >= MANY


def keep_step(directory: Path, step: ShownStep, place: int) -> None:
    """Beside the numbers of a run, whose point in that `place` it is of."""
    parts = {
        name: None if part is None else vars(part)
        for name, part in (("timeline", step.timeline), ("dials", step.dials))
    }
    kept = {"report": _report_version(), "place": place, "circuit": list(step.circuit), **parts}
    (directory / STEP).write_text(json.dumps(kept, separators=(",", ":")) + "\n", encoding="utf-8")


def kept_step(directory: Path, place: int) -> ShownStep | None:
    """What `keep_step` wrote; None of another point, of another version of pages, or where nothing was kept.

    Raises WafersimError, one line, for what it cannot have written.
    """
    path = directory / STEP
    if not path.is_file():
        return None
    try:
        kept = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
        if kept["report"] != _report_version() or kept["place"] != place:
            return None
        step: ShownStep = TypeAdapter(ShownStep).validate_python({name: kept[name] for name in PARTS})
        if step.timeline is not None and not all(COLOUR.fullmatch(colour) for _, colour in step.timeline.legend):
            raise ValueError("no colour")
        return step
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        raise WafersimError(f"{path}: is not whole") from None


def _no_number(word: str) -> None:
    """Of NaN and infinities, which no page can hold. Raises ValueError."""
    raise ValueError(word)


@cache
def _report_version() -> str:
    """A hash over what pages are made with, which is no part of the model's version."""
    return version_of((resources.PACKAGE / "report",))
