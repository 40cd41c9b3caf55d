"""Phases and a ramp of the batch on GPUs, by hand."""

from dataclasses import replace

import pytest

from wafersim.errors import Infeasible, InputFaults
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.sweep import expand
from wafersim.simulation import jobs_of, simulate, step_seconds
from wafersim.strategies.gpu_parallel.choice import choose, clips, cluster_of_job
from wafersim.strategies.gpu_parallel.planner import build_gpu_plan
from wafersim.strategies.registry import strategy_of

SPLIT = {
    "tensor": 2, "pipeline": 4, "virtual_stages": 1, "micro_batch": 2, "recompute": "none", "zero_stage": 1,
}  # fmt: skip
FIELDS = {
    "name": "t",
    "model": "llama3-8b",
    "system": {"profile": "dgx-h100", "gpus": 32},
    "strategy": SPLIT,
    "training": {"sequence_length": 2048, "batch": 64, "steps": 100},
}
RAMP = {"from": 16, "by": 16, "over": "4800 sequences"}


def experiment(**changes) -> Experiment:
    return load_experiment({**FIELDS, **changes})


def trained(**training) -> Experiment:
    return experiment(training={"sequence_length": 2048, **training})


def test_phases_of_a_run_on_gpus_add_up() -> None:
    phases = [
        {"batch": 32, "steps": 50, "gpus": 16},
        {"batch": 32, "tokens": 20 * 32 * 4096, "sequence_length": 4096},
        {"batch": 64, "steps": 100},
    ]
    whole = simulate(trained(phases=phases))
    alone = [
        simulate(experiment(system={"profile": "dgx-h100", "gpus": 16},
                            training={"sequence_length": 2048, "batch": 32, "steps": 50})),
        simulate(experiment(training={"sequence_length": 4096, "batch": 32, "steps": 20})),
        simulate(trained(batch=64, steps=100)),
    ]  # fmt: skip
    assert [(one.n_systems, one.batch, one.sequence_length, one.steps) for one in whole.phases] == [
        (16, 32, 2048, 50), (32, 32, 4096, 20), (32, 64, 2048, 100),
    ]  # fmt: skip
    assert [one.step_time_s for one in whole.phases] == [one.step_time_s for one in alone]
    assert whole.days_to_train == pytest.approx(sum(one.days_to_train for one in alone))
    assert whole.training_flops == pytest.approx(sum(one.training_flops for one in alone))
    assert whole.bill.energy_j == pytest.approx(sum(one.bill.energy_j for one in alone))


def test_a_ramp_is_a_phase_for_each_batch_and_loses_no_sequence() -> None:
    # 48, 32 and 16 below 64: three parts of 1,600 sequences. 100 steps of 16 are 1,600; 50 of 32 make 3,200; 33.3 steps of
    # 48 are left to 4,800, and no step is cut: 34, up to 4,832. The run has 10,000, of which 5,168 stay: 80.75 steps of 64.
    jobs = jobs_of(trained(batch=64, tokens=10_000 * 2048, batch_ramp=RAMP))
    parts = [(job.training.batch, job.training.tokens / 2048 / job.training.batch) for job in jobs]
    assert parts == [(16, 100), (32, 50), (48, 34), (64, 80.75)]
    assert sum(job.training.tokens for job in jobs) == 10_000 * 2048


def test_the_steps_of_a_run_count_those_of_its_ramp() -> None:
    jobs = jobs_of(trained(batch=64, steps=300, batch_ramp=RAMP))
    assert [round(job.training.tokens / 2048 / job.training.batch) for job in jobs] == [100, 50, 34, 300 - 184]


def test_a_ramp_in_tokens_is_the_same_ramp() -> None:
    tokens = {**RAMP, "over": f"{4800 * 2048} tokens"}
    ramps = [jobs_of(trained(batch=64, steps=300, batch_ramp=ramp)) for ramp in (RAMP, tokens)]
    assert ramps[0] == ramps[1]


def test_bloom_ramped_over_9_8_million_sequences_and_took_about_95_000_steps() -> None:
    ramp = "training.batch_ramp={from: 192, by: 16, over: 9765625 sequences}"
    jobs = jobs_of(load_experiment("bloom176b_384a100", [ramp]))
    steps = [job.training.tokens / job.training.batch / 2048 for job in jobs]
    # README of tr11-176B-ml: 95,000 steps. The chronicles had 12,695 on 2022-03-18, seven days in and near the ramp's end.
    assert len(jobs) == 117
    assert sum(steps) == pytest.approx(95_000, rel=0.005)
    assert sum(steps[:-1]) == pytest.approx(12_695, rel=0.01)


def test_every_phase_is_simulated_as_it_would_be_alone() -> None:
    jobs = jobs_of(trained(batch=64, steps=300, batch_ramp=RAMP))
    found = simulate(trained(batch=64, steps=300, batch_ramp=RAMP))
    assert [one.step_time_s for one in found.phases] == [step_seconds(job) for job in jobs]


def test_a_plan_of_another_number_of_micro_batches_is_the_one_that_is_built_for_it() -> None:
    strategy = strategy_of("gpu-parallel")
    for job in jobs_of(trained(batch=64, steps=300, batch_ramp=RAMP)):
        choice = choose(job)
        cluster = cluster_of_job(job, job.machine)
        tied = job.workload.model.tied_embeddings
        built = build_gpu_plan(choice.geometry, choice.layout, cluster, choice.schedule, clips(job), tied)
        assert strategy.plan(job, choice) == built


def test_a_split_is_searched_once_and_goes_round_in_every_phase() -> None:
    fields = {"sequence_length": 2048, "batch": 64, "steps": 400, "batch_ramp": {"from": 24, "by": 8, "over": 4800}}
    asked = experiment(strategy={"tensor": 2}, training=fields)
    jobs = jobs_of(asked)
    assert [job.training.grain for job in jobs] == [8] * 6
    strategy = strategy_of("gpu-parallel")
    kept = strategy.choose(jobs[-1])
    layouts = [strategy.again(job, kept).layout for job in jobs]
    assert {replace(layout, micro_batches=0) for layout in layouts} == {replace(kept.layout, micro_batches=0)}
    assert 8 % (kept.layout.data * kept.layout.micro_batch) == 0
    # Left to itself the full batch takes a split that 24 sequences do not fill.
    alone = strategy.choose(replace(jobs[-1], training=replace(jobs[-1].training, grain=0)))
    assert 24 % (alone.layout.data * alone.layout.micro_batch)
    assert simulate(asked).phases[0].batch == 24


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ({"phases": [{"batch": 36, "steps": 5}, {"batch": 64, "steps": 5}]},
         r"phase 1 of 2 \(batch 36\): batch 36 does not divide by data 4 x micro_batch 2 = 8; nearest: 32 or 40"),
        ({"phases": [{"batch": 32, "steps": 5}, {"batch": 60, "steps": 5}]},
         r"phase 2 of 2 \(batch 60\): batch 60 does not divide by data 4 x micro_batch 2 = 8; nearest: 56 or 64"),
        ({"phases": [{"batch": 64, "steps": 5, "gpus": 12}, {"batch": 64, "steps": 5}]},
         r"phase 1 of 2 \(batch 64\): tensor 2 x pipeline 4 = 8 does not divide 12 GPUs; GPUs nearest: 8 or 16"),
        ({"phases": [{"batch": 32, "steps": 5}, {"batch": 64, "steps": 5}], "steps": 11},
         r"training\.phases add up to 10 steps, training\.steps says 11"),
        ({"phases": [{"batch": 32, "steps": 5}, {"batch": 64, "steps": 5}], "tokens": "2 M"},
         r"training\.phases add up to 983\.04 K tokens, training\.tokens says 2 M; the last phase may leave its steps out"),
        ({"phases": [{"batch": 32, "steps": 500}, {"batch": 64}], "tokens": "2 M"},
         r"those before the last take 32\.768 M tokens of the run's 2 M tokens: nothing is left"),
        ({"phases": [{"batch": 32, "steps": 500}, {"batch": 64}], "steps": 500},
         r"those before the last take 500 steps of the run's 500 steps: nothing is left"),
        ({"batch": 64, "steps": 400, "batch_ramp": {"from": 24, "by": 16, "over": 4800}},
         r"batch_ramp: from 24 by 16 does not come out at the batch 64; 64 - from must be a multiple of by"),
        ({"batch": 64, "steps": 400, "batch_ramp": {"from": 64, "by": 16, "over": 4800}}, "does not come out at the batch 64"),
        ({"batch": 64, "tokens": "2 M", "batch_ramp": RAMP},
         r"batch_ramp takes 9\.89594 M tokens, the whole run 2 M; over must be shorter"),
        ({"batch": 4096, "steps": 4000, "batch_ramp": {"from": 1, "by": 1, "over": 4800}},
         r"batch_ramp: has 4095 batches below the full one; up to 999 are run"),
    ],
)  # fmt: skip
def test_a_run_that_does_not_come_out_gets_one_line(training: dict, said: str) -> None:
    with pytest.raises(Infeasible, match=said) as found:
        simulate(trained(**training))
    assert "\n" not in str(found.value)


def test_phases_of_gpus_count_gpus() -> None:
    with pytest.raises(InputFaults, match=r"training\.phases\.0\.systems: give gpus on dgx-h100"):
        trained(phases=[{"batch": 64, "steps": 1, "systems": 2}])


def test_the_last_phase_takes_what_is_left() -> None:
    phases = [{"batch": 32, "steps": 50}, {"batch": 64}]
    by_tokens, by_steps = (jobs_of(trained(phases=phases, **whole)) for whole in ({"tokens": "1 B"}, {"steps": 500}))
    assert by_tokens[1].training.tokens == 1e9 - 50 * 32 * 2048
    assert by_steps[1].training.tokens == 450 * 64 * 2048


def test_phases_that_add_up_within_a_step_of_the_last_are_the_stated_tokens() -> None:
    # 5 x 32 + 5 x 64 = 480 sequences; 540 are 60 more than that: less than a step of 64.
    phases = [{"batch": 32, "steps": 5}, {"batch": 64, "steps": 5}]
    assert len(jobs_of(trained(phases=phases, tokens=540 * 2048))) == 2
    with pytest.raises(Infeasible, match="add up"):
        jobs_of(trained(phases=phases, tokens=545 * 2048))


def test_a_sweep_of_phases_leaves_the_tokens_to_them() -> None:
    swept = experiment(sweep={"training.phases": [[{"batch": 32, "steps": 5}], [{"batch": 64, "steps": 5}]]})
    assert [jobs_of(point.experiment)[0].training.tokens for point in expand(swept)] == [5 * 32 * 2048, 5 * 64 * 2048]


def test_a_ramp_is_written_as_it_was_read() -> None:
    asked = trained(batch=64, steps=400, batch_ramp=RAMP)
    again = Experiment.model_validate(asked.model_dump(mode="json"))
    assert again == asked and asked.model_dump(mode="json")["training"]["batch_ramp"] == RAMP
