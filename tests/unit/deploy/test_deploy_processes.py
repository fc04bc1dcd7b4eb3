import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.codec import decode_json
from deploy.outcome import OperationError
from deploy.processes import Child, check_port, stop
from deploy.secrets import ensure_secrets


def test_a_port_in_use_says_what_to_do() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(OperationError, match=f"port {port} is in use.*choose another: --port"):
            check_port(port)
    check_port(port)


def test_children_are_watched_and_stopped() -> None:
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    child = Child("sleeper", sleeper, "http://127.0.0.1:1/readyz")
    child.check()
    stop([child])
    assert sleeper.returncode is not None
    with pytest.raises(OperationError, match="the sleeper ended with exit code"):
        child.check()


def test_secrets_are_written_once_for_the_owner_alone(tmp_path: Path) -> None:
    path = ensure_secrets(tmp_path / "state" / "secrets.json")
    first = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(decode_json(first, dict)) == {"cookie", "pseudonym", "qa", "operator_token"}
    assert ensure_secrets(path).read_bytes() == first
    assert ensure_secrets(tmp_path / "other.json").read_bytes() != first
