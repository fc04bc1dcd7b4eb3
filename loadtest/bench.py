"""`make bench`: real page decisions beside a bare answer of the same size, on the same server, in one run.

Open loop, one core for the server where the machine has two. The rounds alternate, so that a drifting machine hits both
alike; households rotate, because a scorer that sees one input over and over looks faster than it is. At the lowest rate
the same households are then sent twice, held out and not, by QA tokens: both groups must wait equally long.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import httpx
from tqdm import tqdm

from compiler.build import build
from contracts.bundle import write_file
from contracts.codec import decode_json
from contracts.decision import Override
from contracts.errors import EdgewiseError
from deploy.catching_up import wait_for_feed
from deploy.processes import Child, start, stop, wait_until_ready
from deploy.publish import publish
from deploy.secrets import ensure_secrets
from edge.config import MICROSECONDS, read_secrets
from edge.qa import COOKIE, Token, signed
from loadtest.open_loop import Call, Run, run
from loadtest.report import HEADER, ratio, row, rss_mb
from loadtest.scenarios import NotPreparedError, decide_calls, read_visits

STOREFRONT = Path("bundles/storefront")
EDGE_PORT, ORIGIN_PORT, BARE_PORT = 18500, 18501, 18502
HOUSEHOLDS = 500
SECRETS_FILE = "secrets.json"
TOKEN_HOURS = 8
WEEK = "2017-11-20T05:00:00+00:00"


def main(words: list[str] | None = None) -> int:
    """Builds, starts the three programs, measures, prints the table."""
    parser = argparse.ArgumentParser("loadtest.bench", description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--rates", type=float, nargs="+", default=[50.0, 100.0, 200.0], help="arrivals per second")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each round (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=2, help="rounds per rate and server (default: %(default)s)")
    options = parser.parse_args(words)
    try:
        with tempfile.TemporaryDirectory() as state:
            _bench(options, Path(state))
    except EdgewiseError as error:
        print(error, file=sys.stderr)
        return 4
    return 0


def _bench(options: argparse.Namespace, state: Path) -> None:
    calls = _calls()
    children = _start_programs(state)
    try:
        wait_until_ready(children)
        wait_for_feed(f"http://127.0.0.1:{ORIGIN_PORT}", f"http://127.0.0.1:{EDGE_PORT}")
        size = _warm_up(calls)
        children.append(_start_bare(size))
        wait_until_ready(children[-1:])
        print(f"{len(calls)} households in turn, answers of {size} bytes, {os.cpu_count()} cores\n\n{HEADER}")
        for rate in options.rates:
            _compare(rate, options, calls, children)
        _compare_groups(min(options.rates), options, calls, state / SECRETS_FILE, children[1])
    finally:
        stop(children)


def _calls() -> list[Call]:
    monday = datetime.fromisoformat(WEEK)
    visits = [visit for visit in read_visits() if (visit.at - monday).days < 7]
    by_household = {visit.household: visit for visit in visits}
    return decide_calls(list(by_household.values())[:HOUSEHOLDS])


def _start_programs(state: Path) -> list[Child]:
    bundle = build(STOREFRONT).bundle
    (state / "bundle.zip").write_bytes(write_file(bundle))
    publish(bundle, state / "registry", note="bench", now=time.time_ns() // 1000)
    shared = ["--secrets", str(ensure_secrets(state / SECRETS_FILE))]
    origin_url = f"http://127.0.0.1:{ORIGIN_PORT}"
    origin = ["origin", "--bundle", str(state / "bundle.zip"), "--state", str(state / "origin"), *shared]
    origin += ["--port", str(ORIGIN_PORT), "--publish", WEEK, "--batch", str(STOREFRONT / "batch.py")]
    origin += ["--history", str(STOREFRONT / "data/history")]
    edge = ["edge", "--registry", str(state / "registry"), "--state", str(state / "edge"), *shared, "--dev"]
    edge += ["--port", str(EDGE_PORT), "--origin", origin_url]
    return [
        start("origin", origin, f"{origin_url}/readyz"),
        start("edge", edge, f"http://127.0.0.1:{EDGE_PORT}/readyz"),
    ]


def _start_bare(size: int) -> Child:
    command = [sys.executable, "-m", "loadtest.bare", "--port", str(BARE_PORT), "--bytes", str(size)]
    return Child("bare", subprocess.Popen(command, start_new_session=True), f"http://127.0.0.1:{BARE_PORT}/")


def _warm_up(calls: list[Call]) -> int:
    """The typical size of an answer, after every call was sent once."""
    sizes = []
    with httpx.Client(base_url=f"http://127.0.0.1:{EDGE_PORT}", timeout=30) as client:
        for call in tqdm(calls, desc="warm-up", leave=False):
            answer = client.post(call.path, content=call.body, headers=call.headers).raise_for_status()
            sizes.append(len(answer.content))
    return sorted(sizes)[len(sizes) // 2]


def _compare(rate: float, options: argparse.Namespace, calls: list[Call], children: list[Child]) -> None:
    ours, floor = Run(rate), Run(rate)
    for _ in range(options.rounds):
        for port, whole in ((EDGE_PORT, ours), (BARE_PORT, floor)):
            url = f"http://127.0.0.1:{port}"
            whole.add(run(url, calls, rate_per_s=rate, duration_s=options.seconds, classify=_tiers))
    _, edge, bare = children
    print(row("edge, whole page", ours, rss_mb(edge.process.pid)))
    print(row("bare ASGI answer", floor, rss_mb(bare.process.pid)))
    print(ratio(ours, floor) + "\n", flush=True)


def _compare_groups(rate: float, options: argparse.Namespace, calls: list[Call], secrets: Path, edge: Child) -> None:
    """The same households held out and treated, in turn."""
    held, treated = Run(rate), Run(rate)
    groups = [(_with_token(calls, secrets, is_held_out=whole is held), whole) for whole in (held, treated)]
    for _ in range(options.rounds):
        for sent, whole in groups:
            url = f"http://127.0.0.1:{EDGE_PORT}"
            whole.add(run(url, sent, rate_per_s=rate, duration_s=options.seconds, classify=_tiers))
    print(row("edge, held out", held, rss_mb(edge.process.pid)))
    print(row("edge, treated", treated, rss_mb(edge.process.pid)))
    print(ratio(held, treated, "held out / treated") + "\n", flush=True)


def _with_token(calls: list[Call], secrets: Path, *, is_held_out: bool) -> list[Call]:
    key = read_secrets(secrets).qa_key
    if key is None:
        raise NotPreparedError(f"{secrets} has no key for QA tokens")
    expires_at = time.time_ns() // 1000 + TOKEN_HOURS * 3600 * MICROSECONDS
    token = signed(key, Token(override=Override(is_held_out=is_held_out), expires_at=expires_at))
    return [replace(call, headers={**call.headers, "cookie": f"{COOKIE}={token}"}) for call in calls]


def _tiers(body: bytes) -> list[str]:
    slots = decode_json(body, dict[str, object], max_bytes=1 << 20)["slots"]
    return [_tier(slot) for slot in slots.values()] if isinstance(slots, dict) else []


def _tier(slot: dict[str, object]) -> str:
    return f"{slot['tier']}/{slot['cause']}" if slot["cause"] else str(slot["tier"])


if __name__ == "__main__":
    sys.exit(main())
