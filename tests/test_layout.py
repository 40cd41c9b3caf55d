"""The floors of the house: a module imports only from floors below its own."""

import ast
from collections.abc import Collection
from pathlib import Path

import pytest

import wafersim
from tests.conftest import LONGEST

PACKAGE = Path(wafersim.__file__).parent
FLOORS = [
    {"__main__"},
    {"cli"},
    {"report"},
    {"planning"},
    {"calibration"},
    {"evidence"},
    {"training_run"},
    {"kernel"},
    {"simulation"},
    {"metrics"},
    {"strategies"},
    {"engine"},
    {"wafer", "gpu"},
    {"timeline"},
    {"workload"},
    {"inputs"},
    {"quantity", "numbers", "errors", "compiled", "shown"},
]
FLOOR = {name: i for i, names in enumerate(FLOORS) for name in names}
# A plan searches over steps and over whole runs alike, so these two stand side by side.
LEVELS = [{"wafer", "gpu"}, {"strategies", "engine", "simulation", "metrics"}, {"training_run", "planning"}]
FACES = {
    "wafersim.cli",
    "wafersim.simulation",
}  # packages of which others import what their `__init__` names, and no module
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


Graph = dict[str, set[str]]


def files() -> Graph:
    """{module: modules of the package that it imports}, imports inside functions included."""
    known = {dotted(path): path for path in PACKAGE.rglob("*.py") if "_shipped" not in path.parts}
    return {name: imported(path, known.keys()) - {name} for name, path in known.items()}


def dotted(path: Path) -> str:
    parts = ["wafersim", *path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path, known: Collection[str]) -> set[str]:
    """A name that is imported from a package is a module of it, or is made in its `__init__`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name if name in known else str(node.module) for name in names}
    return found & set(known)


def circle(graph: Graph) -> list[str]:
    """The modules of a circle of imports, or nothing."""
    done: set[str] = set()

    def follow(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        for other in sorted(graph.get(name, ())):
            found = follow(other, [*path, name])
            if found:
                return found
        done.add(name)
        return []

    return next((found for name in sorted(graph) if (found := follow(name, []))), [])


def two_down(graph: Graph) -> list[str]:
    """Imports that reach past the level below; a level that has no module yet is not counted."""
    folder = {name: name.split(".")[1] if "." in name else "" for name in graph}
    there = [level for level in LEVELS if level & set(folder.values())]
    height = {name: i for i, level in enumerate(there) for name in level}
    return [
        f"{name} -> {other}"
        for name, others in graph.items()
        for other in others
        if height.get(folder[name], 0) - height.get(folder[other], len(there)) >= 2
    ]


def past_a_face(graph: Graph, faces: Collection[str]) -> list[str]:
    """Imports from inside a package that has a face, by modules outside of it."""
    return [
        f"{name} -> {other}"
        for name, others in graph.items()
        for other in others
        for face in faces
        if other.startswith(f"{face}.") and name != face and not name.startswith(f"{face}.")
    ]


def test_no_file_imports_in_a_circle() -> None:
    assert circle(files()) == []


def test_no_level_reaches_two_down() -> None:
    assert two_down(files()) == []


def test_no_import_skips_the_face_of_a_package() -> None:
    assert past_a_face(files(), FACES) == []


def test_these_tests_see_what_they_are_for() -> None:
    a_circle = {"w.a": {"w.b"}, "w.b": {"w.c"}, "w.c": {"w.b"}, "w.d": {"w.a"}}
    assert circle(a_circle) == ["w.b", "w.c", "w.b"]
    graph = {
        "w.planning.x": {"w.gpu.y", "w.simulation"},
        "w.simulation": {"w.gpu.y", "w.simulation.z"},
        "w.gpu.y": set(),
        "w.simulation.z": set(),
    }
    assert two_down(graph) == ["w.planning.x -> w.gpu.y"]
    assert past_a_face(graph, ["w.gpu"]) == ["w.planning.x -> w.gpu.y", "w.simulation -> w.gpu.y"]
    assert past_a_face(graph, ["w.simulation"]) == []


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


def test_test_modules_outside_of_packages_have_names_of_their_own() -> None:
    """pytest takes two of one name for one module, and refuses the second."""
    alone = [path for path in Path(__file__).parent.rglob("*.py") if not (path.parent / "__init__.py").exists()]
    names = [path.stem for path in alone if path.stem != "conftest"]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


def test_what_is_begun_first_is_there() -> None:
    assert [name for name in LONGEST if not (Path(__file__).parent / name).is_file()] == []
