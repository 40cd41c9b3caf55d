"""Step time and tokens/s of models by clusters: a cell a pair, darker for more, in groups of one machine."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.colors import to_hex, to_rgb
from matplotlib.patches import Patch, Rectangle

from wafersim import numbers
from wafersim.report.figures.sheet import PAGE, Words, broken, inches, sheet, widest
from wafersim.report.figures.style import GREY, INK, LIGHT, ink_on
from wafersim.report.models_by_clusters import Cell, Cluster, ModelsByClusters
from wafersim.strategies import palette

SMALL = 7.5  # points
TALL = 0.21  # inches of a row
GAP = 0.12  # inches between machines
MOST_ROWS, MOST_COLUMNS = 40, 32
PALE = 0.1  # of the colour, for the least value
Told = tuple[str, str, Callable[[Cell], float], Callable[[float], str]]
PANELS: tuple[Told, ...] = (
    ("step time", palette.ORANGE, lambda cell: cell.step_time_s, numbers.step),
    ("tokens/s", palette.BLUE, lambda cell: cell.tokens_per_s, numbers.amount),
)


def models_by_clusters_figure(table: ModelsByClusters, name: str, path: Path, width: float = PAGE) -> None:
    """Two panels, models by size from the top, clusters from the left; a pair that cannot run is hatched, one that was not
    computed is empty. Of more models or clusters than can be read some are left out, evenly.
    """
    models = _some(list(table.models), MOST_ROWS)
    clusters = _some(table.clusters, MOST_COLUMNS)
    labels = [f"{model}, {numbers.amount(table.models[model])}" for model in models]
    ran = [cell for cell in (table.cells.get((model, one)) for model in models for one in clusters) if cell is not None]
    left, gaps = 0.15 + widest(labels, SMALL), GAP * (len({one.machine for one in clusters}) - 1)
    told = [say(of(cell)) for _, _, of, say in PANELS for cell in ran]
    wide = max((width - left - gaps - 0.1) / len(clusters), widest([*told, "100,000"], SMALL) + 0.08)
    width = max(width, left + gaps + len(clusters) * wide + 0.1)
    places = _places(clusters, wide)
    heads, head = _heads(clusters, places, wide)
    tall = TALL * len(models)
    each = tall + head + 0.55
    words = Words(_finding(table), _circumstances(table, name, models, clusters), _handles(table))
    with sheet(path, width, len(PANELS) * each, words) as page:
        for index, panel in enumerate(PANELS):
            bottom = (len(PANELS) - 1 - index) * each + head + 0.25
            axes = page.axes(left, width - 0.1, bottom, tall)
            _draw(axes, panel, table, models, clusters, places, wide)
            axes.set(xlim=(0, width - 0.1 - left), ylim=(len(models), 0))
            axes.set_yticks([row + 0.5 for row in range(len(models))], labels, fontsize=SMALL)
            axes.set_xticks(
                [place + wide / 2 for place in places], [f"{one.chips:,}" for one in clusters], fontsize=SMALL
            )
            for side in axes.spines.values():
                side.set_visible(False)
            axes.tick_params(length=0, which="both", pad=3)
            page.text(left, bottom + tall + 0.07, panel[0], fontsize=SMALL + 0.5, color=GREY, fontweight="bold")
            for middle, said in heads:
                page.text(left + middle, bottom - 0.22, said, fontsize=SMALL, color=INK, ha="center", va="top")


def _draw(
    axes: Any, panel: Told, table: ModelsByClusters, models: Sequence[str], clusters: Sequence[Cluster],
    places: Sequence[float], wide: float,
) -> None:  # fmt: skip
    _, colour, of, say = panel
    values = [of(cell) for cell in table.cells.values() if cell is not None]
    low, high = math.log(min(values, default=1.0)), math.log(max(values, default=1.0))
    for row, model in enumerate(models):
        for cluster, place in zip(clusters, places, strict=True):
            if (model, cluster) not in table.cells:
                continue
            cell = table.cells[model, cluster]
            if cell is None:
                axes.add_patch(Rectangle((place, row), wide, 1, facecolor="white", edgecolor=LIGHT, hatch="////", lw=0))
                continue
            value = of(cell)
            share = PALE + (1 - PALE) * ((math.log(value) - low) / (high - low) if high > low else 1.0)
            fill = _mixed(colour, share)
            axes.add_patch(Rectangle((place, row), wide, 1, facecolor=fill, edgecolor="white", linewidth=0.8))
            axes.text(
                place + wide / 2, row + 0.52, say(value), fontsize=SMALL, ha="center", va="center", color=ink_on(fill)
            )


def _mixed(colour: str, share: float) -> str:
    """So much of a colour, the rest white."""
    red, green, blue = (1 - share * (1 - channel) for channel in to_rgb(colour))
    return to_hex((red, green, blue))


def _places(clusters: Sequence[Cluster], wide: float) -> list[float]:
    """Where each column begins, inches from the first."""
    found, at = [], 0.0
    for index, cluster in enumerate(clusters):
        at += GAP if index and clusters[index - 1].machine != cluster.machine else 0.0
        found.append(at)
        at += wide
    return found


def _heads(clusters: Sequence[Cluster], places: Sequence[float], wide: float) -> tuple[list[tuple[float, str]], float]:
    """([(middle, name)] of each machine below its columns, inches that the tallest takes)."""
    found, most = [], 0.0
    for machine in dict.fromkeys(one.machine for one in clusters):
        mine = [place for one, place in zip(clusters, places, strict=True) if one.machine == machine]
        across = mine[-1] + wide - mine[0]
        said, high = broken([machine], max(across, inches("mm", SMALL)), SMALL)
        found.append((mine[0] + across / 2, said[0]))
        most = max(most, high)
    return found, most


def _some(items: Sequence[Any], most: int) -> list[Any]:
    """Up to so many of some, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    return [items[round(index * (len(items) - 1) / (most - 1))] for index in range(most)]


def _finding(table: ModelsByClusters) -> str:
    first: Counter[Cluster] = Counter()
    for model in table.models:
        ran = {one: cell for one in table.clusters if (cell := table.cells.get((model, one))) is not None}
        if ran:
            first[max(ran, key=lambda one: ran[one].tokens_per_s)] += 1
    if not first:
        return "None of these models runs on any of these clusters"
    (best, count), total = first.most_common(1)[0], sum(first.values())
    many = f"all {total} models" if count == total else f"{count} of {total} models"
    chips = f"{best.chips:,} chips of {best.machine} have" if best.chips > 1 else f"One chip of {best.machine} has"
    return f"{chips} the most tokens/s for {many}"


def _circumstances(table: ModelsByClusters, name: str, models: Sequence[str], clusters: Sequence[Cluster]) -> str:
    said = [name]
    if table.others:
        fields = ", ".join(f"{path.rpartition('.')[2]} {value}".replace("_", " ") for path, value in table.others)
        said.append(f"all at {fields}" + (f", one of {table.choices} such choices" if table.choices > 1 else ""))
    left_out = [
        f"{shown} of {there} {what} drawn"
        for shown, there, what in (
            (len(models), len(table.models), "models"), (len(clusters), len(table.clusters), "clusters"),
        )
        if shown < there
    ]  # fmt: skip
    return "; ".join([*said, "below each column its chips", *left_out])


def _handles(table: ModelsByClusters) -> list[Any]:
    handles: list[Any] = [Patch(facecolor=colour, linewidth=0, label=f"dark: more {what}")
                          for what, colour in (("time", PANELS[0][1]), ("tokens/s", PANELS[1][1]))]  # fmt: skip
    if None in table.cells.values():
        handles.append(Patch(facecolor="white", edgecolor=GREY, hatch="////", linewidth=0, label="cannot run"))
    return handles
