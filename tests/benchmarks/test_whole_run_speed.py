"""Speed of whole runs, as `test_speed`: `pytest --benchmark-only tests/benchmarks/test_whole_run_speed.py`."""

from wafersim.training_run.compiled import run_many
from wafersim.training_run.draws import TICKS
from wafersim.training_run.plan import JobRun, Pool, RunPlan, Saving, Source, Stretch, Strikes, Wait

CAUSES = ("system", "memoryx", "swarmx", "link", "host", "software", "other")


def month_on_192_systems() -> RunPlan:
    """30 days of steps, hourly saves, 4 spares, and 10 failures in 1,000 system-days, in equal parts of seven causes."""
    mean_s = 1000 / 10 * len(CAUSES) * 86_400.0  # of one system and one cause
    swapped, mended = (Wait(86_400.0, 0.8), 0), (Wait(1800.0, 0.5), -1)
    sources = [
        Source(cause, Strikes.STOP, 192, mean_s, detection=Wait(600.0, 0.5), repair=repair, pool=pool)
        for cause, (repair, pool) in zip(CAUSES, [swapped] * 3 + [mended] * 4, strict=True)
    ]
    job = JobRun(
        "month",
        (Stretch(30 * 8640, (10 * TICKS,), save_every=360),),
        initial_ticks=3600 * TICKS,
        restart_ticks=900 * TICKS,
        swap_ticks=300 * TICKS,
        saving=Saving("blocking", save_ticks=120 * TICKS, restore_ticks=300 * TICKS),
        pools=(Pool(4),),
        sources=tuple(sources),
    )
    return RunPlan((job,))


def test_ten_thousand_runs(benchmark) -> None:
    """Target 15 s on two cores; machine code is made before."""
    plan = month_on_192_systems()
    run_many(plan, 1, 1)
    found = benchmark.pedantic(lambda: run_many(plan, 1, 10_000), rounds=3)
    assert 50 < found.failures.sum(axis=1).mean() < 75  # 57.6 in 30 days of work, and more in what is done twice
