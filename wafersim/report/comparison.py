"""The sides of a comparison as a table, sentences and a directory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from wafersim.inputs.comparison import Comparison
from wafersim.planning.comparison import Side
from wafersim.report import json_output, yaml_output
from wafersim.report.console import print_table, say
from wafersim.report.explain import outside
from wafersim.report.imports import in_full
from wafersim.report.run_directory import WIDEST, save_directory, seal
from wafersim.report.words import Row, chance, figure, mfu_head, same_job, seconds, to_train, unmeasured, with_interval
from wafersim.strategies.registry import words_of

if TYPE_CHECKING:  # pages are loaded where they are asked for
    from wafersim.report.html.parts import Page

MATCHED = {
    "peak": "same peak FLOP/s",
    "power": "same power",
    "price": "same price an hour",
    "deadline": "the smallest that meets the deadline",
}


def comparison_table(title: str, sides: Sequence[Row]) -> Table:
    """One row a side."""
    table = Table(title=title, title_justify="left")
    for name in ("side", "model"):
        table.add_column(name)
    table.add_column("chips", justify="right")
    table.add_column("split")
    columns = (
        "step time",
        "tokens/s",
        mfu_head(sides),
        "to train",
        "kW",
        "MWh",
        "kUSD",
        "memory free",
        "dimensions",
        "measured",
    )
    for name in columns:
        table.add_column(name, justify="right")
    for side in sides:
        if "infeasible" in side:
            table.add_row(side["name"], side["model"], "-", "cannot run", *["-"] * len(columns))
            continue
        numbers = (
            seconds(side["step_time_s"]),
            figure(side["tokens_per_s"]),
            f"{side['mfu']:.1%}",
            to_train(side),
            figure(side["power_w"] / 1e3),
            with_interval(side, "energy_j", 3.6e9),
            with_interval(side, "cost_usd", 1e3),
            f"{memory_headroom(side):.0%}",
            str(len(side["dimensions"])),
            "no such run" if unmeasured(side) else "like it",
        )
        table.add_row(side["name"], side["model"], str(side["n_systems"]), side["split"]["name"], *numbers)
    return table


def memory_headroom(side: Row) -> float:
    """Share of a wafer's or of the fullest GPU's memory that is free."""
    memory = side["memory"]
    return float(1 - memory["total_bytes"] / memory["capacity_bytes"])


def comparison_lines(sides: Sequence[Row]) -> list[str]:
    """What the numbers say, why sides cannot run, and what they rest on."""
    lines = [f"{side['name']}: cannot run: {side['infeasible']}" for side in sides if "infeasible" in side]
    ran = [side for side in sides if "infeasible" not in side]
    first = ran[0]
    for side in ran:
        tuned = ", ".join(side["dimensions"])
        chips = f"{words_of(side['kind']).counted(side['n_systems'])}, {side['profile']}"
        said = f"{side['name']}: {chips}, bound by {side['binding_resource']}, tune {tuned}"
        if side is not first and same_job(side, first):
            said += f"; {against(side, first)}{likely(side)}"
        lines.append(said)
    lines += outside([{**side, "model": side["name"]} for side in ran])  # of every side, under its name
    lines += in_full(sides)
    lines += bill_lines(sides)
    if any(not same_job(side, first) for side in ran):
        lines.append(
            "Sides with another model or other tokens stand there for their split; their days are another job's."
        )
    lines.append(
        "A comparison inherits the errors of both sides: intervals hold 80 %; `wafersim validate` shows how far each has been "
        "off published runs. Prices are taken as they are, and so are the probabilities of cost."
    )
    return lines


def bill_lines(sides: Sequence[Row]) -> list[str]:
    """What power and prices of each profile of sides that ran rest on."""
    ran = [side for side in sides if "infeasible" not in side]
    return list(dict.fromkeys(f"{side['profile']}: {'; '.join(side['bill'])}" for side in ran))


def against(side: Row, first: Row) -> str:
    """Time, energy and cost of one side over the first's."""
    ratios = [
        ("the time", side["days_to_train"] / first["days_to_train"]),
        ("energy", side["energy_j"] / first["energy_j"]),
    ]
    if side["cost_usd"] is not None and first["cost_usd"] is not None:
        ratios.append(("cost", side["cost_usd"] / first["cost_usd"]))
    said = [f"{figure(ratio)}x {name}" for name, ratio in ratios]
    return f"{', '.join(said)} of {first['name']}"


def _fields(side: Side) -> dict[str, Any]:
    plain: dict[str, Any] = side.experiment.model_dump(mode="json", exclude_none=True)
    return {name: value for name, value in plain.items() if name not in ("name", "title")}


def likely(side: Row) -> str:
    """How likely a side is to be faster and cheaper than the first."""
    found = side.get("against_first", {})
    words = {"faster": "faster", "cheaper": "cheaper at these prices", "less_energy": "less energy"}
    said = [f"{word} {chance(found[name])}" for name, word in words.items() if name in found]
    return f"; probability: {', '.join(said)}" if said else ""


def print_comparison(title: str, sides: Sequence[Row], console: Console) -> None:
    """Every number of every side."""
    print_table(console, comparison_table(title, sides))


def print_reasons(sides: Sequence[Row], console: Console) -> None:
    """What the numbers say and rest on, side by side."""
    for line in comparison_lines(sides):
        say(console, line)
    console.file.write("\n")


def save_comparison(
    root: Path,
    spec: Comparison,
    sides: Sequence[Side],
    figures: bool = True,
    formats: Sequence[str] = ("png",),
    page: Page | None = None,
) -> Path:
    """`root/<name>-<short hash>/` with the resolved comparison, the sides, their reasons, the figure in each of the `formats`,
    and the `page` as report.html."""
    rows = [side.to_json(sides[0]) for side in sides]
    resolved = {
        "name": spec.name,
        "title": spec.title or spec.name,
        "sides": [{"name": side.name, "fields": _fields(side)} for side in sides],  # as sized: it runs again as it is
    }

    def write(draft: Path) -> None:
        (draft / "comparison.yaml").write_text(yaml_output.dumps(resolved), encoding="utf-8")
        (draft / "comparison.json").write_text(json_output.document(sides=rows) + "\n", encoding="utf-8")
        with (draft / "reasons.txt").open("w", encoding="utf-8") as file:
            console = Console(file=file, width=WIDEST)
            print_comparison(spec.title or spec.name, rows, console)
            print_reasons(rows, console)
        if figures:
            from wafersim.report.figures.comparison import comparison_figure

            for suffix in formats:
                comparison_figure(rows, draft / f"comparison.{suffix}")
        seal(draft, page)

    return save_directory(root, resolved, write)
