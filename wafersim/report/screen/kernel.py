"""The first screen of `kernel`: which dataflow is the fastest that fits, what binds it, what its numbers rest on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wafersim import numbers
from wafersim.report.screen.layout import LINES, Column, sentence, table, titled, whole
from wafersim.wafer.kernel_cost import KernelCost

CODE = {  # what the loop of a dataflow was measured on
    "weight-streaming": "steps only",
    "interleaved": "WSE-3, fp16",
    "cannon": "WSE-3, fp16",
    "summa": "WSE-2, fp32",
}
MEASURED = ("cs2", "cs3")  # systems with published rows of kernels and steps
OF_STEPS = "weight-streaming: no such kernel was measured; its cycles a weight come from whole training steps"
OF_OTHERS = "the others: third parties' loops as they were measured, tiles of 1 to 8"


def kernel_screen(
    profile: str, costs: Sequence[KernelCost], written: Sequence[Path], took: float, width: int
) -> list[str]:
    """At most 24 lines; up to three more where tiles do not fit a PE."""
    first = costs[0]
    dense = "dense" if first.density == 1 else f"{numbers.percent(first.density)} of the weights non-zero"
    title = f"{first.m:,} x {first.k:,} by {first.k:,} x {first.n:,} on {profile}, {dense}"
    sayings = [
        *sentence("Answer", _answer(costs), width, 3, "; "),
        *sentence("Tile", _tiles(costs), width, 3, "; "),
        *sentence("Trust", _trust(profile, costs), width, 3, "; "),
        *(whole("Written", str(path), "", width) for path in written),
        *sentence("More", [_more(costs)], width, 2),
    ]
    refused = [f"{cost.dataflow} {cost.refused}" for cost in costs if cost.refused]
    warning = sentence("Too large", refused, width, 3, "; ") if refused else []
    rows = _table(costs, width)
    out = [titled(title, took, width), "", *rows, "", *warning, *sayings]
    return out[: LINES + 3]


def _table(costs: Sequence[KernelCost], width: int) -> list[str]:
    unit = numbers.common_unit([cost.time_s for cost in costs])

    def shares(name: str) -> tuple[str, ...]:
        return tuple(numbers.percent(getattr(cost, name)) for cost in costs)

    return table(
        [
            Column("dataflow", tuple(cost.dataflow for cost in costs), left=True),
            Column("time", tuple(numbers.step(cost.time_s, unit) for cost in costs)),
            Column("of peak", shares("efficiency"), 1),
            Column("PE busy", shares("pe_utilisation"), 4),
            Column("SIMD", shares("simd_utilisation"), 5),
            Column("links", shares("link_utilisation"), 6),
            Column("bound by", tuple(cost.bound for cost in costs), 2, left=True),
            Column("measured on", tuple(CODE[cost.dataflow] for cost in costs), 3, left=True),
        ],
        width,
    )


def _answer(costs: Sequence[KernelCost]) -> list[str]:
    fitting = [cost for cost in costs if not cost.refused]
    if not fitting:
        return ["no dataflow's tile fits a PE: the times are as if it did"]
    best = min(fitting, key=lambda cost: cost.time_s)
    said = [
        f"{best.dataflow} takes {numbers.step(best.time_s, numbers.short_unit(best.time_s))}"
        f" ({numbers.amount(best.cycles)} cycles), {numbers.percent(best.efficiency)} of the wafer's peak, bound by {best.bound}"
    ]
    others = [cost for cost in fitting if cost is not best]
    if others:
        second = min(others, key=lambda cost: cost.time_s)
        ratio = second.time_s / best.time_s
        said.append(
            f"{second.dataflow} takes {'as long' if ratio < 1.005 else f'{numbers.digits(ratio, 3)} x as long'}"
        )
    return said


def _tiles(costs: Sequence[KernelCost]) -> list[str]:
    """What a PE holds, dataflows alike told together."""
    alike: dict[str, list[str]] = {}
    for cost in costs:
        sides = " x ".join(f"{side:,}" for side in cost.tile)
        alike.setdefault(f"{sides} (m x k x n) on a PE, {numbers.amount(cost.bytes_per_pe, 'B')}", []).append(
            cost.dataflow
        )
    return [f"{', '.join(names)}: {tile}" if len(alike) > 1 else tile for tile, names in alike.items()]


def _trust(profile: str, costs: Sequence[KernelCost]) -> list[str]:
    names = {cost.dataflow for cost in costs}
    said = [] if profile in MEASURED else [f"nobody has measured a kernel or a step on {profile}"]
    said += [OF_STEPS] if "weight-streaming" in names else []
    return [*said, OF_OTHERS] if names - {"weight-streaming"} else said


def _more(costs: Sequence[KernelCost]) -> str:
    if len(costs) == 1:
        return "--all, --why, --compare the other dataflows, --heatmap, --sweep"
    return "--all, --why; next: wafersim validate --set kernel"
