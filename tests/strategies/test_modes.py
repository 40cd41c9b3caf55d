"""Forward passes alone, adapters of frozen weights, what capacity keeps, and the micro-batches that sequences allow."""

from dataclasses import replace
from math import ceil

import pytest

from wafersim.errors import Infeasible
from wafersim.inputs.experiment import Experiment
from wafersim.simulation import Simulated, job_of, simulate, simulate_step
from wafersim.strategies.weight_streaming.choice import nearest_count
from wafersim.strategies.weight_streaming.periodic import run_to_period
from wafersim.workload.model import load_model
from wafersim.workload.transformer import build_workload, workload_of


def experiment(model: str = "llama2-7b", batch: int = 8, sequence: int = 1024, **fields: dict) -> Experiment:
    training = {"batch": batch, "sequence_length": sequence, **fields.get("training", {})}
    system = {"profile": "alcf-cs3", "systems": 1, **fields.get("system", {})}
    strategy = fields.get("strategy", {})
    return Experiment.model_validate(
        {"name": "t", "model": model, "system": system, "strategy": strategy, "training": training}
    )


def step(**fields: dict) -> Simulated:
    return simulate_step(job_of(experiment(**fields)))


def test_a_forward_pass_streams_every_weight_once_and_sends_no_gradient() -> None:
    plan = step(training={"mode": "forward"}).plan
    assert {kernel.pass_ for kernel in plan.kernels} == {"forward"} and len(plan.kernels) == 34
    assert sum(layer.gradient_bytes for layer in plan.layers) == 0
    assert sum(layer.weight_bytes for layer in plan.layers) == pytest.approx(2 * 6.738e9, rel=1e-3)


def test_training_that_keeps_everything_takes_under_three_forward_passes() -> None:
    # Measured (N11, N12): 2.82 forward passes at 8 x 1,024 tokens, where activations fit.
    train, forward = step(), step(training={"mode": "forward"})
    assert train.choice.policy.every == 0
    assert 2.6 < train.prediction.step_time_s / forward.prediction.step_time_s < 3.1
    # At 64 x 2,048 they do not: a recompute more.
    large = [step(batch=64, sequence=2048, training={"mode": mode}) for mode in ("train", "forward")]
    assert large[0].choice.policy.every == 1
    assert 3.7 < large[0].prediction.step_time_s / large[1].prediction.step_time_s < 4.3


def test_frozen_weights_stream_and_send_no_gradients() -> None:
    lora = step(batch=64, sequence=2048, training={"mode": "lora", "lora_rank": 16}).plan
    # Adapters of four products: 16 x (4096 + 12288) + 16 x (4096 + 4096) + 16 x (4096 + 22016) + 16 x (11008 + 4096).
    adapters = 16 * (16384 + 8192 + 26112 + 15104)
    assert lora.layers[1].gradient_bytes == 4 * adapters
    assert lora.layers[0].gradient_bytes == lora.layers[-1].gradient_bytes == 0
    assert {kernel.layer for kernel in lora.kernels if kernel.drains} == set(range(1, 33))
    assert lora.layers[1].weight_bytes > 2 * 202e6


@pytest.mark.parametrize("mode", ["forward", "lora"])
@pytest.mark.parametrize("systems", [1, 5])
def test_both_engines_agree_on_frozen_weights(mode: str, systems: int) -> None:
    asked = experiment(
        "cerebras-gpt-111m", 24 * systems, 512, training={"mode": mode}, system={"systems": systems}, strategy={"micro_batch": 12}
    )  # fmt: skip
    plan = simulate_step(job_of(asked)).plan
    fast, queue = (run_to_period(plan, engine=engine) for engine in ("fast", "queue"))
    assert fast.step_ticks == queue.step_ticks
    assert fast.timeline.start.tolist() == queue.timeline.start.tolist()


def test_zeros_baked_in_save_of_the_forward_pass_alone() -> None:
    # Measured: 14 % of a forward pass at 75 %, 3.4 % of a LoRA step (one forward pass of 3.86).
    forward = [step(training={"mode": "forward", "baked_in_zeros": z}, batch=64, sequence=2048) for z in (0.0, 0.75)]
    lora = [step(training={"mode": "lora", "baked_in_zeros": z}, batch=64, sequence=2048) for z in (0.0, 0.75)]
    saved = [1 - each[1].prediction.step_time_s / each[0].prediction.step_time_s for each in (forward, lora)]
    assert saved[0] == pytest.approx(0.14, abs=0.01) and saved[1] == pytest.approx(0.036, abs=0.008)


def test_weights_that_are_trained_do_not_stay_zero() -> None:
    with pytest.raises(ValueError, match="mode must be forward or lora"):
        experiment(training={"baked_in_zeros": 0.5})


@pytest.mark.parametrize(
    ("sequences", "asked", "size"),
    [(337, 168, 169), (1024, 128, 128), (100, 1000, 100), (90, 40, 45), (130, 65, 65), (7, 1, 1)],
)
def test_a_micro_batch_is_the_nearest_of_a_systems_sequences_divided(sequences: int, asked: int, size: int) -> None:
    assert ceil(sequences / nearest_count(sequences, asked)) == size


def test_what_was_asked_and_is_not_had_is_said() -> None:
    prediction = simulate(experiment("cerebras-gpt-1.3b", 337, 2048, strategy={"micro_batch": 168}))
    assert any("micro-batch 169, the nearest to the 168 asked for" in note for note in prediction.provenance.notes)
    whole = simulate(experiment("cerebras-gpt-1.3b", 337, 2048, strategy={"micro_batch": "none"}))
    assert (whole.micro_batch, whole.micro_batches) == (337, 1)


@pytest.mark.parametrize(("model", "published"), [("cerebras-gpt-6.7b", 104), ("cerebras-gpt-13b", 90),
                                                  ("gpt-neox-20b", 77), ("llama-7b", 99)])  # fmt: skip
def test_auto_takes_about_the_micro_batch_that_ran_best(model: str, published: int) -> None:
    found = simulate(experiment(model, 2000, 2048, system={"profile": "cs2"}))
    assert found.micro_batch == pytest.approx(published, rel=0.35)


def test_older_software_holds_half_as_many() -> None:
    # The largest published of R1.7: GPT-J 65.
    found = simulate(experiment("gptj-6b", 2000, 2048, system={"profile": "cs2", "software": "R1.7"}))
    assert found.micro_batch == pytest.approx(65, rel=0.05)


@pytest.mark.parametrize(
    ("model", "sequence"), [("llama3-405b", 8192), ("llama3-405b", 131072), ("megatron-1008b", 2048)]
)
def test_the_largest_models_run_on_a_cs3_as_they_come(model: str, sequence: int) -> None:
    found = simulate(experiment(model, 1, sequence, system={"profile": "cs3"}))
    assert found.memory is not None and found.memory.total_bytes <= found.memory.capacity_bytes


def test_a_refusal_names_the_largest_term_and_what_shrinks_it() -> None:
    with pytest.raises(
        Infeasible, match=r"activations kept on the wafer \d+\.\d GB.*shrinks with a smaller strategy.micro_batch"
    ):
        simulate(experiment(batch=128, strategy={"activations": {"keep": "all", "place": "wafer"}, "micro_batch": 128}))


def test_a_head_without_a_vocabulary_multiplies_nothing() -> None:
    bare = workload_of(replace(load_model("bert-large"), head="none"), 128)
    assert bare.layers[-1].ops == () and build_workload("bert-large", 128).layers[-1].ops != ()


def test_releases_are_known_by_any_of_their_names_and_others_refused_at_load() -> None:
    for written in ("R2", "R2.1", "R2.1+", "R2.5.0", "2.6"):
        assert experiment(system={"software": written}).system.release == "R2.1"
    with pytest.raises(ValueError, match=r"cs3 has no software release R1\.7; known: R2\.1"):
        experiment(system={"software": "R1.7"})
