"""The forms themselves, against arithmetic by hand and against each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wafersim.planning.scaling_forms import (
    card_flops,
    compute_flops,
    compute_loss,
    compute_optimal_size,
    effective,
    parametric_loss,
    parametric_tokens,
    repeated_loss,
    through_losses,
)

# A = B = 100, E = 1, alpha = beta = 1/2: with N = 10^4 and D = 10^6 the loss is 1 + 100/100 + 100/1000
EASY = np.array([np.log(100.0), np.log(100.0), 0.0, 0.5, 0.5])


def test_parametric_loss_by_hand() -> None:
    assert parametric_loss(EASY, 1e4, 1e6) == pytest.approx(2.1)


def test_tokens_of_a_loss_undo_the_loss_of_tokens() -> None:
    assert parametric_tokens(EASY, 1e4, 2.1) == pytest.approx(1e6)


def test_a_model_too_small_for_a_loss_needs_endless_tokens() -> None:
    assert parametric_tokens(EASY, 1e4, 2.0) == np.inf  # 1 + 100/100: only with D infinite


def test_equal_terms_share_compute_equally() -> None:
    # a law that is symmetric in N and D trains as many tokens as it has parameters: 6 N N = F
    assert compute_optimal_size(EASY, 6e20) == pytest.approx(1e10)


@given(st.floats(1e19, 1e25), st.floats(0.2, 0.6), st.floats(0.2, 0.6), st.floats(3.0, 9.0), st.floats(3.0, 9.0))
def test_no_size_nearby_beats_the_compute_optimal_one(
    flops: float, alpha: float, beta: float, ln_a: float, ln_b: float
) -> None:
    constants = np.array([ln_a, ln_b, 0.5, alpha, beta])
    best = float(compute_optimal_size(constants, flops))
    losses = [float(parametric_loss(constants, n, flops / 6.0 / n)) for n in (best, 0.9 * best, 1.1 * best)]
    assert losses[0] <= min(losses[1:]) * (1 + 1e-12)


def test_power_law_in_compute_by_hand() -> None:
    # k = 0, a = 1/2, E = 1/2: at 4e21 FLOPs the loss is 4^(-1/2) + 1/2
    constants = np.array([0.0, 0.5, 0.5])
    assert compute_loss(constants, 4e21) == pytest.approx(1.0)
    assert compute_flops(constants, 1.0) == pytest.approx(4e21)
    assert compute_flops(constants, 0.5) == np.inf


def test_a_power_law_through_two_losses_meets_them() -> None:
    constants = through_losses(np.array([np.log(3.0), np.log(2.0), 1.0]), (1e18, 1e22))
    assert compute_loss(constants, 1e18) == pytest.approx(3.0)
    assert compute_loss(constants, 1e22) == pytest.approx(2.0)
    assert compute_loss(constants, 1e20) == pytest.approx(1.0 + 2.0**0.5)  # halfway in ln F: the mean of ln 2 and ln 1


def test_tokens_seen_once_are_worth_themselves_and_endless_repeats_one_plus_star() -> None:
    assert effective(5e9, 5e9, 15.0) == pytest.approx(5e9)
    assert effective(5e15, 5e9, 15.0) == pytest.approx(16 * 5e9)


def test_published_check_values_of_the_data_constrained_law() -> None:
    # README of huggingface/datablations: N, D, unique tokens and the loss to all digits
    constants = np.array([6.255414, 7.3049974, 0.6254804, 0.3526596, 0.3526596])
    stars = (15.387756, 5.309743)
    assert repeated_loss(constants, 6.34e9, 242e9, 25e9, stars) == pytest.approx(2.2256440889984477, abs=1e-15)
    assert repeated_loss(constants, 8.67e9, 178e9, 25e9, stars) == pytest.approx(2.2269634075087867, abs=1e-15)


@pytest.mark.parametrize(
    ("parameters", "tokens", "published"),
    [(111e6, 2.22e9, 2.6e18), (1.316e9, 26.3e9, 2.8e20), (12.85e9, 257e9, 2.3e22)],
)
def test_flops_of_the_cards_within_three_percent(parameters: float, tokens: float, published: float) -> None:
    assert card_flops(parameters, tokens, 384.16) == pytest.approx(published, rel=0.03)
