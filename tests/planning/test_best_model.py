"""The best model for a time, a budget and a machine, and what it is told with."""

import json

import pytest

from wafersim.errors import Infeasible, WafersimError
from wafersim.inputs.run import RunSpec
from wafersim.inputs.typed_machine import typed_machine
from wafersim.planning.best_model import best_model, best_models
from wafersim.planning.model_goal import BestModel, ModelGoal
from wafersim.planning.scaling_law import scaling_law
from wafersim.planning.training_site import Site
from wafersim.simulation import jobs_of, simulate
from wafersim.training_run.duration import duration_of
from wafersim.workload.flops import flops_per_token

PILE, CHINCHILLA = scaling_law("cerebras-gpt"), scaling_law("chinchilla")


def site(name: str, count: int | None = None, **money: object) -> Site:
    return Site.of(typed_machine(name), count, RunSpec.model_validate({"money": money}))


@pytest.fixture(scope="module")
def two_weeks() -> BestModel:
    return best_model(ModelGoal(CHINCHILLA, days=14.0), site("andromeda"))


def test_tokens_are_the_simulators_own_throughput_times_the_time(two_weeks: BestModel) -> None:
    trial = two_weeks.trial
    again = simulate(two_weeks.site.experiment(trial.model, 16, trial.tokens))
    seconds = 14.0 * 86_400 * two_weeks.kept
    assert trial.tokens == pytest.approx(again.tokens_per_s * seconds, rel=1e-6)
    # and its FLOPs those of the model's tokens, as the simulator counts them
    job = jobs_of(two_weeks.site.experiment(trial.model, 16, trial.tokens))[-1]
    assert two_weeks.sustained_flops * trial.train_s == pytest.approx(
        flops_per_token(job.workload, "megatron-2021") * trial.tokens, rel=1e-6
    )


def test_six_times_size_and_tokens_are_most_of_these_flops(two_weeks: BestModel) -> None:
    # beside 6 N D there are attention scores, 12 layers x width x 2,048 a token, and without it the input table: a few percent
    trial = two_weeks.trial
    assert two_weeks.sustained_flops * trial.train_s == pytest.approx(6.0 * trial.parameters * trial.tokens, rel=0.1)


def test_eighty_percent_of_other_whole_runs_are_done_in_time(two_weeks: BestModel) -> None:
    trial = two_weeks.trial
    asked = two_weeks.site.experiment(trial.model, 16, trial.tokens)
    others = duration_of(asked, simulate(asked), 1000, seed=99)
    assert float((others.ends_s <= 14.0 * 86_400).mean()) == pytest.approx(0.8, abs=0.04)
    assert two_weeks.met == pytest.approx(0.8, abs=0.02)
    assert two_weeks.elapsed_days is not None and two_weeks.elapsed_days[1] < 14.0


def test_the_answer_is_complete_and_plain(two_weeks: BestModel) -> None:
    told = json.loads(json.dumps(two_weeks.to_json(), allow_nan=False))
    assert told["tokens_per_parameter"] == pytest.approx(told["tokens"] / told["parameters"])
    assert told["loss"]["low"] < told["loss"]["value"] < told["loss"]["high"]
    assert told["parameters_range"][0] < told["parameters"] < told["parameters_range"][1]
    assert told["model"]["generated"] and "generated" in told["model"]["source"]
    assert any("largest that was fitted" in line for line in told["extrapolated"])
    assert any(line.startswith("batch 1,") for line in told["assumed"])
    assert [one["name"] for one in told["catalogue"]][-1] == "cerebras-gpt-13b"
    assert told["days"] == pytest.approx(14.0) and told["cost_missing"] is None and told["cost_usd"] > 1e5


def test_inside_of_the_fit_nothing_is_extrapolated() -> None:
    found = best_model(ModelGoal(PILE, days=2.0, goodput=0.9), site("cs2", 1))
    assert found.extrapolated == () and found.trial.tokens == 20.0 * found.trial.parameters


def test_money_is_of_the_hours() -> None:
    found = best_model(ModelGoal(CHINCHILLA, days=5.0, goodput=0.9), site("h100", 8, rent="3 USD/h"))
    assert found.cost_usd == pytest.approx(8 * 5 * 24 * 3.0, rel=1e-6)


def test_without_a_price_the_field_that_gives_it_is_named() -> None:
    found = best_model(ModelGoal(PILE, days=5.0, goodput=0.9), site("cs3", 1))
    assert found.cost_usd is None and found.cost_missing == "run.money.rent"
    assert found.to_json()["cost_missing"] == "run.money.rent"
    with pytest.raises(
        Infeasible, match=r"no price is known, so no budget tells: run\.money\.rent or --price gives it"
    ):
        best_model(ModelGoal(PILE, days=5.0, budget_usd=1e5), site("cs3", 1))


def test_a_budget_ends_the_run_before_the_deadline() -> None:
    whole = site("h100", 8, rent="2 USD/h")  # 384 USD a day
    found = best_model(ModelGoal(CHINCHILLA, days=30.0, budget_usd=3840.0, goodput=0.9), whole)
    assert found.days == pytest.approx(10.0) and found.cost_usd == pytest.approx(3840.0)


def test_a_budget_says_how_many_chips_where_that_is_open() -> None:
    # 2 USD/h for 10 days are 480 USD a GPU: 20,000 USD pay for 41, five nodes
    found = best_model(ModelGoal(CHINCHILLA, days=10.0, budget_usd=20_000.0, goodput=0.9), site("h100", rent="2 USD/h"))
    assert found.count == 40
    with pytest.raises(Infeasible, match=r"8 GPUs for 10\.0 d cost 3,840 USD"):
        best_model(ModelGoal(CHINCHILLA, days=10.0, budget_usd=2_000.0), site("h100", rent="2 USD/h"))


def test_a_loss_is_reached_by_the_fewest_chips_of_four_an_octave() -> None:
    goal = ModelGoal(CHINCHILLA, days=10.0, loss=2.2)
    found = best_model(goal, site("h100"))
    assert found.days <= 10.0 and found.trial.loss.value == pytest.approx(2.2)
    fewer = [count for count in found.site.sizes if count < found.count][-1]
    with pytest.raises(Infeasible, match=rf"{fewer} GPUs take .* d to 2\.2; 2\.2\d\d is their best in 10 d"):
        best_model(goal, site("h100", fewer))
    assert found.tokens_range is not None and found.tokens_range[0] is not None
    assert found.tokens_range[0] < found.trial.tokens


def test_a_loss_on_the_pile_has_tokens_between_two_ends() -> None:
    found = best_model(ModelGoal(PILE, days=10.0, loss=2.0, goodput=0.9), site("andromeda"))
    assert found.trial.loss.value <= 2.0 and found.tokens_range is not None
    low, high = found.tokens_range
    assert low is not None and high is not None and low < found.trial.tokens < 1.2 * high


def test_serving_is_paid_and_timed_with_training() -> None:
    whole = site("h100", 64, rent="2 USD/h")
    found = best_model(ModelGoal(CHINCHILLA, days=20.0, inference_tokens=3e11), whole)
    told = found.to_json()
    assert told["training_days"] + told["serving_days"] == pytest.approx(found.days) == pytest.approx(20.0)
    assert found.elapsed_days is not None and found.cost_usd is not None
    # a node stands by while training goes on
    hours = 24 * (72 * found.elapsed_days[1] + 64 * told["serving_days"])
    assert found.cost_usd == pytest.approx(2.0 * hours, rel=0.01)


def test_a_budget_pays_for_spares_and_is_kept_to_in_most_runs() -> None:
    found = best_model(ModelGoal(CHINCHILLA, days=30.0, budget_usd=20_000.0), site("h100", 16, rent="2 USD/h"))
    # 16 GPUs and a node that stands by for 8 of 10 runs' days; the cost that is told is that of the median
    assert 24 * 2.0 * 24 * found.days == pytest.approx(20_000.0, rel=0.01)
    assert found.cost_usd is not None and 0.7 * 20_000 < found.cost_usd < 20_000


def test_a_better_machine_stands_first_and_one_that_cannot_says_why() -> None:
    goal = ModelGoal(PILE, days=3.0, goodput=0.9)
    found = best_models(goal, [site("cs2", 1), site("andromeda"), site("h100")])
    assert [one.site.name for one in found.found] == ["andromeda", "cs2"]
    assert found.refused == (("h100", "how many GPUs? Give their number, or a budget or a loss"),)
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["refused"][0]["hardware"] == "h100"


def test_the_same_question_has_the_same_answer() -> None:
    goal = ModelGoal(PILE, days=1.0)
    one, other = (best_model(goal, site("cs2", 2)).to_json() for _ in range(2))
    assert one == other


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({}, "needs days, a loss or a budget"),
        ({"days": -1.0}, "days: must be a number above 0"),
        ({"days": float("nan")}, "days: must be a number above 0"),
        ({"days": 5.0, "goodput": 1.5}, "goodput: must be a share of the time"),
        ({"days": 5.0, "budget_usd": 0.0}, "budget: must be a number above 0"),
        ({"days": 5.0, "loss": -2.0}, "loss: must be a number above 0"),
        ({"days": 5.0, "inference_tokens": 1e12}, "ties tokens to the size and cannot weigh inference: ask chinchilla"),
    ],
)
def test_a_question_without_sense_is_refused_in_one_line(asked: dict[str, float], line: str) -> None:
    with pytest.raises(WafersimError, match=line) as refused:
        ModelGoal(PILE, **asked)  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("asked", "on", "line"),
    [
        ({"days": 0.0001}, site("h100", 8), "8 GPUs train no model that cerebras-gpt knows in 8.6 s"),
        ({"days": 5.0, "loss": 0.5}, site("h100", 8), "no size reaches 0.5 by cerebras-gpt"),
        ({"days": 5.0, "loss": 0.5}, site("h100"), "no compute reaches 0.5"),
        ({"days": 300.0}, site("h100", 16384), "too far to say"),
        (
            {"days": 5.0, "budget_usd": 1e4},
            site("cs2", 4, cost="purchase", purchase="2 MUSD"),
            "4 systems cost 8 MUSD at least",
        ),
        ({"loss": 2.0}, site("h100"), "how many GPUs. Give their number, or days"),
    ],
)
def test_what_cannot_be_reached_says_why(asked: dict[str, float], on: Site, line: str) -> None:
    with pytest.raises(WafersimError, match=line) as refused:
        best_model(ModelGoal(PILE, **asked), on)  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)


def test_sizes_are_whole_units_in_fourths_of_an_octave() -> None:
    assert site("h100").sizes[:7] == (8, 16, 24, 32, 40, 48, 56)
    assert site("andromeda").sizes[-1] == 16
