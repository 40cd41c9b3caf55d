"""Results in a notebook, each as a table with units and 80 % ranges.

Tables have no colours of their own: they are read on a dark page as on a light one. Every word is escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import singledispatch
from html import escape

from wafersim import numbers
from wafersim.metrics.prediction import Prediction
from wafersim.planning.comparison import Sides
from wafersim.planning.planned import Planned
from wafersim.planning.results import Results
from wafersim.planning.sweep import PointResult
from wafersim.report.comparison import against, comparison_table, likely
from wafersim.report.screen.plan import columns_of, title_of
from wafersim.report.tables import throughput_table
from wafersim.report.words import Row, counted, point_name, same_job, seconds, to_train, varied_paths, with_interval

MOST_ROWS = 60  # of a table; the rest is counted
CELL = "padding:2px 12px 2px 0;border:0;border-bottom:1px solid rgba(128,128,128,0.35);vertical-align:top"


@singledispatch
def html_of(result: object) -> str:
    """A result as a table."""
    raise TypeError(f"{type(result).__name__} has no table")


@html_of.register
def _(result: Prediction) -> str:
    return _of_row(result.to_json())


@html_of.register
def _(result: PointResult) -> str:
    row = result.to_json()
    if result.simulated is None:
        return _lines([f"{point_name(row)} cannot run: {result.infeasible}"])
    return _of_row(row)


@html_of.register
def _(result: Results) -> str:
    rows = [point.to_json() for point in result.points]
    title = result.experiment.title or result.experiment.name
    shown = rows[:MOST_ROWS]
    refused = [f"{point_name(row)} cannot run: {row['infeasible']}" for row in shown if _refused(row)]
    more = [f"and {len(rows) - MOST_ROWS:,} more points: .rows(), .to_csv() and .to_pandas() have all"] * (
        len(rows) > MOST_ROWS
    )
    return _table_of(throughput_table(title, shown, varied_paths(rows))) + _lines([*refused, *more])


@html_of.register
def _(result: Sides) -> str:
    rows = result.to_json()
    ran = [row for row in rows if not _refused(row)]
    lines = [f"{row['name']} cannot run: {row['infeasible']}" for row in rows if _refused(row)]
    if not ran:
        return _lines(lines)
    lines += [f"{row['name']}: {against(row, ran[0])}{likely(row)}" for row in ran[1:] if same_job(row, ran[0])]
    others = [row["name"] for row in ran if not same_job(row, ran[0])]
    lines += [f"{', '.join(others)}: another model or other tokens; the days are another job's"] if others else []
    return _table_of(comparison_table(result.name, rows)) + _lines(lines)


@html_of.register
def _(result: Planned) -> str:
    if result.answer is None:
        reasons = [f"{one.name}: {one.reason}" for one in result.rejected]
        return _lines([f"{title_of(result)}: nothing meets the goal", *reasons])
    columns = columns_of(result.of_each)
    heads = [(column.head, not column.left) for column in columns]
    table = _table(title_of(result), heads, zip(*(column.cells for column in columns), strict=True))
    lost = [f"{one.name}: {one.reason}" for one in result.rejected if not one.meets]
    return table + _lines([f"Use {columns[0].cells[0]}" if result.of_each else "", *lost])


def _refused(row: Row) -> bool:
    return "infeasible" in row


def _of_row(row: Row) -> str:
    """A point, one number a line."""
    memory = row["memory"]
    lines = [
        ("step time", _ranged(row, "step_time_s", seconds)),
        ("tokens a second", with_interval(row, "tokens_per_s")),
        (f"MFU ({row['flops_convention']})", f"{row['mfu']:.1%}"),
        ("time to train", f"{to_train(row)}, {numbers.amount(row['tokens'])} tokens"),
        ("energy", _ranged(row, "energy_j", numbers.energy)),
        ("cost", _ranged(row, "cost_usd", lambda usd: numbers.amount(usd, "USD"))),
        ("memory of a chip", f"{memory['total_bytes'] / 1e9:.1f} of {memory['capacity_bytes'] / 1e9:.1f} GB"),
        ("batch", f"{row['batch']:,} sequences of {row['sequence_length']:,} tokens"),
        ("micro-batches", f"{row['micro_batches']:,} of {row['micro_batch']:,}"),
        ("binds", row["binding_resource"]),
    ]
    lines += [("split", row["split"]["name"])] if row["layout"] is not None else []
    lines += [("assumed numbers", str(len(row["assumed"])))]
    caption = f"{row['model']} on {counted(row)}; in brackets 80 % ranges"
    return _table(caption, [("", False), ("", False)], lines)


def _ranged(row: Row, name: str, said: Callable[[float], str]) -> str:
    """A value and its 80 % range, each with its unit; a dash where there is none."""
    if row[name] is None:
        return "-"
    bounds = (row.get("interval") or {}).get(name)
    return said(row[name]) + ("" if bounds is None else f" ({said(bounds[0])} - {said(bounds[1])})")


def _table_of(table: object) -> str:
    """A table of the console."""
    from rich.table import Table

    assert isinstance(table, Table)
    heads = [(str(column.header), column.justify == "right") for column in table.columns]
    cells = zip(*([str(cell) for cell in column.cells] for column in table.columns), strict=True)
    return _table(str(table.title), heads, cells)


def _table(caption: str, heads: Sequence[tuple[str, bool]], rows: Iterable[Sequence[str]]) -> str:
    """`heads` are (what a column is called, whether it is set to the right). Without any head there is no row of them."""
    sides = [f"{CELL};{'text-align:right;white-space:nowrap' if right else 'text-align:left'}" for _, right in heads]
    out = [
        '<div style="overflow-x:auto"><table style="border-collapse:collapse;color:inherit;background:none">',
        f'<caption style="text-align:left;color:inherit;caption-side:top">{escape(caption)}</caption>',
    ]
    if any(head for head, _ in heads):
        cells = (
            f'<th scope="col" style="{side}">{escape(head)}</th>' for (head, _), side in zip(heads, sides, strict=True)
        )
        out.append(f"<thead><tr>{''.join(cells)}</tr></thead>")
    out.append("<tbody>")
    for row in rows:
        first, *rest = (escape(cell) for cell in row)
        cells = (f'<td style="{side}">{cell}</td>' for cell, side in zip(rest, sides[1:], strict=True))
        out.append(
            f'<tr><th scope="row" style="{sides[0]};font-weight:normal;white-space:nowrap">{first}</th>{"".join(cells)}</tr>'
        )
    return "".join([*out, "</tbody></table></div>"])


def _lines(lines: Sequence[str]) -> str:
    return "".join(f'<p style="margin:4px 0;max-width:110ch">{escape(line)}</p>' for line in lines if line)
