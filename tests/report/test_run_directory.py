"""A run's directory appears complete or not at all."""

import json
import warnings
from pathlib import Path

import pytest

from wafersim.errors import WafersimError
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.sweep import expand
from wafersim.planning.sweep import PointResult, run_points
from wafersim.report import run as report
from wafersim.report.run import save_run
from wafersim.report.run_directory import save_directory
from wafersim.timeline.timeline import Timeline


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    return load_experiment("hello_111m", [])


@pytest.fixture(scope="module")
def results(experiment: Experiment) -> list[PointResult]:
    return run_points(expand(experiment))


def test_it_holds_experiment_points_timeline_and_figures(
    experiment: Experiment, results: list[PointResult], tmp_path: Path
) -> None:
    directory = save_run(tmp_path / "new" / "runs", experiment, results)
    names = {path.name for path in directory.iterdir()}
    assert names == {
        "experiment.yaml", "prediction.json", "reasons.txt", "version.json", "would_help.json", "results.csv", "breakdown.png",
        "timeline-cerebras-gpt-111m-1.npz", "timeline-cerebras-gpt-111m-1.png",
    }  # fmt: skip
    assert [p.name for p in directory.parent.iterdir()] == [directory.name]  # no draft is left
    (point,) = json.loads((directory / "prediction.json").read_text())["points"]
    assert results[0].simulated is not None
    assert point["step_time_s"] == results[0].simulated.prediction.step_time_s
    stored = Timeline.load(directory / "timeline-cerebras-gpt-111m-1.npz")
    assert len(stored) == len(results[0].simulated.periodic.timeline)


def test_the_same_experiment_replaces_its_run_and_another_does_not(
    experiment: Experiment, results: list[PointResult], tmp_path: Path
) -> None:
    first = save_run(tmp_path, experiment, results, figures=False)
    (first / "stale").touch()
    assert save_run(tmp_path, experiment, results, figures=False) == first
    assert not (first / "stale").exists()
    other = save_run(tmp_path, load_experiment("hello_111m", ["system.systems=2"]), [], figures=False)
    assert {p.name for p in tmp_path.iterdir()} == {first.name, other.name}


def test_a_model_is_called_what_its_people_call_it(tmp_path: Path) -> None:
    model = {
        "name": "meta-llama/</i>模型 \u202e" + "長" * 100, "family": "x", "layers": 1, "d_model": 128, "heads": 2, "d_ffn": 256,
        "vocab": 1000, "max_sequence": 128, "source": "here",
    }  # fmt: skip
    path = tmp_path / "mine.yaml"
    path.write_text(json.dumps({
        "name": "mine", "model": model, "system": {"profile": "cs2", "systems": 1}, "training": {"batch_per_system": 8},
    }))  # fmt: skip
    experiment = load_experiment(str(path), [])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of letters that no font has
        directory = save_run(tmp_path / "runs", experiment, run_points(expand(experiment)), formats=("svg",))
    (name,) = (found.name for found in directory.glob("*.npz"))
    assert name.startswith("timeline-meta-llama-i-模型-長長") and name.endswith("-1.npz")
    assert (directory / name).with_suffix(".svg").exists()


@pytest.mark.parametrize("fault", [KeyboardInterrupt, RuntimeError])
def test_a_fault_while_writing_leaves_the_earlier_run_and_nothing_else(
    fault: type[BaseException], experiment: Experiment, results: list[PointResult], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    earlier = save_run(tmp_path, experiment, results, figures=False)
    before = (earlier / "prediction.json").read_text()

    def fail(draft: Path, *_: object) -> None:
        (draft / "half").write_text("written")
        raise fault

    monkeypatch.setattr(report, "_write", fail)
    with pytest.raises(fault):
        save_run(tmp_path, experiment, results)
    assert [p.name for p in tmp_path.iterdir()] == [earlier.name]
    assert (earlier / "prediction.json").read_text() == before


def test_a_file_in_the_way_is_one_line(experiment: Experiment, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(WafersimError, match="cannot be written") as caught:
            save_run(root, experiment, [])
        assert "\n" not in str(caught.value)


def test_a_directory_is_named_by_what_was_asked_and_not_by_the_order_in_which(tmp_path: Path) -> None:
    asked = {"name": "a", "training": {"batch": 2, "tokens": 3}}
    turned = {"training": {"tokens": 3, "batch": 2}, "name": "a"}
    places = [save_directory(tmp_path, each, lambda _: None) for each in (asked, turned)]
    assert places[0] == places[1]
    other = save_directory(tmp_path, {"name": "a", "training": {"batch": 3, "tokens": 2}}, lambda _: None)
    assert other != places[0] and other.name.startswith("a-")
