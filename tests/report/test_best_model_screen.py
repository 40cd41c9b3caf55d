"""What the screen of a plan without a model says."""

import pytest

from wafersim.inputs.typed_machine import typed_machine
from wafersim.planning.best_model import best_models
from wafersim.planning.model_goal import BestModels, ModelGoal
from wafersim.planning.scaling_law import scaling_law
from wafersim.planning.training_site import Site
from wafersim.report.screen.best_model import best_model_screen


@pytest.fixture(scope="module")
def two_weeks() -> BestModels:
    sites = [Site.of(typed_machine(name), count) for name, count in (("cs3", 4), ("andromeda", None), ("h100", None))]
    return best_models(ModelGoal(scaling_law("cerebras-gpt"), days=14.0), sites)


@pytest.mark.parametrize("width", [40, 80, 160])
def test_the_screen_is_of_24_lines_in_its_width(two_weeks: BestModels, width: int) -> None:
    lines = best_model_screen(two_weeks, 3.2, width)
    assert len(lines) <= 24 and max(map(len, lines)) <= width


def test_the_answer_is_the_first_machines_with_its_interval(two_weeks: BestModels) -> None:
    lines = best_model_screen(two_weeks, 3.2, 100)
    best = two_weeks.found[0]
    assert best.site.name == "andromeda"
    assert lines[0].startswith("The best model in 14 days") and lines[0].endswith("3.2 s")
    row = next(line for line in lines if line.startswith("andromeda"))
    loss = best.trial.loss
    assert f"{loss.value:.3f}  {loss.low:.3f} - {loss.high:.3f}" in row
    told = " ".join(" ".join(lines).split())
    assert f"loss {loss.value:.3f} ({loss.low:.3f} - {loss.high:.3f} with 80 %) nats a token on the Pile" in told
    assert "cerebras-gpt-13b 1.579 in" in told


def test_nothing_is_extrapolated_assumed_or_left_out_in_silence(two_weeks: BestModels) -> None:
    told = " ".join(" ".join(best_model_screen(two_weeks, 3.2, 160)).split())
    assert "Beyond it compute of" in told and "times the largest that was fitted" in told
    assert "near Cerebras-GPT's" in told and "cs3 with memoryx-cs3-36tb and swarmx-cs3" in told
    assert "Prices cs3: none known, --price 'cs3=... USD/h' gives it; andromeda: " in told
    assert "No answer h100: how many GPUs?" in told


def test_a_wanted_loss_says_which_tokens_it_may_take() -> None:
    goal = ModelGoal(scaling_law("chinchilla"), days=20.0, loss=2.25, goodput=0.9)
    told = " ".join(" ".join(best_model_screen(best_models(goal, [Site.of(typed_machine("h100"))]), 1.0, 80)).split())
    assert told.startswith("A loss of 2.25 on MassiveText in 20 days")
    assert "2.25 may take" in told and "parameters by the error of the fit" in told


def test_where_no_machine_answers_the_reasons_stand_alone() -> None:
    goal = ModelGoal(scaling_law("cerebras-gpt"), days=14.0)
    lines = best_model_screen(best_models(goal, [Site.of(typed_machine("h100"))]), 1.0, 80)
    assert any(line.startswith("No answer") for line in lines) and not any(line.startswith("Answer") for line in lines)
