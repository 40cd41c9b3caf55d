"""Whole runs against what renewal theory and Erlang say of them, within four standard errors of the simulation."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from wafersim.training_run.compiled import Outcomes, run_many
from wafersim.training_run.draws import TICKS
from wafersim.training_run.plan import JobRun, Loss, Pool, RunPlan, Saving, Source, Stretch, Strikes, Wait

DAY = 86_400.0


def run_of(job: JobRun, runs: int, seed: int = 11) -> Outcomes:
    return run_many(RunPlan((job,)), seed, runs)


def assert_mean(found: NDArray[np.float64], wanted: float) -> None:
    error = found.std(ddof=1) / math.sqrt(len(found))
    assert abs(found.mean() - wanted) < 4 * error, (found.mean(), wanted, error)
    assert error < 0.02 * abs(wanted)  # else the comparison says nothing


@pytest.mark.parametrize(
    ("mtbf_s", "save_s", "restart_s", "down_s", "train_s"),
    [(14_400, 300, 600, 60, 3300), (86_400, 120, 600, 0, 4354), (3600, 60, 300, 120, 840)],
)
def test_expected_time_under_exponential_failures(
    mtbf_s: float, save_s: int, restart_s: int, down_s: int, train_s: int
) -> None:
    """Aupy et al. 2013 (O201): (mu + D) exp(R/mu) (exp(T/mu) - 1) for each period T that ends with its checkpoint C."""
    periods = 50
    stretch = Stretch(periods * train_s, (TICKS,), save_every=train_s)  # steps of 1 s; the last save is that of the end
    source = Source("node", Strikes.STOP, units=10, mean_s=10.0 * mtbf_s, detection=Wait(down_s))
    saving = Saving("blocking", save_s * TICKS)
    found = run_of(JobRun("aupy", (stretch,), restart_ticks=restart_s * TICKS, saving=saving, sources=(source,)), 4000)
    period = math.exp((train_s + save_s) / mtbf_s) - 1.0
    assert_mean(found.end_s[:, 0], periods * (mtbf_s + down_s) * math.exp(restart_s / mtbf_s) * period)


@pytest.mark.parametrize(("rate", "spares"), [(2.34, 0), (2.34, 1), (6.5, 1), (6.5, 2)])
@pytest.mark.parametrize("sigma", [0.0, 1.0])
def test_availability_of_16_systems_with_spares_is_erlangs(rate: float, spares: int, sigma: float) -> None:
    """Units in repair of 16 that fail only while all work: an Erlang loss system, whatever the distribution of repair.

    O213 takes spares that fail, too, and finds 0.9633 without one and 0.999276 with one at 2.34 in 1,000 system-days.
    """
    source = Source("system", Strikes.STOP, 16, mean_s=1000 / rate * DAY, repair=Wait(DAY, sigma), pool=0)
    stretch = Stretch(
        20_000_000, (100 * TICKS,), save_every=1
    )  # of no length, so that nothing else is lost to speak of
    found = run_of(JobRun("spares", (stretch,), pools=(Pool(spares),), sources=(source,)), 300)
    offered = 16 * rate / 1000  # failures in one repair
    terms = [offered**busy / math.factorial(busy) for busy in range(spares + 2)]
    down = found.losses_s[:, 0, Loss.RECOVERY] / found.end_s[:, 0]
    error = down.std(ddof=1) / math.sqrt(len(down))
    assert abs(down.mean() - terms[-1] / sum(terms)) < 4 * error
    assert error < 0.05 * down.mean()


def weibull_job(shape: float, units: int = 8, days: int = 20) -> JobRun:
    source = Source("node", Strikes.STOP, units, mean_s=16 * DAY, shape=shape, detection=Wait(3600.0))
    stretch = Stretch(days * 864, (100 * TICKS,), save_every=36)
    return JobRun("weibull", (stretch,), restart_ticks=600 * TICKS, sources=(source,))


def test_a_weibull_of_shape_1_is_the_exponential() -> None:
    """One clock for all units, and a clock for each with a shape of 1 but for a hair: the same distribution of ends."""
    exponential = run_of(weibull_job(1.0), 3000).end_s[:, 0]
    by_unit = run_of(weibull_job(1.0 + 1e-12), 3000, seed=12).end_s[:, 0]
    assert stats.ks_2samp(exponential, by_unit).pvalue > 0.01
    assert stats.ks_2samp(exponential, run_of(weibull_job(0.7), 3000).end_s[:, 0]).pvalue < 1e-6


@pytest.mark.parametrize("shape", [0.7, 1.0, 2.0])
def test_failures_of_weibull_units_follow_the_renewal_theorem(shape: float) -> None:
    """m(t) -> t / mu + (cv^2 - 1) / 2 renewals of a unit in t; t is work, which is all but detection."""
    found = run_of(weibull_job(shape, units=20, days=400), 2000)
    work = found.end_s[:, 0] - found.losses_s[:, 0, Loss.RECOVERY]
    cv2 = math.gamma(1 + 2 / shape) / math.gamma(1 + 1 / shape) ** 2 - 1
    surplus = found.failures[:, 0] / 20 - work / (16 * DAY)
    error = surplus.std(ddof=1) / math.sqrt(len(surplus))
    assert abs(surplus.mean() - (cv2 - 1) / 2) < 4 * error
    assert error < 0.05
