"""The page of a comparison: measures in units that suit them, sources behind a line that opens them."""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import CliRunner

from wafersim.cli import commands

SIDES = """\
name: small
common: {model: cerebras-gpt-111m, training: {batch: 128, tokens: 2 B}}
sides:
  - {name: wafer, fields: {system: {profile: cs3, systems: 1}}}
  - {name: GPUs, fields: {system: {profile: dgx-a100, gpus: 8}}}
"""


def test_a_comparison_of_minutes_is_not_told_in_days(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SIDES)
    found = CliRunner().invoke(
        commands, ["compare", str(tmp_path / "small.yaml"), "--report", "--no-figures", "--out", str(tmp_path / "runs")]
    )
    assert found.exit_code == 0, found.output
    page = next((tmp_path / "runs").glob("*/report.html")).read_text()
    summaries = re.findall(r"<figcaption>(.*?)</figcaption>", page, re.S)
    assert any(said.startswith("Time to train, min: ") for said in summaries), summaries
    assert any(said.startswith("Energy, kWh: ") for said in summaries), summaries
    assert "days to train" not in page.partition("<script>")[0]
    assert "<summary>What power and prices rest on</summary>" in page
