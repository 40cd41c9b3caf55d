"""The page of a plan: its answer, every candidate in days and dollars, deadlines against cost, a step of the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wafersim import numbers
from wafersim.planning.curves import cheapest_by_deadline, surest_by_budget
from wafersim.planning.planned import Planned
from wafersim.planning.whole_run import Whole
from wafersim.report.colours import LINES
from wafersim.report.html.in_words import OF_KIND, words_explained
from wafersim.report.html.pages import answers, simulated_again
from wafersim.report.html.parts import Chart, Lines, Page, Part, Section, Table, Text, drawn
from wafersim.report.html.plotted import ABOVE, CLOSE, SYMBOLS, whiskers
from wafersim.report.html.provenance import provenance_parts
from wafersim.report.html.sentences import plan_in_words
from wafersim.report.html.timeline import step_timeline
from wafersim.report.html.whole_run import whole_run_section
from wafersim.report.screen.plan import named, plan_lines, plan_screen, title_of
from wafersim.report.words import seconds
from wafersim.training_run.duration import Spread

LONG = 160  # characters of a line of all prices
MEET = "%{customdata[1]} of runs meet the goal"


def plan_page(found: Planned) -> Page:
    """All of it, of a plan that has an answer."""
    wide, narrow = answers(lambda width, most: plan_screen(found, 0.0, width, most=most))
    words = words_explained(*OF_KIND)
    return Page(f"{title_of(found)}: what to use", wide, narrow, _sections(found), plan_in_words(found), words)


def _sections(found: Planned) -> list[Section]:
    best = found.answer
    assert best is not None
    priced = any(whole.usd is not None for whole in found.wholes)
    charts: list[Part] = [_front(found, priced), *_deadlines(found), *_chances(found)]
    sections = [Section("front", "Days and dollars" if priced else "Days and energy", _unpriced(found), charts)]
    sections.append(whole_run_section(best.duration, named(best)))
    sections += _step(best)
    rejected = Lines([f"{one.name}: {one.reason}" for one in found.rejected])
    sections.append(Section("candidates", "Every candidate", "", [_candidates(found.wholes), rejected]))
    sections.append(
        Section(
            "prices", "Prices and assumptions", "",
            [Text("The front, and every price with its source", "\n".join(plan_lines(found, LONG))), Lines(found.assumed)],
        )
    )  # fmt: skip
    return sections


def _step(best: Whole) -> list[Section]:
    """The step of the answer, and the numbers of its machine."""
    simulated = simulated_again(best.candidate.experiment)
    title = f"One step of {best.candidate.label}, {seconds(simulated.prediction.step_time_s)}"
    timeline = step_timeline(simulated, title, "step")
    sections = [] if timeline is None else [Section("timeline", "A step", "", [timeline])]
    return [*sections, Section("provenance", "What it rests on", "", provenance_parts(simulated.job, ()))]


def _unpriced(found: Planned) -> str:
    names = dict.fromkeys(one.candidate.hardware.name for one in found.wholes if one.usd is None)
    some = any(one.usd is not None for one in found.wholes)
    return f"Without a price, and so not drawn against dollars: {', '.join(names)}." if names and some else ""


def _cost(whole: Whole, priced: bool) -> Spread | None:
    return whole.duration.cost_usd if priced else whole.duration.energy_j


def _front(found: Planned, priced: bool) -> Chart:
    """Every candidate that has a cost, by hardware; the front as a line."""
    unit, size = ("USD", 1.0) if priced else ("MWh", 3.6e9)
    traces: list[dict[str, Any]] = []
    hardware = list(dict.fromkeys(whole.candidate.hardware.name for whole in found.wholes))
    for index, name in enumerate(hardware):
        mine = [
            (one, cost) for one in found.wholes if one.candidate.hardware.name == name and (cost := _cost(one, priced))
        ]
        if not mine:
            continue
        traces.append({
            "type": "scatter", "mode": "markers", "name": drawn(name), "x": [one.days for one, _ in mine],
            "y": [cost.median / size for _, cost in mine],
            "error_x": _whiskers([one.duration.elapsed for one, _ in mine], numbers.DAY),
            "error_y": _whiskers([cost for _, cost in mine], size),
            "marker": {"color": LINES[index % len(LINES)], "symbol": SYMBOLS[index % len(SYMBOLS)], "size": 9},
            "customdata": [[drawn(named(one)), numbers.percent(one.met)] for one, _ in mine],
            "hovertemplate": "%{customdata[0]}<br>%{x:.3g} d, %{y:.3s} " + unit + "<br>" + MEET + "<extra></extra>",
        })  # fmt: skip
    line = [(one.days, cost.median / size) for one in found.front if (cost := _cost(one, priced))]
    traces.append({
        "type": "scatter", "mode": "lines", "name": "nothing is better in both", "x": [x for x, _ in line],
        "y": [y for _, y in line], "line": {"color": "@ink", "width": 1.5, "dash": "dot"}, "hoverinfo": "skip",
    })  # fmt: skip
    layout = {
        "height": 460, "margin": CLOSE, "legend": ABOVE, "xaxis": {"title": {"text": "days"}, "type": "log"},
        "yaxis": {"title": {"text": unit}, "type": "log", "dtick": "D2", "tickformat": "~s"},
        "shapes": _limits(found, priced), "hovermode": "closest",
    }  # fmt: skip
    best = found.answer
    assert best is not None
    summary = (
        f"{len(found.wholes):,} candidates with whole runs, medians with 80 % of the runs; the answer is {named(best)}. "
        "Dashed: the goal."
    )
    rows = [
        [named(one), numbers.duration(one.duration.elapsed.median), _money(one), numbers.energy(one.joules)]
        for one in found.front
    ]
    table = Table(
        "The front, from fast to cheap", ["", "done in", "cost", "energy"], rows, frozenset({1, 2, 3}), folded=True
    )
    return Chart("front-chart", summary, traces, layout, table)


def _money(whole: Whole) -> str:
    return "no price" if whole.usd is None else numbers.amount(whole.usd, "USD")


def _whiskers(spreads: Sequence[Spread], size: float) -> dict[str, Any]:
    spans = [(one.low / size, one.median / size, one.high / size) for one in spreads]
    return whiskers(spans, thickness=1, width=2)


def _limits(found: Planned, priced: bool) -> list[dict[str, Any]]:
    """Deadline and budget as dashed lines."""
    goal, line = found.goal, {"color": "@ink", "width": 1, "dash": "dash"}
    shapes: list[dict[str, Any]] = []
    if goal.within_days is not None:
        shapes.append(
            {
                "type": "line",
                "x0": goal.within_days,
                "x1": goal.within_days,
                "y0": 0,
                "y1": 1,
                "yref": "paper",
                "line": line,
            }
        )
    if goal.budget is not None and priced:
        shapes.append(
            {"type": "line", "y0": goal.budget, "y1": goal.budget, "x0": 0, "x1": 1, "xref": "paper", "line": line}
        )
    return shapes


def _deadlines(found: Planned) -> list[Chart]:
    """What the cheapest costs that surely keeps to each deadline; none without a price."""
    stairs = cheapest_by_deadline(found.wholes, found.goal)
    sure = numbers.percent(found.goal.sure)
    rows = [[f"{one.at:.3g} d", numbers.amount(one.value, "USD"), named(one.whole)] for one in stairs]
    points = [(one.at, one.value, named(one.whole)) for one in stairs]
    longest = max((one.days for one in found.wholes), default=0.0)  # to where the last stair is drawn
    table = Table("The least for each deadline", ["deadline", "cost", "with"], rows, frozenset({1}), folded=True)
    layout = {
        "xaxis": {"title": {"text": "days of the deadline"}, "type": "log"},
        "yaxis": {"title": {"text": "USD"}, "tickformat": "~s"},
    }
    said = f"The least that a deadline costs, where {sure} of the runs keep it."
    return [_stairs("deadlines", said, points, longest, "%{x:.3g} d: %{y:.3s} USD", layout, table)] if stairs else []


def _chances(found: Planned) -> list[Chart]:
    """The share of runs that end in time, for what is spent; none without a deadline and a price."""
    days = found.goal.within_days
    stairs = [] if days is None else surest_by_budget(found.wholes, found.goal)
    rows = [[numbers.amount(one.at, "USD"), numbers.percent(one.value), named(one.whole)] for one in stairs]
    points = [(one.at, 100 * one.value, named(one.whole)) for one in stairs]
    dearest = max((one.usd for one in found.wholes if one.usd is not None), default=0.0)
    table = Table("The surest for each budget", ["budget", "in time", "with"], rows, frozenset({1}), folded=True)
    layout = {
        "xaxis": {"title": {"text": "USD"}, "tickformat": "~s"},
        "yaxis": {"title": {"text": "runs that end in time, %"}, "range": [0, 105]},
    }
    said = f"The largest share of runs that end within {days or 0:g} days, for each budget."
    return [_stairs("chances", said, points, dearest, "%{x:.3s} USD: %{y:.0f} %", layout, table)] if stairs else []


def _stairs(
    identity: str,
    said: str,
    points: Sequence[tuple[float, float, str]],
    end: float,
    hover: str,
    layout: dict[str, Any],
    table: Table,
) -> Chart:
    """From each point on its value holds, from the last one as far as `end`."""
    x, y, names = zip(*points, (max(end, points[-1][0]), *points[-1][1:]), strict=True)
    trace = {
        "type": "scatter", "mode": "lines+markers", "x": x, "y": y, "line": {"shape": "hv", "color": LINES[0], "width": 2},
        "marker": {"size": [7] * len(points) + [0]}, "customdata": [drawn(name) for name in names],
        "hovertemplate": f"%{{customdata}}<br>{hover}<extra></extra>",
    }  # fmt: skip
    return Chart(identity, said, [trace], {"height": 340, "margin": CLOSE, "showlegend": False, **layout}, table)


def _candidates(wholes: Sequence[Whole]) -> Table:
    rows = []
    for one in wholes:
        elapsed, cost = one.duration.elapsed, one.duration.cost_usd
        days = numbers.span(elapsed.low, elapsed.high, elapsed.median)
        money = (
            "no price"
            if cost is None
            else f"{numbers.amount(cost.median, 'USD')} ({numbers.amount(cost.low)} - {numbers.amount(cost.high)})"
        )
        rows.append([
            named(one), one.prediction.split.name, numbers.duration(elapsed.median), days, money, numbers.energy(one.joules),
            f"{one.watts / 1e3:,.0f}", numbers.percent(one.met),
        ])  # fmt: skip
    heads = ["candidate", "split", "done in", "80 % range", "cost", "energy", "peak kW", "meet the goal"]
    caption = f"All {len(rows):,} candidates whose whole runs were simulated"
    return Table(caption, heads, rows, frozenset({2, 3, 5, 6, 7}), folded=len(rows) > 60)
