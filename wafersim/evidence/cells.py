"""Cells of a table as people write them: "4.0" and "1,024" are whole numbers, "-" is nothing, "ZeRO-1" is 1, "yes" is on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import isfinite

from wafersim.errors import Infeasible
from wafersim.evidence.rows import Cells

NOT_STATED = ("", "-", "n/a", "na", "nan", "?")
ON, OFF = ("true", "yes", "on", "y", "t"), ("false", "no", "off", "none", "n", "f")
MOST = 10**9  # no count of anything in a table is larger, as in an experiment
SMALLEST, LARGEST = 1e-12, 1e30  # of a quantity in the unit of any table; beyond them a ratio of two has no digits left
MOST_OF = {"layers": 10_000} | dict.fromkeys(
    ("n_systems", "n_gpus", "tp", "pp", "dp", "vp_stages"), 1_000_000
)  # each costs time


def stated(cells: Cells, name: str) -> str:
    """A cell's text; empty where the column is missing or says that nothing is known."""
    text = (cells.get(name) or "").strip()
    return "" if text.lower() in NOT_STATED else text


def number(name: str, text: str) -> float:
    """A number > 0 that something may have measured; raises Infeasible."""
    try:
        found = float(text.replace(",", "") if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d*)?", text) else text)
    except ValueError:
        found = 0.0
    if not isfinite(found) or found <= 0:
        raise Infeasible(f"{name} must be a number > 0 (got {text!r})")
    if not SMALLEST <= found <= LARGEST:
        raise Infeasible(f"{name} must be from {SMALLEST:g} to {LARGEST:g} (got {text!r})")
    return found


def whole(name: str, text: str) -> int:
    """A whole number > 0, written as 4, 4.0, 4e0 or 1,024; raises Infeasible."""
    found = number(name, text)
    if found % 1:
        raise Infeasible(f"{name} must be whole (got {text!r})")
    if found > (most := MOST_OF.get(name, MOST)):
        raise Infeasible(f"{name} must be at most {most:,} (got {text!r})")
    return int(found)


def flag(name: str, text: str) -> bool:
    """On or off, in words or as 1 or 0; off where nothing is stated. Raises Infeasible."""
    text = text.lower()
    if text in ON:
        return True
    if text in OFF or text in NOT_STATED:
        return False
    try:
        return {0.0: False, 1.0: True}[float(text)]
    except (ValueError, KeyError):
        raise Infeasible(f"{name} must be true or false (got {text!r})") from None


def zero_stage(text: str) -> int:
    """0 to 3 from "none", "2", "2.0", "ZeRO-1" or "stage 3"; raises Infeasible."""
    plain = text.lower()
    if plain in OFF:
        return 0
    found = re.fullmatch(r"(?:deepspeed[\s_-]*)?(?:zero[\s_-]*)?(?:stage[\s_-]*)?([0-3])(?:\.0*)?", plain)
    if found is None:
        raise Infeasible(f"zero_stage must be none, 0, 1, 2 or 3 (got {text!r})")
    return int(found[1])


def checked(cells: Cells, numbers: Iterable[str], fractional: Iterable[str]) -> dict[str, str]:
    """The row with its numbers in plain digits; raises Infeasible with everything that is none."""
    out, wrong = {name: (text or "").strip() for name, text in cells.items()}, []
    for name in numbers:
        text = out[name] = stated(cells, name)
        try:
            if text:
                out[name] = f"{number(name, text)!r}" if name in fractional else str(whole(name, text))
        except Infeasible as reason:
            wrong.append(str(reason))
    if wrong:
        raise Infeasible("; ".join(wrong))
    return out
