"""Which size is the best on given chips: equal to trying every model, and nothing that the law cannot tell."""

import math

import pytest

from wafersim.errors import Infeasible
from wafersim.inputs.run import RunSpec
from wafersim.inputs.typed_machine import typed_machine
from wafersim.numbers import DAY
from wafersim.planning.model_shapes import members, shape_of
from wafersim.planning.scaling_law import loss_of, scaling_law
from wafersim.planning.size_search import SizeSearch
from wafersim.planning.training_site import Site, Speeds
from wafersim.simulation import simulate
from wafersim.workload.model import parameters

PILE, CHINCHILLA = scaling_law("cerebras-gpt"), scaling_law("chinchilla")
ANDROMEDA, NODE = Site.of(typed_machine("andromeda")), Site.of(typed_machine("h100"), 8)
FAST = Speeds(ANDROMEDA, 16)


def search(days: float = 14.0, law: str = "cerebras-gpt", speeds: Speeds = FAST, **more: float) -> SizeSearch:
    return SizeSearch(scaling_law(law), speeds, more.pop("kept", 1.0), days * DAY, **more)


@pytest.mark.parametrize("site", [ANDROMEDA, NODE], ids=["wafers", "gpus"])
@pytest.mark.parametrize("law", ["cerebras-gpt", "chinchilla"])
def test_the_best_real_model_is_that_of_exhaustive_search(site: Site, law: str) -> None:
    count, days = site.count or 0, 6.0
    losses = {}
    for model in members():
        size = parameters(model)
        a_second = simulate(site.experiment(model, count, 1e9)).tokens_per_s
        tokens = 20.0 * size if law == "cerebras-gpt" else 0.9 * a_second * days * 86_400
        if tokens <= 0.9 * a_second * days * 86_400:
            losses[model.name] = loss_of(scaling_law(law), size, tokens).value
    found = search(days, law, Speeds(site, count), kept=0.9)
    real = {one.model.name: one.loss.value for one in found.members()}
    assert real == pytest.approx(losses)
    best = min(found.members(), key=found.worth)
    assert best.model.name == min(losses, key=lambda name: losses[name])
    whole = found.best(found.members())
    assert whole is not None and whole.loss.value <= min(losses.values())


@pytest.mark.parametrize("law", ["cerebras-gpt", "chinchilla"])
@pytest.mark.parametrize("wanted", [None, 2.1])
def test_no_shape_of_a_fine_grid_is_better_by_a_thousandth(law: str, wanted: float | None) -> None:
    one = search(law=law, wanted=wanted) if wanted else search(law=law)
    found = one.best(one.members())
    assert found is not None
    sizes = (found.parameters * math.exp(step / 100.0) for step in range(-80, 81))
    tried = [trial for size in sizes if (trial := one.trial(shape_of(size))) is not None]
    least = min(one.worth(trial)[0] for trial in tried)
    assert one.worth(found)[0] <= 1.001 * least


def test_a_law_of_compute_keeps_its_ratio_and_its_time() -> None:
    found = search().best(search().members())
    assert found is not None
    assert found.tokens == 20.0 * found.parameters and found.seconds <= 14.0 * DAY
    longer = search().trial(shape_of(1.06 * found.parameters))
    assert longer is None  # more would not be done in time


def test_a_law_of_sizes_and_tokens_spends_all_of_the_time() -> None:
    found = search(law="chinchilla").best(search(law="chinchilla").members())
    assert found is not None and found.seconds == pytest.approx(14.0 * DAY)


def test_what_is_kept_and_time_are_one_factor() -> None:
    one, other = search(10.0, "chinchilla", kept=0.8), search(8.0, "chinchilla", kept=1.0)
    first, second = one.best(one.members()), other.best(other.members())
    assert first is not None and second is not None
    assert (first.model, first.tokens) == (second.model, pytest.approx(second.tokens))


def test_a_wanted_loss_takes_the_least_time_of_all_sizes_that_reach_it() -> None:
    one = search(law="chinchilla", wanted=2.15)
    found = one.best(one.members())
    assert found is not None and found.loss.value == pytest.approx(2.15)
    others = [trial for trial in one.members() if trial.loss.value <= 2.1501]
    assert others and all(found.seconds <= trial.seconds for trial in others)


def test_serving_costs_a_third_of_a_trained_token_each_and_makes_the_model_smaller() -> None:
    plain, served = search(law="chinchilla"), search(law="chinchilla", inference_tokens=600e9)
    one, other = plain.best(plain.members()), served.best(served.members())
    assert one is not None and other is not None
    assert other.parameters < one.parameters
    assert other.seconds == pytest.approx(14.0 * DAY)
    assert other.serve_s / other.train_s == pytest.approx(200e9 / other.tokens)


def test_where_the_law_is_silent_no_lesser_size_is_sold_as_the_best() -> None:
    many = Speeds(Site.of(typed_machine("gb200"), 1440), 1440)
    one = search(14.0, "chinchilla", many, kept=0.95)
    real = one.members()
    assert real  # sizes of which the law tells, none of them the best
    with pytest.raises(Infeasible, match=r"the best size lies where nobody can tell: .*too far to say"):
        one.best(real)


def test_a_model_that_cannot_run_has_no_speed_and_a_reason() -> None:
    one = Speeds(NODE, 8)
    assert one.tokens_per_s(shape_of(1e12)) is None
    assert any("GB" in reason or "memory" in reason for reason in one.refused.values())


@pytest.mark.parametrize(
    ("name", "count", "size", "batch"),
    [
        ("andromeda", 16, 12.853e9, 1088),  # 1,080 is no multiple of 16
        ("h100", 1024, 12.853e9, 1024),
        ("h100", 1000, 12.853e9, 1000),  # 125 has to divide it
        ("h100", 8, 111e6, 120),
        ("h100", 1024, 111e6, 128),
        ("cs3", 192, 111e6, 192),
    ],
)
def test_a_batch_goes_round(name: str, count: int, size: float, batch: int) -> None:
    assert Site.of(typed_machine(name), count).batches_of(shape_of(size), count)[0] == batch


def test_a_batch_that_is_asked_for_stands() -> None:
    assert Site.of(typed_machine("h100"), 8, batch=77).batches_of(shape_of(1e9), 8) == (77,)


def test_where_no_split_takes_a_batch_a_larger_one_of_more_twos_is_tried() -> None:
    many = Site.of(typed_machine("h100"), 16_384)
    batches = many.batches_of(shape_of(40e9), 16_384)
    assert batches[0] == 1536 and set(batches[1:]) == {2048}  # for 1,668: twice as many at most
    speeds = Speeds(many, 16_384)
    assert speeds.tokens_per_s(shape_of(40e9)) is not None
    assert speeds.experiment(shape_of(40e9), 1e12).training.batch in batches


def test_nodes_that_stand_by_are_paid_by_the_gpu() -> None:
    """A spare of GPUs is a node of eight, one of wafers a wafer."""
    run = RunSpec.model_validate({"spares": 1, "money": {"rent": "2 USD/h"}})
    for name, chips in (("h100", 16), ("cs3", 9)):
        assert Site.of(typed_machine(name), 8, run).usd(8, 3600.0) == pytest.approx(2.0 * chips)
