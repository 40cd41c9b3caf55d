"""Wafer jobs that cannot be: one clear line with the field that changes it; what is only far from the rows runs and says so."""

import time
from pathlib import Path

import pytest

from wafersim.errors import Infeasible, InputFaults
from wafersim.inputs.loader import load_experiment
from wafersim.simulation import simulate

# Llama 405B, h 16,384, f 53,248, q 16,384, keys and values 2,048: 10 h + 4 q + 2 kv + 6 f = 552,960 bytes a token and block; 126
# blocks of 8,192 tokens are 570.8 GB, of eight times as many 4,566.1 GB.
AT_8K, AT_128K = "batch: 8; sequence_length: 8192", "batch: 8; sequence_length: 131072"
ALL_ON_WAFER = "{keep: all, place: wafer}"
SHORTER = "a shorter training.sequence_length"
OTHERS = f"{SHORTER} or other strategy.activations"
FINER = "more strategy.chunks_per_layer or fewer strategy.weight_credits and drain_credits"


def written(
    folder: Path, training: str, model: str = "cerebras-gpt-111m", machine: str = "cs3", strategy: str = ""
) -> Path:
    """Every field on a line of its own: model on 2, machine on 4, software on 6, strategy on 8, training from 10 on."""
    profile, _, software = machine.partition(" ")
    count = "gpus" if "dgx" in profile else "systems"
    path = folder / "x.yaml"
    path.write_text(
        f"name: t\nmodel: {model}\nsystem:\n  profile: {profile}\n  {count}: 1\n{f'  software: {software}' if software else ''}\n"
        f"strategy:\n  {strategy or 'micro_batch: auto'}\ntraining:\n"
        + "".join(f"  {field.strip()}\n" for field in training.split(";"))
    )
    return path


def refusal(path: Path, kind: type[Exception]) -> str:
    began = time.process_time()
    with pytest.raises(kind) as refused:
        simulate(load_experiment(path))
    assert time.process_time() - began < 2
    (line,) = str(refused.value).splitlines()
    return line.removeprefix(f"{path.parent}/")


@pytest.mark.parametrize(
    ("training", "line"),
    [
        ("batch: 8; lora_rank: 16", "x.yaml:11: training.lora_rank: adapters are of mode lora (mode is train)"),
        ("batch: 8; mode: forward; lora_rank: 8", "x.yaml:12: training.lora_rank: adapters are of mode lora (mode is forward)"),
        ("batch: 8; mode: forward; optimizer_barrier: global-norm", "x.yaml:12: training.optimizer_barrier: a forward pass has"),
        ("batch: 8; mode: forward; gradient_precision: fp16", "x.yaml:12: training.gradient_precision: a forward pass has"),
        ("batch: 8; baked_in_zeros: 0.5", "x.yaml:11: training.baked_in_zeros: weights that are trained do not stay zero"),
        ("batch: 8; mode: lora; density: 0.5; baked_in_zeros: 0.5", "x.yaml:13: training.baked_in_zeros: these zeros are sent"),
        ("batch: 8; mode: tune", "x.yaml:11: training.mode: must be train, forward or lora (got 'tune')"),
        ("batch: 8; weight_precision: fp4", "x.yaml:11: training.weight_precision: must be fp16, bf16, fp32 or fp8 (got 'fp4')"),
    ],
)  # fmt: skip
def test_fields_that_contradict_each_other_are_refused_where_they_stand(
    tmp_path: Path, training: str, line: str
) -> None:
    assert refusal(written(tmp_path, training), InputFaults).startswith(line)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"machine": "dgx-h100", "training": "batch: 8; mode: lora", "strategy": "kind: gpu-parallel"},
         "x.yaml:11: training.mode: is simulated on wafers only"),
        ({"machine": "cs2 R3.1"}, "x.yaml:6: system.software: cs2 has no software release R3.1; known: R1.7"),
        ({"machine": "cs3 R1.9"}, "x.yaml:6: system.software: cs3 has no software release R1.9; known: R2.1"),
        ({"strategy": "micro_batch: 0"}, "x.yaml:8: strategy.micro_batch: must be >= 1 or auto, explore"),
        ({"strategy": "micro_batch: 1.5"}, "x.yaml:8: strategy.micro_batch: must be a whole number or auto"),
        ({"training": "batch: 8; mode: forward", "strategy": "activations: {keep: all}"},
         "x.yaml:8: strategy.activations: a forward pass keeps no activations"),
    ],
)  # fmt: skip
def test_what_a_machine_or_a_release_has_not_is_said_at_load(tmp_path: Path, fields: dict[str, str], line: str) -> None:
    assert refusal(written(tmp_path, **{"training": "batch: 8", **fields}), InputFaults).startswith(line)


@pytest.mark.parametrize(
    ("fields", "term", "change"),
    [
        ({"training": AT_8K, "strategy": f"activations: {ALL_ON_WAFER}"}, "activations kept on the wafer 570.8 GB", OTHERS),
        ({"training": AT_8K, "strategy": f"{{micro_batch: none, activations: {ALL_ON_WAFER}}}"},
         "activations kept on the wafer 4566.1 GB", "a smaller strategy.micro_batch or other strategy.activations"),
        ({"training": AT_128K, "strategy": "activations: {keep: all, place: servers}"},
         "buffers of the traffic to activation servers 289.9 GB", OTHERS),  # 2 slots each way of 552,960 x 131,072
        ({"training": AT_8K, "strategy": "chunks_per_layer: 1"}, "weight and gradient buffers 153.0 GB", FINER),
        ({"training": AT_8K, "strategy": "activations: {recompute_weights: hold}"}, "16 chunks of weights are held",
         "give strategy.weight_credits 16 or more, or strategy.activations.recompute_weights restream"),
        ({"training": "batch: 8; sequence_length: 1000000000"}, "buffers of the traffic to activation servers", SHORTER),
        ({"training": "batch: 1000000000"}, "1000000000 sequences a system do not fit in 512", "a smaller training batch"),
        ({"training": "batch: 5000", "strategy": "micro_batch: 1"}, "makes 5000 micro-batches", "give it 10 or more"),
        ({"model": "megatron-1008b", "machine": "cs2", "training": "batch: 8"}, "16.2 TB", "memoryx-cs3-24tb (24 TB) holds it"),
    ],
)  # fmt: skip
def test_a_refusal_names_the_term_that_is_too_large_and_the_field_that_changes_it(
    tmp_path: Path, fields: dict[str, str], term: str, change: str
) -> None:
    line = refusal(written(tmp_path, **{"model": "llama3-405b", **fields}), Infeasible)
    assert term in line and line.endswith(change)


def test_no_room_at_all_and_a_table_beyond_measure_are_refused_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, "batch: 8")
    path.write_text(path.read_text().replace("profile: cs3", 'profile: cs3\n  overrides: {system.sram: "1 B"}'))
    assert "weight and gradient buffers" in refusal(path, Infeasible)
    narrow = "{name: m, family: m, source: mine, layers: 2, d_model: 1, heads: 1, d_ffn: 1, max_sequence: 8, vocab: 1000000000}"
    assert "take fewer strategy.chunks_per_layer or a smaller vocabulary" in refusal(
        written(tmp_path, "batch: 8", narrow), Infeasible
    )


def test_a_micro_batch_that_a_batch_does_not_have_is_the_nearest_and_said(tmp_path: Path) -> None:
    found = simulate(load_experiment(written(tmp_path, "batch: 90", strategy="micro_batch: 100")))
    assert found.micro_batch == 90
    assert found.provenance.notes == ("micro-batch 90, the nearest to the 100 asked for: 90 sequences a system in 1",)
    unpublished = simulate(
        load_experiment(written(tmp_path, "batch: 90", "pythia-160m", strategy="micro_batch: published"))
    )
    assert "no micro-batch is published for pythia-160m: chosen as auto" in unpublished.provenance.notes


def test_a_sequence_beyond_what_anything_measured_is_said_and_widens(tmp_path: Path) -> None:
    lengths = (2048, 8192, 131_072, 1_000_000)
    found = [
        simulate(load_experiment(written(tmp_path, f"batch: 4; sequence_length: {n}", "llama2-7b"))) for n in lengths
    ]
    widths = [one.uncertainty.half_width for one in found]
    assert widths == sorted(widths) and widths[1] > 1.2 * widths[0]
    said = [[str(one) for one in point.uncertainty.outside if one.measure == "tokens a sequence"] for point in found]
    assert said[0] == [] and all("tokens a sequence (measured: " in line for (line,) in said[1:])
