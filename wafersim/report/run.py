"""A run's directory: resolved experiment, predictions, one timeline, figures; it appears complete or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from wafersim.errors import WafersimError
from wafersim.inputs.experiment import Experiment
from wafersim.planning.sensitivity import Sensitivity
from wafersim.planning.sweep import PointResult, largest
from wafersim.report import json_output
from wafersim.report.words import line_name


def save_run(
    root: Path,
    experiment: Experiment,
    results: Sequence[PointResult],
    figures: bool = True,
    sensitive: Sequence[Sensitivity] | None = None,
) -> Path:
    """Write `root/<name>-<short hash>/` and return it; an earlier run of the same experiment is replaced."""
    resolved = experiment.model_dump(mode="json", exclude_none=True)
    return save_directory(root, resolved, lambda draft: _write(draft, resolved, results, figures, sensitive))


def save_directory(root: Path, resolved: dict[str, Any], write: Callable[[Path], None]) -> Path:
    """A directory named after what was asked, filled by `write`.

    Everything is written into a hidden sibling first and renamed at the end. Raises WafersimError when `root` cannot hold it.
    """
    short = hashlib.sha256(json.dumps(resolved, sort_keys=True).encode()).hexdigest()[:8]
    directory = root / f"{resolved['name']}-{short}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=root))
    except OSError as error:
        raise WafersimError(f"--out {root}: cannot be written ({error.strerror})") from None
    try:
        write(draft)
        draft.chmod(0o755)
        if directory.exists():
            _replace(draft, directory, root)
        else:
            draft.rename(directory)
    except OSError as error:
        raise WafersimError(f"--out {root}: cannot be written ({error.strerror})") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return directory


def _replace(draft: Path, directory: Path, root: Path) -> None:
    """Put the draft in the place of an earlier run, which goes back there if anything, an interrupt too, comes between."""
    old = Path(tempfile.mkdtemp(prefix=f".{directory.name}-old-", dir=root))
    try:
        directory.rename(old / "run")
        draft.rename(directory)
    except BaseException:
        if (old / "run").exists() and not directory.exists():
            (old / "run").rename(directory)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _write(
    draft: Path,
    resolved: dict[str, Any],
    results: Sequence[PointResult],
    figures: bool,
    sensitive: Sequence[Sensitivity] | None,
) -> None:
    text = StringIO()
    YAML().dump(resolved, text)
    (draft / "experiment.yaml").write_text(text.getvalue(), encoding="utf-8")
    rows = [result.to_json() for result in results]
    (draft / "prediction.json").write_text(json_output.document(points=rows) + "\n", encoding="utf-8")
    shown = largest(results)
    if shown is None:
        return
    simulated = shown.simulated
    assert simulated is not None
    name = f"timeline-{simulated.prediction.model}-{simulated.prediction.n_systems}"
    simulated.periodic.timeline.save(draft / f"{name}.npz")
    if sensitive is not None:
        plain = [one.to_json() for one in sensitive]
        (draft / "sensitivity.json").write_text(json_output.dumps(plain) + "\n", encoding="utf-8")
    if not figures:
        return
    if sensitive:
        from wafersim.report.figures.sensitivity import sensitivity_figure

        sensitivity_figure(line_name(shown.to_json()), sensitive, draft / "sensitivity.png")
    from wafersim.report.figures.breakdown import breakdown_figure
    from wafersim.report.figures.step import step_figure
    from wafersim.report.figures.throughput import throughput_figure

    good = [row for row in rows if "infeasible" not in row]
    breakdown_figure(good, draft / "breakdown.png")
    if len(good) > len({line_name(row) for row in good}):  # some line has more than a point
        throughput_figure(good, draft / "throughput.png")
    step_figure(simulated, line_name(shown.to_json()), draft / f"{name}.png")
