"""`--sweep PATH=a,b,c` varies a field beside or in place of what a file sweeps; `--set` fixes one, and ends its sweep."""

from pathlib import Path
from typing import Any

import pytest

from wafersim.errors import InputFaults
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.sweep import expand


def varied(name: str | Path, *sweeps: str, sets: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    return [point.overrides for point in expand(load_experiment(name, sets, sweeps=sweeps))]


def refusal(*sweeps: str, sets: tuple[str, ...] = (), name: str = "hello_111m") -> list[str]:
    with pytest.raises(InputFaults) as caught:
        load_experiment(name, sets, sweeps=sweeps)
    return str(caught.value).splitlines()


@pytest.mark.parametrize("option", ["sweep.system.systems=[1, 2, 4]", "sweep={system.systems: [1, 2, 4]}"])
def test_a_sweep_may_be_set(option: str) -> None:
    points = expand(load_experiment("hello_111m", [option]))
    assert [point.experiment.system.systems for point in points] == [1, 2, 4]


def test_what_is_set_there_joins_what_is_swept_already() -> None:
    experiment = load_experiment("andromeda16", ["sweep.system.systems=[16]"])
    assert {point.experiment.system.systems for point in expand(experiment)} == {16}
    assert len({point.experiment.model for point in expand(experiment)}) == 7


def test_a_wrong_value_is_the_fault_of_the_option() -> None:
    with pytest.raises(InputFaults, match=r"^--set sweep\.system\.systems"):
        load_experiment("hello_111m", ["sweep.system.systems=[1, many]"])


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("system.systems=1,2,4", [1, 2, 4]),
        ("system.systems=[1, 2, 4]", [1, 2, 4]),
        ("system.systems=8", [8]),
        ("training.tokens=2T, 300 B,7e9,20 per parameter", ["2T", "300 B", 7e9, "20 per parameter"]),
        ("system.overrides.swarmx.link_bandwidth=0.6 Tb/s,1.2 Tb/s", ["0.6 Tb/s", "1.2 Tb/s"]),
        ("training={batch: 4},{batch_per_system: 8}", [{"batch": 4}, {"batch_per_system": 8}]),
        ("disturbances.lost_nodes=[],[1/0]", [[], ["1/0"]]),
    ],
)
def test_values_are_written_as_in_a_file_with_commas_between_them(option: str, values: list[Any]) -> None:
    path = option.split("=")[0]
    assert [point[path] for point in varied("hello_111m", option)] == values


def test_several_sweeps_are_a_grid_in_their_order() -> None:
    points = varied("hello_111m", "system.systems=1,2", "training.batch_per_system=60,120")
    assert [tuple(point.values()) for point in points] == [(1, 60), (1, 120), (2, 60), (2, 120)]


def test_a_sweep_takes_the_place_of_the_file_s_own_and_joins_the_others() -> None:
    points = varied("andromeda16", "system.systems=1,2", "training.sequence_length=1024,2048")
    assert list(points[0]) == ["model", "system.systems", "training.sequence_length"]
    assert len(points) == 7 * 2 * 2 and {point["system.systems"] for point in points} == {1, 2}


def test_a_list_of_several_fields_gives_up_the_one_that_is_swept_anew_and_what_was_published_of_it() -> None:
    # Each of the ten models of the table on 8 and 16 GPUs: without their own number of GPUs, and its published TFLOP/s.
    points = varied("megatron_table1", "system.gpus=8,16")
    assert all(set(point["*"]) == {"model", "strategy", "training.batch"} for point in points)
    experiments = [
        point.experiment for point in expand(load_experiment("megatron_table1", sweeps=["system.gpus=8,16"]))
    ]
    assert [one.system.gpus for one in experiments] == [8, 16] * 10
    assert all(one.published is None for one in experiments)


@pytest.mark.parametrize(
    ("sets", "sweeps", "stays"),
    [
        ((), (), True),
        (("system.gpus=384", "training.batch=2048"), (), True),  # what the file has
        (("title=BLOOM", "name=bloom"), (), True),
        (("system.gpus=64",), (), False),
        (("strategy.micro_batch=1",), (), False),
        (("training.sequence_length=1024",), (), False),
        ((), ("system.gpus=64,384",), False),
        (("sweep.system.gpus=[64, 128]",), (), False),
        (("system.gpus=64", "published.value=120"), (), True),  # whoever states it means this job
    ],
)
def test_what_is_published_of_a_job_is_not_shown_beside_another(
    sets: tuple[str, ...], sweeps: tuple[str, ...], stays: bool
) -> None:
    for point in expand(load_experiment("bloom176b_384a100", sets, sweeps=sweeps)):
        assert (point.experiment.published is not None) == stays


def test_what_is_published_by_the_number_of_chips_holds_on_any_of_them() -> None:
    points = expand(load_experiment("andromeda16_strong", sweeps=["system.systems=4,8,16"]))
    stated = [point.experiment.published and point.experiment.published.value_on(int(str(point.experiment.system.systems)))
              for point in points]  # fmt: skip
    assert stated == [3.97, 7.10, None, 3.97, 7.90, None]  # rows W30, W31, W36, W37; none of 16
    others = expand(load_experiment("andromeda16_strong", ["training.sequence_length=1024"]))
    assert all(point.experiment.published is None for point in others)


def test_what_is_set_is_no_longer_swept_wherever_it_stands() -> None:
    # scale_1_to_192 sweeps {batch_per_system: 90} and {batch: 4096}: a batch that is set excludes both.
    experiments = [point.experiment for point in expand(load_experiment("scale_1_to_192", ["training.batch=512"]))]
    assert len(experiments) == 48 and {one.training.batch for one in experiments} == {512}
    # Of {jitter, spread} only the spread is left to vary.
    points = varied("scale_1_to_192", sets=("disturbances.jitter=none",))
    assert {str(point["disturbances"]) for point in points} == {"{'spread': 'none'}", "{'spread': 'profile'}"}
    assert {
        one.system.gpus
        for one in (p.experiment for p in expand(load_experiment("megatron_table1", ["system.gpus=64"])))
    } == {64}


@pytest.mark.parametrize(
    ("option", "line"),
    [
        ("system.sistems=1,2", 'system.sistems: unknown field; did you mean "systems"? allowed: gpus'),
        ("systems=1,2", 'systems: unknown field; did you mean "system.systems"? allowed: '),
        ("nope.deep=1,2", "nope.deep: unknown field; allowed: disturbances"),
        ("system.systems=1,many", "system.systems: must be a whole number or published (got 'many')"),
        ("system.systems=-1,0", "system.systems: must be >= 1 or published (got -1); 1 more of its values is wrong"),
        ("system.overrides.swarmx.link_bandwidth=1 GB,2 GB,3 GB",
         "system.overrides.swarmx.link_bandwidth: swarmx.link_bandwidth: GB is a unit of size, not of bandwidth (got '1 GB'); "
         'must be a bandwidth such as "1.2 Tb/s"; 2 more of its values are wrong'),
        ("training.tokens=3 GB", "training.tokens: GB is a unit of size, not of number of tokens (got '3 GB'); must be"),
        ("model=gpt5,gpt3-13b", "model: unknown model 'gpt5'; `wafersim list models` shows all"),
        ("system.profile=cs2,dgx-h100", "system.profile: dgx-h100 is a cluster of GPUs: give gpus"),
        ("system.profile={base: cs3, values: {srm: 3}},cs3", 'system.profile: values.srm: unknown field; did you mean "sram"'),
        ("system.systems=", "system.systems: needs 1 or more (got 0)"),
        ("system.systems", "system.systems: must be PATH=a,b,c, such as system.systems=1,2,4"),
        ("system.systems=1,,2", "system.systems: must be values with commas between them (got '1,,2')"),
        ("system.systems=[1,2", "system.systems: must be values with commas between them (got '[1,2')"),
        ("training.batch=" + "1," * 20_000, "training.batch: holds more than 10000 values"),
    ],
)  # fmt: skip
def test_a_wrong_sweep_is_one_line_that_blames_it(option: str, line: str) -> None:
    (found,) = refusal(option)
    assert found.startswith(f"--sweep {line}")


def test_a_grid_that_is_too_large_is_the_fault_of_those_that_made_it() -> None:
    thousand = ",".join(map(str, range(1, 1001)))
    (line,) = refusal(f"training.batch_per_system={thousand}", f"training.sequence_length={thousand}")
    assert line.startswith(
        "--sweep training.batch_per_system, --sweep training.sequence_length: is a grid of 1000000 points"
    )


@pytest.mark.parametrize(
    ("name", "sets", "line"),
    [
        # What is met again at each point of a sweep is said once.
        ("scale_1_to_192", ("disturbances.jitter=2",), "--set disturbances.jitter: must be none, profile or a sigma"),
        ("megatron_table1", ("strategy.tensr=3",), '--set strategy.tensr: unknown field; did you mean "tensor"'),
        ("shared_13b", ("system.profile=dgx-h100", "system.gpus=8"),
         "--set system.profile, --set system.gpus: strategy.kind must be gpu-parallel on dgx-h100 (got weight-streaming)"),
        ("hello_111m", ("training.tokens=0 per parameter",), "--set training.tokens: must be above 0 and below 1e+18"),
        ("hello_111m", ("system.overrides.sram=3 GB",),
         "--set system.overrides.sram: sram: no such number 'sram'; did you mean \"system.sram\""),
    ],
)  # fmt: skip
def test_a_fault_of_set_is_one_line_that_blames_it(name: str, sets: tuple[str, ...], line: str) -> None:
    (found,) = refusal(sets=sets, name=name)
    assert found.startswith(line)


def test_a_field_of_the_file_that_no_longer_fits_is_named() -> None:
    first, second = refusal(sets=("system.profile=dgx-h100", "system.gpus=8"), name="what_if_swarmx")
    blamed = "--set system.profile, --set system.gpus"
    assert first == f"{blamed}: strategy.micro_batch: must be a whole number or auto (got 'published')"
    assert second.startswith(
        f"{blamed}: sweep.system.overrides.swarmx.link_bandwidth: overrides: swarmx.link_bandwidth is no"
    )


def test_a_fault_of_the_file_is_not_the_option_s(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("name: x\nmodel: gpt5\nsystem: {profile: cs2, systems: 1}\ntraining: {batch: 8}\n")
    (found,) = refusal("system.systems=1,2", sets=("training.batch=16",), name=str(path))
    assert found.startswith(f"{path}:2: model: unknown model 'gpt5'")


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (
            "model.lora=8",
            "--set model.lora: model is bloom-176b, by name, whose fields cannot be set here; give model as a",
        ),
        (
            "system.profile.sram=80 GB",
            "--set system.profile.sram: system.profile is jean-zay, by name, whose fields cannot be",
        ),
    ],
)
def test_a_field_of_what_has_a_name_is_one_line(option: str, said: str) -> None:
    with pytest.raises(InputFaults) as refused:
        load_experiment("bloom176b_384a100", [option])
    assert len(refused.value.faults) == 1
    assert str(refused.value).startswith(said)
