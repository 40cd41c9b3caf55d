"""How likely each split that a search shows is the fastest of them: what they err on alike cancels.

The logarithms of their step times are jointly normal about the simulated ones. Splits share the errors of the calibrated
constants, each by its own elasticity; those that run the same kernels (tensor, context, micro-batch, precision) share what
separates families of rows; what is left, the scatter of rows within a family, is each one's own. What a stack or a GPU without
rows adds, and the distance from the rows, are taken as the same for all, and cancel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from wafersim.inputs.fit import Fit, load_fit
from wafersim.inputs.machine import numbers, scaled, stated_errors
from wafersim.metrics.interval import NUDGE, covariance
from wafersim.strategies.job import Job
from wafersim.strategies.registry import strategy_of
from wafersim.strategies.strategy import Search

Floats = npt.NDArray[np.float64]
DRAWS = 20_000  # chances are within half a percent


def ranked(job: Job, choice: Any, search: Search) -> Search:
    """The search with the chance of each split that it shows to be the fastest of them."""
    strategy = strategy_of(job.kind)
    features = strategy.features(job, choice)
    fits = [load_fit(which) for which in features.fits]
    wanted = {number for fit in fits for constant in fit.constants for number in constant.sets}
    origins = {path: origin for path, _, origin in numbers(job.machine) if origin in wanted}
    stated = stated_errors(job.machine)
    paths = list(dict.fromkeys([*origins, *features.guessed, *stated]))
    nudged = [scaled(job.machine, {path: 1.0 + NUDGE}) for path in paths]
    base, *others = (np.asarray(each) for each in strategy.rivals(job, choice, [job.machine, *nudged]))
    elasticity = {path: np.log(each / base) / np.log(1.0 + NUDGE) for path, each in zip(paths, others, strict=True)}
    zero = np.zeros(len(base))
    of_origin = dict.fromkeys(wanted, zero)
    for path, origin in origins.items():
        of_origin[origin] = of_origin[origin] + elasticity[path]
    guessed = fits[0].guessed * sum((elasticity[path] for path in features.guessed), zero)
    shared = sum((_of_constants(fit, of_origin) for fit in fits), np.outer(guessed, guessed))
    for path, error in stated.items():
        shared = shared + error**2 * np.outer(elasticity[path], elasticity[path])
    spread = fits[0].inflation * fits[0].spread.get(features.group, max(fits[0].spread.values()))
    between = fits[0].between.get(features.group, max(fits[0].between.values(), default=0.0))
    return search.with_chances(chances(search.seconds, shared, search.kernels, between, spread))


def _of_constants(fit: Fit, of_origin: dict[str, Floats]) -> Floats:
    """Covariance of the logarithms of step times that a calibration's constants give them."""
    if not fit.constants:
        size = len(next(iter(of_origin.values())))
        return np.zeros((size, size))
    loads = np.array([sum(of_origin[number] for number in constant.sets) for constant in fit.constants])
    found: Floats = fit.inflation**2 * (loads.T @ covariance(fit) @ loads)
    return found


def chances(
    seconds: Sequence[float], shared: Floats, kernels: Sequence[object], between: float, spread: float
) -> tuple[float, ...]:
    """Shares of draws in which each is the fastest."""
    alike = np.array([[float(one == other) for other in kernels] for one in kernels])
    covariances = shared + between**2 * alike + spread**2 * np.eye(len(seconds))
    drawn = np.random.default_rng(0).multivariate_normal(np.log(seconds), covariances, DRAWS, method="eigh")
    return tuple((np.bincount(drawn.argmin(axis=1), minlength=len(seconds)) / DRAWS).tolist())
