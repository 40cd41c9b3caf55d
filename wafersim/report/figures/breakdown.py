"""Where a step goes, per model: stacked shares with the step time at the end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wafersim.report.console import line_name, seconds
from wafersim.report.figures.style import INK, PALE, PARTS, figure, label_width, quiet, title


def breakdown_figure(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """One bar per model, at the largest cluster simulated for it; other swept values get a bar each."""
    bars = _bars(rows)
    names = 0.4 + max(label_width(name) for name, _ in bars)
    with figure(path, names + 8, 1.9 + 0.42 * len(bars)) as drawn:
        width, height = drawn.get_size_inches()
        axes = drawn.add_axes((names / width, 0.75 / height, 1 - (names + 1.2) / width, 1 - 1.65 / height))
        for y, (_, row) in enumerate(bars):
            left = 0.0
            for name, (_, colour) in PARTS.items():
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
        systems = sorted({row["n_systems"] for _, row in bars})
        title(
            drawn,
            _finding(bars),
            f"one periodic step on {' / '.join(map(str, systems))} systems; step time at the right",
        )
        used = [n for n in PARTS if any(row["breakdown"][n] / row["step_time_s"] > 5e-4 for _, row in bars)]
        handles = [axes.barh(0, 0, color=PARTS[name][1], label=PARTS[name][0]) for name in used]
        drawn.legend(handles=handles, loc="lower center", ncol=len(used), frameon=False, fontsize=8, columnspacing=1.2)


def _bars(rows: Sequence[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    bars: dict[str, dict[str, Any]] = {}
    for row in rows:
        name = line_name(row)
        if name not in bars or row["n_systems"] >= bars[name]["n_systems"]:
            bars[name] = row
    return list(bars.items())


def _finding(bars: Sequence[tuple[str, dict[str, Any]]]) -> str:
    shares = [
        (row["breakdown"]["compute"] + row["breakdown"]["kernel_latency"]) / row["step_time_s"] for _, row in bars
    ]
    low, high = min(shares), max(shares)
    span = f"{low:.0%}" if high - low < 0.01 else f"{low:.0%} to {high:.0%}"
    return f"The wafer works during {span} of a step"
