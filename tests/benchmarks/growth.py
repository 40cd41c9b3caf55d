"""How time and memory of one step grow: `python -m tests.benchmarks.growth docs/figures/growth.png` draws the figure.

Each knob (systems, layers, chunks a layer, micro-batches) is turned alone, with jitter on every system so that nothing is
left out. Time is lowering, the event queue's set-up and one step; memory what NumPy held at the most.
"""

from __future__ import annotations

import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from matplotlib.lines import Line2D

from wafersim.inputs.loader import load_experiment
from wafersim.report.colours import LINES
from wafersim.report.figures.sheet import Words, sheet
from wafersim.report.figures.style import INK, MARKERS, quiet
from wafersim.simulation import job_of, simulate_step
from wafersim.strategies.steps import LoweredSteps, choose_engine
from wafersim.strategies.weight_streaming.graph import _structure, lower
from wafersim.strategies.weight_streaming.plan import Jitter, WeightStreamingPlan
from wafersim.strategies.weight_streaming.tree import build_tree


@cache
def _alone(model: str, chunks: int) -> WeightStreamingPlan:
    sets = [
        "system.profile=cs3",
        "strategy.micro_batch=16",
        "training.batch_per_system=16",
        "training.sequence_length=2048",
    ]
    return simulate_step(
        job_of(load_experiment("hello_111m", [f"model={model}", f"strategy.chunks_per_layer={chunks}", *sets]))
    ).plan


def plan_of(
    model: str, systems: int, chunks: int = 4, micro_batches: int = 1, layers: int | None = None, jitter: bool = False
) -> WeightStreamingPlan:
    """One micro-batch of 16 sequences on CS-3, made wider, longer or deeper."""
    plan = _alone(model, chunks)
    if layers is not None:
        assert layers <= len(plan.layers) - 2
        plan = shorter(plan, layers)
    return replace(
        plan,
        tree=build_tree(systems, 4),
        micro_batches=micro_batches,
        size_of=((0,) * micro_batches,) * systems,
        jitter=Jitter(0.05, 1) if jitter else None,
    )


def shorter(plan: WeightStreamingPlan, blocks: int) -> WeightStreamingPlan:
    """The plan with the first so many blocks of its model."""
    head = len(plan.layers) - 1
    kept = {0, head, *range(1, blocks + 1)}
    number = {old: new for new, old in enumerate(sorted(kept))}
    at = [i for i, kernel in enumerate(plan.kernels) if kernel.layer in kept]
    units = [unit for unit in plan.updates if set(unit.layers) <= kept]
    return replace(
        plan,
        layers=tuple(plan.layers[old] for old in number),
        kernels=tuple(replace(plan.kernels[i], layer=number[plan.kernels[i].layer]) for i in at),
        compute_ticks=tuple(tuple(size[i] for i in at) for size in plan.compute_ticks),
        floor_ticks=tuple(tuple(size[i] for i in at) for size in plan.floor_ticks),
        flops=tuple(tuple(size[i] for i in at) for size in plan.flops),
        updates=tuple(replace(unit, layers=tuple(number[i] for i in unit.layers)) for unit in units),
    )


def one_step(plan: WeightStreamingPlan) -> tuple[int, int]:
    """Lower a plan and simulate one step; (tasks, end of the step in ticks)."""
    _structure.cache_clear()
    lowered = lower(plan)
    ends = LoweredSteps(lowered, choose_engine(plan.arrival_order, "auto")[0]).next_step()
    return lowered.graph.tasks, int(ends.max())


def measure(plan: WeightStreamingPlan) -> tuple[int, float, float]:
    """(tasks, seconds, MiB at the most) of one step."""
    one_step(plan)
    begin = time.perf_counter()
    tasks, _ = one_step(plan)
    seconds = time.perf_counter() - begin
    tracemalloc.start()
    one_step(plan)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return tasks, seconds, peak / 2**20


KNOBS: dict[str, tuple[tuple[int, ...], Callable[[int], WeightStreamingPlan]]] = {
    "systems": ((1, 4, 16, 64, 256, 1024, 2048), lambda n: plan_of("llama2-70b", n, jitter=True)),
    "blocks": ((5, 10, 20, 40, 80), lambda n: plan_of("llama2-70b", 64, layers=n, jitter=True)),
    "chunks a layer": ((2, 4, 8, 16), lambda n: plan_of("llama2-70b", 64, chunks=n, jitter=True)),
    "micro-batches": ((1, 2, 4, 8, 16), lambda n: plan_of("llama2-70b", 64, micro_batches=n, jitter=True)),
}


def draw(path: Path) -> None:
    """Seconds and MiB against tasks, one line a knob, beside a line of slope 1."""
    measured = {}
    for name, (values, plan) in KNOBS.items():
        measured[name] = [measure(plan(value)) for value in values]
        for value, row in zip(values, measured[name], strict=True):
            print(f"{name} {value}: {row[0]:,} tasks, {row[1] * 1e3:.1f} ms, {row[2]:.1f} MiB", flush=True)
    tasks, seconds, mib = max(measured["systems"])
    spans = {name: f"{name} {KNOBS[name][0][0]}-{KNOBS[name][0][-1]:,}" for name in measured}
    handles = [Line2D([], [], color=colour, marker=marker, markersize=4, label=spans[name])
               for name, colour, marker in zip(measured, LINES, MARKERS, strict=False)]  # fmt: skip
    handles.append(Line2D([], [], color=INK, linestyle="--", linewidth=1, label="proportional"))
    words = Words(
        f"2,048 systems with jitter: {tasks / 1e6:.1f} million tasks in {seconds:.1f} s and {mib / 1024:.1f} GiB",
        "one step of Llama 2 70B on CS-3, lowering included; each knob turned alone (64 systems but for the first)",
        handles,
    )
    with sheet(path, 9.0, 3.6, words) as page:
        for column, label in enumerate(("seconds", "MiB")):
            axes = page.axes(0.75 + 4.4 * column, 4.45 + 4.4 * column, 0.5, 3.0)
            for rows, colour, marker in zip(measured.values(), LINES, MARKERS, strict=False):
                axes.plot([r[0] for r in rows], [r[column + 1] for r in rows], marker + "-", color=colour, markersize=4)
            most = (seconds, mib)[column]
            ends = np.array([1e4, tasks])
            axes.plot(ends, ends * most / tasks, "--", color=INK, linewidth=1)
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_xlabel("tasks of the step")
            axes.set_ylabel(label)
            quiet(axes, "both")


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
