"""The Python API: typed, listed, light at the door, and it refuses what it would have to guess."""

import ast
import csv
import io
import subprocess
import sys
from pathlib import Path

import pytest

import wafersim

INIT = Path(wafersim.__file__)


def typed_names() -> set[str]:
    """What type checkers see: the imports under TYPE_CHECKING."""
    block = next(node for node in ast.parse(INIT.read_text()).body if isinstance(node, ast.If))
    return {alias.asname or alias.name for node in block.body for alias in node.names}


def test_what_is_listed_is_what_is_typed_and_what_is_there() -> None:
    assert set(wafersim.__all__) == typed_names() == set(wafersim._HOMES)
    assert set(wafersim.__all__) <= set(dir(wafersim))
    for name in wafersim.__all__:
        assert getattr(wafersim, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'simulat'"):
        wafersim.simulat  # noqa: B018


def test_nothing_heavy_comes_with_the_import() -> None:
    heavy = "numpy numba pydantic simpy matplotlib rich ruamel.yaml scipy"
    code = f"import sys, wafersim; print([name for name in '{heavy}'.split() if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_type_checker_knows_what_comes_out(tmp_path: Path) -> None:
    script = tmp_path / "use.py"
    script.write_text(
        "import wafersim\n"
        "prediction = wafersim.simulate(wafersim.load_experiment('hello_111m'))\n"
        "reveal_type(prediction.step_time_s)\n"
        "reveal_type(wafersim.run(wafersim.load_experiment('andromeda16')))\n"
        "prediction.step_tim\n"
    )
    out = subprocess.run([sys.executable, "-m", "mypy", "--strict", str(script)], capture_output=True, text=True).stdout
    assert 'Revealed type is "float"' in out or 'Revealed type is "builtins.float"' in out
    assert "wafersim.planning.results.Results" in out
    assert '"Prediction" has no attribute "step_tim"' in out


def test_simulate_refuses_a_sweep_and_names_run() -> None:
    with pytest.raises(wafersim.WafersimError, match=r"andromeda16 sweeps model.*wafersim.run"):
        wafersim.simulate(wafersim.load_experiment("andromeda16"))


def test_an_experiment_may_be_its_fields() -> None:
    fields = {
        "name": "mine",
        "model": "cerebras-gpt-111m",
        "system": {"profile": "cs2", "systems": 1},
        "strategy": {"micro_batch": 8},
        "training": {"batch": 8},
    }
    found = wafersim.simulate(wafersim.load_experiment(fields))
    assert found.batch == 8 and found.model == "cerebras-gpt-111m"
    with pytest.raises(wafersim.InputFaults, match=r"^experiment: training.batch: must be >= 1"):
        wafersim.load_experiment({**fields, "training": {"batch": 0}})


@pytest.fixture(scope="module")
def results() -> "wafersim.Results":
    sets = ["model=cerebras-gpt-111m", "system.systems=1", "training.batch_per_system=120"]
    experiment = wafersim.load_experiment("andromeda16", sets)
    return wafersim.run(experiment.model_copy(update={"sweep": {"system.systems": [1, 2, 10_000]}}))


def test_results_are_points_rows_and_a_file(results: "wafersim.Results", tmp_path: Path) -> None:
    assert len(results) == 3 and len(results.predictions) == 2
    assert repr(results).startswith("<Results: 3 points of andromeda16, 1 of them cannot run, a step takes ")
    stream = io.StringIO()
    results.to_csv(stream)
    rows = list(csv.DictReader(io.StringIO(stream.getvalue())))
    assert [row["n_systems"] for row in rows] == ["1", "2", "10000"]
    assert float(rows[1]["step_time_s"]) == results.predictions[1].step_time_s
    assert rows[2]["infeasible"] and not rows[2]["step_time_s"]
    low, value, high = (float(rows[0][name]) for name in ("step_time_low_s", "step_time_s", "step_time_high_s"))
    assert low < value < high
    with pytest.raises(wafersim.WafersimError, match="cannot be written"):
        results.to_csv(tmp_path / "nowhere" / "r.csv")


def test_pandas_is_asked_for_where_it_is_missing(results: "wafersim.Results", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(wafersim.WafersimError, match="pip install pandas"):
        results.to_pandas()
