"""Power and money of a machine, by hand."""

from dataclasses import replace

import pytest

from wafersim.inputs.machine import load_any, load_gpu_machine, load_machine
from wafersim.inputs.resources import kind_of, names
from wafersim.metrics.bill import bill_of
from wafersim.report.provenance import show


@pytest.mark.parametrize(("gpus", "hosts"), [(8, 1), (12, 2), (16, 2), (17, 3)])
def test_a_node_that_is_not_full_draws_a_whole_hosts_power(gpus: int, hosts: int) -> None:
    # DGX A100: 400 W a GPU, 3.3 kW for the host of eight, 0.5 kW for its share of the switches, with or without a job.
    supply = load_gpu_machine("dgx-a100-80gb").supply(gpus)
    assert supply.peak_watts == pytest.approx(400 * gpus + 3800 * hosts)
    assert supply.busy_watts == pytest.approx(400 * gpus + 2300 * hosts, rel=1e-3)
    assert supply.idle_watts == pytest.approx(60 * gpus + 1490 * hosts, rel=1e-3)
    assert supply.usd_per_hour == pytest.approx(5.12 * gpus)


@pytest.mark.parametrize("profile", ["andromeda", "cs2", "condor-galaxy-1"])
def test_servers_beside_a_wafer_are_in_its_power_on_every_cluster(profile: str) -> None:
    # Andromeda: 500 kW for 16 CS-2 and their servers; four of them are a quarter.
    assert load_machine(profile).supply(4).peak_watts == pytest.approx(125e3)


CLUSTERS = [name for name in names("hardware") if kind_of(name) == "gpu-cluster"]


@pytest.mark.parametrize("name", CLUSTERS)
def test_switches_between_nodes_are_in_the_power_and_the_purchase_of_every_gpu_cluster(name: str) -> None:
    # On the other side they are in Andromeda's 500 kW and 30 MUSD.
    machine = load_gpu_machine(name)
    (switches,) = (draw for draw in machine.draws(machine.unit) if draw.part == "switches")
    assert switches.peak_watts == switches.busy_watts == switches.idle_watts > 0
    assert 0.2 < (switches.rated.standard_error or 0.0) < 1.0  # nobody has published what they draw
    if machine.network.values.purchase is not None:
        assert machine.purchase is not None and machine.purchase.value > 1.2 * machine.network.values.purchase.value


def test_a_profile_without_switches_says_that_none_are_counted() -> None:
    machine = load_gpu_machine("dgx-a100-80gb")
    values = machine.network.values.model_copy(update={"switch_power": None, "switch_cost": None})
    bare = replace(machine, network=machine.network.model_copy(update={"values": values})).supply(8)
    assert bare.peak_watts == pytest.approx(6500)
    assert "not counted, as its profile has no switch_power" in bare.power_sources[-1]
    assert bare.purchase is not None and bare.purchase.usd == pytest.approx(300e3)
    assert "no switches, as its profile has no switch_cost" in bare.purchase.source


@pytest.mark.parametrize("name", names("hardware"))
def test_idle_is_at_most_busy_is_at_most_peak(name: str) -> None:
    if kind_of(name) in ("cluster", "system", "gpu-cluster"):
        supply = load_any(name).supply(8)
        assert 0 < supply.idle_watts < supply.busy_watts <= supply.peak_watts


def test_a_power_that_an_experiment_states_counts_on_a_cluster_too() -> None:
    # Twice the power of the systems, busy and idle; the servers beside them stay.
    usual, twice = (load_machine("andromeda", over).supply(4) for over in ({}, {"system.power": "46 kW"}))
    assert twice.peak_watts - usual.peak_watts == pytest.approx(4 * 23e3)
    assert twice.busy_watts - usual.busy_watts == pytest.approx(4 * 23e3 * 0.99)
    assert twice.sources[0].startswith("power 46 kW a system: this experiment")


def test_a_machine_without_shares_is_taken_at_its_rated_power_and_says_so() -> None:
    machine = load_machine("cs2")
    values = machine.system.values.model_copy(update={"busy_share": None, "idle_share": None, "host_power": None})
    supply = replace(machine, system=machine.system.model_copy(update={"values": values})).supply(2)
    assert supply.busy_watts == supply.idle_watts == supply.peak_watts == 2 * 23e3
    assert supply.power_sources[1:] == tuple(
        f"a system, {s}: all of it, as no share is given" for s in ("busy", "idle")
    )


def test_a_recalled_price_says_so_where_it_is_billed() -> None:
    for name, recalled in {"cs2": True, "dgx-b200": True, "dgx-h100": False, "dgx-h200": False}.items():
        price = load_any(name).supply(8).sources[-1]
        assert price.startswith("price ") and ("(recalled, unchecked)" in price) == recalled
    shown = show("cs2")
    assert next(line for line in shown.splitlines() if line.startswith("rent ")).endswith("(recalled, unchecked)")
    assert load_any("dgx-h200").supply(8).usd_per_hour == pytest.approx(84.80)  # p5en.48xlarge
    assert load_any("cs3").supply(1).purchase is None  # nobody has published one


@pytest.mark.parametrize("path", ["system.price", "memoryx.power", "gpu.nvlink_bandwidth", "system.sram_bandwidth"])
def test_a_number_that_nothing_would_read_cannot_be_stated(path: str) -> None:
    with pytest.raises(ValueError, match=f"no such number '{path}'"):
        load_machine("andromeda", {path: "1 GB/s"})


def test_a_run_costs_its_hours() -> None:
    # 16 A100 at 5.12 USD/h for two hours; two nodes that draw 5.0 kW in training and 6.5 kW at most, and 0.5 kW of switches each.
    bill = bill_of(load_gpu_machine("dgx-a100-80gb"), [(16, 7200.0)])
    assert bill.cost_usd == pytest.approx(16 * 5.12 * 2)
    assert bill.energy_j == pytest.approx(2 * 5.5e3 * 7200, rel=1e-3)
    assert bill.peak_power_w == pytest.approx(2 * 7.0e3)
    assert bill.price is not None and (bill.price.written, bill.price.date) == ("5.12 USD/h", "2025-03-02")
