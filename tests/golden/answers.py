"""What commands answered when the answers were kept: one compressed file each, with its own provenance.

python -m tests.golden.answers            keeps today's answers anew (a change of predictions has to say so in the changelog)
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RUNS = (
    "andromeda16", "andromeda16_fixed_batch", "bloom176b_384a100", "gpt_neox20b_96a100", "hello_111m", "megatron_table1",
    "opt175b_992a100", "scale_1_to_192", "shared_111m", "shared_13b", "what_if_swarmx",
)  # fmt: skip
COMMANDS = {
    **{f"run_{name}": ("run", name, "--json", "--no-save") for name in RUNS},
    "compare_cs2_vs_a100": ("compare", "cs2_vs_a100", "--json", "--no-save"),
    "share": ("share", "shared_111m", "shared_13b", "--json"),
    "validate": ("validate", "--json"),
}
QUICK = (
    "run_andromeda16",
    "run_hello_111m",
    "run_opt175b_992a100",
    "run_what_if_swarmx",
    "compare_cs2_vs_a100",
    "share",
)


def answer(name: str) -> dict[str, Any]:
    """What a command says today."""
    out = subprocess.run(
        [sys.executable, "-m", "wafersim", *COMMANDS[name]], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(out.stdout)
    return found


def kept(name: str) -> dict[str, Any]:
    """What it said when its answer was kept."""
    with gzip.open(HERE / f"{name}.json.gz", "rt", encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)["answer"]
    return found


def keep(name: str, found: dict[str, Any], revision: str, date: str) -> None:
    """Write an answer with where it comes from."""
    provenance = {"command": " ".join(("wafersim", *COMMANDS[name])), "revision": revision, "date": date}
    text = json.dumps({**provenance, "answer": found}, sort_keys=True)
    # Without a time of day in the header, so that the same answer is the same file.
    (HERE / f"{name}.json.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def differences(before: Any, after: Any, path: str = "") -> dict[str, tuple[Any, Any]]:
    """{path without list positions: (before, after)} of the first difference at each; what is new was missing before."""
    if isinstance(before, dict) and isinstance(after, dict):
        found: dict[str, tuple[Any, Any]] = {}
        for key in {**before, **after}:
            one, other = before.get(key, "missing"), after.get(key, "missing")
            found = {**differences(one, other, f"{path}.{key}".lstrip(".")), **found}
        return found
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        found = {}
        for one, other in zip(before, after, strict=True):
            found = {**differences(one, other, f"{path}[]"), **found}
        return found
    return {} if before == after else {path: (before, after)}


if __name__ == "__main__":
    now = datetime.now(UTC).strftime("%Y-%m-%d")
    head = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    for each in sys.argv[1:] or COMMANDS:
        keep(each, answer(each), head.stdout.strip(), now)
        print(f"kept {each}", flush=True)
