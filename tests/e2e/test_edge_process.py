"""One edge as a real process: on a socket, drained by SIGTERM, there again at once on its own disk."""

import base64
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from ports import free_port

from contracts.bundle import Bundle
from deploy.publish import publish

START_S = 120.0
BUDGET_MS = "10000"  # this machine may be busy


@pytest.fixture
def folder(tmp_path: Path, tea_bundle: Bundle) -> Path:
    publish(tea_bundle, tmp_path / "registry", note="test", now=1)
    key = base64.b64encode(b"k" * 32).decode()
    secrets = {"cookie": {"kid": "a", "key": key}, "pseudonym": key, "operator_token": "t"}
    (tmp_path / "secrets.json").write_text(json.dumps(secrets))
    return tmp_path


@contextmanager
def edge(folder: Path, *flags: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    port = free_port()
    words = [sys.executable, "-m", "deploy", "edge", "--registry", folder / "registry", "--state", folder / "state"]
    words += ["--secrets", folder / "secrets.json", "--port", str(port), "--budget-ms", BUDGET_MS, *flags]
    process = subprocess.Popen([str(word) for word in words], stderr=subprocess.PIPE, text=True)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(process, address)
        yield process, address
    finally:
        process.kill()
        process.communicate()


def wait_until_ready(process: subprocess.Popen[str], address: str) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(f"{address}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the edge did not become ready")


def wait_until_closed(host: str, port: int) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex((host, port)) != 0:
                return
        time.sleep(0.05)
    raise AssertionError("it still takes connections")


def test_it_decides_drains_and_starts_again_offline(folder: Path) -> None:
    with edge(folder, "--dev") as (process, address), httpx.Client(base_url=address) as browser:
        decided = browser.post("/v1/decide?as=5", json={"page": "home"})
        assert decided.json()["slots"]["hero"]["tier"] == "model"
        happened = {"id": "e1", "type": "view", "at": "2026-01-05T08:00:00Z", "item": "t-01"}
        assert browser.post("/v1/events?as=5", json={"events": [happened]}).json() == {"stored": 1}
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=START_S)
        assert process.returncode == 0, said
        assert "Traceback" not in said
    shutil.rmtree(folder / "registry")
    with edge(folder, "--dev", "--origin", f"http://127.0.0.1:{free_port()}") as (_, address):
        status = httpx.get(f"{address}/v1/status").json()
        assert status["spooled"] == 2
        assert status["revision"] == decided.json()["revision"]
        assert not status["is_origin_reachable"]


def test_a_request_under_way_is_answered_before_the_process_ends(folder: Path) -> None:
    with edge(folder) as (process, address):
        host, port = address.removeprefix("http://").split(":")
        body = b'{"page": "home"}'
        head = "POST /v1/decide HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
        with socket.create_connection((host, int(port)), timeout=START_S) as connection:
            connection.sendall(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode())
            assert connection.recv(65536).startswith(b"HTTP/1.1 100")  # said when the app reads the body
            connection.sendall(body[:5])
            process.send_signal(signal.SIGTERM)
            wait_until_closed(host, int(port))
            connection.sendall(body[5:])
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200")
        assert process.wait(START_S) == 0


def test_a_slow_body_does_not_use_up_the_budget(folder: Path) -> None:
    with edge(folder, "--dev", "--budget-ms", "4000") as (_, address):
        host, port = address.removeprefix("http://").split(":")
        body = b'{"page": "home"}'
        head = "POST /v1/decide?as=5 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode())
            time.sleep(4.5)
            connection.sendall(body)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        slots = json.loads(answer.partition(b"\r\n\r\n")[2])["slots"]
        assert slots["hero"]["cause"] is None


def test_a_port_in_use_is_one_clear_message(folder: Path) -> None:
    with edge(folder) as (_, address):
        port = address.rpartition(":")[2]
        words = [sys.executable, "-m", "deploy", "edge", "--registry", folder / "registry", "--state", folder / "other"]
        words += ["--secrets", folder / "secrets.json", "--port", port]
        second = subprocess.run(
            [str(word) for word in words], capture_output=True, text=True, timeout=START_S, check=False
        )
        assert second.returncode != 0
        assert f"cannot listen on 127.0.0.1:{port} (Address already in use): choose another --port" in second.stderr
        assert "Traceback" not in second.stderr
