"""The books of a job."""

from wafersim.training_run.account import Account, Trained
from wafersim.training_run.plan import Loss


def test_steps_count_until_they_are_rolled_back() -> None:
    account = Account(sources=2)
    account.train(Trained(first=0, steps=4, step_ticks=3, stall_ticks=1))
    account.train(Trained(first=4, steps=0, step_ticks=3, stall_ticks=1))  # struck in its first step
    account.train(Trained(first=4, steps=2, step_ticks=7, stall_ticks=2))
    assert (account.losses[Loss.PRODUCTIVE], account.losses[Loss.DATA_LOADING]) == (4 * 3 + 2 * 7, 4 + 2 * 2)
    account.roll_back(4, source=1)
    assert (account.losses[Loss.PRODUCTIVE], account.losses[Loss.DATA_LOADING]) == (12, 4)
    assert account.losses[Loss.WASTED_PROGRESS] == 2 * 9 and account.by_source == [0, 18]
    account.roll_back(0, source=0)
    assert sum(account.losses) == account.losses[Loss.WASTED_PROGRESS] == 34 and account.by_source == [16, 18]


def test_what_no_source_caused_is_nobodys() -> None:
    account = Account(sources=1)
    account.spend(Loss.EVALUATION, 5)
    account.spend(Loss.RECOVERY, 7, 0)
    assert (sum(account.losses), account.by_source) == (12, [7])
