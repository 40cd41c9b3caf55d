"""How far off a prediction may be: its elasticities and features, held against the committed calibrations."""

from __future__ import annotations

from math import hypot

from wafersim.inputs.fit import load_fit
from wafersim.inputs.machine import stated_errors
from wafersim.metrics.interval import Uncertainty, uncertainty
from wafersim.simulation.replay import Replay
from wafersim.strategies.registry import strategy_of


def uncertainty_of(replay: Replay) -> Uncertainty:
    """Of a job's step under a choice. What is known from one row adds the spread of rows once more, another mode its own;
    guesses err together, and what a stack is assumed to do errs as its profile states."""
    job = replay.job
    features = strategy_of(job.kind).features(job, replay.choice)
    fits = tuple(load_fit(which) for which in features.fits)
    wanted = {number for fit in fits for constant in fit.constants for number in constant.sets}
    one_row = fits[0].spread.get(features.group, 0.0) if features.one_row else 0.0
    stated = stated_errors(job.machine)
    asked = [*features.guessed, *stated, *replay.origins(wanted)]
    replay.elasticities(asked)  # together, since many machines take little longer than one
    guesses = fits[0].guessed * sum(replay.elasticities(features.guessed).values()) if features.guessed else 0.0
    assumed = [stated[path] * elasticity for path, elasticity in replay.elasticities(list(stated)).items()]
    extra = hypot(one_row, guesses, fits[0].modes.get(job.workload.mode, 0.0), *assumed)
    return uncertainty(fits, replay.by_origin(wanted), features.group, features.values, extra, features.device)
