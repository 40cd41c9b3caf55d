"""What the report says beside its tables."""

from typing import Any

from wafersim.metrics.interval import Outside
from wafersim.report.explain import outside


def row(model: str, systems: int, *ways: Outside) -> dict[str, Any]:
    return {"model": model, "n_systems": systems, "interval": {"outside": [way.to_json() for way in ways]}}


def test_what_lies_outside_takes_one_line_for_each_measure() -> None:
    said = outside(
        [
            row("small", 16, Outside("parameters", 1e8, 3e8, 6e9), Outside("systems", 16, 1, 2)),
            row("large", 16, Outside("parameters", 1e10, 3e8, 6e9), Outside("systems", 16, 1, 2)),
            row("strange", 16, Outside("no measured run of x on y")),
        ]
    )
    assert said == [
        "Outside the calibrated range: parameters (measured: 300 M to 6 B): 100 M - small on 16; 10 B - large on 16",
        "Outside the calibrated range: systems (measured: 1 to 2): 16 - small on 16, large on 16",
        "Outside the calibrated range: no measured run of x on y: strange on 16",
    ]


def test_counts_are_whole_and_large_ones_have_commas() -> None:
    (said,) = outside([row("a", 192, Outside("tokens", 524288.0, 1.5, 262144.0))])
    assert said == "Outside the calibrated range: tokens (measured: 1.5 to 262,144): 524,288 - a on 192"
