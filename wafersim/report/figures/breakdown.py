"""Where a step goes, per model: stacked shares with the step time at the end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wafersim.report.figures.style import GPU_PARTS, INK, PALE, PARTS, figure, label_width, quiet, title
from wafersim.report.words import counted, line_name, seconds


def breakdown_figure(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """One bar per model, at the largest cluster simulated for it; other swept values get a bar each."""
    bars = _bars(rows)
    names = 0.4 + max(label_width(name) for name, _ in bars)
    with figure(path, names + 8, 1.9 + 0.42 * len(bars)) as drawn:
        width, height = drawn.get_size_inches()
        axes = drawn.add_axes((names / width, 0.75 / height, 1 - (names + 1.2) / width, 1 - 1.65 / height))
        for y, (_, row) in enumerate(bars):
            left = 0.0
            for name, (_, colour) in _parts(row).items():
                share = 100 * row["breakdown"][name] / row["step_time_s"]
                axes.barh(y, share, left=left, color=colour, height=0.68, edgecolor="white", linewidth=0.5)
                if share >= 6:
                    ink = INK if name in PALE else "white"
                    axes.text(left + share / 2, y, f"{share:.0f} %", ha="center", va="center", color=ink, fontsize=8)
                left += share
            axes.text(101, y, seconds(row["step_time_s"]), va="center", fontsize=9)
        axes.set_yticks(range(len(bars)), [label for label, _ in bars])
        axes.set_xlim(0, 100)
        axes.set_xlabel("share of the step, %")
        axes.invert_yaxis()
        quiet(axes)
        sizes = sorted({(row["n_systems"], row["kind"]) for _, row in bars})
        systems = [counted(number, kind) for number, kind in sizes]
        title(
            drawn,
            _finding(bars),
            f"one periodic step on {' / '.join(systems)}; step time at the right",
        )
        used = {
            label: colour
            for _, row in bars
            for name, (label, colour) in _parts(row).items()
            if row["breakdown"][name] / row["step_time_s"] > 5e-4
        }
        handles = [axes.barh(0, 0, color=colour, label=label) for label, colour in used.items()]
        drawn.legend(handles=handles, loc="lower center", ncol=len(used), frameon=False, fontsize=8, columnspacing=1.2)


def _parts(row: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return PARTS if row["kind"] == "wafer" else GPU_PARTS


def _bars(rows: Sequence[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    bars: dict[str, dict[str, Any]] = {}
    for row in rows:
        name = line_name(row)
        if name not in bars or row["n_systems"] >= bars[name]["n_systems"]:
            bars[name] = row
    return list(bars.items())


def _finding(bars: Sequence[tuple[str, dict[str, Any]]]) -> str:
    working = ("compute", "kernel_latency", "recompute")
    shares = [sum(row["breakdown"].get(part, 0.0) for part in working) / row["step_time_s"] for _, row in bars]
    low, high = min(shares), max(shares)
    span = f"{low:.0%}" if high - low < 0.01 else f"{low:.0%} to {high:.0%}"
    kinds = {row["kind"] for _, row in bars}
    who = (
        {"wafer": "The wafer works", "gpu": "The busiest GPU computes"}[kinds.pop()]
        if len(kinds) == 1
        else "Chips work"
    )
    return f"{who} during {span} of a step"
