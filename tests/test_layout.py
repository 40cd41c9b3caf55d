"""The floors of the house: a module imports only from floors below its own."""

import ast
from pathlib import Path

import pytest

import wafersim

PACKAGE = Path(wafersim.__file__).parent
FLOORS = [
    {"__main__"},
    {"cli"},
    {"report"},
    {"planning"},
    {"training_run"},
    {"calibration"},
    {"evidence"},
    {"kernel"},
    {"simulation"},
    {"metrics"},
    {"strategies"},
    {"engine"},
    {"wafer", "gpu"},
    {"timeline"},
    {"workload"},
    {"inputs"},
    {"quantity", "errors", "compiled"},
]
FLOOR = {name: i for i, names in enumerate(FLOORS) for name in names}
HEAVY = {"numba", "matplotlib", "pydantic", "simpy", "rich", "numpy", "scipy", "ruamel"}


def modules() -> list[Path]:
    return sorted(p for p in PACKAGE.rglob("*.py") if "_shipped" not in p.parts and p != PACKAGE / "__init__.py")


def imports(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            found += [node.module]
            if node.module == "wafersim":
                found += [f"wafersim.{alias.name}" for alias in node.names]
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_from_floors_below(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    assert own in FLOOR, f"{own} has no floor"
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "wafersim" or len(parts) == 1 or parts[1] == own or parts[1] == "__version__":
            continue
        assert FLOOR[parts[1]] > FLOOR[own], f"{path} imports {name}, which is not below it"


@pytest.mark.parametrize("name", ["__init__.py", "__main__.py", "cli/__init__.py"])
def test_nothing_heavy_is_imported_at_the_door(name: str) -> None:
    tree = ast.parse((PACKAGE / name).read_text())
    for node in tree.body:
        if isinstance(node, ast.Import):
            assert not {alias.name.split(".")[0] for alias in node.names} & HEAVY
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.module.split(".")[0] not in HEAVY


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_file_holds_one_idea(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400
