"""Many jobs that write to one store wait as long as Pollaczek and Khinchine say."""

import math

import numpy as np

from wafersim.training_run.draws import TICKS
from wafersim.training_run.plan import Event, JobRun, RunPlan, Saving, Stretch
from wafersim.training_run.processes import run_reference
from wafersim.training_run.queueing import mean_wait

JOBS, SAVES, LOAD = 400, 80, 0.5


def test_jobs_wait_for_the_store_as_in_a_queue_of_type_m_d_1() -> None:
    """400 jobs save in the background, each in a rhythm of its own, which together come as if at random; a write takes 1 s."""
    random = np.random.default_rng(41)
    periods = JOBS / LOAD * random.uniform(0.8, 1.2, JOBS)
    saving = Saving("asynchronous", save_ticks=TICKS)
    jobs = [
        JobRun("job", (Stretch(SAVES, (round(period * TICKS),), save_every=1),), 1, round(first * TICKS), saving=saving)
        for period, first in zip(periods, periods * random.uniform(0, 1, JOBS), strict=True)
    ]
    asked: dict[int, int] = {}
    waits: list[tuple[int, float]] = []
    for entry in run_reference(RunPlan(tuple(jobs), JOBS), 1).log:
        if entry.event is Event.SAVED:
            asked[entry.job] = entry.ticks
        elif entry.event is Event.DURABLE and entry.job in asked:
            waits.append((entry.ticks, (entry.ticks - asked.pop(entry.job)) / TICKS - 1))
    steady = [wait for at, wait in waits if at / TICKS < SAVES * periods.min()]  # while all jobs are there
    batches = np.array([batch.mean() for batch in np.array_split(steady, 20)])
    expected = mean_wait(float((1 / periods).sum()), 1.0)
    assert abs(batches.mean() - expected) < 4 * batches.std(ddof=1) / math.sqrt(20)
    assert batches.std(ddof=1) / math.sqrt(20) < 0.03 * expected
