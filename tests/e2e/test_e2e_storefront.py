"""The real job, with real processes, on a sample of households: what is served is what was trained on, and replays."""

import json
import runpy
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import httpx
import pytest
from ports import free_port

from compiler.build import build
from contracts.bundle import write_file
from contracts.codec import decode_json
from contracts.decision import Tier
from contracts.record import DecisionRecord, Recording
from deploy.catching_up import wait_for_feed
from deploy.processes import Child, start, stop, wait_until_ready
from deploy.publish import publish
from deploy.replays.catalogs import Catalogs
from deploy.replays.recordings import fetch_recording
from deploy.replays.replayer import replay
from deploy.secrets import ensure_secrets
from engine.gate import scope_of
from engine.guard import guard
from engine.load import load
from engine.loaded import LoadedBundle
from engine.programs.arrays import quiet
from engine.programs.values import Batch
from engine.retrieve import retrieve
from engine.score import by_model, matrix
from engine.snapshot import Snapshot
from loadtest import recorder
from loadtest.shoppers import Secrets

STOREFRONT = Path(__file__).parents[2] / "bundles/storefront"
KEPT_OUT = shutil.ignore_patterns("data", "dist", "*.txt", "*.calibration.csv", "redemption.json", "models.lock")
HOUSEHOLDS = 340
REQUESTS = 1000


@dataclass(frozen=True)
class Shop:
    """A running origin and edge over the trained sample, and the requests that were sent to it."""

    folder: Path
    registry: Path
    edge: str
    origin: str
    recording: Recording


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The storefront's sources, with data and models of the sample."""
    copy = tmp_path_factory.mktemp("storefront") / "storefront"
    shutil.copytree(STOREFRONT, copy, ignore=KEPT_OUT)
    subprocess.run([sys.executable, "train.py", "--sample", str(HOUSEHOLDS)], cwd=copy, check=True, capture_output=True)
    return copy


@pytest.fixture(scope="module")
def shop(folder: Path) -> Iterator[Shop]:
    state, port = folder.parent / "state", free_port(2)
    edge, origin = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}"
    bundle = build(folder).bundle
    secrets = ensure_secrets(state / "secrets.json")
    (state / "bundle.zip").write_bytes(write_file(bundle))
    publish(bundle, state / "registry", note="e2e", now=1)
    children = start_programs(folder, state, edge, origin)
    try:
        wait_until_ready(children)
        token = decode_json(secrets.read_bytes(), Secrets).operator_token
        sent = send_baskets(folder, edge, origin, token)
        yield Shop(folder, state / "registry", edge, origin, settled(origin, sent))
    finally:
        stop(children)


def start_programs(folder: Path, state: Path, edge: str, origin: str) -> list[Child]:
    shared = ["--secrets", str(state / "secrets.json")]
    port = origin.rpartition(":")[2]
    origin_words = ["origin", "--bundle", str(state / "bundle.zip"), "--state", str(state / "origin"), "--port", port]
    origin_words += ["--batch", str(folder / "batch.py"), "--history", str(folder / "data/history"), *shared]
    edge_words = ["edge", "--registry", str(state / "registry"), "--state", str(state / "edge"), "--origin", origin]
    edge_words += ["--port", edge.rpartition(":")[2], "--dev", "--budget-ms", "10000", *shared]
    return [
        start("origin", origin_words, f"{origin}/readyz"),
        start("edge", edge_words, f"{edge}/readyz"),
    ]


def send_baskets(folder: Path, edge: str, origin: str, token: str) -> int:
    """Each basket as its household's own visit: two items into the cart, then the shelf. Week by week, as they came."""
    weeks = modules(folder)["weeks"]
    baskets = modules(folder)["baskets"]
    history = modules(folder)["connect"](folder / "data/history")
    sent = 0
    for week in range(weeks["CATALOG_WEEK"], weeks["LAST_WEEK"]):
        begin = weeks["week_start"](week)
        headers = {"authorization": f"Bearer {token}"}
        body = {"as_of": begin.isoformat()}
        httpx.post(f"{origin}/v1/publish", json=body, headers=headers, timeout=120).raise_for_status()
        wait_for_feed(origin, edge)
        for basket in baskets["read_baskets"](history, begin, weeks["week_start"](week + 1)):
            if sent < REQUESTS:
                send_basket(edge, basket.household, basket.cart, basket.now)
                sent += 1
    history.disconnect()
    assert sent == REQUESTS
    return sent


def modules(folder: Path) -> dict[str, object]:
    """The bundle's own scripts."""
    sys.path.insert(0, str(folder))
    try:
        return {
            "weeks": runpy.run_path(str(folder / "weeks.py")),
            "baskets": runpy.run_path(str(folder / "baskets.py")),
            "connect": runpy.run_path(str(folder / "training_rows.py"))["connect"],
            "read_week": runpy.run_path(str(folder / "training_rows.py"))["read_week"],
        }
    finally:
        sys.path.remove(str(folder))


def send_basket(edge: str, household: str, cart: tuple[str, ...], now: int) -> None:
    instant = datetime.fromtimestamp(now / 1_000_000, UTC).isoformat()
    events = [{"id": f"{household}-{now}-{item}", "type": "add_to_cart", "item": item, "at": instant} for item in cart]
    with httpx.Client(base_url=edge, headers={"x-edgewise-now": instant}, timeout=30) as client:
        stored = client.post(f"/v1/events?as={household}", json={"events": events}).raise_for_status().json()
        assert stored["stored"] == len(events)
        client.post(f"/v1/decide?as={household}", json={"slots": ["for-you"]}).raise_for_status()


def settled(origin: str, wanted: int) -> Recording:
    """The recording, once the uplink has brought every record."""
    give_up = time.monotonic() + 180
    while time.monotonic() < give_up:
        recording = whole(fetch_recording(origin, 10 * wanted))
        if len(recording.records) >= wanted:
            return recording
        time.sleep(0.5)
    raise AssertionError(f"{len(recording.records)} of {wanted} records arrived")


def whole(parts: Iterable[Recording]) -> Recording:
    """All parts as one."""
    known = list(parts)
    records = tuple(record for part in known for record in part.records)
    return Recording(records=records, deltas=tuple(delta for part in known for delta in part.deltas))


def test_every_request_was_answered_by_the_model(shop: Shop) -> None:
    answers = [record.result.decisions[0] for record in shop.recording.records]
    assert len(answers) == REQUESTS
    assert {answer.tier for answer in answers if answer.cause is None} == {Tier.MODEL}
    assert sum(answer.tier is Tier.MODEL for answer in answers) > 0.8 * REQUESTS


def test_records_replay_identically_in_a_fresh_process(shop: Shop) -> None:
    words = ["replay", shop.origin, "--registry", str(shop.registry), "--json"]
    run = subprocess.run([sys.executable, "-m", "deploy", *words], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    report = json.loads(run.stdout)
    assert report["records"] == REQUESTS
    assert report["outcomes"] == {"identical": REQUESTS}


def test_real_baskets_recorded_without_http_replay_in_a_fresh_process(folder: Path) -> None:
    out = folder.parent / "baskets.rec"
    assert recorder.record(folder, out, 500) == 500
    words = ["replay", str(out), "--bundle", str(out.with_suffix(".zip")), "--processes", "2", "--json"]
    run = subprocess.run([sys.executable, "-m", "deploy", *words], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert json.loads(run.stdout)["outcomes"] == {"identical": 500}
    data = bytearray(out.read_bytes())
    data[len(data) // 2] ^= 1
    out.write_bytes(bytes(data))
    run = subprocess.run([sys.executable, "-m", "deploy", *words], capture_output=True, text=True, check=False)
    assert run.returncode == 2, run.stdout + run.stderr


@quiet
def test_served_model_rows_equal_the_training_rows_bit_for_bit(shop: Shop) -> None:
    loaded = load(build(shop.folder).bundle)
    catalogs = Catalogs({loaded.revision: loaded})
    catalogs.add(shop.recording.records[0].cursor.epoch, shop.recording.deltas)
    trained = training_rows(shop.folder)
    slot = loaded.slots["for-you"]
    assert slot.model
    (discount,) = slot.other_models
    scored = 0
    for record in shop.recording.records:
        (trace,) = record.result.traces
        rows = served_rows(record, loaded, catalogs)
        inputs, discount_inputs = matrix(slot.model, rows), matrix(discount, rows)
        items = tuple(rows.table.ids[row] for row in rows.rows)
        assert (record.request.now, inputs.tobytes(), discount_inputs.tobytes(), items) in trained
        if trace.scores and record.result.decisions[0].tier is not Tier.FALLBACK:
            assert items == trace.survivors  # what the edge itself traced, for this matrix
            assert tuple(by_model(slot.model, rows).tolist()) == trace.scores
            assert tuple(by_model(discount, rows).tolist()) == trace.other_scores["discount"]
            scored += 1
    assert scored > 0.9 * REQUESTS


def served_rows(record: DecisionRecord, loaded: LoadedBundle, catalogs: Catalogs) -> Batch:
    """The candidates that reached the model in a recorded decision, from the record alone."""
    catalog = catalogs.at(record.revision, record.cursor)
    snapshot = Snapshot(catalog.tables, {record.request.units["visitor"]: record.visitor}, record.cursor)
    scope = scope_of(record.request, snapshot, loaded)
    slot = loaded.slots["for-you"]
    table = snapshot.tables[slot.spec.table]
    candidates = Batch(scope, table, retrieve(slot, scope, snapshot).rows)
    return Batch(scope, table, guard(slot, candidates, record.request.exposures).batch.rows)


def training_rows(folder: Path) -> set[tuple[int, bytes, bytes, tuple[str, ...]]]:
    """Instant, bytes of both models' matrices, item ids: of every request of the test weeks that was trained with."""
    known = modules(folder)
    weeks, baskets = known["weeks"], known["baskets"]
    history = known["connect"](folder / "data/history")
    found = set()
    for week in range(weeks["CATALOG_WEEK"], weeks["LAST_WEEK"]):
        rows = known["read_week"](folder / f"data/rows/week-{week}.npz")
        read = baskets["read_baskets"](history, weeks["week_start"](week), weeks["week_start"](week + 1))
        instants = {basket.id: basket.now for basket in read}
        for number, (first, last) in enumerate(zip(rows.starts[:-1], rows.starts[1:], strict=True)):
            both = (rows.inputs[first:last].tobytes(), rows.discount_inputs[first:last].tobytes())
            items = tuple(str(item) for item in rows.items[first:last])
            found.add((instants[str(rows.baskets[number])], *both, items))
    history.disconnect()
    return found


def test_nothing_is_read_that_came_later(shop: Shop) -> None:
    for record in shop.recording.records:
        assert all(value.as_of <= record.request.now for value in record.visitor.values())
    by_position = groupby(shop.recording.records, key=lambda record: record.cursor.positions.get("products", 0))
    published = {delta.seq: delta.as_of for delta in shop.recording.deltas if delta.table == "products"}
    for position, records in by_position:
        assert all(published[position] <= record.request.now for record in records)


def test_a_record_names_a_zip_code_and_does_not_hold_it(shop: Shop) -> None:
    headers = {"x-edgewise-now": "2017-12-29T15:00:00+00:00"}
    with httpx.Client(base_url=shop.edge, headers=headers, timeout=30) as client:
        for context in ({}, {"zip": "45202"}):
            asked = {"slots": ["delivery"], "context": context}
            client.post("/v1/decide", json=asked).raise_for_status()
    recording = settled(shop.origin, REQUESTS + 2)
    plain, told = recording.records[-2:]
    assert (plain.masked, told.masked) == ((), ("request.zip",))
    assert not told.request.context
    assert told.result.decisions[0].answer != plain.result.decisions[0].answer
    loaded = load(build(shop.folder).bundle)
    part = Recording(epoch=plain.cursor.epoch, records=(plain, told), deltas=recording.deltas)
    assert [(verdict.outcome, verdict.detail) for verdict in replay([part], {loaded.revision: loaded})] == [
        ("identical", ""),
        ("not replayable", "masked: request.zip; what was decided from them cannot be decided again"),
    ]
