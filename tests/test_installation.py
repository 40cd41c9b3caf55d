"""Both ways of installing: the wheel carries profiles, catalogue and experiments; an editable install finds the checkout's."""

import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def test_an_editable_install_finds_the_checkout() -> None:
    from wafersim.inputs.resources import folder

    assert folder("hardware") == ROOT / "hardware_profiles"


def test_the_wheel_runs_a_shipped_experiment_far_from_the_checkout(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode:
        pytest.fail(built.stderr)
    (wheel,) = tmp_path.glob("wafersim-*.whl")
    # Its own environment, which sees this one's dependencies but not the editable install.
    venv.create(tmp_path / "env", with_pip=False)
    unpacked = tmp_path / "unpacked"
    subprocess.run([sys.executable, "-m", "zipfile", "-e", str(wheel), str(unpacked)], check=True)
    site = next(Path(p) for p in sys.path if p.endswith("site-packages"))
    code = (
        f"import sys; sys.path[:0] = [{str(unpacked)!r}, {str(site)!r}]\n"
        "import wafersim; assert wafersim.__file__.startswith(sys.path[0]), wafersim.__file__\n"
        "print(wafersim.simulate(wafersim.load_experiment('hello_111m')).model)\n"
        "from wafersim.inputs.resources import folder; print(folder('hardware'))"
    )
    python = tmp_path / "env" / "bin" / "python"
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stdout.splitlines() == [
        "cerebras-gpt-111m",
        str(unpacked / "wafersim" / "_shipped" / "hardware_profiles"),
    ], done
