import json
from pathlib import Path

import pytest

from contracts.bundle import read_file
from deploy.cli import main
from deploy.publish import current


@pytest.fixture(scope="module")
def file(tea_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("built") / "bundle.zip"
    assert main(["build", str(tea_folder), "-o", str(path)]) == 0
    return path


def test_build_writes_a_file_and_reports(tea_folder: Path, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again = file.with_name("again.zip")
    assert main(["build", str(tea_folder), "-o", str(again), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert again.read_bytes() == file.read_bytes()
    assert report["revision"] == read_file(file.read_bytes()).revision
    assert report["bytes"] == len(file.read_bytes())
    assert {model["name"] for model in report["report"]["models"]} == {"likes", "story"}


def test_inspect_names_slots_models_and_what_is_made_up(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(file)]) == 0
    printed = capsys.readouterr().out
    for part in (
        "page home: hero, for-you, delivery",
        "model likes: 6 inputs",
        "teas.cost, teas.stock",
        "policy/epsilon",
    ):
        assert part in printed
    assert main(["inspect", str(file), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert set(data) == {"revision", "manifest", "slots", "models", "catalog"}


def test_inspect_refuses_a_damaged_file(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(file.read_bytes()[:-100])
    assert main(["inspect", str(damaged)]) == 2
    assert "not a bundle file" in capsys.readouterr().err


def test_check_says_that_all_is_well(tea_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tea_folder)]) == 0
    assert "no problems" in capsys.readouterr().out


def test_deploy_publishes_releases(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for sequence in (1, 2):
        assert main(["deploy", str(file), "--to", str(tmp_path), "--note", "hello", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["sequence"] == sequence
    release = current(tmp_path)
    assert release
    assert release.note == "hello"


def test_init_refuses_to_overwrite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "tea")]) == 0
    assert "train.py" in capsys.readouterr().out
    assert (tmp_path / "tea/edgewise.toml").exists()
    assert main(["init", str(tmp_path / "tea")]) == 4
    assert "exists already" in capsys.readouterr().err


def test_status_of_nobody_says_what_to_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "http://127.0.0.1:9"]) == 4
    assert "Is the node running" in capsys.readouterr().err
