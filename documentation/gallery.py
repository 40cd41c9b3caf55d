"""The gallery of the shipped experiments: the question of each, its command, and its main figure."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from pathlib import Path

from documentation.shipped import ROOT
from wafersim.inputs.yaml_file import read_yaml
from wafersim.report.listing import question

EXPERIMENTS = ROOT / "experiments"
THUMBNAILS = ROOT / "docs" / "figures" / "gallery"
TOP = """\
# The shipped experiments

Each is a file in `experiments/` that opens with its question and what came out; `wafersim list experiments` lists them. Run
one as it is, change a field with `--set`, or copy the file, which opens below its command. Pictures are of the run directory
that the command writes.
"""
GROUPS = {
    "First steps": ("hello_111m", "andromeda16", "cs2_vs_a100"),
    "Wafers": (
        "andromeda16_as_published", "andromeda16_weak", "andromeda16_strong", "andromeda16_fixed_batch", "scale_1_to_192",
        "cs3_13b", "llama3_cs3", "long_context", "sparsity",
    ),
    "What if": ("what_if_chip", "what_if_swarmx"),
    "GPUs": ("llama3_h100", "megatron_table1", "gpt_neox20b_96a100", "bloom176b_384a100", "opt175b_992a100"),
    "Wafers beside GPUs": ("gpu_strategies", "llama3_8b", "llama3_70b", "llama3_405b"),
    "Whole runs": ("bloom_run", "opt175b_run", "llama3_405b_run"),
    "Plans and large sweeps": ("plan_13b_two_weeks", "sweep_model_x_cluster"),
    "Several jobs": ("cerebras_gpt_family", "shared_111m", "shared_13b"),
}  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """One experiment: the name of its file, of the experiment in it, its question, the command that answers it, and the file."""

    name: str
    experiment: str
    question: str
    command: str
    text: str


def shown() -> list[Shown]:
    """All of them, in the order of their names."""
    return [_shown(path) for path in sorted(EXPERIMENTS.glob("*.yaml"))]


def page() -> str:
    """Markdown of the page; an experiment that no group has stands at the end."""
    known = {one.name: one for one in shown()}
    grouped = {name for names in GROUPS.values() for name in names}
    groups = {**GROUPS, "More": tuple(name for name in known if name not in grouped)}
    parts = [f"\n## {title}\n\n" + _cards([known[name] for name in names]) for title, names in groups.items() if names]
    return TOP + "".join(parts)


def _shown(path: Path) -> Shown:
    values = read_yaml(path).values
    command = f"wafersim {_arguments(path.stem, values)}"
    return Shown(path.stem, str(values["name"]), question(path), command, path.read_text(encoding="utf-8"))


def _arguments(name: str, values: dict[str, object]) -> str:
    if "sides" in values:
        return f"compare {name}"
    if "candidates" in values:
        return f"plan {name}"
    if name.startswith("shared_"):
        return "share shared_111m shared_13b"
    if name.startswith("sweep_"):
        return f"sweep {name} --figures"
    return f"run {name} --duration" if name.endswith("_run") else f"run {name}"


def _cards(experiments: list[Shown]) -> str:
    return '<div class="gallery">\n' + "\n".join(map(_card, experiments)) + "\n</div>\n"


def _card(one: Shown) -> str:
    asked = re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(one.question, quote=False))
    picture = THUMBNAILS / f"{one.name}.png"
    image = (
        f'<img src="figures/gallery/{one.name}.png" alt="Main figure of {one.name}" loading="lazy">'
        if picture.exists()
        else ""
    )
    # empty lines would end a block of HTML in Markdown; a box that scrolls has to be reached by keyboard
    text = html.escape(one.text.rstrip(), quote=False).replace("\n", "&#10;")
    file = f'<details><summary>{one.name}.yaml</summary><pre tabindex="0"><code>{text}</code></pre></details>'
    return f"<div>{image}<h3>{one.name}</h3><p>{asked}</p><p><code>{html.escape(one.command)}</code></p>{file}</div>"
