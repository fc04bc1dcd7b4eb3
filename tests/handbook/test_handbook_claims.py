"""The page of claims names tests that exist."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/claims.md").read_text()
CLAIMS = ("G1", "G3", "G4", "G7", "G10", "G12", "G13", "G14")


def test_each_claim_has_its_tests() -> None:
    assert re.findall(r"^## (G\d+)\. ", PAGE, re.MULTILINE) == list(CLAIMS)
    for claim in PAGE.split("\n## ")[1:]:
        lines = [line for line in claim.splitlines() if line.startswith("|")][2:]
        assert len(lines) >= 3, claim
        assert all("`tests/" in line for line in lines), claim


def test_each_test_that_it_names_is_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
    assert len(named) == PAGE.count("`tests/") > 30
    for file, name in named:
        tree = ast.parse((ROOT / file).read_text())
        functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert name in functions, f"{file} has no {name}"
