"""Profiles are rewritten number by number, and all files of a calibration are replaced or none is cut short."""

import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.checkout import Commands
from wafersim.calibration import profile_writer
from wafersim.calibration.atomic import replace_files
from wafersim.calibration.profile_writer import dumped, rewritten, round_trip
from wafersim.calibration.record import Change, today
from wafersim.errors import InputFaults, WafersimError
from wafersim.inputs import fit as fits
from wafersim.inputs.resources import find, names

PROFILE = """name: x  # a chip
values:
  # measured
  clock: {value: "1.1 GHz", kind: datasheet, source: "a, b: {c}", date: "2020"}
  rate: {value: "0.3411 ms", source: "wafersim calibrate --set wafer", date: "2020", standard_error: 0.2}  # how long
  factor: {value: 23.02, source: "wafersim calibrate --set wafer", date: "2020", note: "odd"}
"""


@pytest.mark.parametrize("name", names("hardware"))
def test_every_shipped_profile_survives_the_round_trip_byte_for_byte(name: str) -> None:
    text = find("hardware", name).read_text(encoding="utf-8")
    assert dumped(round_trip().load(text)) == text


def test_numbers_keep_their_units_and_everything_else_stays() -> None:
    changes = [Change("x", ("values", "rate"), 0.5e-3, 0.01234), Change("x", ("values", "factor"), 1750.04, 0.1)]
    source = f'source: "wafersim calibrate --set wafer, with 3 rows of a user", date: "{today()}"'
    rate = f'  rate: {{value: "0.5 ms", {source}, standard_error: 0.0123}}  # how long'
    factor = f'  factor: {{value: 1750, {source}, note: "odd", standard_error: 0.1}}'
    assert rewritten(PROFILE, changes, own=3).splitlines() == [*PROFILE.splitlines()[:4], rate, factor]
    # Without the user's rows the source is the published one again.
    assert "of a user" not in rewritten(rewritten(PROFILE, changes, own=3), changes)


def test_what_does_not_change_keeps_its_date() -> None:
    assert rewritten(PROFILE, [Change("x", ("values", "rate"), 0.34112e-3, 0.2)]) == PROFILE


def test_all_files_or_none(tmp_path: Path) -> None:
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("old")
    second.mkdir()  # cannot be replaced by a file
    (tmp_path / ".a.yaml.4194305.new").write_text("left behind by a process that is no more")
    with pytest.raises(WafersimError, match="cannot be written"):
        replace_files({tmp_path / "no" / "such" / "folder.yaml": "x", first: "new"})
    assert first.read_text() == "old"
    replace_files({first: "new"})
    assert first.read_text() == "new" and sorted(path.name for path in tmp_path.iterdir()) == ["a.yaml", "b.yaml"]


def whole(root: Path) -> dict[str, bytes]:
    folder = root / "hardware_profiles"
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def differing(root: Path) -> None:
    """Numbers and a date that the next calibration will have to write."""
    for name in ("a100-40gb", "a100-80gb", "v100-32gb"):
        path = root / "hardware_profiles" / f"{name}.yaml"
        lines = path.read_text().splitlines()
        at = next(i for i, line in enumerate(lines) if line.strip().startswith("ramp: {value: "))
        value = lines[at].split("{value: ")[1].split(",")[0]
        lines[at] = lines[at].replace(value, '"4 s"' if value.startswith('"') else "4e-09")
        path.write_text("\n".join(lines) + "\n")


def test_a_full_disk_leaves_every_file_as_it_was(copied: Path) -> None:
    differing(copied)
    before = whole(copied)
    # -B: Python's own files of bytecode would be cut short without a word, and nothing could be imported any more.
    command = f"ulimit -f 1; exec {sys.executable} -B -m wafersim calibrate --set collective --write"
    done = subprocess.run(["bash", "-c", command], cwd=copied, capture_output=True, text=True)
    assert done.returncode == 2 and "cannot be written" in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert whole(copied) == before


KILLED = """
import os, signal, sys
from pathlib import Path
from wafersim.calibration import atomic
from wafersim.calibration.front import calibrate
left = int(sys.argv[1])
def counted(real):
    def call(*args, **more):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **more)
    return call
os.fsync, Path.replace, Path.unlink = counted(os.fsync), counted(Path.replace), counted(Path.unlink)
calibrate("collective").write()
"""


@pytest.mark.parametrize("operations", [1, 4, 6])
def test_a_kill_at_any_time_leaves_every_file_whole(copied: Path, wafersim: Commands, operations: int) -> None:
    """Four files: four are flushed, then renamed. Each is the old or the new one, and the next run tidies up."""
    differing(copied)
    before = whole(copied)
    done = wafersim(str(operations), code=KILLED)
    assert done.returncode == -signal.SIGKILL, done.stderr
    killed = whole(copied)
    wafersim("calibrate", "--set", "collective", "--write").check_returncode()
    after = whole(copied)
    assert set(after) == set(before)  # nothing lies about
    for name in before:
        assert killed[name] in (before[name], after[name]), name
    assert operations > 4 or all(killed[name] == before[name] for name in before)


def test_a_calibration_that_is_cut_short_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "gpu.json"
    text = fits.fit_path("gpu").read_text()
    path.write_text(text)
    monkeypatch.setattr(fits, "fit_path", lambda which: path)
    assert fits.load_fit("gpu").set == "gpu"
    for cut in ("", text[:1024], text.replace('"set": "gpu"', '"set": "moon"')):
        path.write_text(cut)
        with pytest.raises(InputFaults) as found:
            fits.load_fit("gpu")
        said = str(found.value)
        assert said.startswith(f"{path}: is not a whole calibration (") and "\n" not in said
        assert "`wafersim calibrate --set gpu --write` makes it anew" in said
    path.unlink()
    with pytest.raises(InputFaults, match="cannot be read"):
        fits.load_fit("gpu")
    path.write_text(text)
    assert fits.load_fit("gpu").set == "gpu"  # as it is now, not as it was


def test_a_calibration_heals_what_was_cut_short(copied: Path, wafersim: Commands) -> None:
    path = copied / "hardware_profiles" / "fits" / "collective.json"
    text = path.read_text()
    path.write_text(text[:700])
    done = wafersim("validate", "--row", "ar_a100_4_4")
    assert done.returncode == 2 and "is not a whole calibration" in done.stderr and "Traceback" not in done.stderr
    wafersim("calibrate", "--set", "collective", "--write").check_returncode()
    assert path.read_text().splitlines()[3:] == text.splitlines()[3:]


def test_each_profile_gets_its_own_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text(PROFILE)
    monkeypatch.setattr(profile_writer, "find", lambda kind, name: tmp_path / name)
    monkeypatch.setattr(profile_writer, "fit_path", lambda which: tmp_path / f"{which}.json")
    monkeypatch.setattr(profile_writer, "fit_text", lambda fit: "fit")
    monkeypatch.setattr(profile_writer, "own_count", lambda fit: 0)
    changes = [Change("one", ("values", "factor"), 7.0, 0.1), Change("two", ("values", "rate"), 0.5e-3, 0.1)]
    found = SimpleNamespace(fit=SimpleNamespace(set="wafer"), changes=changes)
    written = profile_writer.write_found(found)  # type: ignore[arg-type]
    assert written == (tmp_path / "one", tmp_path / "two", tmp_path / "wafer.json")
    one, two = ((tmp_path / name).read_text() for name in ("one", "two"))
    assert "value: 7," in one and '"0.3411 ms"' in one
    assert '"0.5 ms"' in two and "value: 23.02," in two
