"""The PE grid against a plain C loop of the same recurrence; `pytest tests/benchmarks -o addopts= --benchmark-only`."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

from wafersim.wafer.mapping import Grid, best_mapping
from wafersim.wafer.weight_streaming import PE, closed_form, simulate_cycles

ROWS, COLUMNS, WEIGHTS, OUTPUTS, TOKENS = 750, 994, 5, 40, 164
PES = PE()
UPDATES = ROWS * COLUMNS * WEIGHTS * OUTPUTS


def test_numba_grid(benchmark) -> None:
    """Target 3e8 PE updates/s and core on a grid that fills the wafer."""
    simulate_cycles(1, 1, 1, 2, 2, PES)
    run = benchmark(lambda: simulate_cycles(TOKENS, WEIGHTS, OUTPUTS, ROWS, COLUMNS, PES))
    benchmark.extra_info["updates_per_s"] = f"{UPDATES / benchmark.stats['min']:.3g}"
    assert run.cycles == closed_form(TOKENS, WEIGHTS, OUTPUTS, ROWS, COLUMNS, PES)


def test_plain_c(benchmark, tmp_path: Path) -> None:
    """The yardstick: gcc -O3 -march=native; the numba grid may take at most 1.5 times as long."""
    if shutil.which("gcc") is None:
        pytest.skip("no C compiler")
    library = tmp_path / "axpy.so"
    source = Path(__file__).with_name("axpy.c")
    subprocess.run(["gcc", "-O3", "-march=native", "-shared", "-fPIC", "-o", library, source], check=True)
    loop = ctypes.CDLL(str(library)).run
    loop.restype, loop.argtypes = ctypes.c_int64, [ctypes.c_int64] * 8
    axpy = PES.issue + PES.group * -(-TOKENS // PES.simd_width)
    cycles = benchmark(lambda: loop(OUTPUTS, ROWS, COLUMNS, WEIGHTS, axpy, TOKENS, PES.hop, PES.queue))
    benchmark.extra_info["updates_per_s"] = f"{UPDATES / benchmark.stats['min']:.3g}"
    assert cycles == closed_form(TOKENS, WEIGHTS, OUTPUTS, ROWS, COLUMNS, PES)


def test_closed_form_cost(benchmark) -> None:
    """Target 20 us for a new shape."""
    sizes = iter(range(1, 10**9))
    grid = Grid(750, 994, 4, 20.9, 2.2)
    benchmark(lambda: best_mapping(100_000 + next(sizes), 4096, 4096, 1.0, grid))


def test_cached_cost(benchmark) -> None:
    """Target 1 us for a known one."""
    grid = Grid(750, 994, 4, 20.9, 2.2)
    benchmark(lambda: best_mapping(100_000, 4096, 4096, 1.0, grid))
