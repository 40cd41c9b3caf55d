"""Power and money of a machine, by hand."""

import pytest

from wafersim.inputs.machine import load_gpu_machine, load_machine
from wafersim.metrics.bill import bill_of


@pytest.mark.parametrize(("gpus", "hosts"), [(8, 1), (12, 2), (16, 2), (17, 3)])
def test_a_node_that_is_not_full_draws_a_whole_hosts_power(gpus: int, hosts: int) -> None:
    # DGX A100: 400 W a GPU, 3.3 kW for the host of eight.
    bill = load_gpu_machine("dgx-a100-80gb").supply(gpus)
    assert bill.watts == pytest.approx(400 * gpus + 3300 * hosts)
    assert bill.usd_per_hour == pytest.approx(5.12 * gpus)


def test_a_cluster_draws_its_own_power_all_in_all() -> None:
    # Andromeda: 500 kW for 16 CS-2; four of them are a quarter.
    assert load_machine("andromeda").supply(4).watts == pytest.approx(125e3)
    assert load_machine("cs2").supply(4).watts == pytest.approx(4 * 23e3)


def test_a_power_that_an_experiment_states_counts_on_a_cluster_too() -> None:
    bill = load_machine("andromeda", {"system.power": "46 kW"}).supply(4)
    assert bill.watts == pytest.approx(4 * 46e3)
    assert bill.sources[0].startswith("power 46 kW: this experiment")


@pytest.mark.parametrize("path", ["system.price", "memoryx.power", "gpu.nvlink_bandwidth", "system.sram_bandwidth"])
def test_a_number_that_nothing_would_read_cannot_be_stated(path: str) -> None:
    with pytest.raises(ValueError, match=f"no such number '{path}'"):
        load_machine("andromeda", {path: "1 GB/s"})


def test_a_run_costs_its_hours() -> None:
    # 16 A100 at 5.12 USD/h for two hours; 16 x 400 W and two hosts of 3.3 kW.
    bill = bill_of(load_gpu_machine("dgx-a100-80gb"), [(16, 7200.0)])
    assert bill.cost_usd == pytest.approx(16 * 5.12 * 2)
    assert bill.energy_j == pytest.approx((16 * 400 + 2 * 3300) * 7200)
