"""Draws whole runs: small, with ties, zero durations and every rule of docs/whole_runs.md.

A run must end: sources whose units come back are so slow that a job gets on between two strikes, those whose units are removed
may be as fast as they like, and maintenance leaves time for work.
"""

from dataclasses import fields, is_dataclass, replace
from random import Random
from typing import Any, Literal

from hypothesis import strategies as st

from wafersim.training_run.plan import JobRun, Pool, RunPlan, Saving, Source, Stretch, Strikes, Wait

PS = 1e-12  # seconds of a tick
LONGEST = 6  # ticks of what takes no part in a step


def run_plans(shrinks: bool = False) -> st.SearchStrategy[RunPlan]:
    """Hypothesis' strategy; one that shrinks draws each number by itself, which is 20 times slower."""
    return st.randoms(use_true_random=not shrinks).map(drawn_plan)


def drawn_plan(random: Random) -> RunPlan:
    """Up to four jobs, often alike, that share systems and a store; a tick each, or slower: quarters of seconds to days."""
    count, systems = random.choice((1, 1, 2, 3, 4)), random.randint(1, 4)
    jobs = [_job(random, number, systems, count) for number in range(count)]
    if random.random() < 0.3:
        jobs = [replace(jobs[0], needs=job.needs) for job in jobs]
    plan = RunPlan(tuple(jobs), systems, backfill=random.random() < 0.5)
    return _slower(plan, random.choice((1, 1, 1, 1, 10**12 // 7, 10**12 // 4, 10**12, 10**18)))


def _slower(plan: Any, times: int) -> Any:
    """The same with every duration so many times as long."""
    if is_dataclass(plan):
        return replace(plan, **{f.name: _timed(f.name, getattr(plan, f.name), times) for f in fields(plan)})
    return tuple(_slower(each, times) for each in plan) if isinstance(plan, tuple) else plan


def _timed(name: str, value: Any, times: int) -> Any:
    if name.endswith("_ticks"):
        return tuple(each * times for each in value) if isinstance(value, tuple) else value * times
    return value * times if name.endswith("_s") else _slower(value, times)


def _job(random: Random, number: int, systems: int, jobs: int) -> JobRun:
    pools = [Pool(random.randint(0, 3)) for _ in range(random.randint(0, 2))]
    if pools:
        pools[0] = Pool(pools[0].spares, random.randint(0, 3))
    may_miss = pools[0].may_miss if pools else 0
    stretches = tuple(_stretch(random, may_miss) for _ in range(random.randint(1, 3)))
    saving = Saving(
        mode=random.choice(_MODES),
        save_ticks=_ticks(random),
        pause_ticks=random.randint(0, 2),
        restore_ticks=_ticks(random),
        memory_ticks=random.randint(0, 2),
        memory_restore_ticks=random.randint(0, 3),
        keep=random.randint(1, 3),
    )
    step = max(max(stretch.step_ticks) + stretch.stall_ticks for stretch in stretches)
    boundary = 3 + 3 * LONGEST * jobs  # a pause, a memory save, and turns of the store
    start = 2 * LONGEST + LONGEST * jobs
    whole = start + sum(stretch.steps for stretch in stretches) * (step + boundary)
    maintenance = _ticks(random)
    count = random.choice((0, 1, 1, 2, 3))
    return JobRun(
        name=f"job {number}",
        stretches=stretches,
        needs=random.randint(1, systems),
        initial_ticks=_ticks(random),
        restart_ticks=_ticks(random),
        restart_fails=random.choice((0.0, 0.0, 0.3)),
        swap_ticks=_ticks(random),
        evaluate_ticks=_ticks(random),
        maintenance_every_ticks=random.choice((0, start + boundary + 2 * step + maintenance + random.randint(1, 40))),
        maintenance_ticks=maintenance,
        saving=saving,
        pools=tuple(pools),
        sources=tuple(_source(random, whole * count, len(pools)) for _ in range(count)),
    )


_MODES: tuple[Literal["blocking", "asynchronous"], ...] = ("blocking", "asynchronous")


def _ticks(random: Random) -> int:
    return random.randint(0, LONGEST)


def _stretch(random: Random, may_miss: int) -> Stretch:
    return Stretch(
        steps=random.randint(1, 15) * random.choice((1, 1, 1, 6)),
        step_ticks=tuple(random.randint(1, 4) for _ in range(may_miss + 1)),
        stall_ticks=random.choice((0, 0, 1, 2)),
        save_every=_every(random),
        memory_every=random.choice((0, 0, 1, 2, 3)),
        evaluate_every=_every(random),
    )


def _every(random: Random) -> int:
    return random.choice((0, 1, 2, 3, 4, 7))


def _source(random: Random, slow: int, pools: int) -> Source:
    """One that removes its units strikes every few ticks; one that does not, about once in `slow` ticks in the mean."""
    removed, units = random.random() < 0.7, random.randint(0, 6)
    ticks = random.randint(1, 60) if removed else max(1, units) * slow * random.uniform(0.5, 2.0)
    return Source(
        cause="drawn",
        strikes=random.choice(tuple(Strikes)),
        units=units,
        mean_s=ticks * PS,
        shape=random.choice((1.0, 1.0, 0.6, 2.0)),
        removed=removed,
        detection=_wait(random),
        repair=_wait(random),
        latency_s=random.randint(0, 60) * PS,
        back_steps=random.randint(0, 6),
        pool=random.randint(-1, pools - 1),
        takes=random.randint(1, 2),
        burst_share=random.choice((0.0, 0.5)),
        burst_units=random.randint(1, 4),
        loses_memory=random.choice((0.0, 0.5, 1.0)),
    )


def _wait(random: Random) -> Wait:
    return Wait(random.randint(0, 40) * PS, random.choice((0.0, 0.0, 0.5, 2.0)))
