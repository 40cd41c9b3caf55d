"""Throughput against systems, with the ideal line of every model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wafersim.report.figures.style import GREY, MODEL_COLOURS, figure, quiet, title

CLOSEST = 0.06  # of a decade: labels nearer than this are moved apart


def throughput_figure(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Tokens/s on two logarithmic axes; a dashed line is one system's rate times the systems."""
    models = list(dict.fromkeys(row["model"] for row in rows))
    with figure(path, 9, 5.6) as drawn:
        axes = drawn.add_axes((0.09, 0.1, 0.66, 0.74))
        ends = []
        for index, model in enumerate(models):
            colour = MODEL_COLOURS[index % len(MODEL_COLOURS)]
            points = sorted((row["n_systems"], row["tokens_per_s"]) for row in rows if row["model"] == model)
            systems, rates = zip(*points, strict=True)
            axes.plot(
                systems, [rates[0] / systems[0] * n for n in systems], "--", color=colour, linewidth=1, alpha=0.55
            )
            axes.plot(systems, rates, "o-", color=colour, linewidth=1.8, markersize=4.5)
            ends.append((rates[-1], model, colour, rates[-1] / systems[-1] / (rates[0] / systems[0])))
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        ticks = sorted({row["n_systems"] for row in rows})
        axes.set_xticks(ticks, [str(n) for n in ticks])
        axes.minorticks_off()
        axes.set_xlabel("systems")
        axes.set_ylabel("tokens/s")
        quiet(axes, "both")
        low, high = axes.get_ylim()
        position = 0.0
        for rate, model, colour, efficiency in sorted(ends):
            import math

            share = math.log(rate / low) / math.log(high / low)
            position = max(share, position + CLOSEST) if position else share
            axes.annotate(
                f"{model}  {efficiency:.1%}", xy=(1, share), xytext=(1.03, position), xycoords="axes fraction",
                textcoords="axes fraction", color=colour, fontsize=8.5, va="center",
            )  # fmt: skip
        worst = min(efficiency for *_, efficiency in ends)
        most = max(ticks)
        title(
            drawn,
            f"{most} systems keep {worst:.1%} or more of linear scaling",
            f"tokens/s; dashed: ideal, the smallest cluster's rate per system; at the right: efficiency at {most} systems",
        )
        axes.text(0.99, 0.02, "wafersim", transform=axes.transAxes, ha="right", color=GREY, fontsize=7)
