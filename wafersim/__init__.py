"""wafersim: what a wafer-scale weight-streaming cluster would do with your model.

import wafersim
prediction = wafersim.simulate(wafersim.load_experiment("hello_111m"))
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"
__all__ = ["load_experiment", "simulate"]


def __getattr__(name: str) -> Any:
    # Lazy, so that `import wafersim` and `--help` load nothing heavy.
    if name == "simulate":
        from wafersim.simulation import simulate

        return simulate
    if name == "load_experiment":
        from wafersim.inputs.loader import load_experiment

        return load_experiment
    raise AttributeError(f"module 'wafersim' has no attribute {name!r}")
