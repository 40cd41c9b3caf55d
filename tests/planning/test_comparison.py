"""Sides sized to match the first; what each costs; what a user sees."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from wafersim.cli.compare_command import command
from wafersim.errors import InputFaults
from wafersim.inputs.comparison import load_comparison
from wafersim.inputs.machine import load_gpu_machine, load_machine
from wafersim.metrics.prediction import Prediction
from wafersim.planning.comparison import against as probabilities
from wafersim.planning.comparison import compare, compare_sides
from wafersim.report.comparison import against, memory_headroom

TEXT = """\
name: small
common:
  model: cerebras-gpt-1.3b
  training: {sequence_length: 2048, batch: 480, tokens: 1e9}
sides:
  - name: wafers
    fields: {system: {profile: andromeda, systems: 2}}
  - name: peak
    match: peak
    fields: {system: {profile: dgx-a100-80gb}}
  - name: power
    match: power
    fields: {system: {profile: dgx-a100-80gb}}
  - name: price
    match: price
    fields: {system: {profile: dgx-a100-80gb}}
  - name: deadline
    match: deadline
    fields: {system: {profile: dgx-a100-80gb}}
"""


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("comparison") / "small.yaml"
    path.write_text(TEXT)
    return {side.name: side for side in compare_sides(*load_comparison(path))}


def test_matched_clusters_are_whole_nodes_just_below_the_match(sides) -> None:
    # 2 CS-2: 15.0 PFLOP/s are 48 A100 of 312 TFLOP/s; at Andromeda's 500 kW for 16, 62.5 kW are 77 A100 of 812.5 W with hosts.
    first = load_machine("andromeda")
    assert 2 * first.peak_flops / 312e12 == pytest.approx(48, abs=0.1)
    assert first.supply(2).peak_watts == pytest.approx(62.5e3)
    for name, most in (("peak", 48), ("power", 80), ("price", 80)):
        count = sides[name].prediction.n_systems
        assert count % 8 == 0 and 0.85 * most <= count <= most


def test_the_deadline_is_met_by_the_smallest_cluster(sides) -> None:
    days = sides["wafers"].prediction.days_to_train
    found = sides["deadline"]
    assert found.prediction.days_to_train <= days
    fewer = found.experiment.model_copy(
        update={"system": found.experiment.system.model_copy(update={"gpus": found.experiment.system.gpus - 8})}
    )
    from wafersim.simulation import simulate

    assert simulate(fewer).days_to_train > days


def test_energy_and_cost_are_watts_and_dollars_over_the_days(sides) -> None:
    # A DGX A100 draws 5.0 kW in training, and 8 x 400 W and 3.3 kW of host at most; its share of the switches 0.5 kW always.
    prediction = sides["peak"].prediction
    nodes = prediction.n_systems / 8
    bill = prediction.bill
    assert bill.power_w == pytest.approx(nodes * 5.5e3, rel=1e-3)
    assert bill.peak_power_w == pytest.approx(nodes * (8 * 400 + 3300 + 500))
    assert bill.energy_j == pytest.approx(bill.power_w * prediction.days_to_train * 86400)
    assert bill.cost_usd == pytest.approx(5.12 * prediction.n_systems * 24 * prediction.days_to_train)


def test_a_cluster_that_is_not_rented_has_no_price() -> None:
    assert load_gpu_machine("jean-zay").supply(8).usd_per_hour is None


def test_power_that_is_not_known_makes_energy_less_sure_unless_both_sides_have_it(sides) -> None:
    # "peak" is on the wafers' peak FLOP/s, another machine; "deadline" is on the same nodes.
    wafers, peak, deadline = (sides[name].prediction for name in ("wafers", "peak", "deadline"))

    def known(one: Prediction, error: float) -> Prediction:
        return replace(one, bill=replace(one.bill, supply=replace(one.bill.supply, busy_error=error)))

    def surely(one: Prediction, other: Prediction, factor: float) -> float:
        return probabilities(known(one, factor * one.bill.power_error), known(other, 0.0))["less_energy"]

    assert abs(surely(peak, wafers, 20.0) - 0.5) < abs(surely(peak, wafers, 0.0) - 0.5)
    assert surely(peak, deadline, 20.0) == surely(peak, deadline, 0.0)


UNPRICED = """
name: by-price
common: {model: cerebras-gpt-111m, training: {sequence_length: 2048, batch: 64}}
sides:
  - {name: wafer, fields: {system: {profile: cs3, systems: 1}, run: {money: {MONEY}}}}
  - {name: gpus, match: price, fields: {system: {profile: dgx-a100-80gb}, strategy: auto}}
"""


@pytest.mark.parametrize(
    ("money", "gpus"),
    # 82 USD/h are two nodes of eight at 5.12 USD/h a GPU, 0.1 of a USD over.
    [("", None), ("rent: 82 USD/h", 16), ("cost: purchase", None)],
)
def test_a_match_of_price_takes_the_price_that_the_experiment_states(
    tmp_path: Path, money: str, gpus: int | None
) -> None:
    path = tmp_path / "by_price.yaml"
    path.write_text(UNPRICED.replace("{MONEY}", f"{{{money}}}"))
    _, matched = compare(path)
    if gpus is None:
        assert matched.infeasible == "matched by price, but none is known for wafer: run.money.rent gives one"
    else:
        assert matched.prediction.n_systems == gpus


def test_no_number_of_gpus_that_cost_nothing_has_a_price(tmp_path: Path) -> None:
    path = tmp_path / "free.yaml"
    free = "{profile: dgx-a100-80gb}, strategy: auto, run: {money: {rent: 0 USD/h}}"
    path.write_text(
        UNPRICED.replace("{MONEY}", "{rent: 82 USD/h}").replace("{profile: dgx-a100-80gb}, strategy: auto", free)
    )
    _, matched = compare(path)
    assert matched.infeasible == "matched by price, but an hour of dgx-a100-80gb costs nothing"


def test_dimensions_are_what_a_person_splits_by(sides) -> None:
    assert sides["wafers"].prediction.split.dimensions == ("data",)
    split = replace(sides["peak"].prediction.split, data=4, tensor=2, pipeline=1, context=1, expert=1)
    assert split.dimensions == ("data", "tensor")


def test_a_match_of_peak_counts_what_a_side_changes(tmp_path: Path) -> None:
    # GPUs of half the peak: twice as many of them have Andromeda's.
    path = tmp_path / "small.yaml"
    half = '{profile: dgx-a100-80gb, overrides: {gpu.peak_fp16: "156 TFLOP/s"}}'
    path.write_text("\n".join(TEXT.replace("{profile: dgx-a100-80gb}", half).splitlines()[:10]))
    (_, matched) = compare_sides(*load_comparison(path))
    assert 0.85 * 96 <= matched.prediction.n_systems <= 96


def test_the_headroom_is_what_is_left_of_a_chip(sides) -> None:
    for side in sides.values():
        assert 0 <= memory_headroom(side.to_json()) < 1


def test_a_ratio_says_whose(sides) -> None:
    said = against(sides["peak"].to_json(), sides["wafers"].to_json())
    ratio = sides["peak"].prediction.days_to_train / sides["wafers"].prediction.days_to_train
    assert said.startswith(f"{ratio:.3f}"[:4]) and said.endswith("cost of wafers")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("match: peak", "match: size", "must be peak, power, price or deadline (got 'size')"),
        ("{system: {profile: andromeda, systems: 2}}", "{}", "give either experiment or fields"),
        ("    fields: {system: {profile: andromeda", "    match: peak\n    fields: {system: {profile: andromeda",
         "the first side is what others are matched to; give its size"),
        ("batch: 480", "batch: 0", "small.yaml:6 (wafers): training.batch: must be >= 1 or published (got 0)"),
        ("cerebras-gpt-1.3b", "cerebras-gpt-13", "small.yaml:3: common.model: unknown model"),
        ("sides:", "side:", "has no sides to compare"),
    ],
)  # fmt: skip
def test_bad_input_is_a_line(tmp_path: Path, old: str, new: str, line: str) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(TEXT.replace(old, new, 1))
    with pytest.raises(InputFaults) as found:
        load_comparison(path)
    assert line in str(found.value)


def test_a_side_that_cannot_run_says_why_and_the_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(TEXT.replace("batch: 480", "batch: 479"))  # a prime: no split over whole nodes
    out = CliRunner().invoke(command, [str(path), "--json", "--no-save"])
    shown = {side["name"]: side for side in json.loads(out.output)["sides"]}
    assert "infeasible" not in shown["wafers"]
    assert "infeasible" in shown["deadline"]


def test_the_command_prints_a_table_and_writes_a_directory(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(TEXT)
    out = CliRunner().invoke(command, [str(path), "--out", str(tmp_path / "runs")])
    assert out.exit_code == 0
    assert "fastest: " in out.output
    (directory,) = (tmp_path / "runs").iterdir()
    files = {"comparison.yaml", "comparison.json", "comparison.png", "reasons.txt", "version.json"}
    assert {one.name for one in directory.iterdir()} == files
    reasons = (directory / "reasons.txt").read_text()
    assert "A comparison inherits the errors of both sides" in reasons
    assert "Outside the calibrated range: no measured run of" in reasons
