"""Warnings are shown by `check` and `build`, and stop neither."""

import json
import shutil
from pathlib import Path

import pytest

from deploy.cli import main


@pytest.fixture
def tea(tea_folder: Path, tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(tea_folder, tmp_path / "tea"))
    (folder / "rules/spare.toml").write_text("[spare]\nexpr = 'item.price > 5'\n")
    return folder


SPARE = "rules/spare.toml:2:9: W606: no slot uses rule `spare`"


def test_check_shows_warnings_and_counts_them(tea: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tea)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(SPARE)
    assert shown.endswith("1 warning\n")
    (tea / "rules/other.toml").write_text("[other]\nexpr = 'item.price > 6'\n")
    assert main(["check", str(tea)]) == 0
    assert capsys.readouterr().out.endswith("2 warnings\n")


def test_problems_for_editors_carry_their_severity(tea: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tea), "--json"]) == 0
    assert [each["severity"] for each in json.loads(capsys.readouterr().out)["problems"]] == ["warning"]
    (tea / "rules/spare.toml").write_text("[spare]\nexpr = 'item.price > 5 && item.price < 5'\n")
    assert main(["check", str(tea), "--json"]) == 1
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert sorted(each["severity"] for each in problems) == ["error", "warning"]


def test_build_shows_warnings_and_builds(tea: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", str(tea)]) == 0
    assert capsys.readouterr().out.startswith(SPARE)
    assert (tea / "dist/bundle.zip").is_file()
