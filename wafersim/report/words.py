"""Numbers and names as people read them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from wafersim import numbers
from wafersim.inputs.price import RENT
from wafersim.strategies.registry import words_of

Row = dict[str, Any]
MOST_BY_COMMAS = 1e12
COUNTS = ("system.systems", "system.gpus")  # swept paths that have a column of their own


def counted(row: Row) -> str:
    """`1 system`, `16 systems`, `992 GPUs`: the chips of a point."""
    return words_of(row["kind"]).counted(row["n_systems"])


def seconds(value: float) -> str:
    """A time with three digits, in ms below a second."""
    rounded = _rounded(value)  # first, so that 0.9996 s reads 1.00 s
    return f"{_three(value * 1e3)} ms" if rounded < 1 else f"{_three(value)} s" if rounded < 100 else f"{value:,.0f} s"


def prices(ran: Sequence[Row], short: bool = False) -> list[str]:
    """What an hour of a chip is taken to cost, by whom unless `short`, since when and how sure, or which field gives a price."""
    known = {(side["profile"], side["price"]["written"]): side["price"] for side in ran if side["price"] is not None}
    said = [
        f"{name} {written} ({_dated(price) if short else price['in_short']})"
        for (name, written), price in known.items()
    ]
    without = dict.fromkeys(side["profile"] for side in ran if side["price"] is None)
    return [*(f"none of {name}: {RENT} gives one" for name in without), *said]


def _dated(price: Row) -> str:
    return f"{price['date']}{', unchecked' if price['unchecked'] else ''}"


def mfu_head(rows: Sequence[Row]) -> str:
    """What a column of MFU is called: with the convention by which its FLOPs are counted."""
    return f"MFU ({next((row['flops_convention'] for row in rows if 'flops_convention' in row), '-')})"


def figure(value: float) -> str:
    """A number with three digits, whole above a thousand; FLOPs of a run, which nobody counts by commas, with an exponent."""
    if value >= MOST_BY_COMMAS:
        return f"{value:.2e}"
    return f"{value if value < 1e7 else _rounded(value):,.0f}" if _rounded(value) >= 1000 else _three(value)


def plain(value: float) -> str:
    """A number with three digits, without zeros that say nothing: 16, 1.5, 245,760, 111 M."""
    short = f"{_rounded(value):.3g}"
    return short if _rounded(value) < 1000 else figure(value) if value < 1e7 else numbers.amount(value)


def plus_minus(row: Row) -> str:
    """The 80 % interval of a step time around it, both sides: they differ, since its logarithm is what is symmetric."""
    interval = row.get("interval")
    if interval is None:
        return "-"
    half = interval["half_width"]
    return f"{math.expm1(-half):.0%} {math.expm1(half):+.0%}"


def within(halves: Sequence[float]) -> str:
    """How far off 80 % of cases are, least to most, of half-widths of logarithms: `9 to 12 %`, or `a factor of 2.6`.

    From a factor of two on that is what is said, since nothing is 96 % below and as much above.
    """
    low, high = (_within(half) for half in (min(halves), max(halves)))
    both_percent = low.endswith(" %") and high.endswith(" %")
    return low if low == high else f"{low[:-2] if both_percent else low} to {high}"


def _within(half: float) -> str:
    return numbers.percent(half) if half < math.log(2.0) else f"a factor of {math.exp(half):.2g}"


def with_interval(row: Row, name: str, unit: float = 1.0) -> str:
    """A value with its 80 % interval: `9.59 (8.30-11.1)`; a dash where there is none."""
    value, interval = row.get(name), row.get("interval")
    if value is None:
        return "-"
    if interval is None:
        return figure(value / unit)
    low, high = interval[name]
    return f"{figure(value / unit)} ({figure(low / unit)}-{figure(high / unit)})"


def to_train(row: Row) -> str:
    """How long the whole run takes, with its 80 % interval in the same unit: `13.0 d (11.5 - 14.7)`."""
    took = numbers.duration(row["days_to_train"] * numbers.DAY)
    span = numbers.interval(row, "days_to_train", numbers.DAY)
    return f"{took} ({span})" if span else took


def _rounded(value: float) -> float:
    return float(f"{value:.2e}")


def _three(value: float) -> str:
    """Three significant digits, zeros at the end kept: 3.00 stands under 2.99."""
    rounded = _rounded(value)
    return f"{rounded:.{max(0, 2 - math.floor(math.log10(abs(rounded))))}f}" if rounded else "0"


def label(value: Any) -> str:
    """A swept value; several fields at once as name=value."""
    if isinstance(value, dict):
        return " ".join(f"{name}={inner}" for name, inner in value.items())
    return str(value)


def varied_paths(rows: Sequence[Row]) -> list[str]:
    """Swept paths beyond model and systems, which have their own columns."""
    names = dict.fromkeys(name for row in rows for name in row.get("varied", {}))
    return [name for name in names if name not in ("model", *COUNTS)]


def point_name(row: Row) -> str:
    """What a point is called: its line, and its chips."""
    return f"{line_name(row)} on {counted(row)}"


def line_name(row: Row) -> str:
    """What a line of a sweep over systems is called: the model and the other swept values."""
    others = [label(v) for name, v in row.get("varied", {}).items() if name not in ("model", *COUNTS)]
    return " ".join([row["model"], *others])


def same_job(side: Row, first: Row) -> bool:
    """Whether a side trains the same model on the same tokens."""
    return bool(side["model"] == first["model"] and side["tokens"] == first["tokens"])


def chance(probability: float) -> str:
    """In percent; what is all but certain is said to be beyond 99 or below 1 %."""
    return "> 99 %" if probability > 0.99 else "< 1 %" if probability < 0.01 else f"{100 * probability:.0f} %"


def unmeasured(row: Row) -> list[str]:
    """Chips and stacks of a point that nobody has measured: `no measured run of megatron-lm on dgx-a100-80gb, several nodes`."""
    if not row.get("interval"):
        return [f"no measured run of anything like {row['model']} on this machine"]
    return [way["measure"] for way in row["interval"]["outside"] if way["value"] is None]
