"""The chance of each split to be the fastest: what they err on alike cancels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wafersim.inputs.loader import load_experiment
from wafersim.simulation import simulate
from wafersim.simulation.ranking import chances

NOTHING = np.zeros((2, 2))


def test_an_error_that_all_share_changes_no_order() -> None:
    shared = 0.3**2 * np.ones((2, 2))
    assert chances((1.0, 1.01), shared, ("a", "b"), 0.0, 1e-4) == (1.0, 0.0)
    # The same families, whatever separates families.
    assert chances((1.0, 1.01), NOTHING, ("a", "a"), 0.3, 1e-4) == (1.0, 0.0)


def test_what_each_errs_on_alone_decides() -> None:
    # 5 % apart, 9 % between families: the difference has sigma 0.09 sqrt(2) = 0.127; ln 1.05 / 0.127 = 0.38 sigma, 65 %.
    first, second = chances((1.0, 1.05), NOTHING, ("a", "b"), 0.09, 0.0)
    assert first == pytest.approx(0.65, abs=0.015) and first + second == pytest.approx(1.0)
    # Opposite elasticities of one constant: 0.05 + 0.05 on the difference; ln 1.05 / 0.1 = 0.49 sigma, 69 %.
    opposite = 0.05**2 * np.array([[1.0, -1.0], [-1.0, 1.0]])
    assert chances((1.0, 1.05), opposite, ("a", "a"), 0.0, 0.0)[0] == pytest.approx(0.69, abs=0.015)


def test_a_search_says_how_likely_each_fits_and_is_the_fastest(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(
        "name: x\nmodel: cerebras-gpt-6.7b\nsystem: {profile: dgx-a100-80gb, gpus: 16}\nstrategy: auto\n"
        "training: {sequence_length: 2048, batch: 64, tokens: 1e9}\n"
    )
    prediction = simulate(load_experiment(path))
    search = prediction.search.to_json()
    found = [one["fastest_probability"] for one in search["best"]]
    assert len(found) == 5 and sum(found) == pytest.approx(1.0) and 0 < found[0] < 1
    assert all(0.5 <= one["fits_probability"] <= 1 for one in search["best"])
    assert [one["fits_probability"] for one in search["front"]][-1] > 0.99
    # The same on every run.
    assert simulate(load_experiment(path)).search.to_json() == search
