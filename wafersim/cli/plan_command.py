"""`wafersim plan [PLAN]`."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import click

from wafersim.cli.cluster_option import cluster_option, connected
from wafersim.cli.completion import plans
from wafersim.cli.figure_options import figure_options
from wafersim.cli.plan_model import answer_open_model
from wafersim.cli.run_options import REPORT, check_report_asked, typed

LIMITS = ("days", "by", "power", "chips", "loss", "law", "inference_tokens")
OF_A_MODEL = {
    "report": "--report", "formats": "--format", "every": "--all", "runs": "--runs", "workers": "--workers",
    "cluster": "--cluster",
}  # fmt: skip
PAYS = ("rent", "purchase", "amortised")
FLAGS = {  # fields that options set, and the options
    "goal.days": "--days", "goal.by": "--by", "goal.budget": "--budget", "goal.power": "--power", "goal.chips": "--chips",
    "goal.sure": "--sure", "common.model": "--model", "common.training.tokens": "--tokens", "model": "--model",
    "goal.loss": "--loss", "goal.law": "--law", "goal.inference_tokens": "--inference-tokens", "training.tokens": "--tokens",
    "training.batch": "--batch", "training.sequence_length": "--sequence",
}  # fmt: skip


def _one(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> str | None:
    """The only one; a second is not left aside in silence."""
    if len(given) > 1 or any("," in one for one in given):
        raise click.UsageError("--model: one model at a time; the plan of each is another command")
    return given[0] if given else None


@click.command("plan")
@click.argument("plan", required=False, shell_complete=plans)
@click.option(
    "--model", multiple=True, callback=_one, help="What is to be trained: a shipped model or a file; one at a time."
)
@click.option("--tokens", default=None, help="On how many tokens, such as 2T or '20 per parameter'.")
@click.option("--days", type=float, default=None, help="From the start to the end of the whole run.")
@click.option("--by", default=None, metavar="DATE", help="Instead of --days: the last day, such as 2026-12-31.")
@click.option("--budget", default=None, help="Such as 10M or '800 kUSD'.")
@click.option("--power", default=None, help="Peak of the whole installation, such as 2MW.")
@click.option("--loss", type=float, default=None, help="Instead of --tokens: to be reached, in nats a token.")
@click.option(
    "--law", default=None, help="Scaling law of --loss, or of a model that is left open: cerebras-gpt, chinchilla."
)
@click.option(
    "--inference-tokens",
    default=None,
    help="Served over the life of a model that is left open, such as 2T; counted, too.",
)
@click.option("--chips", type=int, default=None, help="Wafers or GPUs at most.")
@click.option("--sure", default=None, metavar="SHARE", help="Of whole runs that has to meet the goal; 80% if left out.")
@click.option(
    "--on", "hardware", default=None, metavar="A,B", help="Hardware, such as cs3,h100,b200 or a profile's path."
)
@click.option(
    "--pay", type=click.Choice(PAYS), default=None, help="How all hardware is paid for; rent where a price is known."
)
@click.option(
    "--price", "prices", multiple=True, metavar="'h100=2.5 USD/h'", help="Rent of one chip (USD/h), or its purchase."
)
@click.option("--batch", type=int, default=None, help="Sequences of a step; others within an eighth may be taken.")
@click.option("--sequence", type=int, default=None, help="Tokens of a sequence; the model's own if left out.")
@click.option(
    "--runs", type=click.IntRange(100, 100_000), default=None, help="Whole runs of each candidate; 500 if left out."
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, help="Of what chance decides.")
@click.option("--workers", type=click.IntRange(1, 1024), default=None, help="Processes; one a core if left out.")
@cluster_option
@click.option("--out", "out", type=click.Path(path_type=Path), default=Path("runs"), help="Where the directory goes.")
@figure_options
@click.option("--save/--no-save", default=True, help="Write the plan's directory.")
@REPORT
@click.option("--json", "as_json", is_flag=True, help='Print {"format": 1, "plan": {...}} and nothing else.')
@click.option(
    "--all", "every", is_flag=True, help="Print the whole front, and every price with its source, before the answer."
)
def command(
    plan: str | None, runs: int | None, seed: int, workers: int | None, cluster: str | None, out: Path, figures: bool,
    formats: tuple[str, ...], save: bool, report: bool, as_json: bool, every: bool, **options: Any,
) -> None:  # fmt: skip
    """What to use to train a model by a day, within a budget or a power: the cheapest, the fastest, and how sure that is.

    Without --model: the model to train, of the least loss that can be reached, or for a loss.

    PLAN is a YAML file or the name of a shipped one; options go before what it says.
    """
    began = perf_counter()
    from wafersim.errors import InputFaults
    from wafersim.inputs.goal import plan_file, with_values
    from wafersim.planning.cluster_plan import ClusterPlan
    from wafersim.planning.goal import answered
    from wafersim.planning.open_model import model_is_open, offers_for_a_loss
    from wafersim.planning.speculation import cores
    from wafersim.planning.whole_run import RUNS
    from wafersim.report import console, json_output
    from wafersim.report.plan_directory import PlanFile, save_plan
    from wafersim.report.run_directory import check_writable
    from wafersim.report.screen import show, width_of
    from wafersim.report.screen.plan import plan_lines, plan_screen, unmet

    check_report_asked(report, save)
    file, beside = plan_file(plan)
    asked = with_values(file, _values(file.values, options))
    try:
        if model_is_open(asked):
            _refuse_without_model()
            answer_open_model(asked, beside, seed, as_json, began, out if save else None)
            return
        spec, offers = offers_for_a_loss(asked, beside)
    except InputFaults as faults:
        raise InputFaults([_by_option(fault, options) for fault in faults.faults]) from None
    if save:
        check_writable(out)
    runs = runs or RUNS
    others = None if cluster is None else partial(ClusterPlan, connected(cluster, workers))
    with console.progress(len(offers) + 1, f"{spec.name}: ") as advance:
        found = answered(spec, offers, runs, seed, advance, workers or cores(), others)
    if as_json:
        sys.stdout.write(json_output.document(plan=found.to_json()) + "\n")
    if found.answer is None:
        raise unmet(found)
    page = None
    if report:
        from wafersim.report.html.of_plan import plan_page

        page = plan_page(found)
    directory = save_plan(out, PlanFile(asked, beside, runs, seed), found, figures, formats, page) if save else None
    if as_json:
        return
    screen = console.new_console()
    width = width_of(screen)
    if every:
        show(screen, plan_lines(found, width))
    show(screen, plan_screen(found, perf_counter() - began, width, directory, figures, report))


def _refuse_without_model() -> None:
    """Raises UsageError for options that nothing reads where the model is open."""
    found = typed(OF_A_MODEL)
    if found:
        raise click.UsageError(
            f"{OF_A_MODEL[found[0]]} is of a plan with a model: name one by --model, or leave it out"
        )


def _values(written: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """What the options say, as the fields of a plan's file, which has `written`."""
    from wafersim.inputs.goal import USUAL

    goal = {name: options[name] for name in LIMITS if options[name] is not None}
    if options["budget"] is not None:
        goal["budget"] = _money(options["budget"])
    if options["sure"] is not None:
        goal["sure"] = _share(options["sure"])
    training = {"tokens": options["tokens"], "batch": options["batch"], "sequence_length": options["sequence"]}
    stated = {name: value for name, value in training.items() if value is not None}
    common: dict[str, Any] = {} if options["model"] is None else {"model": options["model"]}
    values: dict[str, Any] = {"goal": goal, "common": common | ({"training": stated} if stated else {})}
    if "name" not in written:
        values["name"] = "plan"
    candidates = written.get("candidates")
    if options["hardware"] is not None or candidates is None:
        names = USUAL if options["hardware"] is None else [one.strip() for one in options["hardware"].split(",")]
        candidates = [{"on": name} for name in names]
    if isinstance(candidates, list):
        values["candidates"] = _paid(candidates, options["pay"], options["prices"])
    return values


def _paid(candidates: list[Any], pay: str | None, prices: tuple[str, ...]) -> list[Any]:
    """Candidates with what `--pay` and `--price` say of them."""
    changed = [dict(one) if isinstance(one, dict) else one for one in candidates]
    known = [str(one.get("on")) for one in changed if isinstance(one, dict)]
    if pay is not None:
        changed = [{**one, "pay": pay} if isinstance(one, dict) else one for one in changed]
    for written in prices:
        name, equals, price = (part.strip() for part in written.partition("="))
        if name not in known:  # a profile's path may be said by its last part: `z1` of chips/z1.yaml
            name = next((on for on in known if Path(on).stem == name), name)
        if not equals or name not in known:
            among = ", ".join(known)
            raise click.UsageError(f"--price {written!r}: must be HARDWARE=PRICE of one that is considered ({among})")
        field = "price" if price.endswith("/h") else "purchase" if price[:1].isdigit() else "offer"
        changed = [
            {**one, field: price} if isinstance(one, dict) and str(one.get("on")) == name else one for one in changed
        ]
    return changed


def _money(written: str) -> str:
    """10M and 10 MUSD alike."""
    short = re.fullmatch(r"\s*\$?\s*([+-]?[0-9.]+(?:[eE]\d+)?)\s*([kKM]?)\s*", written)
    return written if short is None else f"{short[1]} {short[2].replace('K', 'k')}USD"


def _share(written: str) -> Any:
    """80% and 0.8 alike; what is neither is said by the field."""
    from wafersim import quantity

    try:
        return quantity.parse(written, "fraction")
    except ValueError:
        return written


def _by_option(fault: Any, options: dict[str, Any]) -> Any:
    """A fault by the option that the user typed, where one set the field."""
    flag = FLAGS.get(fault.path)
    if fault.path == "model" and options["model"] is None and fault.line is None:
        said = "is missing; or give --days, --budget or --loss: the best model for them"
        return replace(fault, file="wafersim plan", path="--model", problem=said, about="")
    if fault.path.startswith("candidates."):
        flag = {"on": "--on", "price": "--price", "purchase": "--price", "offer": "--price"}.get(
            fault.path.rpartition(".")[2]
        )
    named = {"--on": "hardware", "--price": "prices"}
    if flag is None or options[named.get(flag, flag.removeprefix("--").replace("-", "_"))] in (None, ()):
        return fault
    return replace(fault, file="wafersim plan", line=None, path=flag, about="")
