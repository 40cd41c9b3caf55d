"""A trace is read back: its slices are the timeline's tasks, lane by lane, and its arrows lead from slice to slice."""

import gzip
import json
import tracemalloc
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wafersim.errors import WafersimError
from wafersim.inputs.loader import load_experiment
from wafersim.report.trace.counters import held, use
from wafersim.report.trace.events import BLOCK, Lane, document, duration, microseconds
from wafersim.report.trace.file import check_trace_path, write_trace
from wafersim.report.trace.step import VIEWS, events, save_step
from wafersim.report.trace.view import Said, StepView
from wafersim.simulation import Simulated, jobs_of, simulate_run
from wafersim.strategies.weight_streaming.waits import gaps_of_step
from wafersim.strategies.weight_streaming.words import WORDS
from wafersim.timeline.timeline import KINDS, PASSES, Column, Timeline

Event = dict[str, Any]
HOSTILE = "</script><img src=x onerror=alert(1)> \x1b[31m\x00\x07\N{RIGHT-TO-LEFT OVERRIDE}\N{SNOWMAN}"
EXPERIMENTS = {
    "two kinds of systems on a tree of two levels": (
        "andromeda16", ("model=cerebras-gpt-1.3b", "system.systems=5", "training.batch=22"),
    ),
    "activations on servers": ("andromeda16", ("model=cerebras-gpt-13b", "system.systems=2")),
    "jitter": ("hello_111m", ("system.systems=2", "disturbances.jitter=0.05")),
    "a pipeline": ("gpt_neox20b_96a100", ()),
}  # fmt: skip


@cache
def simulated(name: str) -> Simulated:
    experiment, sets = EXPERIMENTS[name]
    spec = load_experiment(experiment, sets)
    return simulate_run(jobs_of(spec.model_copy(update={"sweep": None})), told=False)


@cache
def read_back(name: str, tmp: Path) -> list[Event]:
    path = tmp / f"{name}.json"
    save_step(simulated(name), HOSTILE, path)
    found: list[Event] = json.loads(path.read_text(encoding="ascii"))["traceEvents"]
    return found


@pytest.fixture(params=EXPERIMENTS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def traced(name: str, tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    return read_back(name, tmp_path_factory.getbasetemp())


def lanes(traced: Sequence[Event]) -> dict[tuple[str, str], list[Event]]:
    """{(process, lane): slices in order of time}."""
    processes = {each["pid"]: each["args"]["name"] for each in traced if each["name"] == "process_name"}
    names = {(each["pid"], each["tid"]): each["args"]["name"] for each in traced if each["name"] == "thread_name"}
    found = defaultdict(list)
    for each in traced:
        if each["ph"] == "X":
            found[processes[each["pid"]], names[each["pid"], each["tid"]]].append(each)
    return {lane: sorted(slices, key=lambda each: float(each["ts"])) for lane, slices in found.items()}


def test_every_task_that_takes_time_is_a_slice_to_the_tick(name: str, traced: list[Event]) -> None:
    timeline = simulated(name).periodic.timeline
    origin = int(timeline.start.min())
    expected = sorted(
        (KINDS[kind], start - origin, end - origin)
        for kind, start, end in zip(*(c.tolist() for c in (timeline.kind, timeline.start, timeline.end)), strict=True)
        if end > start
    )
    found = sorted((each["cat"], *each["args"]["ps"]) for each in traced if each["ph"] == "X")
    assert found == expected
    for each in traced:
        if each["ph"] == "X":
            start, end = each["args"]["ps"]
            assert (
                abs(1000 * each["ts"] - start / 1000) < 0.51 and abs(1000 * each["dur"] - (end - start) / 1000) < 1.11
            )


def test_in_a_lane_is_one_slice_at_a_time_even_to_who_adds_doubles(traced: list[Event]) -> None:
    for slices in lanes(traced).values():
        for one, after in pairwise(slices):
            assert one["ts"] + one["dur"] <= after["ts"]
            for whole in (round, int):  # nanoseconds, as Perfetto has them
                assert whole(1000 * one["ts"]) + whole(1000 * one["dur"]) <= whole(1000 * after["ts"])


def test_a_lane_is_a_resource_and_has_all_of_it(name: str, traced: list[Event]) -> None:
    """The lanes of the wafers (or GPUs) are as many as are simulated, each as busy as its own tasks."""
    one = simulated(name)
    timeline, plan = one.periodic.timeline, one.periodic.plan
    label, kinds = ("GPU", ("compute", "update")) if name == "a pipeline" else ("wafer", ("compute",))
    found = sorted(
        sum(s["args"]["ps"][1] - s["args"]["ps"][0] for s in slices)
        for (_, of), slices in lanes(traced).items()
        if of == label
    )
    works = np.isin(timeline.kind, [KINDS.index(kind) for kind in kinds])
    count = plan.stages if name == "a pipeline" else plan.systems
    mine = [timeline.select(works & (timeline.entity == entity)) for entity in range(count)]
    assert found == sorted(tasks.busy() for tasks in mine)


def test_systems_that_are_alike_are_counted() -> None:
    """Five systems on nodes of four and one; 22 sequences are 5, 5, 4, 4, 4."""
    view = VIEWS["weight-streaming"](simulated("two kinds of systems on a tree of two levels"))
    systems = list(dict.fromkeys(lane.process for lane in view.lanes if lane.process.startswith("system")))
    assert systems == ["system 0 (and 1 alike)", "system 2 (and 1 alike)", "system 4"]
    links = [lane.name for lane in view.lanes if lane.process == "SwarmX"]
    assert links == [f"link {way}, level 1, node {node}" for way in ("down", "up") for node in (0, 1)]


def test_arrows_begin_and_end_inside_slices_and_go_forward(traced: list[Event]) -> None:
    slices = defaultdict(list)
    for each in traced:
        if each["ph"] == "X":
            slices[each["pid"], each["tid"]].append((each["ts"], each["ts"] + each["dur"]))
    paths = defaultdict(list)
    for each in traced:
        if each["ph"] in "stf":
            paths[each["id"]].append(each)
            around = [s for s in slices[each["pid"], each["tid"]] if s[0] <= each["ts"] <= s[1]]
            assert len(around) == 1
    assert paths
    for path in paths.values():
        assert [each["ph"] for each in path] == ["s", *["t"] * (len(path) - 2), "f"]
        at = [each["ts"] for each in path]
        assert at == sorted(at)


def test_the_arrows_of_a_layer_go_from_its_weights_over_its_gradient_to_its_update() -> None:
    one = simulated("two kinds of systems on a tree of two levels")
    timeline, plan = one.periodic.timeline, one.periodic.plan
    view = VIEWS["weight-streaming"](one)
    assert len(view.flows) == len(plan.layers)
    flow = next(flow for flow in view.flows if flow.name.endswith(plan.layer_names[3]))
    kinds = [KINDS[timeline.kind[row]] for row in flow.rows]
    down, up = ["stream", "broadcast", "ingress"], ["egress", "reduce", "reduce", "accumulate", "update"]
    assert kinds == [*down, "compute", "compute", *up]
    passes = [PASSES[timeline.pass_[row]] for row in flow.rows]
    assert passes == [*["dgrad"] * 4, *["wgrad"] * 5, "update"]


def test_what_slices_waited_for_is_what_the_step_waited_for(name: str, traced: list[Event]) -> None:
    if name == "a pipeline":
        pytest.skip("told of weight streaming")
    one = simulated(name)
    timeline, plan = one.periodic.timeline, one.periodic.plan
    gaps = gaps_of_step(timeline, plan, round(one.periodic.step_ticks), None if plan.repeats else one.periodic.before)
    shown = [i for i, row in enumerate(gaps.rows.tolist()) if timeline.end[row] > timeline.start[row]]
    waited = [t for each in traced for t in each.get("args", {}).get("waited_us", {}).values()]
    assert waited
    # Each is rounded to the nanosecond.
    ticks = sum(int(timeline.start[gaps.rows[i]] - gaps.begins[i]) for i in shown)
    assert abs(1e6 * sum(waited) - ticks) <= 500 * len(waited) + 1
    labels = {label for each in traced for label in each.get("args", {}).get("waited_us", {})}
    assert labels <= {part.label for part in WORDS.parts if part.key not in ("compute", "kernel_latency")}


def test_bytes_of_chunks_add_up_to_the_layers() -> None:
    one = simulated("activations on servers")
    plan, view = one.periodic.plan, VIEWS["weight-streaming"](one)
    timeline = one.periodic.timeline
    stream = np.flatnonzero((timeline.kind == KINDS.index("stream")) & (timeline.pass_ == 0))
    sent = sum(json.loads(f"{{{said.args}}}")["bytes"] for said in view.describe(stream))
    assert sent == plan.micro_batches * sum(layer.weight_bytes for layer in plan.layers)


@pytest.mark.parametrize(
    "name", ["two kinds of systems on a tree of two levels", "activations on servers"], indirect=False
)
def test_buffers_hold_no_more_than_they_have_room_for_and_end_empty(name: str) -> None:
    one = simulated(name)
    memory = one.prediction.memory.to_json()
    counters = {c.name: c for c in VIEWS["weight-streaming"](one).counters if c.process.startswith("system")}
    assert 0 < counters["weight buffer"].values.max() <= memory["weight_buffer_bytes"]
    assert 0 < counters["gradient buffer"].values.max() <= memory["drain_buffer_bytes"]
    kept, room = (
        ("activations kept", "activation_bytes") if "two" in name else ("activations on servers", "server_bytes")
    )
    assert counters[kept].values.max() == memory[room]
    for counter in counters.values():
        assert counter.values.min() >= 0 and counter.values[-1] == 0


def test_a_1f1b_stage_keeps_as_many_micro_batches_as_stages_come_after_it() -> None:
    view = VIEWS["gpu-parallel"](simulated("a pipeline"))
    held_most = [int(c.values.max()) for c in view.counters if c.name == "activations in flight"]
    assert held_most == [4, 3, 2, 1]


def test_slices_of_gpus_say_what_they_do(tmp_path: Path) -> None:
    """TP 2 x PP 4 x DP 12 of 44 blocks with hidden size 6,144, 32 micro-batches of 4 sequences of 2,048, all recomputed."""
    found = lanes(read_back("a pipeline", tmp_path))
    sends = [each["args"] for (_, lane), slices in found.items() if lane.startswith("sends") for each in slices]
    assert [each["bytes"] for each in sends] == 2 * 3 * 32 * [4 * 2048 * 6144 * 2]
    work = [
        each["args"]
        for (_, lane), slices in found.items()
        if lane == "GPU"
        for each in slices
        if each["cat"] == "compute"
    ]
    vocabulary = simulated("a pipeline").job.workload.model.vocab
    paper = (
        96 * 32 * 4 * 2048 * 44 * 6144**2 * (1 + 2048 / (6 * 6144) + vocabulary / (16 * 44 * 6144))
    )  # Narayanan 2021, (3)
    assert sum(each["matmul_flops"] for each in work) == pytest.approx(paper / 2, rel=1e-6)  # of one of two GPUs
    assert all(each["hbm_bytes"] > 0 and each["sent_bytes"] > 0 for each in work)
    channel = [each["args"] for (_, lane), slices in found.items() if lane.startswith("data") for each in slices]
    assert channel and all(each["bytes"] > 0 for each in channel)


def test_the_use_of_a_link_is_the_time_that_its_tasks_take() -> None:
    # Windows of 10 ticks; one link works from 5 to 25 and from 25 to 30, another not at all.
    start, end = np.array([5, 25]), np.array([25, 30])
    assert use(start, end, 2, np.array([0, 10, 20, 30, 40])).tolist() == [25.0, 50.0, 50.0, 0.0]


def test_a_buffer_holds_what_came_and_has_not_left() -> None:
    at, level = held(np.array([1, 4, 4]), np.array([10, 20, 5]), np.array([4, 9]), np.array([10, 25]))
    assert (at.tolist(), level.tolist()) == ([1, 4, 9], [10, 25, 0])


@pytest.mark.parametrize(
    "most", [10**7, 10**12, 2**57, 10**20]
)  # ticks: 10 us, a second, the longest step, three years
@given(st.data())
def test_neighbours_do_not_overlap_wherever_a_viewer_begins_to_count(most: int, data: st.DataObject) -> None:
    at = sorted(data.draw(st.sets(st.integers(0, most), min_size=3, max_size=20)))
    first = float(microseconds(at[0]))
    for start, end in pairwise(at):
        ts, dur, after = (float(each) for each in (microseconds(start), duration(start, end), microseconds(end)))
        assert ts + dur <= after and (ts - first) + dur <= after - first
        assert "e" not in duration(start, end)
        if most <= 10**12:
            for whole in (round, int):
                assert whole(1000 * ts) + whole(1000 * dur) <= whole(1000 * after)


def test_the_same_step_makes_the_same_bytes(tmp_path: Path) -> None:
    one = simulated("a pipeline")
    for path in (tmp_path / "a.json.gz", tmp_path / "b.json.gz", tmp_path / "c.json"):
        save_step(one, "t", path)
    packed = (tmp_path / "a.json.gz").read_bytes()
    assert packed == (tmp_path / "b.json.gz").read_bytes()
    assert gzip.decompress(packed) == (tmp_path / "c.json").read_bytes()


def test_titles_and_names_are_text(tmp_path: Path) -> None:
    none = np.zeros(1, np.int64)
    timeline = Timeline(*[none] * 9, none + 7)
    said = Said(json.dumps(HOSTILE), "")
    view = StepView((Lane(HOSTILE, HOSTILE),), none, lambda rows: [said] * len(rows), (), ())
    path = tmp_path / "t.json"
    write_trace(path, document({"title": HOSTILE}, events(timeline, view, np.zeros(1, bool))))
    raw = path.read_bytes()
    assert all(byte == 10 or 32 <= byte < 127 for byte in raw)
    found = json.loads(raw)
    assert found["otherData"]["title"] == HOSTILE
    assert {each["args"].get("name") for each in found["traceEvents"] if each["ph"] == "M"} == {HOSTILE, None}
    assert [each["name"] for each in found["traceEvents"] if each["ph"] == "X"] == [HOSTILE]


@pytest.mark.parametrize("place", ["missing/x.json", "", "a" * 300])
def test_a_path_that_cannot_be_written_is_said_in_a_line(place: str, tmp_path: Path) -> None:
    for attempt in (check_trace_path, lambda path: write_trace(path, ["{}"])):
        with pytest.raises(WafersimError, match=r"--trace .*: cannot be written") as found:
            attempt(tmp_path / place)
        assert "\n" not in str(found.value)
    assert list(tmp_path.iterdir()) == []


def test_a_trace_that_breaks_off_leaves_the_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text("before")

    def pieces() -> Any:
        yield "half"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_trace(path, pieces())
    assert path.read_text() == "before" and [each.name for each in tmp_path.iterdir()] == ["t.json"]


def large(tasks: int) -> tuple[Timeline, StepView]:
    """Tasks one after the other in each of four lanes."""
    at = np.arange(tasks)
    columns = [np.zeros(tasks, np.int64) for _ in range(7)]
    timeline = Timeline(*columns, at, 1000 * at, 1000 * at + 4000)
    said = Said('"x"', '"bytes":12345')

    def describe(rows: Column) -> Sequence[Said]:
        return [said] * len(rows)

    return timeline, StepView(tuple(Lane("p", str(i)) for i in range(4)), at % 4, describe, (), ())


def peak(tasks: int, path: Path) -> int:
    """Bytes that writing takes beside the timeline."""
    timeline, view = large(tasks)
    nothing = np.zeros(tasks, bool)
    tracemalloc.start()
    write_trace(path, document({}, events(timeline, view, nothing)))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def test_a_long_trace_takes_less_memory_than_its_timeline(tmp_path: Path) -> None:
    """Beside blocks of text, columns of numbers alone: less a task than the 80 bytes of a row, a tenth of its text."""
    few, many = 10 * BLOCK, 40 * BLOCK
    more = peak(many, tmp_path / "many.json") - peak(few, tmp_path / "few.json")
    assert more / (many - few) < 40
    assert (tmp_path / "many.json").stat().st_size / many > 100


def test_a_strategy_without_a_view_is_refused(tmp_path: Path) -> None:
    one = simulated("a pipeline")
    with pytest.raises(WafersimError, match="no trace"):
        save_step(replace(one, job=replace(one.job, strategy=_Other())), "t", tmp_path / "t.json")


class _Other:
    kind = "other"


def test_the_page_names_every_column_and_number_of_a_timeline() -> None:
    page = (Path(__file__).parents[2] / "docs/howto/trace.md").read_text(encoding="utf-8")
    assert ", ".join(f"{code} {kind}" for code, kind in enumerate(KINDS)) in page
    assert ", ".join(f"{code} {pass_}" for code, pass_ in enumerate(PASSES)) in page
    table = page[page.index("| array |") :]
    assert all(f"`{column}`" in table for column in Timeline.__dataclass_fields__)
