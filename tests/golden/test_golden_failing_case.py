"""The entire text of what `edgewise test` prints about `failing_case.toml`, cases of the tea shop that fail.

After changing a wording on purpose, read the difference that this test shows and write the new text to
`failing_case.txt`.
"""

import shutil
from pathlib import Path

import pytest

from deploy.cli import main

GOLDEN = Path(__file__).parent


def test_failing_cases_read_as_agreed(tea_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(shutil.copytree(tea_folder, tmp_path / "tea", ignore=shutil.ignore_patterns("tests")))
    (folder / "tests").mkdir()
    shutil.copy(GOLDEN / "failing_case.toml", folder / "tests/shelf.toml")
    assert main(["test", str(folder)]) == 1
    assert capsys.readouterr().out == (GOLDEN / "failing_case.txt").read_text()
