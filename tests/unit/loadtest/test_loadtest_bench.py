"""G14: held-out visitors wait as long as others. The benchmark sends both groups the same requests and prints both."""

import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path

import pytest

from deploy.processes import Child
from deploy.secrets import ensure_secrets
from edge.config import MICROSECONDS, read_secrets
from edge.qa import COOKIE, verified
from loadtest import bench
from loadtest.open_loop import Call, Run

CALLS = [Call(f"/v1/decide?as={number}", b'{"page": "home"}', {"content-type": "application/json"}) for number in "78"]


def test_the_held_out_and_the_treated_are_timed_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secrets = ensure_secrets(tmp_path / "secrets.json")
    sent: list[list[Call]] = []

    def stand_in(url: str, calls: list[Call], *, rate_per_s: float, duration_s: float, classify: object) -> Run:
        sent.append(calls)
        return Run(rate_per_s, [3.0 if len(sent) % 2 else 2.0] * 10, duration_s=duration_s)

    monkeypatch.setattr(bench, "run", stand_in)
    monkeypatch.setattr(bench, "rss_mb", lambda pid: 100.0)
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        edge = Child("edge", process, "http://127.0.0.1/readyz")
        bench._compare_groups(50.0, Namespace(rounds=2, seconds=1.0), CALLS, secrets, edge)
    assert [[held_out(call, secrets) for call in calls] for calls in sent] == [[True] * 2, [False] * 2] * 2
    for calls in sent:
        assert [(call.path, call.body) for call in calls] == [(call.path, call.body) for call in CALLS]
    held, treated, ratio = capsys.readouterr().out.strip().splitlines()
    assert (held[:14], treated[:13], ratio[:18]) == ("edge, held out", "edge, treated", "held out / treated")
    assert ratio.split()[-3:] == ["1.50x"] * 3


def held_out(call: Call, secrets: Path) -> bool:
    """What an edge with these secrets would take from the token of a request."""
    name, _, token = call.headers["cookie"].partition("=")
    assert name == COOKIE
    return verified(read_secrets(secrets).qa_key, token, time.time_ns() // 1000 + 3600 * MICROSECONDS).is_held_out
