"""The reference engine of whole runs, in SimPy: jobs wait for systems, live (`job`), and give the systems back.

Written from docs/whole_runs.md and nothing else; the compiled twin agrees with it event for event.
"""

from __future__ import annotations

import simpy

from wafersim.strategies.servers import LAST, Process, TickClock
from wafersim.training_run.dice import Dice
from wafersim.training_run.job import Job
from wafersim.training_run.plan import Logged, Outcome, RunPlan
from wafersim.training_run.store import Store


def run_reference(plan: RunPlan, seed: int, run: int = 0, log: bool = True) -> Outcome:
    """What becomes of run number `run` of a plan."""
    env, logged = TickClock(), list[Logged]()
    store, systems = Store(env), Systems(env, plan)
    jobs = [
        Job(job, number, env, store, Dice(seed, run, number), logged.append if log else _forget)
        for number, job in enumerate(plan.jobs)
    ]
    env.run(until=env.all_of([env.process(systems.lend(job)) for job in jobs]))
    logged.sort(key=lambda each: (each.ticks, each.job))  # stable: within a job as it happened
    return Outcome(tuple(job.outcome for job in jobs), tuple(logged))


def _forget(_: Logged) -> None:
    """Nobody wants to read the log."""


class Systems:
    """Systems that jobs hold from beginning to end; they wait for them in the order of the plan."""

    def __init__(self, env: TickClock, plan: RunPlan) -> None:
        assert all(1 <= job.needs <= plan.systems for job in plan.jobs), "a job would wait for ever"
        self._env, self._plan, self._free = env, plan, plan.systems
        self._waiting = {number: env.event() for number in range(len(plan.jobs))}
        self._choose_later()

    def lend(self, job: Job) -> Process:
        """The whole of a job, from its waiting to its end."""
        yield self._waiting[job.number]
        yield from job.life()
        self._free += self._plan.jobs[job.number].needs
        self._choose_later()

    def _choose_later(self) -> None:
        """Jobs end before others begin, so who begins is seen when all else of this tick has happened."""
        turn = self._env.event()
        turn._ok, turn._value = True, None
        turn.callbacks.append(self._begin)
        self._env.schedule(turn, priority=LAST)  # type: ignore[arg-type]

    def _begin(self, _: simpy.Event) -> None:
        for number, begins in list(self._waiting.items()):
            needs = self._plan.jobs[number].needs
            if needs <= self._free:
                self._free -= needs
                del self._waiting[number]
                begins.succeed()
            elif not self._plan.backfill:
                return
