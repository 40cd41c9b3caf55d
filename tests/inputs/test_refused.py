"""Small inputs that hung, filled the memory or ended in a traceback: each class is refused with one line, at once."""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from wafersim.cli.kernel_command import command as kernel
from wafersim.errors import Infeasible, InputFaults
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.loader import load_experiment
from wafersim.inputs.sweep import expand
from wafersim.simulation import simulate
from wafersim.strategies.tally import TooManyTasks

GOOD = """\
name: h
model: cerebras-gpt-111m
system: {profile: cs2, systems: 1}
training: {batch_per_system: 120}
"""
GPUS = """\
name: g
model: cerebras-gpt-1.3b
system: {profile: dgx-h100, gpus: 32, software: megatron-core}
strategy: {tensor: 2, pipeline: 4, data: 4, virtual_stages: 1, micro_batch: 2, recompute: none}
training: {batch: 128, sequence_length: 2048}
"""
BOMB = (
    GOOD
    + "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9))
)
GEOMETRY = (
    "name: m, family: x, layers: 2, d_model: 64, heads: 4, d_ffn: 256, vocab: 100, max_sequence: 128, source: abc"
)


def refusal(tmp_path: Path, text: str, *sets: str) -> str:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(InputFaults) as caught:
        load_experiment(path, sets)
    line = str(caught.value)
    assert "\n" not in line and len(line) < 600
    return line.removeprefix(f"{tmp_path}/")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (BOMB, "x.yaml:9: holds more than 10000 values"),
        (GOOD + "x: " + "[" * 5000, "x.yaml:5: broken YAML: nested more than 40 deep"),
        (GOOD + "x:\n  " + "- " * 400 + "1\n", "x.yaml:6: broken YAML: nested more than 40 deep"),
        (GOOD + "a: &a [*a]\n", "x.yaml:5: broken YAML: an alias contains itself"),
        (GOOD + "a: !!python/name:os.system x\n", "x.yaml:5: broken YAML: tags such as"),
        (GOOD + "".join(f"key{i}: {i}\n" for i in range(60_000)), "x.yaml: is "),
        (GOOD + "".join(f"key{i}: {i}\n" for i in range(9_000)), "x.yaml:4997: holds more than 10000 values"),
        (GOOD.replace("systems: 1", "systems: 0x" + "f" * 5000), "x.yaml:3: 0xffffffffffffffffff... is a number of 5002"),
        (GOOD.replace("systems: 1", "systems: " + "9" * 30), f"x.yaml:3: {'9' * 30} is a whole number beyond 64 bits"),
        (GOOD.replace("120", "120, sequence_length: 1" + "0" * 320), "x.yaml:4: 10000000000000000000... is a number of 321"),
        (GOOD.replace("120", "120, sequence_length: 2000000000"), "x.yaml:4: training.sequence_length: must be <= 1000000000"),
        (GOOD + "published: {metric: step_time_s, value: .inf, source: abc}\n", "x.yaml:5: numbers must be finite"),
        (GOOD.replace("120", "120, density: .nan"), "x.yaml:4: numbers must be finite (got .nan)"),
        (GOOD.replace("120", "120, tokens: 1e400"), "x.yaml:4: numbers must be finite (got 1e400)"),
        (GOOD.replace("systems: 1", 'systems: 1, overrides: {system.clock: "2 s"}'),
         "x.yaml:3: system.overrides: system.clock: s is a unit of time, not of frequency"),
        (GOOD.replace("systems: 1", "systems: 1, overrides: {swarmx.fan_out: 2.5}"),
         "x.yaml:3: system.overrides: swarmx.fan_out: must be a whole number (got 2.5)"),
        (GPUS.replace("megatron-core", "megatron-core, overrides: {gpu.usable_memory: 95}"),
         "x.yaml:3: system.overrides: gpu.usable_memory: must be <= 1 (got 95)"),
        (GPUS.replace("megatron-core", "megatron-core, overrides: {network.gpus_per_node: 7.5}"),
         "x.yaml:3: system.overrides: network.gpus_per_node: must be a whole number (got 7.5)"),
        (GPUS.replace("data: 4", "data: 4, expert: 10000000000"), "x.yaml:4: strategy.expert: must be <= 1000000000"),
        (GOOD.replace("cerebras-gpt-111m", f"{{{GEOMETRY.replace('heads: 4', 'heads: 0')}}}"),
         "x.yaml:2: model.heads: must be >= 1 (got 0)"),
        (GOOD.replace("cerebras-gpt-111m", f"{{{GEOMETRY.replace('heads: 4', 'heads: 65')}}}"),
         "x.yaml:2: model.heads: 65 heads are more than the width d_model 64 has elements; give head_dim"),
        (GOOD.replace("cerebras-gpt-111m", f"{{{GEOMETRY}, experts_per_token: 2}}"),
         "x.yaml:2: model.experts_per_token: must be <= experts 1 (got 2)"),
        (GOOD.replace("cerebras-gpt-111m", f"{{{GEOMETRY}, kv_heads: 3}}"),
         "x.yaml:2: model.kv_heads: must divide the 4 heads (got 3)"),
        (GOOD.replace("cerebras-gpt-111m", f"{{{GEOMETRY}, hidden: 3}}"), "x.yaml:2: model.hidden: unknown field"),
        (GOOD.replace("cerebras-gpt-111m", "y" * 300), "x.yaml:2: model: unknown model 'yyy"),
        (GOOD.replace("name: h", f"name: {'n' * 300}"), "x.yaml:1: name: "),
        (GOOD.replace("cs2", "y" * 300 + ".yaml"), "x.yaml:3: system.profile: no such file 'yyy"),
        (GOOD + 'title: "a\\e[2J"\n', "x.yaml:5: broken YAML: text with the control character '\\x1b' is not read"),
        (GOOD + '"a\\0": 1\n', "x.yaml:5: broken YAML: text with the control character '\\x00' is not read"),
        (GOOD.replace("cs2", "{}"), "x.yaml:3: system.profile: must be a mapping whose kind is one of"),
        (GOOD + "sweep:\n" + "".join(f"  training.{name}: {list(range(1, 1001))}\n" for name in ("a", "b", "c")),
         "x.yaml:5: sweep: is a grid of 1000000000 points (1000 x 1000 x 1000); up to 100000 are run"),
    ],
)  # fmt: skip
def test_one_line_at_once(tmp_path: Path, text: str, line: str) -> None:
    began = time.process_time()
    assert refusal(tmp_path, text).startswith(line)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("option", "line"),
    [
        ("title=&a [*a]", "--set title: broken YAML: an alias contains itself"),
        ("training.batch_per_system=" + "9" * 400, "--set training.batch_per_system: 99999999999999999999... is a number"),
        ("system.profile=dgx-h100", "--set system.profile: dgx-h100 is a cluster of GPUs: give gpus"),
        ("system.overrides={system.clock: 3 GB}", "--set system.overrides: system.clock: GB is a unit of size"),
        ("training.density=0", "--set training.density: must be > 0"),
        ("training.batch=0", "--set training.batch: must be >= 1"),
        ("strategy.tensor=2", "--set strategy.tensor: unknown field; allowed: activations"),
        ("model=nowhere.yaml", "--set model: no such file 'nowhere.yaml'"),
        ("system.profile={base: cs3, values: {srm: 3}}", '--set system.profile.values.srm: unknown field; did you mean "sram"'),
    ],
)  # fmt: skip
def test_what_an_option_breaks_is_its_own_fault(tmp_path: Path, option: str, line: str) -> None:
    assert refusal(tmp_path, GOOD, option).startswith(line)


def test_a_fault_that_was_there_before_is_not_blamed_on_an_option(tmp_path: Path) -> None:
    broken = GOOD.replace("batch_per_system: 120", "tokens: 5e9")
    assert refusal(tmp_path, broken, "training.density=0.5").startswith("x.yaml:4: training: exactly one of batch")


def test_of_many_faults_twenty_are_printed(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(GOOD + "".join(f"key{i}: {i}\n" for i in range(1000)))
    with pytest.raises(InputFaults) as caught:
        load_experiment(path)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(f"{path}:5: key0: unknown field") and len(lines) == 21
    assert lines[-1] == "and 980 more" and len(caught.value.faults) == 1000
    first = caught.value.faults[0]
    assert (first.file, first.line, first.path) == (str(path), 5, "key0")


def test_a_grid_is_counted_before_it_is_built(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(GOOD + "sweep:\n  system.systems: [1, 2, 3]\n  training.density: [0.5, 1]\n")
    experiment = load_experiment(path)
    assert len(expand(experiment, most=6)) == 6
    with pytest.raises(InputFaults, match=r"is a grid of 6 points \(3 x 2\); up to 5 are run"):
        expand(experiment, most=5)


@pytest.mark.parametrize("kind", ["device", "pipe"])
def test_what_never_ends_is_not_read(tmp_path: Path, kind: str) -> None:
    path = Path("/dev/zero")
    if kind == "pipe":
        path = tmp_path / "pipe"
        os.mkfifo(path)
    with pytest.raises(InputFaults, match="is a device or a pipe; a YAML file is needed"):
        load_experiment(path)


def test_a_name_that_no_file_can_have() -> None:
    for name in ("x" * 300, "a\0b"):
        with pytest.raises(InputFaults, match=r"is no file name|no such file"):
            load_experiment(name)


def test_a_step_of_too_many_tasks_says_how_many(tmp_path: Path) -> None:
    text = """\
name: many
model: cerebras-gpt-111m
system: {profile: cs2, systems: 128}
strategy: {micro_batch: 1, chunks_per_layer: 64}
training: {batch_per_system: 256, sequence_length: 128}
disturbances: {jitter: 0.05}
"""
    (tmp_path / "x.yaml").write_text(text)
    said = (
        r"^a step has \d{3},\d{3},\d{3} tasks \(12 layers in [\d,]+ chunks of weights, 256 micro-batches, 128 systems with "
        r"jitter\); up to [\d,]+ are simulated, in \d+ GB: a larger strategy.micro_batch, no disturbances.jitter, fewer "
        r"system.systems or fewer strategy.chunks_per_layer$"
    )
    with pytest.raises(TooManyTasks, match=said):
        simulate(load_experiment(tmp_path / "x.yaml"))


@pytest.mark.parametrize(
    ("number", "value"), [("memoryx.accumulate_bandwidth", "1e-300 B/s"), ("memoryx.latency", "1e300 s")]
)
def test_what_hardly_moves_is_too_slow_and_no_traceback(number: str, value: str) -> None:
    slow = {"profile": "cs2", "systems": 1, "overrides": {number: value}}
    fields = {"name": "slow", "model": "cerebras-gpt-111m", "system": slow, "training": {"batch_per_system": 8}}
    with pytest.raises(Infeasible, match="hours; up to"):
        simulate(Experiment.model_validate(fields))


def test_free_gradients_are_a_fair_question(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(GPUS)
    usual = simulate(load_experiment(tmp_path / "x.yaml")).step_time_s
    free = simulate(load_experiment(tmp_path / "x.yaml", ["system.overrides.software.gradient_bytes=0"])).step_time_s
    assert 0 < free < usual


def test_a_split_over_more_experts_than_there_are_says_so_at_once(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(GPUS)
    began = time.process_time()
    with pytest.raises(Infeasible, match=r"expert 100000000 does not divide the 1 experts of .*; nearest: 1"):
        simulate(load_experiment(tmp_path / "x.yaml", ["strategy.expert=100000000"]))
    assert time.process_time() - began < 2


def test_auto_on_gpus_takes_a_setting(tmp_path: Path) -> None:
    auto = GPUS.replace(GPUS.splitlines()[3], "strategy: auto")
    (tmp_path / "x.yaml").write_text(auto)
    strategy = load_experiment(tmp_path / "x.yaml", ["strategy.tensor=2"]).strategy
    assert (strategy.kind, strategy.tensor, strategy.pipeline) == ("gpu-parallel", 2, "auto")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--m", "1e20"], "is not a valid integer"),
        (["--m", "1" + "0" * 20], "is not in the range 1<=x<=10000000"),
        (["--m", "64", "--density", "nan"], "--density: must be a share above 0 and up to 1 (got nan)"),
        (["--m", "64", "--heatmap", "nodir/x.png"], "--heatmap nodir/x.png: there is no folder nodir"),
        (["--m", "64", "--sweep", "x.foo"], "--sweep x.foo: must end in .png, .svg, .pdf"),
        (["--m", "64", "--heatmap", "x" * 300 + ".png"], "a file name has up to 255 characters"),
    ],
)
def test_a_kernel_of_no_size_or_into_no_folder(tmp_path: Path, monkeypatch, arguments: list[str], line: str) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(kernel, [*arguments, "--k", "64", "--n", "64"])
    assert line in result.output + str(result.exception)
    assert not list(tmp_path.iterdir())


def test_the_memory_stays_bounded(tmp_path: Path) -> None:
    """The bomb, read by a process that may have 600 MB."""
    (tmp_path / "x.yaml").write_text(BOMB)
    limit = 600 * 2**20

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    code = f"from wafersim.inputs.loader import load_experiment; load_experiment({str(tmp_path / 'x.yaml')!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, preexec_fn=small, check=False)
    assert "InputFaults" in done.stderr and "MemoryError" not in done.stderr
