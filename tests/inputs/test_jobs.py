"""A file with jobs: experiments by name, path or fields, and the systems that they share."""

import json
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from wafersim.cli import commands
from wafersim.errors import InputFaults
from wafersim.inputs.jobs import experiments_of, load_jobs
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.resolved_jobs import jobs_beside, resolved_jobs
from wafersim.inputs.resources import find, names
from wafersim.inputs.schema import jobs_schema
from wafersim.simulation import jobs_of

COMMON = """# Which?
name: two
system: {profile: andromeda, systems: 2}
training: {sequence_length: 2048, batch: 48, steps: 100}
"""

OWN_PROFILE = """
jobs:
  - {model: cerebras-gpt-111m, system.overrides: {memoryx.io_bandwidth: 800 Gb/s}}
"""


def written(tmp_path: Path, text: str, common: str = COMMON) -> Path:
    path = tmp_path / "x.yaml"
    path.write_text(common + text)
    return path


def test_the_family_is_seven_models_as_they_were_trained() -> None:
    found = load_jobs("cerebras_gpt_family")
    assert found.units == 16 and found.spec.shared.backfill
    as_trained = {
        name: [(job.count, job.training.batch, job.training.tokens) for job in jobs_of(one)]
        for name, one in found.experiments.items()
    }
    assert len(as_trained) == 7
    assert [(count, batch) for count, batch, _ in as_trained["cerebras-gpt-13b"]] == [(8, 720), (12, 1080)]
    assert as_trained["cerebras-gpt-2.7b"] == [(4, 528, 49_041 * 528 * 2048)]
    assert {one.job for one in found.spec.said} == {"cerebras-gpt-13b", None}


def test_a_job_is_a_name_a_path_or_fields_over_what_all_have_in_common(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(COMMON.replace("name: two", "name: mine\nmodel: cerebras-gpt-256m"))
    text = """
jobs:
  - mine.yaml
  - {experiment: mine.yaml, name: larger, fields: {training: {batch: 96}}}
  - {model: cerebras-gpt-111m}
  - {name: third, model: cerebras-gpt-111m, training.batch: 24, system.systems: 4}
  - {name: fourth, fields: {model: cerebras-gpt-590m}}
"""
    found = load_jobs(written(tmp_path, text)).experiments
    assert list(found) == ["mine", "larger", "cerebras-gpt-111m", "third", "fourth"]
    assert [one.training.batch for one in found.values()] == [48, 96, 48, 24, 48]
    assert [one.system.systems for one in found.values()] == [2, 2, 2, 4, 2]
    assert found["larger"].model_name == "cerebras-gpt-256m" and found["larger"].training.steps == 100


def test_the_systems_are_those_of_the_cluster_where_nothing_says_fewer(tmp_path: Path) -> None:
    jobs = "jobs: [{model: cerebras-gpt-111m}]\n"
    assert load_jobs(written(tmp_path, jobs)).units == 16
    assert load_jobs(written(tmp_path, jobs + "shared: {systems: 4}\n")).units == 4


def test_share_reads_the_jobs_of_a_file_as_experiments(tmp_path: Path) -> None:
    text = "jobs: [{model: cerebras-gpt-111m}, {name: other, model: cerebras-gpt-111m, training.batch: 24}]\n"
    path = str(written(tmp_path, text))
    assert [(name, one.training.batch) for name, one in experiments_of([path, "shared_111m"])][:2] == [
        ("cerebras-gpt-111m", 48),
        ("other", 24),
    ]
    assert experiments_of([path, "shared_111m"])[2] == ("shared_111m", load_experiment("shared_111m"))
    done = CliRunner().invoke(commands, ["share", path, "--json"])
    assert done.exit_code == 0 and done.output.count("together_s") == 2
    assert [job["name"] for job in json.loads(done.output)["jobs"]] == ["cerebras-gpt-111m", "other"]


def test_jobs_that_are_written_down_are_read_as_they_were(tmp_path: Path) -> None:
    """Every default is written out, a profile of one's own stands in it."""
    for path in (find("jobs", "cerebras_gpt_family"), written(tmp_path, OWN_PROFILE)):
        jobs = load_jobs(path)
        place = tmp_path / "elsewhere" / "jobs.yaml"
        place.parent.mkdir(exist_ok=True)
        with place.open("w") as file:
            YAML().dump(resolved_jobs(jobs), file)
        again = load_jobs(place)
        assert again.units == jobs.units and again.spec.said == jobs.spec.said
        assert {name: jobs_of(one) for name, one in again.experiments.items()} == {
            name: jobs_of(one) for name, one in jobs.experiments.items()
        }


def test_experiments_of_one_name_beside_each_other_are_told_apart() -> None:
    named = experiments_of(["shared_111m", "shared_13b", "shared_111m"])
    assert [name for name, _ in named] == ["shared_111m", "shared_13b", "shared_111m-2"]
    assert jobs_beside(named, "three").units == 24


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("jobs: []", "x.yaml:5: jobs: needs 1 or more"),
        ("jobs: [5]", "x.yaml:5: jobs.0: must be a mapping"),
        ("jobs: [{model: cerebras-gpt-112m}]", 'x.yaml:5: jobs.0.model: unknown model'),
        ("jobs: [{name: a}]", "x.yaml:5: jobs.0: needs an experiment or fields"),
        ("jobs: [{name: a b, model: cerebras-gpt-111m}]", "x.yaml:5: jobs.0.name"),
        ("jobs: [nowhere]", "nowhere: no such file"),
        ("jobs:\n  - {model: cerebras-gpt-111m, training.batch: 0}", "(cerebras-gpt-111m): training.batch: must be >= 1"),
        ("jobs:\n  - {model: cerebras-gpt-111m}\n  - {model: cerebras-gpt-111m}",
         "x.yaml:7: jobs.1: there is another job called 'cerebras-gpt-111m'; give one a name"),
        ("jobs: [{model: cerebras-gpt-111m, sweep: {training.batch: [1, 2]}}]", "jobs.0: a job is one point, without a sweep"),
        ("jobs: [{model: cerebras-gpt-111m}]\nsweep: {training.batch: [1, 2]}", "6: sweep: a job is one point"),
        ("jobs: [{model: cerebras-gpt-111m}]\ncolour: red", "x.yaml:6: colour: is no field of jobs or of an experiment"),
        ("jobs: [{model: cerebras-gpt-111m}, {name: b, model: cerebras-gpt-111m, system: {profile: cs3, systems: 1}}]",
         "jobs.1: jobs share one cluster: andromeda and cs3 (or their overrides) differ"),
        ("jobs: [{model: cerebras-gpt-111m}]\nshared: {systems: 17}", "x.yaml:6: shared.systems: andromeda has 16, not 17"),
        ("jobs: [{model: cerebras-gpt-111m}]\nshared: {systems: 1}", "jobs.0: needs 2 systems of the 1 that are shared"),
        ("jobs: [{model: cerebras-gpt-111m}]\nshared: {gpus: 8}", "x.yaml:6: shared: andromeda: give systems"),
        ("jobs: [{model: cerebras-gpt-111m}]\nshared: {gpus: 8, systems: 2}", "x.yaml:6: shared: give systems or gpus, not both"),
        ("jobs: [{model: cerebras-gpt-111m}]\nshared: {systems: 0}", "x.yaml:6: shared.systems: must be >= 1"),
        ("jobs: [{model: cerebras-gpt-111m}]\nsaid: [{job: b, words: soon, source: blog}]",
         "said.0.job: no job is called 'b'; there are cerebras-gpt-111m"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_jobs_gets_one_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputFaults) as found:
        load_jobs(written(tmp_path, text + "\n"))
    lines = str(found.value).splitlines()
    assert len(lines) == 1 and said in lines[0]


def test_a_cluster_of_any_size_has_to_be_given_one(tmp_path: Path) -> None:
    common = COMMON.replace("{profile: andromeda, systems: 2}", "{profile: dgx-h100, gpus: 8}")
    with pytest.raises(InputFaults, match="dgx-h100 may be of any size: say how many gpus the jobs share"):
        load_jobs(written(tmp_path, "jobs: [{model: llama3-8b}]\n", common))
    assert load_jobs(written(tmp_path, "jobs: [{model: llama3-8b}]\nshared: {gpus: 64}\n", common)).units == 64


def test_jobs_are_no_experiment_and_an_experiment_has_no_jobs(tmp_path: Path) -> None:
    with pytest.raises(InputFaults, match="is a list of jobs, not one experiment"):
        load_experiment("cerebras_gpt_family")
    with pytest.raises(InputFaults, match="has no jobs; `wafersim run hello_111m` runs an experiment"):
        load_jobs("hello_111m")
    with pytest.raises(InputFaults, match="is a list of jobs"):  # and jobs do not nest
        load_jobs(written(tmp_path, "jobs: [cerebras_gpt_family]\n"))
    assert "cerebras_gpt_family" in names("jobs") and "cerebras_gpt_family" not in names("experiments")


@pytest.mark.parametrize("name", names("jobs"))
def test_shipped_jobs_pass_the_schema(name: str) -> None:
    values = YAML(typ="safe", pure=True).load(find("jobs", name).read_text(encoding="utf-8"))
    jsonschema.validate(values, jobs_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**values, "jobs": [{"modell": "x"}]}, jobs_schema())
