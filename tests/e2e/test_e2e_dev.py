"""The tutorial's way, with real processes: init, train, dev, save a rule, stop."""

import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import httpx
import pytest
from ports import free_port

from deploy.cli import main

PATIENCE_S = 120


@dataclass
class Dev:
    """A running `edgewise dev`, and what it has printed."""

    folder: Path
    url: str
    process: subprocess.Popen[str]
    printed: list[str] = field(default_factory=list)

    def wait_for(self, pattern: str) -> None:
        give_up = time.monotonic() + PATIENCE_S
        while not re.search(pattern, "".join(self.printed)):
            assert self.process.poll() is None, "".join(self.printed)
            assert time.monotonic() < give_up, "".join(self.printed)
            time.sleep(0.05)

    def decide(self) -> dict[str, object]:
        answer = httpx.post(f"{self.url}/v1/decide?as=7", json={"page": "home"}, timeout=PATIENCE_S)
        assert answer.status_code == 200, answer.text
        decided: dict[str, object] = answer.json()
        return decided

    def revision(self) -> str:
        return str(self.decide()["revision"])


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    folder = tmp_path_factory.mktemp("dev") / "tea"
    assert main(["init", str(folder)]) == 0
    subprocess.run([sys.executable, "train.py"], cwd=folder, check=True)
    port = free_port(2)
    words = ["dev", str(folder), "--port", str(port), "--state", str(folder.parent / "state")]
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    running = Dev(folder, f"http://127.0.0.1:{port}", process)
    assert process.stdout
    threading.Thread(target=collect, args=(process.stdout, running.printed), daemon=True).start()
    try:
        running.wait_for("Watching")
        yield running
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(PATIENCE_S)
        process.stdout.close()


def collect(stream: IO[str], lines: list[str]) -> None:
    for line in stream:
        lines.append(line)


def save(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    draft = path.parents[2] / path.name  # replaced whole, as editors do: nobody builds from half of a file
    draft.write_text(text.replace(old, new))
    draft.replace(path)


def test_the_page_and_its_client_are_served(dev: Dev) -> None:
    assert "The tea shop" in httpx.get(f"{dev.url}/").text
    assert "customElements" in httpx.get(f"{dev.url}/edgewise.js").text
    slots = dev.decide()["slots"]
    assert isinstance(slots, dict)
    assert set(slots) == {"hero", "for-you", "delivery"}


def test_a_save_goes_live_without_dropping_a_request(dev: Dev) -> None:
    before = dev.revision()
    stop = threading.Event()
    codes: list[int] = []

    def keep_asking() -> None:
        with httpx.Client(timeout=PATIENCE_S) as client:
            while not stop.is_set():
                codes.append(client.post(f"{dev.url}/v1/decide?as=7", json={"page": "home"}).status_code)

    asking = threading.Thread(target=keep_asking)
    asking.start()
    save(dev.folder / "rules/guards.toml", "item.stock > 0", "item.stock > 10")
    give_up = time.monotonic() + PATIENCE_S
    while (dev.revision() == before or len(codes) <= 5) and time.monotonic() < give_up:
        time.sleep(0.05)
    stop.set()
    asking.join()
    assert dev.revision() != before
    assert len(codes) > 5
    assert set(codes) == {200}


def test_a_save_with_a_problem_shows_it_and_changes_nothing(dev: Dev) -> None:
    before = dev.revision()
    save(dev.folder / "rules/guards.toml", "item.price * 100", "item.prise * 100")
    dev.wait_for("stays live")
    printed = "".join(dev.printed)
    assert "rules/guards.toml" in printed
    assert "prise" in printed
    assert "price" in printed.partition("prise")[2]
    assert dev.revision() == before
    save(dev.folder / "rules/guards.toml", "item.prise * 100", "item.price * 100")


def test_a_second_one_on_the_same_port_is_refused(dev: Dev, capsys: pytest.CaptureFixture[str]) -> None:
    port = dev.url.rpartition(":")[2]
    assert main(["dev", str(dev.folder), "--port", port]) == 4
    assert f"port {port} is in use" in capsys.readouterr().err


def test_status_tells_what_runs(dev: Dev, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", dev.url]) == 0
    printed = capsys.readouterr().out
    assert dev.revision() in printed
    assert "origin    reachable" in printed


def test_an_interrupt_stops_everything(dev: Dev) -> None:
    dev.process.send_signal(signal.SIGINT)
    assert dev.process.wait(PATIENCE_S) == 0
    for port in (int(dev.url.rpartition(":")[2]), int(dev.url.rpartition(":")[2]) + 1):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
