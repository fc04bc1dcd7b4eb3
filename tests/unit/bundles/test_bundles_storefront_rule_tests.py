import json
import re
from pathlib import Path

import pytest

from deploy.cli import main


def test_the_shops_cases_hold_before_its_models_are_trained(
    storefront_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["test", str(storefront_folder), "--json"])
    report = json.loads(capsys.readouterr().out)
    assert [case for case in report["cases"] if case["outcome"] == "fail"] == []
    assert code == 0
    assert report["passed"] >= 15


def test_every_guardrail_of_the_shop_has_a_case(storefront_folder: Path) -> None:
    cases = "".join(path.read_text() for path in sorted((storefront_folder / "tests").glob("*.toml")))
    rules = re.findall(r"^\[(\w+)\]", (storefront_folder / "rules/guards.toml").read_text(), re.MULTILINE)
    assert rules
    for rule in rules:
        assert f'"{rule}"' in cases, rule
