"""Rows as `Prediction.to_json()` makes them, without a simulation; figures as they are laid out; a browser."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from playwright.sync_api import Browser

Row = dict[str, Any]


@pytest.fixture
def row() -> Callable[..., Row]:
    """A point with a step of 2 s: 1.5 s compute, 0.3 s drain, 0.2 s optimizer; keywords replace fields."""

    def make(model: str = "m", n_systems: int = 1, **fields: Any) -> Row:
        breakdown = {"compute": 1.5, "kernel_latency": 0.0, "exposed_stream": 0.0, "exposed_drain": 0.3, "exposed_reduction": 0.0,
                     "exposed_activations": 0.0, "exposed_input": 0.0, "optimizer": 0.2, "fixed_latency": 0.0}  # fmt: skip
        memory = {"sram_bytes": 40e9, "weight_buffer_bytes": 1e9, "drain_buffer_bytes": 1e9, "activation_bytes": 7e9,
                  "working_set_bytes": 20e9, "total_bytes": 31e9, "capacity_bytes": 40e9, "activation_policy": "all on the wafer",
                  "reason": "fastest of 3"}  # fmt: skip
        return {
            "kind": "wafer", "model": model, "n_systems": n_systems, "batch": 8 * n_systems, "batch_per_system": 8,
            "micro_batch": 4, "micro_batches": 2, "step_time_s": 2.0, "samples_per_s": 4.0 * n_systems,
            "tokens_per_s": 1000.0 * n_systems, "mfu": 0.25, "scaling_efficiency": 1.0, "breakdown": breakdown,
            "binding_part": "compute", "binding_resource": "wafer compute", "memory": memory,
            "split": {"name": f"DP {n_systems}", "dimensions": ["data"]}, "layout": None, "search": None,
            "days_to_train": 3.0, "engine": "fast", "engine_reason": "longest path: why", "systems_simulated": 1,
            "notes": [], "assumed": [], "critical": None, **fields,
        }  # fmt: skip

    return make


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """One browser for the pages of a module."""
    from tests.chromium import chromium

    with chromium() as found:
        yield found


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> "Iterator[list[Figure]]":
    """Every figure that is written in the test, laid out but not turned into pixels, which would take ten times as long."""
    from matplotlib.figure import Figure

    kept: list[Figure] = []

    def laid_out(figure: Figure, *_: object, **__: object) -> None:
        figure.draw_without_rendering()
        kept.append(figure)

    monkeypatch.setattr(Figure, "savefig", laid_out)
    yield kept
    monkeypatch.undo()
