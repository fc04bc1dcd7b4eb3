"""`edgewise qa`: the token that it prints is one that the edge takes."""

import json
import time
from pathlib import Path

import pytest

from contracts.decision import Override
from deploy.cli import main
from deploy.secrets import ensure_secrets
from edge.config import read_secrets
from edge.qa import verified
from edge.wire import ForbiddenError

HOUR_US = 3600 * 1_000_000


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    return ensure_secrets(tmp_path / "secrets.json")


def test_the_token_holds_for_as_long_as_was_said(secrets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "qa",
        "--secrets",
        str(secrets),
        "--arm",
        "x=a",
        "--arm",
        "y=b=c",
        "--held-out",
        "--hours",
        "0.5",
        "--json",
    ]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    key, now = read_secrets(secrets).qa_key, time.time_ns() // 1000
    assert verified(key, told["token"], now) == Override(arms={"x": "a", "y": "b=c"}, is_held_out=True)
    assert 0 < told["expires_at"] - now <= HOUR_US // 2
    with pytest.raises(ForbiddenError):
        verified(key, told["token"], now + HOUR_US)


def test_people_are_told_how_to_use_it(secrets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["qa", "--secrets", str(secrets)]) == 0
    assert "document.cookie = 'ew-qa=" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--arm", "x"], "write EXPERIMENT=ARM"),
        (["--arm", "=a"], "write EXPERIMENT=ARM"),
        (["--hours", "0"], "at most"),
    ],
)
def test_what_cannot_be_meant_so_is_refused(
    secrets: Path, capsys: pytest.CaptureFixture[str], words: list[str], why: str
) -> None:
    assert main(["qa", "--secrets", str(secrets), *words]) == 4
    assert why in capsys.readouterr().err


def test_secrets_from_before_say_what_to_add(secrets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = json.loads(secrets.read_text())
    del known["qa"]
    secrets.write_text(json.dumps(known))
    assert main(["qa", "--secrets", str(secrets)]) == 4
    assert 'add "qa", 32 random bytes in base64' in capsys.readouterr().err
