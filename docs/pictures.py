"""Makes the pictures and text blocks of docs/storefront.md from decisions of the running shop: `make pictures`.

Starts origin and edge of the storefront on real data, opens its pages in Debian's chromium, asks for decisions under
the circumstances that the page explains, and paints what came. Needs a trained storefront (`make run` once) and the
packages of `make test`. Text blocks of the page stand below a marker, `<!-- from: NAME -->`.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import msgspec
from playwright.sync_api import Browser, sync_playwright

from compiler.build import build
from contracts.bundle import Bundle, write_file
from deploy.catching_up import wait_for_feed
from deploy.processes import Child, start, stop, wait_until_ready
from deploy.publish import publish
from deploy.secrets import ensure_secrets
from docs import picture_cards, picture_operations, picture_scenes
from docs.picture_scenes import Shop

ROOT = Path(__file__).parents[1]
STOREFRONT, IMAGES, PAGE = ROOT / "bundles/storefront", ROOT / "docs/images", ROOT / "docs/storefront.md"
NOW, WEEK, LATER = "2017-11-20T14:00:00Z", "2017-11-20T05:00:00Z", "2017-12-06T14:00:00Z"
BROWSER_ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
EDGE = ["edge", "--dev", "--site", str(STOREFRONT / "site")]
PATIENCE_MS = 5000.0  # the machine that makes pictures may be busy
HASTE_MS = 0.01  # a budget that is spent before the first check
SILENCE_S = 1  # instead of the bundle's eight days, which nobody waits for
CARD_WIDTH, QUALITY = 980, 78
OTHER_FLOOR = ("item.cost * 105", "item.cost * 140")
KEPT_LINES = 6
LISTED = ("drew ", " blocked by ", "model ")


def main() -> None:
    """Writes docs/images and the text blocks of the page."""
    parser = argparse.ArgumentParser("docs.pictures", description="Makes the pictures of docs/storefront.md.")
    parser.add_argument("--port", type=int, default=8340, help="this port and the next four are used")
    parser.add_argument("--only", default="", help="make only the pictures whose name begins so")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, running(Path(scratch), options.port) as shop:
        with browser() as chromium:
            paint(shop, chromium, options.only)
        if not options.only:
            write_texts(shop, Path(scratch))


@contextmanager
def running(scratch: Path, port: int) -> Iterator[Shop]:
    """The shop with an edge that always has time, and beside it those that a scene needs."""
    names = ("edge", "origin", "hasty", "later", "silent")
    at = {name: f"http://127.0.0.1:{port + step}" for step, name in enumerate(names)}
    secrets = ensure_secrets(scratch / "secrets.json")
    bundle = build(STOREFRONT).bundle
    for name, each in (("registry", bundle), ("impatient", _impatient(bundle))):
        (scratch / f"{name}.zip").write_bytes(write_file(each))
        publish(each, scratch / name, note="pictures", now=1)
    children: list[Child] = []
    try:
        for name, words in _programs(scratch, at["origin"]).items():
            where = ["--secrets", str(secrets), "--state", str(scratch / name), "--port", at[name].rpartition(":")[2]]
            children.append(start(name, [*words, *where], f"{at[name]}/readyz"))
            wait_until_ready(children)
        for name in ("edge", "hasty", "later", "silent"):
            wait_for_feed(at["origin"], at[name])
        yield Shop(**at, secrets=secrets, registry=scratch / "registry", folder=STOREFRONT)
    finally:
        stop(children)


def _programs(scratch: Path, origin: str) -> dict[str, list[str]]:
    """The words that start each program, the origin first."""
    batch = ["--batch", str(STOREFRONT / "batch.py"), "--history", str(STOREFRONT / "data/history")]
    edge = [*EDGE, "--origin", origin, "--registry", str(scratch / "registry")]
    impatient = [*EDGE, "--origin", origin, "--registry", str(scratch / "impatient")]
    patient = ["--budget-ms", str(PATIENCE_MS)]
    return {
        "origin": ["origin", "--bundle", str(scratch / "registry.zip"), "--publish", WEEK, *batch],
        "edge": [*edge, *patient, "--now", NOW],
        "hasty": [*edge, "--budget-ms", str(HASTE_MS), "--now", NOW],
        "later": [*edge, *patient, "--now", LATER],
        "silent": [*impatient, *patient, "--now", NOW],
    }


def _impatient(bundle: Bundle) -> Bundle:
    """The same bundle for a node that takes the time between two answers of its feed for silence."""
    return replace(bundle, manifest=msgspec.structs.replace(bundle.manifest, max_staleness_s=SILENCE_S))


@contextmanager
def browser() -> Iterator[Browser]:
    """Debian's chromium."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=BROWSER_ARGS)
        yield chromium
        chromium.close()


def paint(shop: Shop, chromium: Browser, only: str) -> None:
    """Every picture whose name begins as wanted."""
    for name, photograph in picture_scenes.PHOTOGRAPHS.items():
        if name.startswith(only):
            shown = photograph(shop, chromium)
            if len(shown) == 1:
                (IMAGES / f"{name}.jpg").write_bytes(next(iter(shown.values())))
            else:
                painted(chromium, picture_cards.side_by_side(shown), IMAGES / f"{name}.jpg", 1320, 1.0)
    for name, scene in (picture_scenes.CARDS | picture_operations.CARDS).items():
        if name.startswith(only):
            painted(chromium, scene(shop), IMAGES / f"{name}.png", CARD_WIDTH, 1.25)


def painted(chromium: Browser, body: str, file: Path, width: int, scale: float) -> None:
    """One card as a picture."""
    page = chromium.new_page(viewport={"width": width, "height": 400}, device_scale_factor=scale)
    page.set_content(picture_cards.document(body, width))
    kind = {"type": "jpeg", "quality": QUALITY} if file.suffix == ".jpg" else {"type": "png"}
    page.locator("main").screenshot(path=file, **kind)
    page.close()


def write_texts(shop: Shop, scratch: Path) -> None:
    """What the commands print, into the page."""
    text = PAGE.read_text(encoding="utf-8")
    for name, told in printed(shop, scratch).items():
        block = told.strip()
        pattern = rf"(<!-- from: {name} -->\n```text\n).*?(```)"
        text = re.sub(pattern, lambda found, block=block: f"{found[1]}{block}\n{found[2]}", text, flags=re.DOTALL)
    PAGE.write_text(text, encoding="utf-8")


def printed(shop: Shop, scratch: Path) -> dict[str, str]:
    """What the commands print on records of the shop, by the name of the block."""
    decisions = picture_scenes.recorded(shop)
    recording, other = str(scratch / "baskets.rec"), scratch / "other"
    shutil.copytree(STOREFRONT, other, ignore=shutil.ignore_patterns("dist", "rows", "history", "untrained.zip"))
    guards = other / "rules/guards.toml"
    guards.write_text(guards.read_text(encoding="utf-8").replace(*OTHER_FLOOR), encoding="utf-8")
    edgewise("build", str(other), "-o", str(scratch / "other.zip"))
    bundles = [word for name in ("registry", "impatient") for word in ("--bundle", str(scratch / f"{name}.zip"))]
    replayed = edgewise("replay", shop.origin, *bundles, "--save", recording)
    compared = edgewise("replay", recording, *bundles, "--with", str(scratch / "other.zip"))
    explain = ["explain", recording, "--registry", str(shop.registry), "--sources", str(STOREFRONT), "--decision"]
    explained = {
        f"explain {slot}": shortened(edgewise(*explain, decision["decision_id"]))
        for slot, decision in decisions.items()
    }
    return {"replay": replayed, "replay --with": first_example(compared), **explained}


def edgewise(*words: str) -> str:
    """What a command prints."""
    run = subprocess.run([sys.executable, "-m", "deploy", *words], capture_output=True, text=True, check=False)
    if run.returncode not in (0, 1):
        raise SystemExit(f"edgewise {words[0]}: {run.stderr or run.stdout}")
    return run.stdout


def first_example(text: str) -> str:
    """The totals, and of the examples below them the first."""
    totals, *examples = text.split("for example ")
    return f"{totals}for example {examples[0]}" if examples else totals


def shortened(text: str) -> str:
    """The text with long lists cut: of lines that stand equally deep and say the like, the first few."""
    kept: list[str] = []
    same, count = ("", ""), 0
    for line in text.splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        kind = (indent, next((words for words in LISTED if words in line), ""))
        same, count = (same, count + 1) if kind == same else (kind, 1)
        if not any(kind) or count <= KEPT_LINES:
            kept.append(line)
        elif count == KEPT_LINES + 1:
            kept.append(f"{indent}...")
    return "\n".join(kept)


if __name__ == "__main__":
    try:
        main()
    except httpx.HTTPError as error:
        raise SystemExit(f"the shop did not answer: {error}") from None
