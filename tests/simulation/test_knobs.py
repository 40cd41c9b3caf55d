"""Each knob moves the answer when it binds, and does not when it does not."""

import pytest

from tests.simulation.test_conservation import experiment
from wafersim.errors import Infeasible
from wafersim.simulation import job_of, simulate, simulate_step

SLOW_LINK = {"system.io_bandwidth": "0.05 Tb/s"}


def step(**changes) -> float:
    return simulate(experiment(**changes)).step_time_s


def with_overrides(systems: int = 5, **numbers: str) -> float:
    overrides = {name.replace("__", "."): value for name, value in numbers.items()}
    return simulate(experiment(systems=systems, system={"overrides": overrides})).step_time_s


@pytest.mark.parametrize("link", ["system__io_bandwidth", "swarmx__link_bandwidth", "memoryx__io_bandwidth"])
def test_a_slow_link_binds_and_a_fast_one_hardly_moves_anything(link: str) -> None:
    today = with_overrides()
    assert with_overrides(**{link: "0.05 Tb/s"}) > 1.5 * today
    assert with_overrides(**{link: "2.4 Tb/s"}) > 0.95 * today


def test_a_halved_bandwidth_doubles_a_step_that_the_stream_fills() -> None:
    slow = with_overrides(memoryx__io_bandwidth="0.01 Tb/s")
    slower = with_overrides(memoryx__io_bandwidth="0.005 Tb/s")
    assert slower / slow == pytest.approx(2, rel=0.05)


def test_a_doubled_drain_halves_an_exposed_drain() -> None:
    numbers = [{"memoryx.accumulate_bandwidth": f"{rate} GB/s"} for rate in (0.1, 0.2)]
    one, two = (simulate(experiment(system={"overrides": o})).breakdown["exposed_drain"] for o in numbers)
    assert one / two == pytest.approx(2, rel=0.1)


def test_tree_latency_shows_where_the_wafer_waits() -> None:
    assert with_overrides(swarmx__hop_latency="20 ms") > 1.2 * with_overrides()
    assert with_overrides(swarmx__hop_latency="0 us") > 0.98 * with_overrides()


def test_more_credits_help_until_they_do_not() -> None:
    one, four, eight, many = (
        step(strategy={"weight_credits": n, "activations": {"recompute_weights": "restream"}}) for n in (1, 4, 8, 64)
    )
    assert one > four >= eight >= many
    assert eight == pytest.approx(many, rel=0.01)


def test_twice_the_simd_width_is_faster_when_compute_binds() -> None:
    def compute_bound(width: int) -> float:
        large = {"strategy": {"micro_batch": 120}, "training": {"batch_per_system": 120}}
        return simulate(experiment(system={"overrides": {"system.simd_width": width}}, **large)).step_time_s

    assert compute_bound(8) < 0.85 * compute_bound(4)
    # At 12 sequences most kernels sit on their latency floor, and a wider unit is of little use.
    assert with_overrides(system__simd_width="8") > 0.95 * with_overrides()


def test_a_larger_batch_takes_longer_and_costs_less_per_sequence() -> None:
    small, large = (
        simulate(experiment(training={"batch_per_system": b}, strategy={"micro_batch": b})) for b in (8, 64)
    )
    assert large.step_time_s > small.step_time_s
    assert large.samples_per_s > 1.2 * small.samples_per_s


def test_more_systems_share_a_fixed_batch() -> None:
    four, eight = (
        simulate(experiment(systems=n, training={"batch": 480}, strategy={"micro_batch": 120})) for n in (4, 8)
    )
    assert eight.step_time_s < four.step_time_s
    assert eight.samples_per_s < 2 * four.samples_per_s


def test_every_micro_batch_streams_the_weights_again() -> None:
    one, four = (simulate_step(job_of(experiment(strategy={"micro_batch": m}))) for m in (24, 6))
    assert len(four.periodic.timeline.of("stream")) == 4 * len(one.periodic.timeline.of("stream"))


def test_a_barrier_exposes_the_optimizer_and_clipping_alone_does_not() -> None:
    # Measured steps hide the optimizer although the jobs clip (twice the step at 128 less that at 256 is nothing).
    slow = {"overrides": {"memoryx.optimizer_bandwidth": "50 GB/s"}}
    hidden = simulate(experiment(system=slow))
    barred = simulate(experiment(system=slow, training={"optimizer_barrier": "global-norm"}))
    free = simulate(experiment(system=slow, training={"gradient_clipping": "none"}))
    # The jobs of those rows scale their loss dynamically, too.
    scaled = simulate(experiment(system=slow, training={"loss_scaling": "dynamic"}))
    both = simulate(experiment(system=slow, training={"loss_scaling": "dynamic", "optimizer_barrier": "global-norm"}))
    assert barred.breakdown["optimizer"] > 1.5 * hidden.breakdown["optimizer"]
    assert free.step_time_s == scaled.step_time_s == hidden.step_time_s
    assert both.step_time_s == barred.step_time_s


def test_an_optimizer_behind_a_barrier_is_exposed_to_the_tick() -> None:
    # 111M: 30 bytes a parameter at 50 GB/s, the last unit (table and final norm) last; the first stream waits for it.
    slow = {"overrides": {"memoryx.optimizer_bandwidth": "50 GB/s"}}
    barred = simulate(experiment(system=slow, training={"optimizer_barrier": "global-norm"}))
    assert barred.breakdown["optimizer"] == pytest.approx(111_050_496 * 30 / 50e9, rel=1e-3)


def test_sparse_weights_neither_travel_nor_work() -> None:
    dense, sparse = (simulate_step(job_of(experiment(training={"density": d}))) for d in (1.0, 0.25))
    # A quarter of the values, each with a 2-byte index beside its 2 bytes.
    assert sparse.plan.layers[1].weight_bytes == pytest.approx(dense.plan.layers[1].weight_bytes / 2, rel=1e-6)
    assert sparse.prediction.breakdown["compute"] < 0.75 * dense.prediction.breakdown["compute"]


def test_starved_input_workers_bind() -> None:
    starved = simulate(experiment(training={"input_rate": 10.0}))
    assert starved.samples_per_s == pytest.approx(5 * 10.0, rel=0.05)
    assert starved.binding_resource == "input workers"


def test_an_older_release_is_slower_in_compute() -> None:
    assert step(system={"software": "R1.7"}) > 1.2 * step()


def test_what_does_not_fit_says_which_term() -> None:
    with pytest.raises(Infeasible, match=r"activations kept on the wafer \d+\.\d GB"):
        simulate(
            experiment(
                strategy={"micro_batch": 120, "activations": {"keep": "all", "place": "wafer"}},
                training={"batch": 120},
                systems=1,
            )
        )


def test_a_batch_smaller_than_the_cluster_cannot_run() -> None:
    with pytest.raises(Infeasible, match="leaves 2 of 5 systems without a sequence"):
        simulate(experiment(training={"batch": 3}))


def test_a_cluster_larger_than_swarmx_cannot_run() -> None:
    with pytest.raises(Infeasible, match="reaches 192 systems"):
        simulate(experiment(systems=193))
