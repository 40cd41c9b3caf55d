"""A published table of a new kind touches three files: its name, its module, its table."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from wafersim.errors import WafersimError
from wafersim.evidence.judge import validate
from wafersim.evidence.kinds import KINDS, kinds
from wafersim.evidence.tables import columns

TOY = '''
"""Falling stones: a kind of its own."""

from dataclasses import dataclass
from functools import cache

from wafersim.errors import Infeasible
from wafersim.evidence.kinds import Kind
from wafersim.evidence.rows import Cells, Rows, ValidatedRow, read_rows
from wafersim.evidence.tables import shipped


@dataclass(frozen=True)
class Fall:
    id: str
    height: float
    published: float
    use: str = "test"
    group: str = "stones"
    unit: str = "s"

    def judge(self) -> ValidatedRow:
        seconds = (2 * self.height / 9.81) ** 0.5
        return ValidatedRow(self.id, self.use, "a stone", seconds, self.published, "s", group=self.group, set="toy")


def read_row(cells: Cells) -> Fall:
    if not cells["height"]:
        raise Infeasible("height is not stated")
    return Fall(cells["id"], float(cells["height"]), float(cells["value"]))


@cache
def published_rows() -> Rows[Fall]:
    return read_rows(shipped("toy"), read_row)


KIND = Kind("toy", "falls", ("id", "height", "value"), ("height", "value"), read_row, published_rows, ("height", "value"))
'''


def test_a_new_kind_is_three_files(copied: Path, tmp_path: Path) -> None:
    evidence = copied / "wafersim" / "evidence"
    (evidence / "sets" / "toy.py").write_text(TOY)
    (evidence / "data" / "toy.csv").write_text("id,height,value\ns1,9.81,1.5\ns2,,1\n")
    names = evidence / "kinds.py"
    names.write_text(names.read_text().replace("\n}\n", '\n    "toy": ("toy.csv",),\n}\n', 1))
    mine = tmp_path / "mine.csv"
    mine.write_text("id,height,value\na,4.905,1\nb,high,1\n")

    def wafersim(*words: str) -> str:
        command = [sys.executable, "-m", "wafersim", *words]
        return subprocess.run(command, cwd=copied, capture_output=True, text=True, check=True).stdout

    found = json.loads(wafersim("validate", "--set", "toy", "--json"))
    assert [row["predicted"] for row in found["rows"]] == [pytest.approx(2**0.5)]
    assert found["skipped"] == [{"id": "s2", "reason": "height is not stated"}]
    own = json.loads(wafersim("validate", "--data", str(mine), "--json"))
    assert [row["predicted"] for row in own["rows"]] == [pytest.approx(1)]
    assert own["skipped"] == [{"id": "b", "reason": "height must be a number > 0 (got 'high')"}]
    assert "a stone" in wafersim("validate", "--row", "s1", "--figure", str(tmp_path / "falls.png"))
    assert (tmp_path / "falls.png").stat().st_size > 10_000


def test_every_kind_needs_columns_that_its_table_has() -> None:
    assert [each.name for each in kinds()] == list(KINDS)
    for each in kinds():
        assert {*each.needed, *each.numbers} <= set(columns(each.name)), each.name
        assert set(each.fractional) <= set(each.numbers), each.name


def test_a_row_that_is_nowhere_is_named_at_once() -> None:
    """Nothing is predicted, and no simulator is loaded, to say so."""
    with pytest.raises(WafersimError, match='--row A99: no such row; did you mean "A'):
        validate(only="A99")
    code = (
        "import sys\nfrom wafersim.evidence.judge import validate\ntry:\n    validate(only='A99')\nexcept Exception as error:\n"
        "    print(error)\nassert not {'numba', 'simpy', 'matplotlib'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("--row A99: no such row"), done.stderr


def test_one_row_comes_alone() -> None:
    assert [row.id for row in validate(only="ar_a100_4_4").rows] == ["ar_a100_4_4"]
    assert list(validate(only="B02").skipped) == ["B02"]
