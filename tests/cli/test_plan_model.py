"""`wafersim plan` without a model, and with a loss in the place of tokens."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wafersim.cli import commands
from wafersim.errors import Infeasible, InputFaults, WafersimError


def typed(*arguments: str) -> Result:
    return CliRunner().invoke(commands, ("plan", "--no-save", *arguments))


def test_its_directory_asks_the_same_question_again(tmp_path: Path) -> None:
    asked = ("plan", "--days", "2", "--on", "h100", "--chips", "8", "--seed", "3", "--json")
    first = CliRunner().invoke(commands, (*asked, "--out", str(tmp_path)))
    assert first.exit_code == 0, first.output
    (directory,) = tmp_path.iterdir()
    names = {path.name for path in directory.iterdir()}
    assert names == {"plan.yaml", "best_model.json", "reasons.txt", "version.json"}
    assert (directory / "best_model.json").read_text() == first.stdout
    assert (directory / "plan.yaml").read_text().startswith("# wafersim plan plan.yaml --seed 3\n")
    assert "nats a token on the Pile" in (directory / "reasons.txt").read_text()
    assert typed(str(directory / "plan.yaml"), "--seed", "3", "--json").stdout == first.stdout


def test_which_model_is_the_best_in_a_time_is_answered_on_one_screen() -> None:
    result = typed("--days", "2", "--on", "CS-2,h100", "--chips", "8")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert len(lines) <= 24 and max(map(len, lines)) <= 80
    assert lines[0].startswith("The best model in 2 days")
    text = " ".join(result.stdout.split())
    assert "nats a token on the Pile" in text and "Cerebras-GPT's rule" in text
    assert "h100 taken as dgx-h100 (80 GB)" in text and "CS-2 with memoryx-cs2-12tb and swarmx-cs2" in text
    assert "8 h100" in text and "8 CS-2" in text


def test_an_installed_cluster_counts_whole_and_inference_changes_the_law() -> None:
    options = ("--days", "10", "--on", "andromeda", "--json")
    plain, served = (
        json.loads(typed(*options, *more).stdout)["best_model"] for more in ((), ("--inference-tokens", "300B"))
    )
    assert plain["law"] == "cerebras-gpt" and plain["best"][0]["chips"] == 16
    assert served["law"] == "chinchilla" and served["inference_tokens"] == 300e9
    assert served["best"][0]["serving_days"] > 0


def test_a_file_may_leave_the_model_open_and_state_the_fields_of_its_training(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "name: open\ngoal: {loss: 2.2, law: chinchilla, days: 20}\n"
        "common: {training: {sequence_length: 4096, batch: 512}}\ncandidates: [{on: h100, price: 2 USD/h}]\n"
    )
    told = json.loads(typed(str(tmp_path / "p.yaml"), "--json").stdout)["best_model"]["best"][0]
    assert told["loss"]["value"] == pytest.approx(2.2) and told["days"] <= 20
    assert (told["sequence_length"], told["batch"]) == (4096, 512)
    assert told["cost_usd"] < 2.0 * 24 * 20 * 1.2 * (told["chips"] + 8)
    assert not any(line.startswith("batch") for line in told["assumed"])


@pytest.mark.parametrize(
    ("training", "line"),
    [
        ("steps: 1000, batch: 16", r"training\.steps says the tokens of a model that is named"),
        ("mode: lora, batch: 16", r"training\.mode: scaling laws are of dense models"),
        ("density: 0.5, batch: 16", r"training\.density: scaling laws are of dense models"),
        ("tokens: 2T", "tokens: follow from the scaling law"),
    ],
)
def test_training_that_no_law_tells_of_is_refused(tmp_path: Path, training: str, line: str) -> None:
    (tmp_path / "p.yaml").write_text(
        f"name: open\ngoal: {{days: 2}}\ncommon: {{training: {{{training}}}}}\ncandidates: [{{on: cs2, sizes: [1]}}]\n"
    )
    result = typed(str(tmp_path / "p.yaml"))
    assert isinstance(result.exception, WafersimError)
    assert re.search(line, str(result.exception)), result.exception


def test_a_batch_of_each_system_stands(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "name: open\ngoal: {days: 1}\ncommon: {training: {batch_per_system: 64}}\ncandidates: [{on: cs2, sizes: [2]}]\n"
    )
    told = json.loads(typed(str(tmp_path / "p.yaml"), "--json").stdout)["best_model"]["best"][0]
    assert (told["chips"], told["batch"]) == (2, 128)


def test_power_bounds_the_number_of_chips() -> None:
    told = json.loads(typed("--days", "1", "--on", "cs3", "--power", "150 kW", "--json").stdout)["best_model"]["best"][
        0
    ]
    assert told["chips"] == 3  # 34 kW each and a PUE of 1.2: 3 draw 122 kW, 4 draw 163


def test_a_loss_of_a_named_model_gives_its_tokens() -> None:
    result = typed(
        "--model", "cerebras-gpt-1.3b", "--loss", "2.3", "--days", "9", "--on", "h100", "--chips", "16", "--json"
    )
    told = json.loads(result.stdout)["plan"]
    # by 1.8169 + 482.01 / N^0.3478 + 2085.43 / D^0.3659 = 2.3 with N of 1.3157e9: 0.3252 of the size leave 0.1579 to the tokens
    assert told["tokens"] == pytest.approx((2085.43 / 0.1579) ** (1 / 0.3659), rel=0.01)
    assert any("for a loss of 2.3 on MassiveText by chinchilla" in line for line in told["assumed"])


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ("--days", "3", "--tokens", "2T", "--on", "h100"),
            "tokens: follow from the scaling law where no model is named",
        ),
        (("--days", "3", "--on", "h100"), "h100: how many GPUs? Give their number, or a budget or a loss"),
        (("--days", "3", "--law", "foo", "--on", "cs2"), "no scaling law 'foo'"),
        (("--days", "3", "--loss", "-1", "--on", "cs2"), "wafersim plan: --loss: must be > 0"),
        (
            ("--days", "3", "--inference-tokens", "many"),
            "wafersim plan: --inference-tokens: must be a number of tokens",
        ),
        (
            ("--days", "3", "--inference-tokens", "2T", "--law", "cerebras-gpt"),
            "cannot weigh inference: ask chinchilla",
        ),
        (("--days", "3", "--loss", "1.2", "--law", "chinchilla", "--on", "h100"), "no compute reaches 1.2"),
        (("--days", "3", "--on", "h100", "--power", "1 kW"), "h100: no number of chips is within the limits"),
        (
            ("--days", "3", "--on", "h1000"),
            "wafersim plan: --on: unknown hardware profile 'h1000'; did you mean \"h100\"?",
        ),
        (
            ("--model", "llama2-7b", "--days", "3", "--law", "chinchilla"),
            "wafersim plan: --law: is of a loss or of a model that is open",
        ),
        (
            ("--model", "llama2-7b", "--loss", "2.1", "--tokens", "2T", "--days", "3"),
            "wafersim plan: --tokens: a loss (--loss) is given, too",
        ),
        (("--model", "llama2-7b", "--loss", "1.9", "--days", "3"), "parameters never reach 1.9"),
    ],
)
def test_what_cannot_be_answered_is_refused_by_name(arguments: tuple[str, ...], line: str) -> None:
    result = typed(*arguments)
    assert isinstance(result.exception, Infeasible | InputFaults | WafersimError), result.output
    assert line in str(result.exception)
