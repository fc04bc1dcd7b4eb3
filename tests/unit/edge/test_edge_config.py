import argparse
import base64
import json
from pathlib import Path

import pytest

from contracts.errors import ContractError
from edge.config import ConfigError, add_flags, parse_instant, read_config, read_secrets

KEY = base64.b64encode(b"k" * 32).decode()
SECRETS = {"cookie": {"kid": "a", "key": KEY}, "pseudonym": KEY, "operator_token": "t"}


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    path = tmp_path / "secrets.json"
    path.write_text(json.dumps(SECRETS))
    return path


def options(secrets: Path, *flags: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return parser.parse_args(["--registry", "r", "--state", "s", "--secrets", str(secrets), *flags])


def test_flags_become_a_config(secrets: Path) -> None:
    config = read_config(
        options(secrets, "--dev", "--now", "2017-11-27T05:00:00Z", "--budget-ms", "7", "--spool-mb", "1")
    )
    assert (config.budget_ms, config.is_dev, config.clock_at) == (7.0, True, 1_511_758_800_000_000)
    assert config.max_spool_bytes == 1024 * 1024
    assert config.secrets.cookie_keys == {"a": b"k" * 32}


def test_the_environment_stands_in_for_flags(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    for name, value in {"REGISTRY": "r", "STATE": "s", "SECRETS": str(secrets), "ORIGIN": "http://o"}.items():
        monkeypatch.setenv(f"EDGEWISE_{name}", value)
    config = read_config(parser.parse_args([]))
    assert (config.registry, config.origin) == (Path("r"), "http://o")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--site", "."], "--site and --now are for development: add --dev, or leave them out"),
        (["--now", "2017-11-27T05:00:00Z"], "--site and --now are for development: add --dev, or leave them out"),
        (["--dev", "--site", "nowhere"], "--site nowhere is not a folder"),
        (["--port", "70000"], "--port 70000 is not a port: choose one from 1 to 65535"),
        (["--budget-ms", "0"], "--budget-ms and --spool-mb are positive"),
        (["--dev", "--now", "soon"], "'soon' is not an instant such as 2017-11-20T14:00:00Z - at --now"),
        (
            ["--dev", "--now", "2017-11-27T05:00:00"],
            "'2017-11-27T05:00:00' lacks its zone: add Z or an offset - at --now",
        ),
        (["--state", ""], "--state is missing: give it, or set EDGEWISE_STATE"),
    ],
)
def test_bad_flags_say_what_to_mend(secrets: Path, flags: list[str], said: str) -> None:
    namespace = options(secrets, *flags)
    if flags[0] == "--state":
        namespace.state = None
    with pytest.raises(ConfigError) as caught:
        read_config(namespace)
    assert str(caught.value) == said


def test_missing_secrets_say_who_makes_them(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"`edgewise dev` makes \.edgewise/<bundle>/secrets\.json"):
        read_secrets(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"pseudonym": "###"}, r"not base64 - at \$\.pseudonym"),
        ({"pseudonym": base64.b64encode(b"short").decode()}, r"5 bytes, a key has 32 - at \$\.pseudonym"),
        ({"cookie": {"kid": "a"}}, r"missing required field `key` - at \$\.cookie"),
        ({"retired": [{"kid": "z", "key": "?"}]}, r"not base64 - at \$\.retired z"),
    ],
)
def test_malformed_secrets_name_the_path(secrets: Path, change: dict[str, object], said: str) -> None:
    secrets.write_text(json.dumps({**SECRETS, **change}))
    with pytest.raises(ConfigError, match=said):
        read_secrets(secrets)


def test_secrets_are_never_shown(secrets: Path) -> None:
    shown = repr(read_secrets(secrets))
    assert "kkkk" not in shown
    assert "operator" not in shown


def test_retired_keys_open_and_the_current_one_seals(secrets: Path) -> None:
    old = base64.b64encode(b"o" * 32).decode()
    secrets.write_text(json.dumps({**SECRETS, "retired": [{"kid": "z", "key": old}]}))
    read = read_secrets(secrets)
    assert read.cookie_kid == "a"
    assert read.cookie_keys == {"a": b"k" * 32, "z": b"o" * 32}


def test_instants_have_a_zone() -> None:
    assert parse_instant("1970-01-01T01:00:00.000001+01:00", "x") == 1
    with pytest.raises(ContractError, match="at X-Now"):
        parse_instant("1970", "X-Now")
