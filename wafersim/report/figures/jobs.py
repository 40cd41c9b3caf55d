"""Jobs on one cluster over time: a lane a job, when it runs packed and when one after the other."""

from __future__ import annotations

from matplotlib.patches import Patch

from wafersim import numbers
from wafersim.report.colours import FIRST, MATCHED
from wafersim.report.figures.sheet import PAGE, Target, Words, sheet, widest
from wafersim.report.figures.style import INK, quiet
from wafersim.report.screen.lines import shortened
from wafersim.training_run.family import Family

ROW, SMALL, LEAST = 0.34, 8.5, 2.0  # inches of a lane; points; inches that lanes keep
PACKED, IN_TURN = "packed", "one after the other"


def jobs_figure(title: str, family: Family, path: Target, width: float = PAGE) -> None:
    """Two bars a job, medians of its begin and end; how long its run takes stands beside the later one."""
    members = family.members
    names = shortened([member.name for member in members])
    labels = [f"{name} on {member.n_systems:,}" for name, member in zip(names, members, strict=True)]
    left = 0.2 + widest(labels, SMALL)
    takes = [numbers.duration(member.alone.median) for member in members]
    right = 0.2 + widest(takes, SMALL)
    width, tall = max(width, left + LEAST + right), ROW * len(members)
    last = max(max(member.ends_s, member.in_turn_ends_s) for member in members) / numbers.DAY
    finding = f"{title}: {numbers.duration(family.packed.median)} {PACKED}, {numbers.duration(family.in_turn.median)} {IN_TURN}"
    held = f"{numbers.percent(family.use)} of the systems' time is held when packed"
    said = f"medians of {family.runs:,} runs; right: the run of the job alone; {held}"
    handles = [Patch(color=MATCHED, label=PACKED), Patch(color=FIRST, label=IN_TURN)]
    with sheet(path, width, tall + 0.45, Words(finding, said, handles)) as page:
        axes = page.axes(left, width - right, 0.4, tall)
        for y, (member, takes_it) in enumerate(zip(members, takes, strict=True)):
            spans = (
                (member.begins_s, member.ends_s, -0.19, MATCHED),
                (member.in_turn_begins_s, member.in_turn_ends_s, 0.19, FIRST),
            )
            for begins, ends, down, colour in spans:
                length = max(ends - begins, 2e-3 * last * numbers.DAY) / numbers.DAY  # wide enough to be seen
                axes.barh(y + down, length, left=begins / numbers.DAY, height=0.34, color=colour)
            axes.annotate(takes_it, (1, y), (5, 0), xycoords=axes.get_yaxis_transform(), textcoords="offset points",
                          va="center", fontsize=SMALL, color=INK, annotation_clip=False)  # fmt: skip
        axes.set_yticks(range(len(members)), labels, fontsize=SMALL)
        axes.set_ylim(len(members) - 0.5, -0.5)
        axes.set_xlim(0, last)
        axes.set_xlabel("days from the first start")
        quiet(axes)
