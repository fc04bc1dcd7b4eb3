import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tea_origin import KEY, TOKEN

from contracts.errors import ContractError
from origin.config import BatchConfig, Config, Secrets, add_flags, parse_instant, read_config, read_secrets


def options(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return parser.parse_args(words)


def test_flags_become_a_config(secrets_file: Path) -> None:
    words = ["--state", "state", "--bundle", "b.zip", "--secrets", str(secrets_file), "--port", "9001"]
    assert read_config(options(*words)) == Config(
        state=Path("state"), bundle=Path("b.zip"), secrets=Secrets(KEY, TOKEN), port=9001
    )
    words += ["--batch", "batch.py", "--history", "history", "--publish", "2017-11-20T14:00:00Z"]
    config = read_config(options(*words))
    assert config.batch == BatchConfig(Path("batch.py"), Path("history"))
    assert config.publish == datetime(2017, 11, 20, 14, tzinfo=UTC)


def test_required_flags_may_come_from_the_environment(secrets_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("STATE", "s"), ("BUNDLE", "b.zip"), ("SECRETS", str(secrets_file))):
        monkeypatch.setenv(f"EDGEWISE_{name}", value)
    assert read_config(options()).state == Path("s")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--bundle", "b.zip"], "missing: give --state or set EDGEWISE_STATE - at --state"),
        (["--batch", "batch.py"], "an expression and the history that it reads go together - at --batch, --history"),
        (["--publish", "2017-11-20T14:00:00Z"], "add --batch and --history - at --publish"),
    ],
)
def test_what_is_missing_is_named(words: list[str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGEWISE_STATE", raising=False)
    with pytest.raises(ContractError) as raised:
        read_config(options(*words))
    assert str(raised.value).endswith(message)


@pytest.mark.parametrize("text", ["", "today", "2017-11-20", "2017-11-20T14:00:00"])
def test_an_instant_has_a_zone(text: str) -> None:
    with pytest.raises(ContractError) as raised:
        parse_instant(text, "--publish")
    assert raised.value.path == "--publish"


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"pseudonym": None}, "$.pseudonym"),
        ({"pseudonym": "short!"}, "$.pseudonym"),
        ({"pseudonym": "c2hvcnQ="}, "$.pseudonym"),
        ({"operator_token": ""}, "$.operator_token"),
        ({"operator_token": None}, "$.operator_token"),
    ],
)
def test_bad_secrets_are_named_and_not_shown(secrets_file: Path, change: dict[str, str | None], path: str) -> None:
    content = {**json.loads(secrets_file.read_text()), **change}
    secrets_file.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))
    with pytest.raises(ContractError) as raised:
        read_secrets(secrets_file)
    assert raised.value.path == path
    assert "short" not in str(raised.value)
