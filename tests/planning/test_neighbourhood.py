"""A point's neighbourhood: what stands on the grid is simulated, what lies between is a power law, and nothing lies beyond."""

from math import exp, log, sqrt

import pytest

from wafersim.inputs.experiment import Experiment
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.sweep import Point, expand, put
from wafersim.planning import neighbourhood as module
from wafersim.planning.dials import MEASURES, Corner, Neighbourhood, Turned
from wafersim.planning.neighbourhood import neighbourhood
from wafersim.planning.sweep import PointResult, run_point


def result_of(name: str, **fields: object) -> PointResult:
    """The last point of a shipped experiment with some fields, given by path, instead of its own."""
    experiment = expand(load_experiment(name))[-1].experiment
    values = experiment.model_dump(mode="json", exclude={"sweep"}, exclude_none=True)
    for path, value in fields.items():
        put(values, path.replace("__", "."), value)
    return run_point(Point({}, Experiment.model_validate(values)), told=False)


@pytest.fixture(scope="module")
def andromeda() -> Neighbourhood:
    return neighbourhood(result_of("andromeda16"))  # 13B on 16 CS-2, 90 sequences each


def setting(found: Neighbourhood, **values: float) -> list[float]:
    return [values.get(dial.key, dial.values[dial.at]) for dial in found.dials]


def test_the_point_stands_on_its_dials_as_it_was_simulated(andromeda: Neighbourhood) -> None:
    result = result_of("andromeda16")
    assert result.simulated is not None
    prediction = result.simulated.prediction
    reading = andromeda.at(setting(andromeda))
    assert reading.simulated
    assert reading.values["step_time_s"] == prediction.step_time_s
    assert reading.values["days_to_train"] == prediction.days_to_train
    assert reading.values["cost_usd"] == prediction.bill.cost_usd
    assert [dial.said(dial.values[dial.at]) for dial in andromeda.dials] == [
        "16 systems", "150 GB/s", "150 GB/s", "90 sequences a system",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("turned", "fields"),
    [
        ({"chips": 8.0}, {"system__systems": 8}),
        ({"batch": 180.0}, {"training__batch_per_system": 180}),
        (
            {"io": 75e9},
            {"system__overrides": {"system.io_bandwidth": "75 GB/s", "swarmx.link_bandwidth": "75 GB/s"}},
        ),
        (
            {"chips": 32.0, "memoryx": 300e9, "batch": 45.0},
            {
                "system__systems": 32,
                "training__batch_per_system": 45,
                "system__overrides": {"memoryx.io_bandwidth": "300 GB/s"},
            },
        ),
    ],
)
def test_a_point_of_the_grid_is_what_an_experiment_of_it_gives(
    andromeda: Neighbourhood, turned: dict[str, float], fields: dict[str, object]
) -> None:
    other = result_of("andromeda16", **fields).simulated
    assert other is not None
    reading = andromeda.at(setting(andromeda, **turned))
    assert reading.simulated
    assert reading.values["step_time_s"] == other.prediction.step_time_s
    assert reading.values["tokens_per_s"] == other.prediction.tokens_per_s
    assert reading.values["days_to_train"] == other.prediction.days_to_train
    assert reading.values["cost_usd"] == other.prediction.bill.cost_usd


def by_hand(*step_times: float | str) -> Neighbourhood:
    """2 or 8 systems, 1 or 4 GB/s, with what they give in that order: seconds, or why not."""
    dials = (
        Turned("chips", "Systems", (2.0, 8.0), 0, "system", "systems", None, None),
        Turned("io", "I/O", (1e9, 4e9), 0, "", "", None, None),
    )
    corners = [
        Corner(infeasible=one) if isinstance(one, str) else Corner(one, 10.0 * one, one, None) for one in step_times
    ]
    return Neighbourhood(dials, tuple(corners), 1e9, ())


def test_between_points_a_power_law_is_met_exactly() -> None:
    # 16 s / systems / sqrt(GB/s): 8, 4 | 2, 1 at the corners; 16 / 4 / sqrt(2) = 2.83 in the middle of both.
    found = by_hand(8.0, 4.0, 2.0, 1.0)
    middle = found.at([4.0, 2e9])
    assert not middle.simulated
    assert middle.values["step_time_s"] == pytest.approx(4 / sqrt(2))
    assert middle.values["tokens_per_s"] == pytest.approx(40 / sqrt(2))
    assert middle.values["cost_usd"] is None  # no price
    # A third of the way from 2 to 8 in logarithms: 2 x 4^(1/3) systems.
    assert found.at([2 * 4 ** (1 / 3), 1e9]).values["step_time_s"] == pytest.approx(8 / 4 ** (1 / 3))


def test_where_corners_bend_the_mean_is_of_logarithms() -> None:
    # Corners 1, 1 | 1, e^4: only the last counts, with a quarter in the middle.
    assert by_hand(1.0, 1.0, 1.0, exp(4)).at([4.0, 2e9]).values["step_time_s"] == pytest.approx(exp(1))


def test_nothing_is_said_beyond_the_grid() -> None:
    found = by_hand(8.0, 4.0, 2.0, 1.0)
    with pytest.raises(ValueError, match=r"Systems: 2 systems to 8 systems \(got 9 systems\)"):
        found.at([9.0, 1e9])
    with pytest.raises(ValueError, match=r"I/O: 1 GB/s to 4 GB/s \(got 500 MB/s\)"):
        found.at([2.0, 0.5e9])


def test_beside_a_corner_that_cannot_run_nothing_is_said_but_why() -> None:
    found = by_hand(8.0, 4.0, 2.0, "no room")
    assert found.at([8.0, 4e9]).infeasible == "8 systems, 4 GB/s: no room"
    assert found.at([7.0, 2e9]).infeasible == "8 systems, 4 GB/s: no room"
    assert found.at([7.0, 2e9]).values == dict.fromkeys(MEASURES)
    assert found.at([7.0, 1e9]).infeasible is None  # that edge runs from end to end


def test_json_holds_every_corner_and_each_reason_once() -> None:
    found = by_hand("no room", 4.0, "no room", 1.0).to_json()
    assert found["columns"]["step_time_s"] == [None, 4.0, None, 1.0]
    assert found["reason_of"] == [0, None, 0, None]
    assert found["reasons"] == ["no room"]
    assert found["dials"][0]["written"] == ["2 systems", "8 systems"]


def test_a_dial_ends_where_the_point_no_longer_runs_and_says_why() -> None:
    found = neighbourhood(result_of("long_context"))  # 8 sequences on 4 CS-2
    chips = found.dials[0]
    assert (chips.values, chips.below) == ((1.0, 2.0, 4.0, 8.0), None)
    assert chips.above == "16 systems: batch 8 leaves 8 of 16 systems without a sequence"
    corner = found.at(setting(found, chips=8.0, batch=4.0))  # each runs alone
    assert corner.infeasible is not None
    assert corner.infeasible.endswith("batch 4 leaves 4 of 8 systems without a sequence")


def test_what_cannot_change_has_no_dial_and_is_named() -> None:
    found = neighbourhood(result_of("gpt_neox20b_96a100"))
    assert [dial.key for dial in found.dials] == ["network", "memory", "batch"]
    assert len(found.fixed) == 1
    assert found.fixed[0].startswith(
        "No dial for GPUs (96 GPUs): 48 GPUs: data 12 x tensor 2 x pipeline 4 = 96 GPUs, not 48"
    )


def test_a_batch_a_system_stays_whole(andromeda: Neighbourhood) -> None:
    batch = andromeda.dials[-1]
    assert batch.values[0] == 45.0
    assert batch.below == "22.5 sequences a system: no whole number"


def test_a_larger_batch_leaves_the_tokens_of_the_run(andromeda: Neighbourhood) -> None:
    now, twice = andromeda.at(setting(andromeda)), andromeda.at(setting(andromeda, batch=180.0))
    for reading in (now, twice):
        days, rate = reading.values["days_to_train"], reading.values["tokens_per_s"]
        assert days is not None
        assert rate is not None
        assert days * 86_400 * rate == pytest.approx(andromeda.tokens)


def test_all_phases_of_a_run_go_together() -> None:
    """Llama 3 405B trained in three phases of batch 1,024 to 2,048: days are of all of them."""
    found = neighbourhood(result_of("llama3_405b_run"))
    assert found.dials[-1].label == "Batch of the last phase"
    assert found.dials[0].key == "network"
    machine = result_of("llama3_405b_run").point.experiment.machine
    values = machine.network.values
    there = {
        f"network.{name}": f"{2 * getattr(values, name).value!r} B/s"
        for name in ("node_bandwidth", "collective_bandwidth", "gradient_bandwidth", "p2p_bandwidth")
        if getattr(values, name) is not None
    }
    twice = result_of("llama3_405b_run", system__overrides=there).simulated
    assert twice is not None
    reading = found.at(setting(found, network=found.dials[0].values[-1]))
    assert reading.values["days_to_train"] == twice.prediction.days_to_train


def test_the_grid_is_as_dense_as_the_work_of_the_point_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    result = result_of("hello_111m")
    sizes = []
    for budget in (0.6, 0.1, 0.04, 0.001):
        monkeypatch.setattr(module, "BUDGET", budget)
        found = neighbourhood(result)
        sizes.append(len(found.corners))
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) >= 3
    assert sizes[-1] == 1
    assert found.dials == ()
    assert "No dial for Systems (1 system), " in found.fixed[0]
    assert "with 832 tasks a step, more points take too long to simulate" in found.fixed[0]


def test_dials_rise_by_twos() -> None:
    found = neighbourhood(result_of("cs3_13b"))
    for dial in found.dials:
        steps = [log(high / low, 2) for low, high in zip(dial.values, dial.values[1:], strict=False)]
        assert steps == pytest.approx([1.0] * len(steps))


def test_half_way_to_the_next_marks_interpolation_is_held_against_simulation() -> None:
    """The one dial of which all else is as it is: 64 systems in the middle of 32 and 128, and of bandwidths likewise."""
    found = neighbourhood(result_of("long_context"))
    worst, ran = 0.0, 0
    now = [dial.values[dial.at] for dial in found.dials]
    for chips, batch in ((3.0, 8.0), (6.0, 8.0), (4.0, 6.0), (4.0, 11.0)):
        simulated = result_of("long_context", system__systems=int(chips), training__batch=int(batch)).simulated
        if simulated is None:
            continue
        reading = found.at([chips, *now[1:-1], batch]).values["step_time_s"]
        assert reading is not None
        worst, ran = max(worst, abs(reading / simulated.prediction.step_time_s - 1)), ran + 1
    assert ran > 2
    assert found.held.points == ran + 4  # two of each bandwidth
    assert found.held.off == pytest.approx(worst)  # of which bandwidths are none
    assert found.held.said.startswith(f"At {ran + 4} settings half way to the next marks interpolation is within 3")
