"""What each way to split one job over the same chips costs: memory, bubble, traffic that a step waits for, what is tuned."""

from __future__ import annotations

from collections.abc import Sequence

from wafersim import numbers
from wafersim.report.screen.layout import Column
from wafersim.report.words import Row, same_job
from wafersim.strategies.registry import words_of


def alike_but_split(ran: Sequence[Row]) -> bool:
    """Whether GPUs of several sides do one job on as many chips of one profile, each in a split of its own."""
    gpus = [side for side in ran if side["kind"] == "gpu"]
    machines = {(side["profile"], side["n_systems"]) for side in gpus}
    splits = {side["split"]["name"] for side in gpus}
    return len(machines) == 1 and len(splits) > 1 and all(same_job(side, gpus[0]) for side in ran)


def splits_of(ran: Sequence[Row]) -> list[Column]:
    """Columns of the block, a row a side; shares are of the step."""
    return [
        Column("split", tuple(_split(side) for side in ran), left=True),
        Column("memory", tuple(f"{side['memory']['total_bytes'] / 1e9:.0f} GB" for side in ran)),
        Column("bubble", tuple(_bubble(side) for side in ran), 1),
        Column("exposed traffic", tuple(numbers.error(_exposed(side)) for side in ran)),
    ]


def _split(side: Row) -> str:
    """`TP 2 DP 32 ZeRO-1`, without what has one part alone."""
    split = side["layout"]
    if split is None:
        return str(side["split"]["name"])
    short = (("tensor", "TP"), ("pipeline", "PP"), ("data", "DP"), ("context", "CP"), ("expert", "EP"))
    said = [f"{name} {split[key]}" for key, name in short if split[key] > 1]
    said += [f"v{split['virtual_stages']}"] if split["virtual_stages"] > 1 else []
    said += [split["precision"]] if split["precision"] != "bf16" else []
    return " ".join([*said, f"ZeRO-{split['zero_stage']}"] if split["zero_stage"] else said)


def _bubble(side: Row) -> str:
    bubble = side["breakdown"].get("bubble", 0.0) / side["step_time_s"]
    return numbers.error(bubble) if bubble else "-"


def _exposed(side: Row) -> float:
    """Share of the step that waits for what travels: between systems, inside layers, between stages and replicas."""
    parts = (part.key for part in words_of(side["kind"]).parts if part.traffic)
    return sum(float(side["breakdown"][key]) for key in parts) / float(side["step_time_s"])


def tuned(ran: Sequence[Row]) -> list[str]:
    """Micro-batch and recompute of each split of GPUs, which somebody had to choose besides; those alike together."""
    alike: dict[str, list[str]] = {}
    for side in ran:
        if side["layout"] is None:
            continue
        recompute = side["layout"]["recompute"]
        also = "" if recompute == "none" else f" with {recompute} recompute"
        alike.setdefault(f"{side['micro_batch']}{also}", []).append(side["name"])
    said = [f"{how} ({', '.join(names)})" for how, names in alike.items()]
    return [f"micro-batch {said[0]}", *said[1:]]
