"""What a run's predictions say, in sentences: what binds, where it starts to, what would change it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from wafersim.planning.what_if import WhatIf
from wafersim.report.imports import in_full
from wafersim.report.words import Row, line_name, plain, point_name
from wafersim.strategies.registry import words_of

MOST_NAMES = 12  # assumed numbers that are named
NOTICED = 0.05  # of the step: a part that grows beyond it starts to bind


def why_these_policies(rows: Sequence[Row]) -> list[str]:
    """Why each model got its activation policy on the largest cluster; prediction.json has the reason of every point."""
    return [
        f"Activations of {point_name(row)}: {row['memory']['activation_policy']}, {row['memory']['reason']}"
        for row in _largest(rows)
        if row["memory"].get("reason") and "activation_policy" in row["memory"]
    ]


def _largest(rows: Sequence[Row]) -> list[Row]:
    """The point of each line of the sweep with the most systems, the last of equals."""
    largest: dict[str, Row] = {}
    for row in rows:
        name = line_name(row)
        if name not in largest or row["n_systems"] >= largest[name]["n_systems"]:
            largest[name] = row
    return list(largest.values())


def explain(rows: Sequence[Row]) -> list[str]:
    """What binds the largest cluster of each model, how much of the step that is, and what would change it."""
    by_resource: dict[tuple[int, str], list[Row]] = {}
    for row in _largest(rows):
        by_resource.setdefault((row["n_systems"], row["binding_resource"]), []).append(row)
    lines = []
    for (systems, resource), bound in by_resource.items():
        advice = words_of(bound[0]["kind"]).part[bound[0]["binding_part"]].advice
        shares = sorted(max(row["breakdown"].values()) / row["step_time_s"] for row in bound)
        line = f"{', '.join(map(line_name, bound))} on {words_of(bound[0]['kind']).counted(systems)}: {resource} binds"
        span = " to ".join(dict.fromkeys((f"{shares[0]:.0%}", f"{shares[-1]:.0%}")))
        lines.append(f"{line}, {span} of the step - {advice}")
    lines += turning_points(rows)
    lines += outside(rows)
    assumed = sorted({name for row in rows for name in row["assumed"]})
    if assumed:
        more = f" and {len(assumed) - MOST_NAMES} more in prediction.json" if len(assumed) > MOST_NAMES else ""
        count = "1 assumed number" if len(assumed) == 1 else f"{len(assumed)} assumed numbers"
        named = ", ".join(assumed[:MOST_NAMES]) + more
        lines.append(f"Predictions rest on {count}: {named} (`wafersim show PROFILE` gives the reason of each).")
    lines += sorted({f"Note: {note}" for row in rows for note in row["notes"]})
    lines += in_full(rows)
    return lines


def outside(rows: Sequence[Row]) -> list[str]:
    """How predictions lie outside what was measured, a line for each measure of a case: "16 systems (measured: 1 to 2)"."""
    by_measure: dict[str, dict[str, list[str]]] = {}
    for row in _largest(rows):
        for way in row.get("interval", {}).get("outside", []):
            value, measure = "", way["measure"]
            if way["value"] is not None:
                value, low, high = (plain(way[key]) for key in ("value", "low", "high"))
                measure += f" (measured: {low if low == high else f'{low} to {high}'})"
            names = by_measure.setdefault(measure, {}).setdefault(value, [])
            names.append(f"{line_name(row)} on {row['n_systems']}")
    return [
        f"Outside the calibrated range: {measure}: "
        + "; ".join(f"{value} - {', '.join(names)}".removeprefix(" - ") for value, names in of_value.items())
        for measure, of_value in by_measure.items()
    ]


def turning_points(rows: Sequence[Row]) -> list[str]:
    """Where resources start to bind as systems are added, for each line of a sweep on which one does."""
    lines: dict[str, list[Row]] = {}
    for row in rows:
        lines.setdefault(line_name(row), []).append(row)
    out = []
    for name, points in lines.items():
        ranked = sorted(points, key=lambda row: row["n_systems"])
        turns = [
            f"{later['binding_resource']} leads from {later['n_systems']} systems"
            for earlier, later in pairwise(ranked)
            if earlier["binding_resource"] != later["binding_resource"]
        ]
        for part in words_of(ranked[0]["kind"]).parts[1:]:
            at = next((row for row in ranked if row["breakdown"][part.key] > NOTICED * row["step_time_s"]), None)
            if at is not None and at is not ranked[0]:
                turns.append(f"{part.heads} above {NOTICED:.0%} of the step from {at['n_systems']} systems")
        if turns:
            out.append(f"{name}: {'; '.join(turns)}")
    return out


def would_help(helps: Sequence[WhatIf]) -> list[str]:
    """Every change that was tried on the largest point, and how much longer or shorter its run is for it."""
    if not helps:
        return []
    said = (f"{one.label} {one.change:+.2%}{' (order of service)' if one.anomaly else ''}" for one in helps)
    return [f"What if, each simulated again; change of the time to train: {', '.join(said)}"]


def engines(rows: Sequence[Row]) -> list[str]:
    """Which engine ran how many points and why, and in how many of them alike systems were left out."""
    by_reason: dict[str, list[Row]] = {}
    for row in rows:
        by_reason.setdefault(row["engine_reason"], []).append(row)
    lines = []
    for reason, ran in by_reason.items():
        folded = sum(row["systems_simulated"] < row["n_systems"] for row in ran)
        many = " and ".join(dict.fromkeys(words_of(row["kind"]).many for row in ran))
        left_out = f"; in {folded} of them {many} that work alike are simulated as one" if folded else ""
        lines.append(f"Engine that simulated {len(ran)} point{'s' * (len(ran) > 1)}: {reason}{left_out}")
    return lines


def search_line(row: Row) -> str:
    """Why the rest of a search lost."""
    found = row["search"]
    return (
        f"Of {found['considered']:,} splits {found['too_large']:,} do not fit in memory, {found['bounded']:,} are slower "
        f"than those shown by their lower bound, {found['simulated']:,} were simulated."
    )
