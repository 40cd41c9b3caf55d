"""Where a step goes, per model: stacked shares with the step time at the end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wafersim.report.figures.style import INK, figure, label_width, quiet, title
from wafersim.report.words import counted, line_name, seconds
from wafersim.strategies.registry import words_of


def breakdown_figure(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """One bar per model, at the largest cluster simulated for it; other swept values get a bar each."""
    bars = _bars(rows)
    names = 0.4 + max(label_width(name) for name, _ in bars)
    with figure(path, names + 8, 1.9 + 0.42 * len(bars)) as drawn:
        width, height = drawn.get_size_inches()
        axes = drawn.add_axes((names / width, 0.75 / height, 1 - (names + 1.2) / width, 1 - 1.65 / height))
        for y, (_, row) in enumerate(bars):
            left = 0.0
            for part in words_of(row["kind"]).parts:
                share = 100 * row["breakdown"][part.key] / row["step_time_s"]
                axes.barh(y, share, left=left, color=part.colour, height=0.68, edgecolor="white", linewidth=0.5)
                if share >= 6:
                    ink = INK if part.pale else "white"
                    axes.text(left + share / 2, y, f"{share:.0f} %", ha="center", va="center", color=ink, fontsize=8)
                left += share
            axes.text(101, y, seconds(row["step_time_s"]), va="center", fontsize=9)
        axes.set_yticks(range(len(bars)), [label for label, _ in bars])
        axes.set_xlim(0, 100)
        axes.set_xlabel("share of the step, %")
        axes.invert_yaxis()
        quiet(axes)
        ranked = sorted((row for _, row in bars), key=lambda row: (row["n_systems"], row["kind"]))
        systems = dict.fromkeys(map(counted, ranked))
        title(
            drawn,
            _finding(bars),
            f"one periodic step on {' / '.join(systems)}; step time at the right",
        )
        used = {
            part.label: part.colour
            for _, row in bars
            for part in words_of(row["kind"]).parts
            if row["breakdown"][part.key] / row["step_time_s"] > 5e-4
        }
        handles = [axes.barh(0, 0, color=colour, label=label) for label, colour in used.items()]
        drawn.legend(handles=handles, loc="lower center", ncol=len(used), frameon=False, fontsize=8, columnspacing=1.2)


def _bars(rows: Sequence[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    bars: dict[str, dict[str, Any]] = {}
    for row in rows:
        name = line_name(row)
        if name not in bars or row["n_systems"] >= bars[name]["n_systems"]:
            bars[name] = row
    return list(bars.items())


def _finding(bars: Sequence[tuple[str, dict[str, Any]]]) -> str:
    shares = []
    for _, row in bars:
        working = (part.key for part in words_of(row["kind"]).parts if part.working)
        shares.append(sum(row["breakdown"][key] for key in working) / row["step_time_s"])
    low, high = min(shares), max(shares)
    span = f"{low:.0%}" if high - low < 0.01 else f"{low:.0%} to {high:.0%}"
    who = {words_of(row["kind"]).works for _, row in bars}
    return f"{who.pop() if len(who) == 1 else 'Chips work'} during {span} of a step"
