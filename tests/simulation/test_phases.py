"""A run of several phases, by hand."""

from pathlib import Path

import pytest

from wafersim.errors import Infeasible, InputFaults
from wafersim.inputs.loader import load_experiment
from wafersim.simulation import job_of, jobs_of, simulate
from wafersim.workload.model import read_model

FIELDS = {
    "name": "t",
    "model": "cerebras-gpt-111m",
    "system": {"profile": "andromeda", "systems": 2},
    "strategy": {"micro_batch": 24},
    "training": {"sequence_length": 2048, "batch": 48, "steps": 1000},
}


def experiment(**changes):
    return load_experiment({**FIELDS, **changes})


def test_days_are_steps_times_their_step_time() -> None:
    found = simulate(experiment())
    assert found.tokens == 1000 * 48 * 2048
    assert found.days_to_train == pytest.approx(1000 * found.step_time_s / 86_400)


def test_phases_one_after_the_other_add_up() -> None:
    phases = [{"batch": 48, "steps": 500}, {"batch": 96, "steps": 250, "systems": 4}]
    whole = simulate(experiment(training={"sequence_length": 2048, "phases": phases}))
    first = simulate(experiment(training={"sequence_length": 2048, "batch": 48, "steps": 500}))
    later = {
        "system": {"profile": "andromeda", "systems": 4},
        "training": {"sequence_length": 2048, "batch": 96, "steps": 250},
    }
    second = simulate(experiment(**later))
    assert [(phase.n_systems, phase.batch, phase.steps) for phase in whole.phases] == [(2, 48, 500), (4, 96, 250)]
    assert whole.step_time_s == second.step_time_s and whole.n_systems == 4
    assert whole.days_to_train == pytest.approx(first.days_to_train + second.days_to_train)
    assert whole.bill.energy_j == pytest.approx(first.bill.energy_j + second.bill.energy_j)
    assert whole.bill.cost_usd == pytest.approx(first.bill.cost_usd + second.bill.cost_usd)
    assert whole.tokens == first.tokens + second.tokens


def test_what_is_published_is_taken_and_what_is_not_is_said() -> None:
    asked = {
        "system": {"profile": "andromeda", "systems": "published"},
        "training": {"batch": "published", "steps": "published"},
    }
    # Cerebras-GPT 1.3B: 24,334 steps of 528 sequences on 4 CS-2.
    (job,) = jobs_of(experiment(model="cerebras-gpt-1.3b", **asked))
    assert (job.count, job.training.batch) == (4, 528)
    assert job.training.tokens == 24_334 * 528 * 2048
    with pytest.raises(Infeasible, match=r"llama2-7b has no published systems; give system\.systems a number"):
        job_of(experiment(model="llama2-7b", **asked))


def test_13b_was_trained_in_two_phases_whose_sequences_are_those_of_the_published_steps() -> None:
    asked = {
        "system": {"profile": "andromeda", "systems": "published"},
        "strategy": {"micro_batch": "published"},
        "training": {"batch": "published", "steps": "published"},
    }
    jobs = jobs_of(experiment(model="cerebras-gpt-13b", **asked))
    assert [(job.count, job.training.batch) for job in jobs] == [(8, 720), (12, 1080)]
    # The configuration counts 116,223 steps of 1,080, physics.md 174,335 of 720: 360 sequences, half a step, more.
    assert sum(job.training.tokens for job in jobs) == 116_223 * 1080 * 2048
    assert (174_335 * 720 - 116_223 * 1080) == 360
    # On systems of one's own it is one run of the published steps.
    (alone,) = jobs_of(experiment(model="cerebras-gpt-13b", **{**asked, "system": FIELDS["system"]}))
    assert (alone.count, alone.training.tokens) == (2, 174_335 * 720 * 2048)


@pytest.mark.parametrize(
    ("published", "said"),
    [
        ("{phases: [{batch: 0, steps: 1}]}", "x.yaml:2: published.phases.0.batch: must be >= 1"),
        ("{phases: [{batch: 1, steps: 1, days: 2}]}", "x.yaml:2: published.phases.0.days: unknown field"),
        ("{phases: 3}", "x.yaml:2: published: phases must be a list of phases"),
        ("{steps: [{batch: 1, steps: 1}]}", "x.yaml:2: published: steps must be a number"),
    ],
)
def test_bad_phases_of_a_model_get_one_line(tmp_path: Path, published: str, said: str) -> None:
    shape = "layers: 2, d_model: 8, heads: 2, d_ffn: 8, vocab: 9, max_sequence: 8"
    text = f"{{name: m, family: own, source: own, {shape},\n published: {published}}}\n"
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(InputFaults) as found:
        read_model(tmp_path / "x.yaml")
    assert said in str(found.value)


def test_a_system_alone_keeps_the_batch_rule() -> None:
    per_system = job_of(experiment(training={"batch_per_system": 24})).alone()
    assert (per_system.count, per_system.training.batch) == (1, 24)
    of_all = job_of(experiment()).alone()
    assert (of_all.count, of_all.training.batch) == (1, 48)


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ({"batch": 48, "phases": [{"batch": 1, "steps": 1}]}, "batch and phases are given"),
        ({"steps": 3}, "none is given"),
        ({"phases": [{"batch": 1}]}, "training.phases.0: needs steps or tokens, or training.tokens of which"),
        (
            {"phases": [{"batch": 1}, {"batch": 1, "steps": 2}]},
            "training.phases.0: needs steps or tokens; only the last",
        ),
        ({"phases": [{"batch": 1, "steps": 2, "tokens": "2 M"}]}, "training.phases.0: give steps or tokens, not both"),
        ({"phases": [{"batch": 1, "tokens": "2 sheep"}]}, "training.phases.0.tokens: unknown unit 'sheep'"),
        ({"phases": [{"batch": 1, "steps": 1, "gpus": 8}]}, "training.phases.0.gpus: give systems on andromeda"),
        ({"phases": [{"batch": 1, "steps": 1}] * 1001}, "training.phases: list should have at most 1000 items"),
        (
            {"phases": [{"batch": 1, "steps": 1}], "batch_ramp": {"from": 1, "by": 1, "over": 9}},
            "training.batch_ramp: goes up to training.batch, which is needed",
        ),
        (
            {"batch": 8, "batch_ramp": {"from": 1, "by": 1, "over": "9 moons"}},
            'training.batch_ramp.over: must be sequences or tokens, such as "9765625 sequences"',
        ),
        ({"batch": 8, "batch_ramp": {"from": 0, "by": 1, "over": 9}}, "training.batch_ramp.from: must be >= 1"),
        ({"batch": 8, "batch_ramp": {"by": 1, "over": 9}}, "training.batch_ramp.from: is missing"),
        ({"phases": []}, "needs 1 or more"),
        ({"phases": [{"batch": 1, "steps": 0}]}, "training.phases.0.steps: must be >= 1"),
    ],
)
def test_bad_phases_get_one_line(training: dict, said: str) -> None:
    with pytest.raises(InputFaults, match=said):
        experiment(training=training)
