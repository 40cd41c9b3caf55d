"""Forms of scaling laws: loss in nats a token from parameters N, tokens D and training FLOPs F.

Every function takes numbers or numpy arrays, and constants as columns (the last axis is the constant), so that one call
answers for many draws of the constants. Formulas: power law in compute (Dey et al. 2023, arXiv 2304.03208, section 3.1);
L = E + A / N^alpha + B / D^beta (Hoffmann et al. 2022, arXiv 2203.15556, approach 3); repeats of data (Muennighoff et al.
2023, arXiv 2305.16264, with the code of its authors).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Number = float | Floats

PER_FLOPS = 1e21  # training FLOPs at which the power law's constant k is told
COMPUTE = ("k", "a", "E")
PARAMETRIC = ("ln_A", "ln_B", "ln_E", "alpha", "beta")


def compute_loss(constants: Floats, flops: Number) -> Floats:
    """Loss of the power law in compute, L = exp(k - a ln(F / 1e21)) + E; constants (..., 3) are k, a, E."""
    k, a, floor = np.moveaxis(constants, -1, 0)
    return np.asarray(np.exp(k - a * np.log(flops / PER_FLOPS)) + floor)


def through_losses(points: Floats, flops: tuple[float, float]) -> Floats:
    """Constants k, a, E of the power law whose ln L at two amounts of FLOPs and E are `points` (..., 3).

    Where runs fix the losses at both ends, E and a are known only together: these three are nearly normal, k, a and E are not.
    """
    first, second, floor = np.moveaxis(points, -1, 0)
    floor = np.clip(floor, 0.0, 0.9 * np.exp(second))  # no corpus has negative entropy
    near, far = (np.log(one / PER_FLOPS) for one in flops)
    above, below = np.log(np.exp(first) - floor), np.log(np.exp(second) - floor)
    slope = (above - below) / (far - near)
    return np.stack((above + slope * near, slope, floor), axis=-1)


def compute_flops(constants: Floats, loss: Number) -> Floats:
    """Training FLOPs at which the power law has a loss; infinite where the loss is not above E."""
    k, a, floor = np.moveaxis(constants, -1, 0)
    above = np.asarray(loss - floor)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        needed = PER_FLOPS * np.exp((k - np.log(above)) / a)
    return np.where(above > 0, needed, np.inf)


def parametric_loss(constants: Floats, parameters: Number, tokens: Number) -> Floats:
    """Loss E + A / N^alpha + B / D^beta; constants (..., 5) are ln A, ln B, ln E, alpha, beta."""
    ln_a, ln_b, ln_e, alpha, beta = np.moveaxis(constants, -1, 0)
    of_size = np.exp(ln_a - alpha * np.log(parameters))
    of_tokens = np.exp(ln_b - beta * np.log(tokens))
    return np.asarray(np.exp(ln_e) + of_size + of_tokens)


def parametric_tokens(constants: Floats, parameters: Number, loss: Number) -> Floats:
    """Tokens with which a model of N parameters has a loss; infinite where no number of tokens is enough."""
    ln_a, ln_b, ln_e, alpha, beta = np.moveaxis(constants, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        left = np.asarray(loss - np.exp(ln_e) - np.exp(ln_a - alpha * np.log(parameters)))
        needed = np.exp((ln_b - np.log(left)) / beta)
    return np.where(left > 0, needed, np.inf)


def compute_optimal_size(constants: Floats, flops: Number) -> Floats:
    """Parameters of least loss where 6 N D = F: G (F / 6)^(beta / (alpha + beta)).

    G = (alpha A / beta B)^(1 / (alpha + beta)).
    """
    ln_a, ln_b, _, alpha, beta = np.moveaxis(constants, -1, 0)
    both = alpha + beta
    return np.asarray(np.exp((np.log(alpha / beta) + ln_a - ln_b + beta * np.log(flops / 6.0)) / both))


def effective(seen: Number, unique: Number, star: float) -> Floats:
    """What `seen` tokens or parameters are worth where U of them are new: U + U R* (1 - exp(-R / R*)), R = seen / U - 1."""
    excess = np.maximum(seen / unique - 1.0, 0.0)
    return np.asarray(unique + unique * star * -np.expm1(-excess / star))


def repeated_loss(
    constants: Floats, parameters: Number, tokens: Number, unique_tokens: Number, stars: tuple[float, float]
) -> Floats:
    """Loss where D tokens are passes over fewer unique ones; `stars` are R*_D of tokens and R*_N of parameters.

    Parameters beyond those that are compute-optimal for the unique tokens decay like tokens that are seen again.
    """
    ln_a, ln_b, _, alpha, beta = np.moveaxis(constants, -1, 0)
    unique = np.minimum(tokens, unique_tokens)
    scale = np.exp((np.log(alpha / beta) + ln_a - ln_b) / (alpha + beta))  # G
    enough = np.minimum(parameters, (unique * scale) ** (beta / alpha) * scale)
    of_tokens, of_parameters = stars
    return parametric_loss(
        constants, effective(parameters, enough, of_parameters), effective(tokens, unique, of_tokens)
    )


def card_flops(parameters: Number, tokens: Number, per_width: float) -> Number:
    """Training FLOPs as Cerebras-GPT's cards count them: 6 N D (1 + per_width / N^(1/3)).

    Attention and the vocabulary's head cost as the width d does and blocks as d^3, so their share falls as the cube root of N.
    """
    return 6.0 * parameters * tokens * (1.0 + per_width / parameters ** (1.0 / 3.0))
