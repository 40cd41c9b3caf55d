"""Refits of the scaling laws on their published runs: what the constants' covariance, scatter and widening come from.

`derived(name)` gives the numbers that `evidence/data/scaling_laws.yaml` keeps beside each law's published constants, so that
nothing is solved when a law is asked. Needs scipy (the `calibrate` extra).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np

from wafersim.inputs.fit import Z80
from wafersim.planning.scaling_forms import Floats, compute_loss, parametric_loss, repeated_loss
from wafersim.planning.scaling_law import scaling_law

TABLES = {
    "cerebras-gpt": "loss_pile.csv",
    "chinchilla": "loss_massivetext.csv",
    "data-constrained": "loss_c4_repeats.csv",
}
HUBER = 1e-3  # of the logarithm of the loss: Hoffmann et al. and Besiroglu et al.
UNDERTRAINED = 5  # runs of the fewest tokens a parameter, below 0.41: left out by Besiroglu et al. as outliers
PAPER = "Cerebras-GPT, paper"
CUTS = (1e20, 3e20, 1e21)  # FLOPs: refits on what is below are held to what is above
DRAWS = 1000
LEAST_RATIO = 5.0  # tokens a parameter from which runs on C4 count: fewer are far below any training that is planned
MOST_EPOCHS = 16.0  # beyond, validation loss rises again, which the law of repeats cannot say


@dataclass(frozen=True)
class Runs:
    """Published runs as columns: ids, parameters, tokens, FLOPs, losses in nats a token, unique tokens, and their `use`."""

    ids: tuple[str, ...]
    parameters: Floats
    tokens: Floats
    flops: Floats
    losses: Floats
    unique_tokens: Floats
    use: tuple[str, ...]

    def where(self, kept: Any) -> Runs:
        """The runs of a mask or of indices."""
        chosen = np.arange(len(self.ids))[kept]
        names = (tuple(self.ids[i] for i in chosen), tuple(self.use[i] for i in chosen))
        columns = (self.parameters, self.tokens, self.flops, self.losses, self.unique_tokens)
        sizes, tokens, flops, losses, unique = (column[chosen] for column in columns)
        return Runs(names[0], sizes, tokens, flops, losses, unique, names[1])


def published_runs(name: str, family: str = PAPER) -> Runs:
    """The runs of a law's table that count: of the Pile one family, of MassiveText all but the five, of C4 all."""
    with (files("wafersim.evidence") / "data" / TABLES[name]).open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row.get("family", family) == family]

    def column(key: str) -> Floats:
        return np.array([float(row[key]) for row in rows])

    tokens = column("tokens")
    found = Runs(
        tuple(row["id"] for row in rows),
        column("params"),
        tokens,
        column("train_flops"),
        column("loss" if "loss" in rows[0] else "val_loss_c4"),
        column("unique_tokens") if "unique_tokens" in rows[0] else tokens,
        tuple(row.get("use", "-") for row in rows),
    )
    ratios = found.tokens / found.parameters
    return found.where(np.argsort(ratios, kind="stable")[UNDERTRAINED:]) if name == "chinchilla" else found


def refit_parametric(runs: Runs, start: Floats) -> Floats:
    """Constants ln A, ln B, ln E, alpha, beta of least Huber loss of ln L (delta 1e-3), by BFGS from a start."""
    from scipy.optimize import minimize

    x, y, logs = np.log(runs.parameters), np.log(runs.tokens), np.log(runs.losses)

    def cost(constants: Floats) -> tuple[float, Floats]:
        ln_a, ln_b, ln_e, alpha, beta = constants
        terms = np.stack([ln_a - alpha * x, ln_b - beta * y, np.full_like(x, ln_e)])
        highest = terms.max(axis=0)
        shares = np.exp(terms - highest)
        total = shares.sum(axis=0)
        shares /= total
        off = highest + np.log(total) - logs
        near = np.abs(off) <= HUBER
        size = np.where(near, off**2 / 2.0, HUBER * (np.abs(off) - HUBER / 2.0))
        slope = np.clip(off, -HUBER, HUBER)
        columns = np.stack([shares[0], shares[1], shares[2], -shares[0] * x, -shares[1] * y])
        return float(size.sum()), columns @ slope

    best = minimize(cost, start, jac=True, method="BFGS", options={"gtol": 1e-8, "maxiter": 2000})
    while True:  # a line search that gave up is started again from where it stood
        again = minimize(cost, best.x, jac=True, method="BFGS", options={"gtol": 1e-8, "maxiter": 2000})
        if again.fun > best.fun - 1e-12:
            return np.asarray(best.x)
        best = again


def refit_compute(runs: Runs) -> tuple[Floats, float]:
    """k, a, E of least squares of ln L, and the scatter of runs (degrees of freedom taken off)."""
    from scipy.optimize import least_squares

    def off(constants: Floats) -> Floats:
        return np.log(compute_loss(constants, runs.flops) / runs.losses)

    found = least_squares(off, [0.3, 0.07, 0.5], x_scale=[0.1, 0.01, 0.1], bounds=([-9, 0, 0], [9, 2, 3]), xtol=1e-12)
    return found.x, float(np.sqrt((found.fun**2).sum() / (len(runs.ids) - 3)))


def _slopes(constants: Floats, flops: Floats) -> Floats:
    """d ln L / d (k, a, E), (3, runs), by differences of a millionth to both sides."""
    steps = np.eye(3) * 1e-6
    up, down = (np.array([np.log(compute_loss(constants + sign * one, flops)) for one in steps]) for sign in (1, -1))
    return np.asarray((up - down) / 2e-6)


def covariance_at(constants: Floats, runs: Runs, scatter: float) -> Floats:
    """Covariance of k, a, E by their slopes at these constants (Gauss and Newton), (3, 3)."""
    slopes = _slopes(constants, runs.flops)
    return np.asarray(np.linalg.inv(slopes @ slopes.T) * scatter**2)


def bootstrap(runs: Runs, start: Floats, draws: int = DRAWS, seed: int = 20240415) -> Floats:
    """Constants refitted on runs drawn with replacement, (draws, 5)."""
    dice = np.random.default_rng(seed)
    count = len(runs.ids)
    return np.array([refit_parametric(runs.where(dice.integers(0, count, count)), start) for _ in range(draws)])


def widening(errors: Floats, known: Floats, far: Floats) -> float:
    """The least standard deviation of ln L a decade beyond with which the 80 % intervals hold 80 % of runs left out.

    `errors` are logarithms of predicted over measured, `known` the standard deviations that the refits say, `far` the decades.
    """
    excess = np.maximum(0.0, (errors / Z80) ** 2 - known**2)
    return float(np.quantile(np.sqrt(excess) / far, 0.8, method="inverted_cdf"))


def _chinchilla(start: Floats, draws: int) -> dict[str, Any]:
    runs = published_runs("chinchilla")
    best = refit_parametric(runs, start)
    drawn = bootstrap(runs, best, draws)
    off = np.log(parametric_loss(start, runs.parameters, runs.tokens) / runs.losses)
    low, high = np.quantile(off, (0.1, 0.9))
    scatter = float(high - low) / (2.0 * Z80)
    errors, known, far = [], [], []
    for cut in CUTS:
        below, above = runs.where(runs.flops < cut), runs.where(runs.flops >= cut)
        found = refit_parametric(below, start)
        spread = bootstrap(below, found, max(20, draws // 10))
        said = np.log(parametric_loss(spread[:, None, :], above.parameters, above.tokens))
        errors.append(np.log(parametric_loss(found, above.parameters, above.tokens) / above.losses))
        known.append(np.hypot(said.std(axis=0), scatter))
        far.append(np.log10(above.flops / below.flops.max()))
    widens = widening(np.concatenate(errors), np.concatenate(known), np.concatenate(far))
    return {"covariance": np.cov(drawn.T), "scatter": scatter, "per_decade": widens, "fitted": _spans(runs)}


def _cerebras(published: Floats, draws: int) -> dict[str, Any]:
    runs = published_runs("cerebras-gpt")
    _, scatter = refit_compute(runs)
    ends = np.array([runs.flops.min(), runs.flops.max()])
    points = np.vstack((_slopes(published, ends).T, [0.0, 0.0, 1.0]))  # d (ln L at both ends, E) / d (k, a, E)
    covariance = points @ covariance_at(published, runs, scatter) @ points.T
    errors, known, far = [], [], []
    for count in (4, 5, 6):
        below, above = runs.where(slice(count)), runs.where(slice(count, None))
        found, rough = refit_compute(below)
        slopes = _slopes(found, above.flops)
        spread = np.einsum("if,ij,jf->f", slopes, covariance_at(found, below, rough), slopes)
        errors.append(np.log(compute_loss(found, above.flops) / above.losses))
        known.append(np.sqrt(spread + rough**2))
        far.append(np.log10(above.flops / below.flops.max()))
    widens = widening(np.concatenate(errors), np.concatenate(known), np.concatenate(far))
    extra = (runs.flops / (6.0 * runs.parameters * runs.tokens) - 1.0) * np.cbrt(runs.parameters)
    spans = {**_spans(runs), "tokens_per_parameter": (20.0, 20.0)}
    return {
        "covariance": covariance,
        "scatter": scatter,
        "per_decade": widens,
        "card_flops_per_width": float(np.exp(np.log(extra).mean())),
        "fitted": spans,
    }


def _repeats(start: Floats, _: int) -> dict[str, Any]:
    every = published_runs("data-constrained")
    epochs = every.tokens / every.unique_tokens
    runs = every.where((epochs <= MOST_EPOCHS) & (every.tokens >= LEAST_RATIO * every.parameters))
    stars = scaling_law("data-constrained").stars
    assert stars is not None
    said = repeated_loss(start, runs.parameters, runs.tokens, runs.unique_tokens, stars)
    off = np.log(said / runs.losses)
    spans = {**_spans(runs), "epochs": (1.0, MOST_EPOCHS)}
    return {"scatter": float(np.sqrt((off**2).mean())), "mean_error": float(off.mean()), "fitted": spans}


def _spans(runs: Runs) -> dict[str, tuple[float, float]]:
    columns = {
        "parameters": runs.parameters,
        "tokens": runs.tokens,
        "flops": runs.flops,
        "tokens_per_parameter": runs.tokens / runs.parameters,
    }
    return {name: (float(column.min()), float(column.max())) for name, column in columns.items()}


def _hoffmann(start: Floats, _: int) -> dict[str, Any]:
    runs = published_runs("chinchilla")
    off = np.log(parametric_loss(start, runs.parameters, runs.tokens) / runs.losses)
    return {"scatter": float(np.sqrt((off**2).mean())), "mean_error": float(off.mean()), "fitted": _spans(runs)}


DERIVED: Mapping[str, Callable[[Floats, int], dict[str, Any]]] = {
    "cerebras-gpt": _cerebras,
    "chinchilla": _chinchilla,
    "hoffmann": _hoffmann,
    "data-constrained": _repeats,
}


def derived(name: str, draws: int = DRAWS) -> dict[str, Any]:
    """Covariance of a law's constants, scatter of its runs, widening a decade and ranges, around its published constants."""
    return DERIVED[name](scaling_law(name).constants, draws)
