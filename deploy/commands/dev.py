"""`edgewise dev`.

Builds the bundle, starts an origin and an edge, waits until the edge has the origin's features, serves the bundle's
site, and on every save builds again and swaps: no request is dropped, and a bundle with problems changes nothing. It
never trains.

examples:
  edgewise dev bundles/storefront
  edgewise dev bundles/storefront --port 9000 --now 2017-11-20T14:00:00Z
"""

import argparse
import hashlib
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import watchfiles

import compiler
import contracts
import engine
from compiler.build import build
from compiler.diagnostics import render
from contracts.bundle import Bundle, read_file, write_file
from contracts.errors import EdgewiseError
from deploy.catching_up import wait_for_feed
from deploy.outcome import Outcome
from deploy.processes import Child, check_port, start, stop, wait_until_ready
from deploy.publish import current, publish
from deploy.secrets import ensure_secrets
from edge.config import parse_instant

WATCHED = {".toml", ".csv", ".lock"}
_BUDGET_MS = "50"  # instead of 20: browser, compiler and origin share the machine


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the words after `dev`."""
    parser.add_argument("folder", type=Path, help="a bundle's folder, with its edgewise.toml")
    parser.add_argument(
        "--port", type=int, default=8300, help="the page's port (default: %(default)s); the origin takes the next one"
    )
    parser.add_argument("--now", help="the instant that decisions take for now, RFC 3339 (default: the clock)")
    parser.add_argument("--publish", help="the instant as of which the origin publishes features (default: --now)")
    parser.add_argument(
        "--state", type=Path, default=Path(".edgewise"), help="what the programs keep (default: %(default)s)"
    )


def run(options: argparse.Namespace) -> Outcome:
    """Runs until Ctrl-C, then stops both programs."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)  # also where a shell started us in the background
    _check(options)
    state = options.state / options.folder.resolve().name
    ensure_secrets(state / "secrets.json")
    _release(options.folder, state, note="dev")
    children: list[Child] = []
    try:
        for program in _programs(
            options, state
        ):  # the origin first: an edge that finds none waits before it asks again
            children.append(program())
            wait_until_ready(children)
        print(_welcome(options, is_fed=_is_fed(options, children)), flush=True)
        _rebuild_on_save(options.folder, state, children)
    except KeyboardInterrupt:
        print("\nStopping ...", file=sys.stderr)
    finally:
        stop(children)
    return Outcome({"stopped": True})


def _check(options: argparse.Namespace) -> None:
    """Raises for what origin or edge would refuse only after the build."""
    for port in (options.port, options.port + 1):
        check_port(port)
    for name in ("now", "publish"):
        if told := getattr(options, name):
            parse_instant(told, f"--{name}")


def _release(folder: Path, state: Path, *, note: str) -> Bundle:
    """Builds and publishes, unless the last build was of the very same sources by the very same code."""
    file, stamp, digest = state / "bundle.zip", state / "bundle.digest", _digest(folder)
    if file.exists() and stamp.exists() and stamp.read_text() == digest and current(state / "registry"):
        return read_file(file.read_bytes())
    built = build(folder, on_progress=_progress)
    bundle = built.bundle
    if built.report.warnings:
        print(render(built.report.warnings), file=sys.stderr, flush=True)
    scratch = file.with_suffix(".new")
    scratch.write_bytes(write_file(bundle))
    scratch.replace(file)
    publish(bundle, state / "registry", note=note, now=time.time_ns() // 1000)
    stamp.write_text(digest)
    return bundle


def _digest(folder: Path) -> str:
    """Of every source of the bundle, and of the code that builds it."""
    code = [path for package in (compiler, contracts, engine) for path in Path(package.__path__[0]).rglob("*.py")]
    sources = [path for path in folder.rglob("*") if path.suffix in WATCHED and "dist" not in path.parts]
    state = hashlib.sha256()
    for path in sorted([*code, *sources]):
        state.update(hashlib.sha256(path.read_bytes()).digest())
    return state.hexdigest()


def _progress(stage: str) -> None:
    print(f"  {stage}", file=sys.stderr, flush=True)


def _programs(options: argparse.Namespace, state: Path) -> list[Callable[[], Child]]:
    """How to start origin and edge."""
    secrets = ["--secrets", str(state / "secrets.json")]
    origin_url = f"http://127.0.0.1:{options.port + 1}"
    edge = ["edge", "--registry", str(state / "registry"), "--state", str(state / "edge"), *secrets]
    edge += ["--origin", origin_url, "--port", str(options.port), "--dev", "--budget-ms", _BUDGET_MS]
    origin = ["origin", "--bundle", str(state / "bundle.zip"), "--state", str(state / "origin"), *secrets]
    origin += ["--port", str(options.port + 1)]
    if (options.folder / "site").is_dir():
        edge += ["--site", str(options.folder / "site")]
    if (options.folder / "batch.py").exists():
        origin += ["--batch", str(options.folder / "batch.py"), "--history", str(options.folder / "data" / "history")]
        if options.publish or options.now:
            origin += ["--publish", options.publish or options.now]
    if options.now:
        edge += ["--now", options.now]
    return [
        partial(start, "origin", origin, f"{origin_url}/readyz"),
        partial(start, "edge", edge, f"http://127.0.0.1:{options.port}/readyz"),
    ]


def _is_fed(options: argparse.Namespace, children: list[Child]) -> bool:
    """Whether the edge has the origin's feed; waits for it a while, as long as both programs run."""

    def check() -> None:
        for child in children:
            child.check()

    return wait_for_feed(f"http://127.0.0.1:{options.port + 1}", f"http://127.0.0.1:{options.port}", check=check)


def _welcome(options: argparse.Namespace, *, is_fed: bool) -> str:
    edge = f"http://127.0.0.1:{options.port}"
    feed = "all in" if is_fed else "still coming in: until then a page may be plain, or as for a new visitor"
    decide = f"curl -s '{edge}/v1/decide?as=208' -H 'content-type: application/json' -d '{{\"page\": \"home\"}}'"
    return "\n".join(
        [
            "",
            f"  page      {edge}/",
            f"  decide    {decide}",
            f"  metrics   {edge}/metrics",
            f"  origin    http://127.0.0.1:{options.port + 1}/metrics",
            f"  status    edgewise status {edge}",
            f"  feed      {feed}",
            "",
            f"  Watching {options.folder}: save a rule or a slot to see it live. Ctrl-C stops everything.",
            "",
        ]
    )


def _is_source(_change: watchfiles.Change, path: str) -> bool:
    return Path(path).suffix in WATCHED and ".edgewise" not in path and "/dist/" not in path


def _rebuild_on_save(folder: Path, state: Path, children: list[Child]) -> None:
    has_looked = False
    for changes in watchfiles.watch(folder, watch_filter=_is_source, rust_timeout=1000, yield_on_timeout=True):
        for child in children:
            child.check()
        if changes:
            _rebuild(folder, state, sorted({Path(path).name for _, path in changes}))
        elif not has_looked and _digest(folder) != (state / "bundle.digest").read_text():
            _rebuild(folder, state, ["a source"])  # before the watch began
        has_looked = True


def _rebuild(folder: Path, state: Path, names: list[str]) -> None:
    started = time.monotonic()
    try:
        bundle = _release(folder, state, note=f"saved {', '.join(names)}")
    except EdgewiseError as error:
        print(f"{error}\nThe bundle before this save stays live.", file=sys.stderr)
        return
    print(f"{', '.join(names)} saved: {bundle.revision[:19]} built in {time.monotonic() - started:.1f} s", flush=True)
