"""The order of splits, by hand; rows whose configuration was seen."""

from pathlib import Path

import pytest

from wafersim.evidence.judge import validate_own
from wafersim.evidence.ranking import rankings
from wafersim.evidence.rows import ValidatedRow
from wafersim.evidence.sets.gpu import published_rows
from wafersim.report.ranking_judgement import ranking_judgement
from wafersim.report.validation_table import ranking_table


def row(
    split: str, predicted: float, published: float, job: str = "a", unit: str = "s", use: str = "test"
) -> ValidatedRow:
    name = f"{job} {split}"
    return ValidatedRow(name, use, "", predicted, published, unit, group="g", set="gpu", job=job, split=split)


def test_tau_counts_pairs_and_regret_what_the_choice_costs() -> None:
    # Measured 1, 2, 3 s, predicted 2, 1, 3: of three pairs one is turned round, (2 - 1) / 3. The choice takes 2 s, not 1.
    (found,) = rankings([row("x", 2, 1), row("y", 1, 2), row("z", 3, 3)])
    assert (found.jobs, found.splits, found.tau) == (1, 3, pytest.approx(1 / 3))
    assert found.regret == found.worst_regret == pytest.approx(1.0)


def test_pairs_of_all_jobs_count_alike_and_jobs_alike_in_regret() -> None:
    # A second job of two splits in the right order: (2 - 1 + 1) / 4 pairs, regrets 1 and 0.
    rows = [row("x", 2, 1), row("y", 1, 2), row("z", 3, 3), row("x", 1, 1, "b"), row("y", 5, 1.1, "b")]
    (found,) = rankings(rows)
    assert (found.tau, found.regret, found.worst_regret) == (pytest.approx(0.5), pytest.approx(0.5), pytest.approx(1.0))


def test_a_rate_is_the_better_the_higher() -> None:
    (found,) = rankings([row("x", 10, 30, unit="token/s/GPU"), row("y", 20, 15, unit="token/s/GPU")])
    assert (found.tau, found.regret) == (-1.0, pytest.approx(1.0))  # chosen is y, x is twice as fast


def test_repeats_of_a_split_shown_rows_and_jobs_of_one_split_rank_nothing() -> None:
    assert rankings([row("x", 1, 1), row("x", 2, 2), row("y", 3, 3, use="shown"), row("z", 1, 1, "b")]) == []


def test_the_shipped_rows_have_jobs_in_several_splits() -> None:
    jobs: dict[str, set[str]] = {}
    for one in published_rows().measured.values():
        if one.group in ("vtrain_multi", "b200 bf16"):
            jobs.setdefault(f"{one.group} {one.job}", set()).add(one.split)
    several = [name for name, splits in jobs.items() if len(splits) > 1]
    assert {name.split(" ")[0] for name in several} == {"vtrain_multi", "b200"}


def test_they_stand_in_the_table_and_on_the_page() -> None:
    rows = [row("x", 2, 1), row("y", 1, 2)]
    assert ranking_table(rankings(rows)).row_count == 1
    said, table = ranking_judgement(rows)
    assert "Kendall's tau" in said and "| g | 1 | 2 | -1.00 | 100.0% | 100.0% |" in table


def test_rows_that_share_a_configuration_with_a_fit_row_are_marked() -> None:
    rows = published_rows().measured
    # Llama 3 8B on 8 H100 in the release of 25.09 is fit, of 25.11 test; 70B with twice the batch in 26.02.
    assert rows["mb2511_h100_Llama38B_8_B128"].seen and rows["mb2602_h100_Llama370B_64_B256"].seen
    assert rows["titan_8B_cp1"].seen  # the same page as titan2412_8B_cp1_32k
    assert not rows["nemo2412_Llama27B_8"].seen and not rows["mb2509_h100_Llama38B_8_B128"].seen


def test_so_are_rows_of_ones_own(tmp_path: Path) -> None:
    table = Path(__file__).parents[2] / "wafersim" / "evidence" / "data" / "gpu_modern.csv"
    head, *lines = table.read_text(encoding="utf-8").splitlines()
    line = next(line for line in lines if line.startswith("mb2511_h100_Llama38B_8_B128,"))
    path = tmp_path / "mine.csv"
    path.write_text(f"{head}\nmine{line}\n")
    (found,) = validate_own(path).rows
    assert found.seen
