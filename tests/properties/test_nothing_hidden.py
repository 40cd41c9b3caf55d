"""Nothing hidden changes an answer: what a prediction depends on is what it is asked, not names, order, process or folder."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from wafersim.errors import Infeasible
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.model import Model
from wafersim.inputs.profile_file import load_profile
from wafersim.inputs.sourced import Sourced
from wafersim.simulation import simulate

ROOT = Path(__file__).parents[2]
MODEL = Model("mine", "gpt", 2, 768, 12, 3072, 5000, 2048, "drawn", positions=2048)


def machine(size: float, accumulate: float) -> object:
    """A CS-2 called `mine`, with so many bytes of SRAM and a MemoryX that adds so many a second."""

    def changed(profile: str, name: str, value: float) -> object:
        whole = load_profile(profile)
        number = getattr(whole.values, name)
        assert isinstance(number, Sourced)
        values = whole.values.model_copy(update={name: number.model_copy(update={"value": value})})
        return whole.model_copy(update={"name": "mine", "values": values})

    system = changed("cs2", "sram", size)
    return system.model_copy(
        update={"default_memoryx": changed("memoryx-cs2-12tb", "accumulate_bandwidth", accumulate)}
    )


def experiment(model: Model, profile: object, systems: int, batch: int) -> Experiment:
    system = {"profile": profile, "systems": systems}
    training = {"batch_per_system": batch, "sequence_length": 2048}
    return Experiment.model_validate({"name": "mine", "model": model, "system": system, "training": training})


models = st.builds(
    lambda layers, width, vocab: replace(MODEL, layers=layers, d_model=64 * width, heads=width, head_dim=64, d_ffn=256 * width,
                                         vocab=vocab, embedding_width=0, kv_heads=0),
    st.integers(1, 6), st.sampled_from([4, 16, 40]), st.sampled_from([500, 50_000]),
)  # fmt: skip
machines = st.builds(machine, st.sampled_from([20e9, 40e9]), st.sampled_from([1e9, 1e12]))
questions = st.builds(
    lambda models, machines, batch: [experiment(model, own, 1, batch) for model in models for own in machines],
    st.lists(models, min_size=2, max_size=3, unique=True),
    st.lists(machines, min_size=1, max_size=2),
    st.sampled_from([4, 96, 600]),
)


def answer(asked: Experiment) -> str:
    try:
        return json.dumps(simulate(asked).to_json(), sort_keys=True)
    except Infeasible as reason:
        return str(reason)


def alone(asked: list[Experiment], folder: Path, seed: str) -> list[str]:
    """The answers of a process that is asked each question first."""
    code = (
        "import sys, json; from wafersim.inputs.experiment import Experiment; from wafersim.simulation import simulate\n"
        "for line in sys.stdin:\n"
        "    print(json.dumps(simulate(Experiment.model_validate_json(line)).to_json(), sort_keys=True))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed}
    answers = []
    for each in asked:
        done = subprocess.run(
            [sys.executable, "-c", code], input=each.model_dump_json() + "\n", text=True, capture_output=True,
            cwd=folder, env=environment, check=True,
        )  # fmt: skip
        answers.append(done.stdout.strip())
    return answers


@settings(
    max_examples=10, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate]
)  # shrinking takes minutes
@given(questions)
def test_one_name_and_different_content_give_their_own_answers_in_any_order(asked: list[Experiment]) -> None:
    forward = [answer(one) for one in asked]
    backward = [answer(one) for one in reversed(asked)]
    assert forward == backward[::-1]


def test_a_model_is_not_taken_for_another_of_its_name(tmp_path: Path) -> None:
    """Two models called `mine`, deep and shallow, on one machine: each as if it had been asked first."""
    own = machine(20e9, 1e12)
    wide = replace(
        MODEL, layers=48, d_model=2560, heads=40, head_dim=64, d_ffn=10240, vocab=50_000, embedding_width=0, kv_heads=0
    )
    asked = [experiment(MODEL, own, 1, 600), experiment(wide, own, 1, 600)]
    expected = alone(asked, tmp_path, "0")
    assert [answer(one) for one in asked] == expected
    assert [answer(one) for one in asked[::-1]] == expected[::-1]
    assert len({json.loads(one)["step_time_s"] for one in expected}) == 2


def test_process_hash_seed_and_folder_change_nothing(tmp_path: Path) -> None:
    asked = [experiment(MODEL, machine(40e9, 1e12), 2, 96)]
    (tmp_path / "cs2.yaml").write_text("base: cs3\nname: cs2\n")  # lies in the folder, is named by nobody
    assert alone(asked, tmp_path, "1") == alone(asked, ROOT, "2") == [answer(asked[0])]
