"""The points of an experiment as a table: one list of columns serves files, data frames and notebooks."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from wafersim.errors import WafersimError
from wafersim.inputs.experiment import Experiment
from wafersim.inputs.sweep import expand
from wafersim.metrics.prediction import Prediction
from wafersim.planning.sweep import PointResult, run_points
from wafersim.shown import Shown
from wafersim.strategies.steps import Engine

if TYPE_CHECKING:
    import pandas

Cell = Callable[[Prediction], Any]


def _bound(name: str, side: int) -> Cell:
    return lambda prediction: prediction.uncertainty.bounds(getattr(prediction, name))[side]


COLUMNS: tuple[tuple[str, Cell], ...] = (
    # What a column is called, with its unit, and where it comes from; a further column is a further line.
    ("batch_sequences", lambda p: p.batch),
    ("sequence_length_tokens", lambda p: p.sequence_length),
    ("micro_batch_sequences", lambda p: p.micro_batch),
    ("micro_batches", lambda p: p.micro_batches),
    ("split", lambda p: p.split.name),
    ("step_time_s", lambda p: p.step_time_s),
    ("step_time_low_s", _bound("step_time_s", 0)),
    ("step_time_high_s", _bound("step_time_s", 1)),
    ("tokens_per_s", lambda p: p.tokens_per_s),
    ("mfu", lambda p: p.mfu),
    ("flops_convention", lambda p: p.flops_convention),
    ("binding_resource", lambda p: p.binding.resource),
    ("memory_bytes", lambda p: p.memory.total_bytes),
    ("memory_verdict", lambda p: p.memory.to_json().get("verdict")),
    ("fits_probability", lambda p: p.memory.to_json().get("fits_probability")),
    ("days_to_train", lambda p: p.days_to_train),
    ("days_to_train_low", _bound("days_to_train", 0)),
    ("days_to_train_high", _bound("days_to_train", 1)),
    ("power_w", lambda p: p.bill.power_w),
    ("energy_j", lambda p: p.bill.energy_j),
    ("cost_usd", lambda p: p.bill.cost_usd),
    ("price", lambda p: None if p.bill.price is None else p.bill.price.quoted),
)
FIRST = ("model", "n_systems")
OWN_COLUMNS = ("model", "system.systems", "system.gpus")  # paths that these two tell
BOUNDS = tuple(name for name, _ in COLUMNS if "_low" in name or "_high" in name)  # of 80 % intervals


@dataclass(frozen=True, repr=False)
class Results(Shown, Sequence[PointResult]):
    """Every point of an experiment in the order of its sweep; points that cannot run stay, with their reason."""

    experiment: Experiment
    points: tuple[PointResult, ...]

    def __len__(self) -> int:
        return len(self.points)

    def __iter__(self) -> Iterator[PointResult]:
        return iter(self.points)

    def __getitem__(self, index: Any) -> Any:
        return self.points[index]

    def __repr__(self) -> str:
        ran = [point.simulated.prediction for point in self.points if point.simulated is not None]
        said = f"{len(self.points)} point{'s' * (len(self.points) != 1)} of {self.experiment.name}"
        if len(ran) < len(self.points):
            said += f", {len(self.points) - len(ran)} of them cannot run"
        if ran:
            times = [prediction.step_time_s for prediction in ran]
            said += (
                f", a step takes {min(times):.3g} to {max(times):.3g} s"
                if len(ran) > 1
                else f", {times[0]:.3g} s a step"
            )
        return f"<Results: {said}>"

    @property
    def predictions(self) -> tuple[Prediction, ...]:
        """Of the points that can run."""
        return tuple(point.simulated.prediction for point in self.points if point.simulated is not None)

    def rows(self) -> list[dict[str, Any]]:
        """One flat row a point: model, systems, what was varied, `COLUMNS`, why it cannot run."""
        varied = dict.fromkeys(name for point in self.points for name in point.varied)
        return [placed(cells_of(point), point.varied, varied) for point in self.points]

    def to_csv(self, path: str | Path | TextIO) -> None:
        """Write the rows; raises WafersimError where the file cannot be written."""
        rows = self.rows()
        try:
            if isinstance(path, str | Path):
                with Path(path).open("w", newline="", encoding="utf-8") as file:
                    _write(file, rows)
            else:
                _write(path, rows)
        except OSError as error:
            raise WafersimError(f"{path}: cannot be written ({error.strerror})") from None

    def to_pandas(self) -> pandas.DataFrame:
        """The rows as a data frame; raises WafersimError where pandas is not installed."""
        try:
            import pandas
        except ModuleNotFoundError:
            raise WafersimError("to_pandas needs pandas: pip install pandas; .rows() and .to_csv() do not") from None
        return pandas.DataFrame(self.rows())


def cells_of(point: PointResult) -> dict[str, Any]:
    """The row of a point without what was varied."""
    experiment, prediction = point.point.experiment, None if point.simulated is None else point.simulated.prediction
    return {
        "model": experiment.model_name,
        "n_systems": experiment.system.count,
        **{name: None if prediction is None else cell(prediction) for name, cell in COLUMNS},
        "scaling_efficiency": point.scaling_efficiency,
        "infeasible": point.infeasible,
    }


def placed(cells: dict[str, Any], values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """A row with what was varied behind model and systems, which have columns of their own."""
    varied = {name: values.get(name) for name in names if name not in OWN_COLUMNS}
    first = {name: cells[name] for name in FIRST}
    return {**first, **varied, **{name: cell for name, cell in cells.items() if name not in FIRST}}


def _write(file: TextIO, rows: Sequence[dict[str, Any]]) -> None:
    writer = csv.DictWriter(file, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def run(experiment: Experiment, engine: Engine = "auto") -> Results:
    """Every point of an experiment with its sweep; one without is one point."""
    return Results(experiment, tuple(run_points(expand(experiment), engine=engine)))
