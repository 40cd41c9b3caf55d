"""`wafersim plan` as people type it: the answer on one screen, options before the file, each fault in one line."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wafersim.cli import commands
from wafersim.errors import Infeasible, InputFaults, WafersimError

SMALL = ("plan", "--model", "cerebras-gpt-111m", "--tokens", "2B", "--runs", "100")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Directories of plans go there."""
    monkeypatch.chdir(tmp_path)


def typed(*arguments: str) -> Result:
    return CliRunner().invoke(commands, arguments)


def test_a_question_is_answered_on_one_screen() -> None:
    result = typed(*SMALL, "--days", "2", "--budget", "900", "--on", "h100,cs3", "--chips", "16")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert len(lines) <= 24 and max(map(len, lines)) <= 80
    assert lines[0].startswith("cerebras-gpt-111m on 2 B tokens within 2 d, for 900 USD: what to use")
    text = " ".join(result.stdout.split())
    assert "of whole runs meet deadline and budget" in text
    assert "12.29 USD/h" in text and "AWS" in text, "a price beside its dollars"
    assert "cs3: none known, --price 'cs3=... USD/h' gives it" in text
    assert "h100 taken as dgx-h100 (80 GB)" in text


def test_a_price_of_one_s_own_gives_the_hardware_a_cost() -> None:
    options = (*SMALL, "--days", "5", "--on", "cs3", "--chips", "2", "--json")
    without, rented, bought = (
        json.loads(typed(*options, *more).stdout)["plan"]
        for more in ((), ("--price", "cs3=100 USD/h"), ("--price", "cs3=2 MUSD", "--pay", "purchase"))
    )
    assert without["best"].keys() == {"fastest", "least energy", "fewest chips"}
    answer = rented["best"]["cheapest"]
    hours = answer["days"]["median"] * 24.0
    assert answer["cost_usd"]["median"] == pytest.approx(100.0 * hours * (answer["chips"] + answer["spares"]))
    assert bought["best"]["cheapest"]["cost_usd"]["median"] % 2e6 == 0
    assert bought["best"]["cheapest"]["pay"] == "purchase"


def test_a_shipped_plan_with_another_limit_says_what_comes_closest() -> None:
    result = typed("plan", "plan_13b_two_weeks", "--days", "0.5", "--on", "cs2", "--runs", "100")
    assert isinstance(result.exception, Infeasible)
    first, second = str(result.exception).splitlines()
    assert first.startswith(
        "cerebras-gpt-13b on 257 B tokens within 0.5 d, for 1 MUSD: no candidate meets it in 80 % of runs"
    )
    assert second.startswith("cs2: ") and second.endswith("at the fastest")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--days", "0"), "wafersim plan: --days: must be > 0"),
        (("--by", "31.12.2999"), "wafersim plan: --by: must be a date, such as 2026-03-14 (got '31.12.2999')"),
        (("--by", "2020-01-01"), "wafersim plan: --by: must be after today"),
        (("--days", "3", "--by", "2999-01-01"), "wafersim plan: --by: days is given, too: give one of them"),
        (("--budget", "lots"), "wafersim plan: --budget: must be"),
        (("--budget", "-3M"), "wafersim plan: --budget: "),
        (("--power", "2 MUSD"), "wafersim plan: --power: "),
        (("--sure", "120%"), "wafersim plan: --sure: must be <= 0.99"),
        (("--sure", "most"), "wafersim plan: --sure: must be a number"),
        (("--on", "h1000"), "wafersim plan: --on: unknown hardware profile 'h1000'; did you mean"),
        (("--on", "h100,h100"), "wafersim plan: --on: h100 is there twice, all alike"),
        (("--on", "h100", "--price", "h100=-2 USD/h"), "wafersim plan: --price: "),
        (("--tokens", "2Q"), "wafersim plan: --tokens: unknown unit 'Q'"),
        (("--batch", "0"), "wafersim plan: --batch: must be >= 1"),
        (("--tokens", "2B", "--loss", "3"), "wafersim plan: --tokens: a loss (--loss) is given, too"),
        (("--law", "chinchilla"), "wafersim plan: --law: is of a loss or of a model that is open"),
        (("--inference-tokens", "2T"), "wafersim plan: --inference-tokens: is of a loss or of a model that is open"),
        (("--loss", "3", "--law", "foo"), "wafersim plan: --law: no scaling law 'foo': one of"),
        (("--loss", "3", "--law", "cerebras-gpt"), "wafersim plan: --law: scaling law cerebras-gpt is of 20 tokens"),
        (("--loss", "0.1"), "wafersim plan: --loss: scaling law chinchilla: 111 M parameters never reach 0.1"),
    ],
)
def test_a_fault_is_one_line_that_names_its_option(arguments: tuple[str, ...], said: str) -> None:
    result = typed("plan", "--model", "cerebras-gpt-111m", *arguments)
    assert isinstance(result.exception, InputFaults)
    assert str(result.exception).startswith(said) and "\n" not in str(result.exception)


def test_one_model_at_a_time() -> None:
    for twice in (("--model", "llama2-7b", "--model", "llama2-70b"), ("--model", "llama2-7b,llama2-70b")):
        result = typed("plan", *twice, "--days", "3")
        assert result.exit_code == 2 and "one model at a time" in result.output


def test_options_that_nothing_reads_are_refused() -> None:
    result = typed("plan", "--days", "3", "--on", "cs2", "--runs", "200")
    assert result.exit_code == 2 and "--runs is of a plan with a model" in result.output


def test_what_costs_nothing_is_the_cheapest() -> None:
    free = typed(*SMALL, "--days", "5", "--on", "h100,a100", "--chips", "8", "--price", "a100=0 USD/h", "--json")
    found = json.loads(free.stdout)["plan"]
    assert found["best"]["cheapest"]["hardware"] == "a100" and found["best"]["cheapest"]["cost_usd"]["median"] == 0.0
    assert found["rejected"][0]["reason"].startswith("costs ") and found["rejected"][0]["reason"].endswith("USD")


def test_prices_are_of_what_is_considered() -> None:
    result = typed("plan", "--model", "cerebras-gpt-111m", "--on", "h100", "--price", "b200=3 USD/h")
    assert result.exit_code == 2
    assert "must be HARDWARE=PRICE of one that is considered (h100)" in result.output


def test_the_price_of_a_profile_s_file_is_given_by_its_path_or_by_its_last_part() -> None:
    Path("chips").mkdir()
    Path("chips/mine.yaml").write_text("base: cs3\nname: mine\ntitle: Our chip\n")
    for name in ("mine", "chips/mine.yaml"):
        result = typed(*SMALL, "--on", "chips/mine.yaml", "--chips", "1", "--price", f"{name}=100 USD/h", "--json")
        assert json.loads(result.stdout)["plan"]["best"]["cheapest"]["cost_usd"]["median"] > 0.0


def test_an_experiment_is_no_plan(tmp_path: Path) -> None:
    for command, name, said in (
        ("plan", "hello_111m", "which a plan needs; `wafersim run hello_111m` runs an experiment"),
        ("run", "plan_13b_two_weeks", "is a plan; `wafersim plan plan_13b_two_weeks` answers it"),
    ):
        assert said in str(typed(command, name).exception)
    assert isinstance(typed("plan", str(tmp_path / "none.yaml")).exception, WafersimError)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--tokens", "2T"), "wafersim plan: --tokens: follow from the scaling law where no model is named"),
        (("--law", "foo"), "wafersim plan: --law: no scaling law 'foo'"),
        (
            ("--law", "cerebras-gpt", "--inference-tokens", "2T"),
            "wafersim plan: --law: scaling law cerebras-gpt ties tokens",
        ),
    ],
)
def test_without_a_model_a_fault_names_its_option_too(arguments: tuple[str, ...], said: str) -> None:
    result = typed("plan", "--days", "3", "--on", "h100", *arguments)
    assert isinstance(result.exception, InputFaults)
    assert str(result.exception).startswith(said) and "\n" not in str(result.exception)


def test_a_file_that_is_no_plan_says_what_a_plan_needs(tmp_path: Path) -> None:
    empty, bare = tmp_path / "empty.yaml", tmp_path / "bare.yaml"
    empty.write_text("")
    bare.write_text("name: bare\n")
    for file, said in (
        (empty, "is empty; .* a plan goal and candidates$"),
        (bare, "has neither goal nor candidates, which a plan needs$"),
    ):
        result = typed("plan", str(file))
        assert isinstance(result.exception, InputFaults) and re.search(said, str(result.exception))
    assert "`wafersim run hello_111m` runs an experiment" in str(typed("plan", "hello_111m").exception)


def test_gpus_come_in_whole_nodes(tmp_path: Path) -> None:
    file = tmp_path / "odd.yaml"
    file.write_text(
        "name: odd\ngoal: {days: 30}\ncommon: {model: llama3-8b}\ncandidates:\n"
        "  - {on: cs3, sizes: [3]}\n  - on: h100\n    sizes: [8, 20]\n"
    )
    said = str(typed("plan", str(file)).exception)
    assert said == f"{file}:7: candidates.1.sizes: 20 is no whole number of nodes of 8; nearest: 16 or 24"
