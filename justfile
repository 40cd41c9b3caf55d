# The things one does here. The README's two commands need none of it.
python := ".venv/bin/python"

setup:
    python3 -m venv .venv && .venv/bin/pip install -q -e '.[dev]'
run experiment="andromeda16":
    {{python}} -m wafersim run {{experiment}}
validate:
    {{python}} -m wafersim validate
page:
    {{python}} -m wafersim validate --page docs/validation.md
calibrate set="wafer":
    {{python}} -m wafersim calibrate --set {{set}} --write
test:
    {{python}} -m pytest
plans examples="4000":
    WAFERSIM_EXAMPLES={{examples}} {{python}} -m pytest tests/properties --dist load
kills kills="100" points="5000":
    WAFERSIM_KILLS={{kills}} WAFERSIM_KILL_POINTS={{points}} {{python}} -m pytest -q -n0 -s -m kill tests/planning/test_kills.py
slow:
    {{python}} -m pytest -m slow
bench:
    {{python}} -m pytest tests/benchmarks --benchmark-only
lint:
    .venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy
format:
    .venv/bin/ruff format . && .venv/bin/ruff check --fix .
ci:
    bash .ci/run
