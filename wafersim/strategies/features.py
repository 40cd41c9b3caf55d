"""Features of a job as calibrations keep them."""

from __future__ import annotations

from math import log


def logs(*values: float) -> tuple[float, ...]:
    """Logarithms, in the digits that a calibration keeps."""
    return tuple(round(log(value), 4) for value in values)
