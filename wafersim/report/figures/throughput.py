"""Throughput against systems, with the ideal line of every model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wafersim.report.console import label
from wafersim.report.figures.style import MODEL_COLOURS, figure, quiet, title

CLOSEST = 0.045  # of the axes' height: labels nearer than this are moved apart


def throughput_figure(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Tokens/s on two logarithmic axes; a dashed line is the smallest cluster's rate per system times the systems."""
    lines = _lines(rows)
    ticks = sorted({row["n_systems"] for row in rows})
    most = ticks[-1]
    with figure(path, 9, 5.6) as drawn:
        axes = drawn.add_axes((0.09, 0.1, 0.64, 0.75))
        ends = []
        for index, (name, points) in enumerate(lines.items()):
            colour = MODEL_COLOURS[index % len(MODEL_COLOURS)]
            systems, rates = zip(*points, strict=True)
            each = rates[0] / systems[0]
            axes.plot(systems, [each * n for n in systems], "--", color=colour, linewidth=1, alpha=0.55)
            axes.plot(systems, rates, "o-", color=colour, linewidth=1.8, markersize=4.5, label=name)
            ends.append((rates[-1], _end(name, points, most), colour))
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_xticks(ticks, [str(n) for n in ticks])
        axes.minorticks_off()
        axes.set_xlabel("systems")
        axes.set_ylabel("tokens/s")
        quiet(axes, "both")
        low, high = axes.get_ylim()
        heights = [math.log(rate / low) / math.log(high / low) for rate, _, _ in sorted(ends)]
        for height, (_, text, colour) in zip(_apart(heights), sorted(ends), strict=True):
            axes.text(1.02, height, text, transform=axes.transAxes, color=colour, fontsize=8.5, va="center")
        reaching = [points for points in lines.values() if points[-1][0] == most and len(points) > 1]
        finding = "Tokens/s against systems"
        if reaching:
            kept = sorted(map(efficiency, reaching))
            span = " to ".join(dict.fromkeys((f"{kept[0]:.1%}", f"{kept[-1]:.1%}")))
            finding = f"{most} systems keep {span} of linear scaling"
        title(
            drawn,
            finding,
            f"tokens/s; dashed: ideal, the smallest cluster's rate per system; at the right: efficiency at {most} systems",
        )


def efficiency(points: Sequence[tuple[int, float]]) -> float:
    """Tokens/s per system on the largest cluster over the same on the smallest."""
    (few, slow), (many, fast) = points[0], points[-1]
    return (fast / many) / (slow / few)


def _lines(rows: Sequence[dict[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    """(systems, tokens/s) of every model; other swept values get a line each."""
    lines: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        others = [v for k, v in row.get("varied", {}).items() if k not in ("model", "system.systems")]
        lines.setdefault(" ".join([row["model"], *map(label, others)]), []).append(
            (row["n_systems"], row["tokens_per_s"])
        )
    return {name: sorted(points) for name, points in lines.items()}


def _end(name: str, points: Sequence[tuple[int, float]], most: int) -> str:
    """A line's label; a line that stops early says where its efficiency is from."""
    if len(points) == 1:
        return name
    at = "" if points[-1][0] == most else f" at {points[-1][0]}"
    return f"{name}  {efficiency(points):.1%}{at}"


def _apart(heights: Sequence[float]) -> list[float]:
    """Rising heights moved up until neighbours are `CLOSEST` apart."""
    placed: list[float] = []
    for height in heights:
        placed.append(max(height, placed[-1] + CLOSEST) if placed else height)
    return placed
