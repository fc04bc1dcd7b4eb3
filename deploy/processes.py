"""Child processes of `edgewise dev`: started, awaited, watched and stopped together."""

import socket
import subprocess
import sys
import time
from dataclasses import dataclass

import httpx

from deploy.outcome import OperationError

START_S = 240
STOP_S = 10
_PORTS = 65536


@dataclass(frozen=True)
class Child:
    """A running program of ours, and the address that answers 200 once it is ready."""

    name: str
    process: subprocess.Popen[bytes]
    ready_url: str

    def check(self) -> None:
        """Raises when the program has ended."""
        code = self.process.poll()
        if code is not None:
            raise OperationError(f"the {self.name} ended with exit code {code}; its last lines above say why")


def check_port(port: int) -> None:
    """Raises when nobody could listen on the port."""
    if not 0 < port < _PORTS:
        raise OperationError(f"{port} is not a port: choose one from 1 to {_PORTS - 2}, since the next is taken too")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise OperationError(
                f"port {port} is in use; stop what listens there or choose another: --port {port + 10}"
            ) from None


def start(name: str, words: list[str], ready_url: str) -> Child:
    """Starts `edgewise <words>` with this interpreter, in its own session so that Ctrl-C reaches us alone."""
    command = [sys.executable, "-m", "deploy", *words]
    return Child(name, subprocess.Popen(command, start_new_session=True), ready_url)


def wait_until_ready(children: list[Child]) -> None:
    """Returns when every program says that it is ready."""
    give_up = time.monotonic() + START_S
    for child in children:
        while not _is_ready(child.ready_url):
            child.check()
            if time.monotonic() > give_up:
                raise OperationError(f"the {child.name} did not become ready within {START_S} s; see {child.ready_url}")
            time.sleep(0.1)


def stop(children: list[Child]) -> None:
    """Asks each program to drain and end, the last started first; kills what does not."""
    for child in reversed(children):
        child.process.terminate()
    for child in reversed(children):
        try:
            child.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
