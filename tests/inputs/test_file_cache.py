"""A loader sees a file that was rewritten in the same process, also through what the file leans on."""

import os
import time
from collections import Counter
from pathlib import Path

from wafersim.inputs import file_cache
from wafersim.inputs.fit import Fit, _read_fit, load_fit
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.profile_file import read_profile
from wafersim.inputs.sweep import expand
from wafersim.inputs.yaml_file import read_yaml
from wafersim.workload.model import read_model

CHIP = """\
base: cs3
name: chip
values:
  sram: {value: "88 GB", kind: assumed, source: "what if", date: "2026"}
"""
MODEL = "name: m\nfamily: x\nlayers: 2\nd_model: 64\nheads: 4\nd_ffn: 256\nvocab: 100\nmax_sequence: 128\nsource: abc\n"


def aged(path: Path) -> None:
    """A file that was written a while ago, so that what rests on it is remembered."""
    then = time.time() - 60
    os.utime(path, (then, then))
    time.sleep(0.12)  # the time of the change itself cannot be set


def test_what_has_not_changed_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "chip.yaml").write_text(CHIP)
    aged(tmp_path / "chip.yaml")
    assert read_profile(tmp_path / "chip.yaml") is read_profile(tmp_path / "chip.yaml")


def test_a_rewritten_file_is_read_again_at_once_and_later(tmp_path: Path) -> None:
    for wait in (False, True):
        path = tmp_path / "chip.yaml"
        path.write_text(CHIP)
        if wait:
            aged(path)
        assert read_profile(path).values.sram.value == 88e9
        path.write_text(CHIP.replace("88 GB", "77 GB"))  # of the same size
        assert read_profile(path).values.sram.value == 77e9
        (tmp_path / "m.yaml").write_text(MODEL)
        assert read_model(tmp_path / "m.yaml").layers == 2
        (tmp_path / "m.yaml").write_text(MODEL.replace("layers: 2", "layers: 3"))
        assert read_model(tmp_path / "m.yaml").layers == 3


def test_a_file_that_may_change_within_a_tick_of_its_clock_is_not_trusted(tmp_path: Path, monkeypatch) -> None:
    """A file system's time stamps are milliseconds apart: here two contents of one file have the same stamp."""
    path, now = tmp_path / "chip.yaml", time.time_ns() + 60_000_000_000  # "just now" however slow the test is
    monkeypatch.setattr(file_cache, "_stamp", lambda _: (now, now, 100, 1))
    path.write_text(CHIP)
    assert read_profile(path).values.sram.value == 88e9
    path.write_text(CHIP.replace("88 GB", "77 GB"))
    assert read_profile(path).values.sram.value == 77e9


def test_a_base_and_a_like_are_followed(tmp_path: Path) -> None:
    (tmp_path / "chip.yaml").write_text(CHIP)
    like = '{like: chip, times: 2, source: "guess", date: "2026"}'
    (tmp_path / "other.yaml").write_text(f"base: cs2\nname: other\nvalues:\n  sram: {like}\n")
    (tmp_path / "child.yaml").write_text("base: chip.yaml\nname: child\n")
    for each in tmp_path.iterdir():
        aged(each)
    assert read_profile(tmp_path / "other.yaml").values.sram.value == 176e9
    assert read_profile(tmp_path / "child.yaml").values.sram.value == 88e9
    (tmp_path / "chip.yaml").write_text(CHIP.replace("88 GB", "10 GB"))
    assert read_profile(tmp_path / "other.yaml").values.sram.value == 20e9
    assert read_profile(tmp_path / "child.yaml").values.sram.value == 10e9


def test_a_file_that_comes_into_being_in_front_of_another_is_seen(tmp_path: Path) -> None:
    (tmp_path / "child.yaml").write_text("base: cs2\nname: child\n")
    aged(tmp_path / "child.yaml")
    assert read_profile(tmp_path / "child.yaml").values.sram.value == 40e9
    (tmp_path / "cs2.yaml").write_text(CHIP.replace("name: chip", "name: cs2"))
    assert read_profile(tmp_path / "child.yaml").values.sram.value == 88e9


def test_a_folder_of_ones_own_is_searched_when_it_is_named(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "cs2.yaml").write_text(CHIP.replace("name: chip", "name: cs2"))
    (tmp_path / "child.yaml").write_text("base: cs2\nname: child\n")
    aged(tmp_path / "child.yaml")
    assert read_profile(tmp_path / "child.yaml").values.sram.value == 40e9
    monkeypatch.setenv("WAFERSIM_PATH", str(tmp_path / "lib"))
    assert read_profile(tmp_path / "child.yaml").values.sram.value == 88e9


def test_the_place_is_the_one_that_was_asked_for(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "m.yaml").write_text(MODEL)
    aged(tmp_path / "m.yaml")
    assert read_yaml(tmp_path / "m.yaml").name == str(tmp_path / "m.yaml")
    monkeypatch.chdir(tmp_path)
    assert read_yaml(Path("m.yaml")).name == "m.yaml"


def test_a_calibration_that_was_rewritten_is_seen(tmp_path: Path) -> None:
    fit, path = load_fit("wafer"), tmp_path / "wafer.json"
    path.write_text(fit.model_dump_json())
    assert _read_fit(path) == fit
    changed = Fit.model_validate({**fit.model_dump(), "transfer": 0.5})
    path.write_text(changed.model_dump_json())
    assert _read_fit(path).transfer == 0.5


def test_the_points_of_a_grid_look_at_each_file_once(monkeypatch) -> None:
    grid = {"system.systems": [1, 2, 3, 4], "training.batch": [48, 60]}
    experiment = load_experiment("hello_111m").model_copy(update={"sweep": grid})
    looked_at: Counter[Path] = Counter()
    now = file_cache._stamp_now
    monkeypatch.setattr(file_cache, "_stamp_now", lambda path: looked_at.update([path]) or now(path))
    assert len(expand(experiment)) == 8
    assert looked_at and set(looked_at.values()) == {1}
    expand(experiment)
    assert set(looked_at.values()) == {2}  # another time anew


def test_a_file_that_took_long_to_read_is_trusted_by_when_that_began(tmp_path: Path, monkeypatch) -> None:
    path, now = tmp_path / "slow", time.time_ns()
    monkeypatch.setattr(file_cache, "_stamp", lambda _: (now, now, 100, 1))
    read = []

    @file_cache.of_file
    def slow(path: Path) -> int:
        time.sleep(0.12)
        read.append(path)
        return len(read)

    assert [slow(path), slow(path)] == [1, 2]


def test_what_a_name_stands_for_is_asked_once_in_a_moment(tmp_path: Path) -> None:
    asked: list[str | None] = []

    @file_cache.for_a_moment
    def named(name: str, other: object = None) -> object:
        asked.append(name)
        return object()

    @file_cache.of_file
    def resting(path: Path) -> object:
        return named("a")

    with file_cache.at_one_moment():
        assert named("a") is named("a")
        assert named("b") is not named("a")
        assert named("a", {"no": "name"}) is not named("a")
        resting(tmp_path / "absent")  # which has to know what it rests on
    assert asked == ["a", "b", "a", "a"]
    assert named("a") is not named("a")
    with file_cache.at_one_moment():
        named("a")
    assert len(asked) == 7
