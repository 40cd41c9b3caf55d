"""What a job has in the store and in memory, and the store's turns."""

from wafersim.strategies.servers import TickClock
from wafersim.training_run.store import Checkpoints, Store


def test_one_can_always_begin_anew() -> None:
    checkpoints = Checkpoints(keep=2)
    assert (checkpoints.stored, checkpoints.newest, checkpoints.memory) == (0, 0, None)


def test_the_newest_are_kept_and_a_step_is_held_once() -> None:
    checkpoints = Checkpoints(keep=2)
    for step in (3, 5, 5, 8):
        checkpoints.store(step)
    left = []
    while checkpoints.stored:
        left.append(checkpoints.stored)
        checkpoints.drop_later(checkpoints.stored - 1)
    assert left == [8, 5]


def test_memory_counts_where_it_is_newer_and_is_dropped_like_the_rest() -> None:
    checkpoints = Checkpoints(keep=2)
    checkpoints.store(4)
    checkpoints.memory = 6
    assert checkpoints.newest == 6
    checkpoints.drop_later(6)
    assert checkpoints.memory == 6
    checkpoints.drop_later(5)
    assert (checkpoints.memory, checkpoints.newest) == (None, 4)


def test_a_service_is_complete_before_all_else_of_its_tick() -> None:
    env, told = TickClock(), list[str]()
    store = Store(env)
    timer = env.timeout(5)
    timer.callbacks.append(lambda _: told.append("timer"))
    store.ask(0, 5).callbacks.append(lambda _: told.append("complete"))
    env.run()
    assert told == ["complete", "timer"]


def test_of_one_instant_the_lower_job_is_served_first_and_a_job_in_its_own_order() -> None:
    env, told = TickClock(), list[tuple[int, str]]()
    store = Store(env)
    for job, ticks, name in [(2, 3, "c"), (1, 2, "b"), (0, 4, "a"), (1, 5, "b again"), (3, 0, "no time")]:
        store.ask(job, ticks).callbacks.append(lambda _, name=name: told.append((env.now, name)))
    env.run()
    assert told == [(0, "no time"), (4, "a"), (6, "b"), (11, "b again"), (14, "c")]
