"""Throughput against systems, with the ideal line of every model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wafersim.report.figures.style import MODEL_COLOURS, figure, label_width, quiet, title
from wafersim.report.words import line_name

CLOSEST = 0.045  # of the axes' height: labels nearer than this are moved apart


def throughput_figure(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Tokens/s on two logarithmic axes, where a dashed line is the smallest cluster's rate per system times the systems,
    above the share of that ideal which is kept."""
    lines = _lines(rows)
    ticks = sorted({row["n_systems"] for row in rows})
    most = ticks[-1]
    names = 0.3 + max(label_width(_end(name, points, most)) for name, points in lines.items())
    with figure(path, 7.4 + names, 7) as drawn:
        width, height = drawn.get_size_inches()
        across = 0.8 / width, 1 - (0.8 + names) / width
        rates_axes = drawn.add_axes((across[0], 2.55 / height, across[1], 1 - 3.4 / height))
        kept_axes = drawn.add_axes((across[0], 0.55 / height, across[1], 1.6 / height), sharex=rates_axes)
        ends, highest = [], 0.0
        for index, (name, points) in enumerate(lines.items()):
            colour = MODEL_COLOURS[index % len(MODEL_COLOURS)]
            systems, rates = zip(*points, strict=True)
            each = rates[0] / systems[0]
            rates_axes.plot(systems, [each * n for n in systems], "--", color=colour, linewidth=1, alpha=0.55)
            rates_axes.plot(systems, rates, "o-", color=colour, linewidth=1.8, markersize=4.5, label=name)
            kept = [100 * efficiency((points[0], point)) for point in points]
            highest = max(highest, *kept)
            kept_axes.plot(systems, kept, "o-", color=colour, linewidth=1.5, markersize=3.5)
            ends.append((rates[-1], _end(name, points, most), colour))
        rates_axes.set_xscale("log", base=2)
        rates_axes.set_yscale("log")
        rates_axes.set_ylabel("tokens/s")
        kept_axes.set_ylabel("% of linear")
        kept_axes.set_ylim(0, max(105.0, 1.05 * highest))
        kept_axes.set_xlabel("systems")
        for axes in (rates_axes, kept_axes):
            axes.set_xticks(_readable(ticks), [str(n) for n in _readable(ticks)])
            axes.minorticks_off()
            quiet(axes, "both")
        low, high = rates_axes.get_ylim()
        heights = [math.log(rate / low) / math.log(high / low) for rate, _, _ in sorted(ends)]
        for place, (_, text, colour) in zip(_apart(heights), sorted(ends), strict=True):
            rates_axes.text(1.02, place, text, transform=rates_axes.transAxes, color=colour, fontsize=8.5, va="center")
        reaching = [points for points in lines.values() if points[-1][0] == most and len(points) > 1]
        finding = "Tokens/s against systems"
        if reaching:
            kept_most = sorted(map(efficiency, reaching))
            span = " to ".join(dict.fromkeys((f"{kept_most[0]:.1%}", f"{kept_most[-1]:.1%}")))
            finding = f"{most:,} systems keep {span} of linear scaling"
        title(
            drawn,
            finding,
            f"dashed: ideal, the smallest cluster's rate per system; at the right: efficiency at {most:,} systems",
        )


def _readable(ticks: Sequence[int]) -> list[int]:
    """Ticks far enough from the one before to be read."""
    kept: list[int] = []
    for n in ticks:
        if not kept or n >= 1.7 * kept[-1] or n == ticks[-1]:
            kept.append(n)
    return kept


def efficiency(points: Sequence[tuple[int, float]]) -> float:
    """Tokens/s per system on the largest cluster over the same on the smallest."""
    (few, slow), (many, fast) = points[0], points[-1]
    return (fast / many) / (slow / few)


def _lines(rows: Sequence[dict[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    """(systems, tokens/s) of every model; other swept values get a line each."""
    lines: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        lines.setdefault(line_name(row), []).append((row["n_systems"], row["tokens_per_s"]))
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
