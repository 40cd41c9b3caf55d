"""One periodic step as lanes, and three layers of its backward pass close up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from wafersim.report.figures.style import GREY, INK, PASS_COLOURS, figure, quiet, title
from wafersim.report.words import seconds
from wafersim.simulation import Simulated
from wafersim.strategies.critical import critical_tasks
from wafersim.strategies.weight_streaming.plan import WeightStreamingPlan
from wafersim.strategies.weight_streaming.symmetry import OF_SYSTEMS
from wafersim.strategies.weight_streaming.waits import slowest_system
from wafersim.strategies.weight_streaming.words import WORDS
from wafersim.timeline.clock import TICKS_PER_SECOND
from wafersim.timeline.timeline import KIND, PASSES, Timeline

BAR = 0.76
CRITICAL = "#c1121f"
WIDTH, LEFT, SHARE = 13, 0.13, 0.81  # inches; the panels' left edge and width as shares of it


def timeline_figure(simulated: Simulated, name: str, path: Path) -> None:
    """Lanes from MemoryX down to the wafer and back up; bars coloured by pass, lighter on every other layer.

    A bar shorter than a pixel is drawn one pixel wide, so the share of the step that a lane is busy stands beside it.
    """
    plan, timeline = simulated.periodic.plan, simulated.periodic.timeline
    lanes = _lanes(timeline, plan)
    step = float(simulated.periodic.step_ticks) / TICKS_PER_SECOND
    origin = float(timeline.start.min()) / TICKS_PER_SECOND
    per_panel = 0.27 * len(lanes)
    with figure(path, WIDTH, 2.35 + 2 * per_panel) as drawn:
        height = drawn.get_size_inches()[1]
        whole = drawn.add_axes((LEFT, (1.5 + per_panel) / height, SHARE, per_panel / height))
        close = drawn.add_axes((LEFT, 0.75 / height, SHARE, per_panel / height))
        low, high, names = _close_up(timeline, plan, origin)
        last = max(step, float(timeline.end.max()) / TICKS_PER_SECOND - origin)
        pixels = SHARE * WIDTH * drawn.dpi
        _draw(whole, lanes, origin, edged_above=step, pixel=last / pixels, smooth=False)
        _draw(close, lanes, origin, edged_above=0.004 * (high - low), pixel=(high - low) / pixels)
        _write_busy(whole, lanes, step)
        critical = critical_tasks(simulated.periodic)
        if critical is not None:
            for axes in (whole, close):
                _mark(axes, lanes, _lanes(critical, plan), origin)
        whole.set_xlim(0, last)
        close.set_xlim(low, high)
        whole.axvspan(low, high, color="#f3e9c9", zorder=0)
        whole.set_xlabel("seconds from the first weight of the step", labelpad=2)
        close.set_xlabel(f"seconds; close-up of {names}", labelpad=2)
        _name_layers(close, timeline, plan, origin, (low, high), len(lanes))
        prediction, counted = simulated.prediction, WORDS.counted
        title(
            drawn,
            f"One step of {name} on {counted(prediction.n_systems)}: {seconds(step)}, "
            f"bound by {prediction.binding_resource}",
            f"the slowest of {counted(prediction.n_systems)}, its path to MemoryX; activations: {simulated.choice.policy}; "
            "at the right: share of the step that a lane is busy",
        )
        shown = [name for name in PASSES if np.any(timeline.pass_ == PASSES.index(name))]
        patches: list[Any] = [Patch(color=PASS_COLOURS[name], label=name) for name in shown]
        if critical is not None:
            patches.append(Line2D([], [], color=CRITICAL, linewidth=2.2, label="on the critical circuit"))
        drawn.legend(handles=patches, loc="lower center", ncol=len(patches), frameon=False, fontsize=8.5)


def _lanes(timeline: Timeline, plan: WeightStreamingPlan) -> list[tuple[str, Timeline]]:
    """(name, tasks) from the top: the way down, the wafer, the way up, of the slowest system."""
    depth = plan.tree.depth
    first = _of_slowest(timeline, plan)
    lanes = [("MemoryX sends", first.of("stream"))]
    broadcast, reduce = first.of("broadcast"), first.of("reduce")
    lanes += [(f"SwarmX down, level {i}", broadcast.select(broadcast.level == i)) for i in range(1, depth)]
    lanes += [("system link in", first.of("ingress")), ("  activations in", first.of("fetch"))]
    lanes += [("wafer compute", first.of("compute"))]
    lanes += [("  activations out", first.of("offload")), ("gradient egress", first.of("egress"))]
    lanes += [(f"SwarmX up, level {i}", reduce.select(reduce.level == i)) for i in reversed(range(1, depth))]
    lanes += [("into MemoryX", reduce.select(reduce.level == 0)), ("MemoryX adds", first.of("accumulate"))]
    lanes += [("optimizer", first.of("update"))]
    return [(name, tasks) for name, tasks in lanes if len(tasks)]


def _of_slowest(timeline: Timeline, plan: WeightStreamingPlan) -> Timeline:
    """The tasks of the slowest system, of the nodes above it and of MemoryX."""
    system = slowest_system(timeline.of("compute"), plan.systems)
    above = {plan.tree.depth: system}
    for level in range(plan.tree.depth - 1, -1, -1):
        above[level] = plan.tree.parents[level][above[level + 1]]
    of_system = np.isin(timeline.kind, [KIND[name] for name in OF_SYSTEMS])
    node = np.array([above[level] for level in range(plan.tree.depth + 1)])[timeline.level]
    return timeline.select(timeline.entity == np.where(of_system, system, node))


def _draw(
    axes: Any, lanes: list[tuple[str, Timeline]], origin: float, edged_above: float, pixel: float, smooth: bool = True
) -> None:
    """Bars of every lane; those longer than `edged_above` seconds get a white edge, shorter ones would vanish in it.

    Bars narrower than a `pixel` (seconds) are drawn one pixel wide. The overview is not `smooth`: antialiasing would
    make equal bars dark or pale by where they fall, which reads as a pattern in the machine.
    """
    for y, (_, tasks) in enumerate(lanes):
        start = tasks.start / TICKS_PER_SECOND - origin
        end = tasks.end / TICKS_PER_SECOND - origin
        thin = end - start < pixel
        start = np.where(thin, np.floor(start / pixel) * pixel, start)
        end = np.where(thin, start + pixel, end)
        corners = np.empty((len(tasks), 4, 2))
        corners[:, (0, 3), 0], corners[:, (1, 2), 0] = start[:, None], end[:, None]
        corners[:, :2, 1], corners[:, 2:, 1] = y - BAR / 2, y + BAR / 2
        colours = [_colour(PASSES[p], layer) for p, layer in zip(tasks.pass_, tasks.layer, strict=True)]
        edged = end - start > edged_above
        edges = [(1.0, 1.0, 1.0) if wide else colour for wide, colour in zip(edged, colours, strict=True)]
        widths = np.where(edged, 0.5, 0.0)
        bars = PolyCollection(list(corners), facecolors=colours, edgecolors=edges, linewidths=widths)
        bars.set_antialiased(smooth)
        axes.add_collection(bars)
    axes.set_ylim(len(lanes) - 0.4, -0.6)
    axes.set_yticks(range(len(lanes)), [name for name, _ in lanes], fontsize=8.5)
    quiet(axes)


def _mark(axes: Any, lanes: list[tuple[str, Timeline]], critical: list[tuple[str, Timeline]], origin: float) -> None:
    """A line under every bar that lies on the critical circuit."""
    place = {name: y for y, (name, _) in enumerate(lanes)}
    for name, tasks in critical:
        spans = zip(tasks.start.tolist(), tasks.end.tolist(), strict=True)
        y = place[name] + BAR / 2 + 0.06
        lines = [[(start / TICKS_PER_SECOND - origin, y), (end / TICKS_PER_SECOND - origin, y)] for start, end in spans]
        axes.add_collection(LineCollection(lines, colors=CRITICAL, linewidths=2.2, capstyle="butt"))


def _write_busy(axes: Any, lanes: list[tuple[str, Timeline]], step: float) -> None:
    """The share of the step in which each lane is busy, in the right margin."""
    for y, (_, tasks) in enumerate(lanes):
        share = tasks.busy() / TICKS_PER_SECOND / step
        text = f"{share:.0%}" if share >= 0.1 else f"{share:.1%}"
        axes.text(1.045, y, text, transform=axes.get_yaxis_transform(), ha="right", va="center", fontsize=8, color=INK)


def _colour(pass_: str, layer: int) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(PASS_COLOURS[pass_])
    lift = 0.28 if layer % 2 else 0.0
    return red + (1 - red) * lift, green + (1 - green) * lift, blue + (1 - blue) * lift


def _spans(timeline: Timeline, plan: WeightStreamingPlan, origin: float) -> dict[int, tuple[float, float]]:
    """Seconds in which the slowest system works through a layer in the last micro-batch, backward if it does so at all."""
    tasks = _of_slowest(timeline, plan).of("compute")
    tasks = tasks.select(tasks.micro_batch == plan.micro_batches - 1)
    if _trains(plan):
        tasks = tasks.select(tasks.pass_ != 0)
    spans = {}
    for layer in set(tasks.layer.tolist()):
        mine = tasks.select(tasks.layer == layer)
        spans[layer] = (mine.start.min() / TICKS_PER_SECOND - origin, mine.end.max() / TICKS_PER_SECOND - origin)
    return spans


def _trains(plan: WeightStreamingPlan) -> bool:
    return any(kernel.pass_ != "forward" for kernel in plan.kernels)


def _middle(plan: WeightStreamingPlan) -> list[int]:
    middle = len(plan.layers) // 2
    return [layer for layer in (middle + 1, middle, middle - 1) if 0 <= layer < len(plan.layers)]


def _close_up(timeline: Timeline, plan: WeightStreamingPlan, origin: float) -> tuple[float, float, str]:
    spans, layers = _spans(timeline, plan, origin), _middle(plan)
    low, high = min(spans[i][0] for i in layers), max(spans[i][1] for i in layers)
    margin = 0.03 * (high - low)
    names = ", ".join(plan.layers[i].name for i in layers)
    pass_ = "backward" if _trains(plan) else "forward"
    return low - margin, high + margin, f"three layers of the {pass_} pass: {names}"


def _name_layers(
    axes: Any, timeline: Timeline, plan: WeightStreamingPlan, origin: float, window: tuple[float, float], lanes: int
) -> None:
    spans = _spans(timeline, plan, origin)
    for layer in _middle(plan):
        start, end = spans[layer]
        axes.axvline(start, color=GREY, linewidth=0.6, linestyle=":")
        if window[0] <= (start + end) / 2 <= window[1]:
            axes.text(
                (start + end) / 2, -0.62, plan.layers[layer].name, ha="center", va="bottom", fontsize=8, color=GREY
            )
