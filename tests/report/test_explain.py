"""What the report says beside its tables."""

from typing import Any

from wafersim.report.explain import outside


def row(model: str, systems: int, *ways: str) -> dict[str, Any]:
    return {"model": model, "n_systems": systems, "sequence_length": 2048, "interval": {"outside": list(ways)}}


def test_what_lies_outside_takes_one_line_for_each_measure() -> None:
    said = outside(
        [
            row("small", 16, "1e+08 parameters (measured: 3e+08 to 6e+09)", "16 systems (measured: 1 to 2)"),
            row("large", 16, "1e+10 parameters (measured: 3e+08 to 6e+09)", "16 systems (measured: 1 to 2)"),
            row("strange", 16, "no measured run of x on y"),
        ]
    )
    assert said == [
        "Outside the calibrated range: parameters (measured: 3e+08 to 6e+09): 1e+08 - small on 16; 1e+10 - large on 16",
        "Outside the calibrated range: systems (measured: 1 to 2): 16 - small on 16, large on 16",
        "Outside the calibrated range: no measured run of x on y: strange on 16",
    ]
