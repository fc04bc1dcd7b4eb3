import json
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.errors import ContractError, EdgewiseError, NotRunnableError
from deploy import cli
from deploy.outcome import OperationError


def test_without_words_it_introduces_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    printed = capsys.readouterr().out
    for command, summary in cli.COMMANDS.items():
        assert command in printed
        assert summary in printed


def test_an_unknown_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["delpoy"]) == 2
    assert "there is no command `delpoy`" in capsys.readouterr().err


def test_who_stops_reading_gets_no_traceback() -> None:
    shown = "from deploy import cli, outcome; input(); cli._show(outcome.Outcome({}, 'x'), is_json=False)"
    with subprocess.Popen([sys.executable, "-c", shown], stdin=-1, stdout=-1, stderr=-1, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.write("go on\n")
        process.stdin.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


@pytest.mark.parametrize("command", list(cli.COMMANDS))
def test_every_command_has_help_with_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        cli.main([command, "--help"])
    assert ending.value.code == 0
    printed = capsys.readouterr().out
    assert "examples:" in printed
    assert f"edgewise {command}" in printed
    assert "--json" in printed


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (EdgewiseError("no"), 1),
        (ContractError("malformed", "$.a"), 2),
        (NotRunnableError("needs function/x"), 3),
        (OperationError("port 1 is in use"), 4),
        (FileNotFoundError("no such file"), 4),
    ],
)
def test_errors_become_exit_codes(
    error: Exception, exit_code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from deploy.commands import inspect

    def fail(_options: object) -> None:
        raise error

    monkeypatch.setattr(inspect, "run", fail)
    assert cli.main(["inspect", "x.zip"]) == exit_code
    assert str(error) in capsys.readouterr().err
    assert cli.main(["inspect", "x.zip", "--json"]) == exit_code
    told = json.loads(capsys.readouterr().out)
    assert told == {"error": type(error).__name__, "message": str(error), "problems": []}


def test_a_missing_file_says_which(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["inspect", str(tmp_path / "none.zip")]) == 4
    assert "none.zip" in capsys.readouterr().err


def test_the_dispatcher_imports_no_command() -> None:
    heavy = {"compiler.build", "edge.app", "origin.app"}
    assert not heavy & set(vars(cli))
    assert all(not name.startswith("deploy.commands") for name in vars(cli))
    assert "deploy.cli" in sys.modules
