"""A whole run as a trace: what the job does, what strikes it, and its steps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from wafersim import __version__
from wafersim.report.trace.events import Lane, Rows, document, duration, microseconds, quoted
from wafersim.report.trace.file import write_trace
from wafersim.training_run.compiled import run_compiled
from wafersim.training_run.duration import Duration
from wafersim.training_run.plan import Loss
from wafersim.training_run.trace import Trace, trace_of
from wafersim.training_run.words import WORDS

JOB, STRUCK = "job", "failures"
LABELS = {Loss.PRODUCTIVE: "steps", Loss.PROGRAM_STARTUP: "later starts and restores"}
"""Steps in vain are steps here, and restores are part of later starts, as in `training_run.trace`."""


def save_run(found: Duration, title: str, path: Path) -> None:
    """Write the run whose length is nearest to the mean. Raises WafersimError, one line, where the path cannot be written."""
    usual = int(np.argmin(abs(found.chance_ends_s - found.chance.mean)))
    trace = trace_of(found.plan.jobs[0], run_compiled(found.plan, found.seed, usual).log)
    about = {
        "title": title,
        "run": usual,
        "seed": found.seed,
        "times": "ts and dur are microseconds; 0 is when the job is submitted",
        "written_by": f"wafersim {__version__}",
    }
    write_trace(path, document(about, run_events(trace)))


def run_events(trace: Trace) -> Iterator[str]:
    """A lane for each thing that the job does, one for each cause of failures, and its steps as a counter."""
    doing = [loss for loss in Loss if any(span.loss is loss for span in trace.spans)]
    causes = sorted({strike.cause for strike in trace.strikes})
    lanes = [Lane(JOB, LABELS.get(loss, WORDS[loss].label)) for loss in doing]
    rows = Rows.of([*lanes, *(Lane(STRUCK, cause.replace("-", " ")) for cause in causes)])
    yield from rows.names()
    for ticks, steps in trace.progress:  # they fall where a start goes back to a checkpoint
        yield f'{{"ph":"C","pid":{rows.pid(JOB)},"ts":{microseconds(ticks)},"name":"steps done","args":{{"steps":{steps}}}}}'
    for span in trace.spans:
        lane = doing.index(span.loss)
        length = duration(span.start_ticks, span.end_ticks)
        yield (
            f'{{"ph":"X","pid":{rows.pid(JOB)},"tid":{lane + 1},"ts":{microseconds(span.start_ticks)},"dur":{length},'
            f'"name":{quoted(lanes[lane].name)},"cat":"{WORDS[span.loss].key}","args":{{}}}}'
        )
    for strike in trace.strikes:
        lane = len(doing) + causes.index(strike.cause)
        yield (
            f'{{"ph":"i","s":"t","pid":{rows.pid(STRUCK)},"tid":{lane + 1},"ts":{microseconds(strike.ticks)},'
            f'"name":{quoted(strike.event.name.lower())},"cat":"failure","args":{{"cause":{quoted(strike.cause)}}}}}'
        )
