"""Compiled functions work wherever the package can be read."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import wafersim
from wafersim import compiled

# Every compiled function is declared; one of them is compiled.
CODE = """
import numpy as np
import wafersim, wafersim.simulation, wafersim.kernel
from wafersim.engine.topology import topological_order
print(wafersim.__file__)
print(topological_order(3, np.array([0, 1]), np.array([1, 2])).tolist())
"""


def without_the_rights_of_root() -> list[str]:
    """What goes before a command so that file modes bind it even where the tests run as root."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is needed to give up the rights of root")
    rights = "-dac_override,-dac_read_search"
    return ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}"]


def test_a_read_only_package_and_home(tmp_path: Path) -> None:
    prefix = without_the_rights_of_root()
    package, home, temporary = tmp_path / "site" / "wafersim", tmp_path / "home", tmp_path / "temporary"
    shutil.copytree(Path(wafersim.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("hardware_profiles", "experiments"):
        (package.parent / name).symlink_to(Path(wafersim.__file__).parents[1] / name)
    home.mkdir()
    temporary.mkdir()
    for path in [home, package, *(path for path in package.rglob("*") if path.is_dir())]:
        path.chmod(0o555)
    environment = {
        "HOME": str(home),
        "PYTHONPATH": str(package.parent),
        "TMPDIR": str(temporary),
        "PATH": os.environ["PATH"],
    }
    try:
        for _ in range(2):
            done = subprocess.run(
                [*prefix, sys.executable, "-c", CODE],
                capture_output=True,
                text=True,
                check=False,
                env=environment,
                cwd=temporary,
            )
            assert done.stderr == ""
            assert done.stdout.splitlines() == [str(package / "__init__.py"), "[2, 1, 0]"]
            kept = [path.name for path in temporary.rglob("topology.topological_order*.nbi")]
            assert len(kept) == 1  # for the next run, in the one place that can be written
    finally:
        for path in [home, package, *(path for path in package.rglob("*") if path.is_dir())]:
            path.chmod(0o755)


def test_a_cache_that_somebody_else_can_write_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    own = compiled._own_directory()
    assert own == tmp_path / f"wafersim-{os.getuid()}"
    assert own.stat().st_mode & 0o777 == 0o700
    own.chmod(0o777)
    assert compiled._own_directory() is None
    own.rmdir()
    (tmp_path / "planted").mkdir()
    own.symlink_to(tmp_path / "planted")
    assert compiled._own_directory() is None


def test_without_any_place_for_a_cache_a_function_is_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    njit = compiled.numba.njit

    def refuse(cache: bool = False, **options: object) -> object:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return njit(**options)

    monkeypatch.setattr(compiled, "numba", SimpleNamespace(njit=refuse))
    monkeypatch.setattr(compiled, "_own_directory", lambda: None)
    assert compiled.njit()(lambda a, b: a + b)(2, 3) == 5


def test_what_is_kept_is_made_anew_when_a_module_beside_it_changes(tmp_path: Path) -> None:
    """The machine code of a function holds that of the functions it calls; numba looks only at the file of the former."""
    (tmp_path / "called.py").write_text("from wafersim.compiled import inner\n@inner()\ndef called(): return 1\n")
    (tmp_path / "entry.py").write_text(
        "from called import called\nfrom wafersim.compiled import njit\n"
        "@njit()\ndef entry(): return called()\nprint(entry(), sum(entry.stats.cache_hits.values()))\n"
    )
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}:{Path(wafersim.__file__).parents[1]}"}
    environment["NUMBA_CACHE_DIR"] = str(tmp_path / "kept")

    def printed() -> str:
        command = [sys.executable, "-B", tmp_path / "entry.py"]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout

    assert [printed(), printed()] == ["1 0\n", "1 1\n"]  # value, and how often it came from the cache
    (tmp_path / "called.py").write_text("from wafersim.compiled import inner\n@inner()\ndef called(): return 22\n")
    assert [printed(), printed()] == ["22 0\n", "22 1\n"]
