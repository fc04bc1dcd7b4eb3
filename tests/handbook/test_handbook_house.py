"""The house is as DESIGN and CONTRIBUTING say: names, directions, habits."""

import ast
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = ("contracts", "engine", "compiler", "edge", "origin", "deploy", "loadtest")
RUNTIME = ("contracts", "engine", "edge", "origin")


def modules(*packages: str) -> list[Path]:
    return [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


def test_no_dependency_owns_one_of_our_names() -> None:
    owners = packages_distributions()
    for name in (*FLOORS, "bundles"):
        assert set(owners.get(name, [])) <= {"edgewise"}


@pytest.mark.parametrize("module", ["engine.decide", "edge.app", "deploy.commands.edge"])
def test_the_edge_runs_without_the_compilers_libraries(module: str) -> None:
    program = f"import {module}, sys; print(' '.join(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    loaded = set(run.stdout.split())
    assert module.partition(".")[0] in loaded
    assert not loaded & {
        "cel_expr_python",
        "google",
        "sklearn",
        "lightgbm",
        "duckdb",
        "ibis",
        "onnx",
        "skl2onnx",
        "tqdm",
    }


def test_the_runtime_catches_everything_exactly_once() -> None:
    broad = [
        f"{path.relative_to(ROOT)}"
        for path in modules(*RUNTIME)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")))
    ]
    assert broad == ["edge/deadline.py"]


def test_every_module_opens_with_what_lives_there() -> None:
    for path in modules(*FLOORS):
        assert ast.get_docstring(ast.parse(path.read_text())), path


def test_no_room_is_named_after_nothing() -> None:
    for path in modules(*FLOORS):
        assert not re.search(r"util|common|helper|manager|misc", path.stem), path


def test_packages_import_nothing_heavy() -> None:
    heavy = {"onnxruntime", "sklearn", "lightgbm", "duckdb", "ibis", "starlette", "uvicorn"}
    for path in modules(*FLOORS):
        if path.name == "__init__.py":
            for node in ast.walk(ast.parse(path.read_text())):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                assert not {name.partition(".")[0] for name in names} & heavy, path


def test_where_do_i_add_points_at_what_exists() -> None:
    table = (ROOT / "CONTRIBUTING.md").read_text().partition("## Where do I add")[2].partition("## Habits")[0]
    paths = [path for path in re.findall(r"`([a-z_/]+/[\w./]*)`", table) if "<" not in path]
    assert len(paths) >= 10
    for path in paths:
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize(
    ("table", "module"),
    [
        ("EXPORTERS", "compiler.exporters"),
        ("GENERATORS", "engine.generators"),
        ("SCORERS", "engine.scorers"),
        ("KINDS", "engine.kinds"),
        ("POLICIES", "engine.policies"),
        ("FOLDS", "engine.folds"),
        ("TRANSPORTS", "edge.transports"),
        ("COMMANDS", "deploy.cli"),
        ("FUNCTIONS", "engine.programs.functions"),
    ],
)
def test_the_tables_are_where_contributing_says(table: str, module: str) -> None:
    assert len(getattr(__import__(module, fromlist=[table]), table)) >= 1
