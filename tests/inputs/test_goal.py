"""Plans as they are written: what they hold, and every fault in one line with its place."""

from pathlib import Path
from typing import Any

import pytest

from wafersim.errors import InputFaults
from wafersim.inputs.goal import GoalSpec, Offer, PlanSpec, offers_of, plan_file, with_values
from wafersim.inputs.resources import names

PLAN = """\
name: mine
goal: {days: 14, budget: 1 MUSD}
common:
  model: cerebras-gpt-1.3b
  training: {batch: 512, tokens: 26B}
candidates:
  - {on: h100}
  - on: cs3
    fields: {strategy: {micro_batch: 64}}
"""


def loaded(tmp_path: Path, text: str, **values: Any) -> tuple[PlanSpec, list[Offer]]:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    file, beside = plan_file(path)
    return offers_of(with_values(file, values), beside)


def test_a_candidate_is_an_experiment_of_shared_fields_and_its_own(tmp_path: Path) -> None:
    spec, (gpus, wafers) = loaded(tmp_path, PLAN)
    assert (spec.goal.within_days, spec.goal.budget, spec.goal.sure) == (14.0, 1e6, 0.8)
    assert (gpus.experiment.system.profile_name, gpus.experiment.strategy.kind) == ("dgx-h100", "gpu-parallel")
    assert wafers.experiment.strategy.micro_batch == 64
    assert gpus.assumed == ("h100 taken as dgx-h100 (80 GB)",)
    assert wafers.assumed == ("cs3 with memoryx-cs3-36tb and swarmx-cs3",)


def test_options_go_before_the_file(tmp_path: Path) -> None:
    spec, offers = loaded(tmp_path, PLAN, goal={"budget": "2 MUSD"}, common={"training": {"tokens": "1B"}})
    assert (spec.goal.days, spec.goal.budget) == (14.0, 2e6)
    assert {offer.experiment.training.tokens for offer in offers} == {1e9}
    assert {offer.experiment.training.batch for offer in offers} == {512}


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("days: 14", "days: 0", 2, "goal.days: must be > 0"),
        ("days: 14", "days: 14, by: 2999-01-01", 2, "goal.by: days is given, too: give one of them"),
        ("days: 14", "by: 31.12.2999", 2, "goal.by: must be a date, such as 2026-03-14 (got '31.12.2999')"),
        ("days: 14", "by: 2020-01-01", 2, "goal.by: must be after today"),
        ("days: 14", "day: 14", 2, 'goal.day: unknown field; did you mean "days"?'),
        ("1 MUSD", "-1 MUSD", 2, "goal.budget: must be above 0"),
        ("1 MUSD", "1 MW", 2, "goal.budget: "),
        ("1 MUSD", "1 MUSD, sure: 0.2", 2, "goal.sure: must be >= 0.5"),
        ("on: h100", "on: h1000", 7, 'candidates.0.on: unknown hardware profile \'h1000\'; did you mean "h100"'),
        ("on: h100", "on: memoryx-cs2-12tb", 7, "candidates.0.on: "),
        ("on: h100", "on: h100, price: -2 USD/h", 7, "candidates.0.price: "),
        ("on: h100", "on: h100, pay: lease", 7, "candidates.0.pay: must be rent, purchase or amortised"),
        ("on: h100", "on: h100, pay: rent, purchase: 1 MUSD", 7, "candidates.0.purchase: is read by no rent"),
        ("on: h100", "on: h100, sizes: []", 7, "candidates.0.sizes: needs 1 or more"),
        ("on: h100", "on: h100, fields: {system.gpus: 8}", 7, "candidates.0: system.gpus is said by on and sizes"),
        ("  - {on: h100}", "  - {on: h100}\n  - {on: h100}", 8, "candidates.1.on: h100 is there twice, all alike"),
        ("model: cerebras-gpt-1.3b", "model: cerebras-gpt-1.4b", 4, "model: unknown model"),
        ("tokens: 26B}", "tokens: 26B}\n  sweep: {training.batch: [1, 2]}", 3, "common: sweep is said by candidates"),
        ("tokens: 26B}", "tokens: 26B}\n  run: {deadline: 3 days}", 3, "common: run.deadline is said by goal.days or goal.by"),
        ("strategy: {micro_batch: 64}", "strategy: {micro_batch: no}", 8, "strategy.micro_batch: "),
    ],
)  # fmt: skip
def test_faults_name_their_place(tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    assert old in PLAN
    with pytest.raises(InputFaults) as raised:
        loaded(tmp_path, PLAN.replace(old, new, 1))
    first = str(raised.value.faults[0])
    assert f"mine.yaml:{line}" in first and said in first, first
    assert "\n" not in first


def test_a_batch_that_nobody_states_is_the_published_one_or_of_4_m_tokens(tmp_path: Path) -> None:
    text = PLAN.replace("  training: {batch: 512, tokens: 26B}\n", "")
    _, (published, _) = loaded(tmp_path, text)
    assert published.experiment.training.batch == "published"
    _, (assumed, _) = loaded(tmp_path, text.replace("cerebras-gpt-1.3b", "llama2-7b"))
    assert assumed.experiment.training.batch == 1024, "of 4,096 tokens"
    assert "batch 1,024 (4.2 M tokens a step)" in assumed.assumed


def test_the_last_day_counts() -> None:
    goal = GoalSpec(start="2026-11-26", by="2026-12-31")  # type: ignore[arg-type]
    assert goal.within_days == 35.0


def test_a_file_without_a_goal_is_none(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nmodel: gpt3-13b\n")
    with pytest.raises(InputFaults, match="has neither goal nor candidates"):
        plan_file(path)
    with pytest.raises(InputFaults, match="no such file"):
        plan_file("nothing")


@pytest.mark.parametrize("name", names("plans"))
def test_shipped_plans_load(name: str) -> None:
    spec, offers = offers_of(*plan_file(name))
    assert len(offers) == len(spec.candidates)
