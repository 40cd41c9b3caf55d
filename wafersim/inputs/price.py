"""What an hour of a machine costs, and the machine itself: by the experiment, else by its profile; never by both at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wafersim.errors import WafersimError, did_you_mean
from wafersim.inputs.footprint import MoneySpec
from wafersim.inputs.sourced import Confidence, Sourced

RENT, PURCHASE = "run.money.rent", "run.money.purchase"  # fields of an experiment that give a price
LESS_SURE: dict[Confidence | None, int] = {None: 0, "read": 0, "second-hand": 1, "recalled": 2}


def rent_of(machine: str, usual: Sourced | None, offers: Mapping[str, Sourced], money: MoneySpec) -> Sourced | None:
    """Of a wafer or GPU: what the experiment states, the offer that it names, or the usual one; None where there is none.

    Raises WafersimError for an offer that the profile does not have.
    """
    if money.offer is None:
        return money.rent or usual
    if money.offer in offers:
        return offers[money.offer]
    known = f"{did_you_mean(money.offer, offers) or ';'} known: {', '.join(offers) or 'none'}"
    raise WafersimError(f"run.money.offer: {machine} has no offer called {money.offer[:40]!r}{known}")


def with_switches(node: Sourced, switches: Sourced | None) -> Sourced:
    """What a GPU with its share of a node costs, with its share of the switches between nodes: over 1 - their share of it all."""
    if switches is None:
        return node.model_copy(update={"source": f"{node.source}; no switches, as its profile has no switch_cost"})
    value = node.value / (1.0 - switches.value)
    surest = max(node.confidence, switches.confidence, key=lambda each: LESS_SURE[each])
    what, _, whose = node.source.partition(": ")
    said = f"{what} with {100 * switches.value:g} % of it all for switches: {whose or 'as stated'}; {switches.source}"
    return node.model_copy(
        update={
            "value": value, "written": f"{value / 1e3:.4g} kUSD", "kind": "derived", "source": said, "confidence": surest,
        }
    )  # fmt: skip


def price_json(price: Sourced | None) -> dict[str, Any] | None:
    """A price as it is written, with where it comes from, when that was and how sure it is; None without one."""
    if price is None:
        return None
    return {
        "written": price.written,
        "kind": price.kind,
        "source": price.source,
        "date": price.date,
        "confidence": price.confidence,
        "unchecked": price.unchecked,
        "in_short": price.in_short,
    }
