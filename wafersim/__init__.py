"""wafersim: what a wafer-scale weight-streaming cluster would do with your model.

import wafersim

prediction = wafersim.simulate(wafersim.load_experiment("hello_111m"))
print(prediction.step_time_s, prediction.binding_resource)

results = wafersim.run(wafersim.load_experiment("andromeda16"))     # every point of a sweep
results.to_csv("andromeda16.csv")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wafersim.errors import Fault, Infeasible, InputFaults, WafersimError
    from wafersim.inputs.experiment import Experiment
    from wafersim.inputs.loader import load_experiment
    from wafersim.inputs.machine import load_any as load_machine
    from wafersim.inputs.model_file import load_model
    from wafersim.metrics.prediction import Prediction
    from wafersim.planning.comparison import Sides, compare
    from wafersim.planning.goal import plan
    from wafersim.planning.planned import Planned
    from wafersim.planning.results import Results, run
    from wafersim.simulation import simulate

__version__ = "0.1.0"
__all__ = [
    "Experiment", "Fault", "Infeasible", "InputFaults", "Planned", "Prediction", "Results", "Sides", "WafersimError", "compare",
    "load_experiment", "load_machine", "load_model", "plan", "run", "simulate",
]  # fmt: skip

# Where each name lives: it loads when it is asked for, so that `import wafersim` and `--help` load nothing heavy.
_HOMES = {
    "Experiment": "inputs.experiment",
    "Fault": "errors",
    "Infeasible": "errors",
    "InputFaults": "errors",
    "Planned": "planning.planned",
    "Prediction": "metrics.prediction",
    "Results": "planning.results",
    "Sides": "planning.comparison",
    "WafersimError": "errors",
    "compare": "planning.comparison",
    "load_experiment": "inputs.loader",
    "load_machine": "inputs.machine:load_any",
    "load_model": "inputs.model_file",
    "plan": "planning.goal",
    "run": "planning.results",
    "simulate": "simulation",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'wafersim' has no attribute {name!r}")
    module, _, original = home.partition(":")
    return getattr(import_module(f"wafersim.{module}"), original or name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
