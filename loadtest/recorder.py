"""`python -m loadtest.recorder`: real baskets decided by a real edge node, without HTTP, into a recording file.

The node and the origin's feed are those of production, in this process: features are published week by week, events
fold into visitor state, records go through the spool. Each visit opens the page, then asks again after each item that
goes into its cart; every twentieth visitor has not given consent. What comes out is what `edgewise replay` takes.
"""

import argparse
import asyncio
import dataclasses
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tqdm import tqdm

from compiler.build import build
from contracts.bundle import Bundle, write_file
from contracts.codec import pack, unpack
from contracts.errors import EdgewiseError
from contracts.features import FeedPage
from contracts.record import DecisionRecord, Recording
from contracts.visitor_state import Consent, VisitorState
from deploy.replays.recording_files import write_recording
from deploy.secrets import ensure_secrets
from edge.activation import Live
from edge.caller import Caller, units, with_state
from edge.config import MICROSECONDS, Config, read_secrets
from edge.deadline import Arrival
from edge.intake import take
from edge.node import Clock, Node
from edge.pages import PageAsk, decide_page
from edge.spool import Kind
from edge.visits import begun
from engine.load import load
from engine.loaded import LoadedBundle
from engine.snapshot import VISITOR
from loadtest.scenarios import Visit, read_visits
from loadtest.shoppers import monday
from origin import feed, folding, log, publication
from origin.config import BatchConfig
from origin.database import Database

STOREFRONT = Path("bundles/storefront")
BUDGET_MS = 100.0
SPOOL_BYTES = 8 * 1024 * 1024 * 1024
PART_RECORDS = 256
PACE_US = 20 * MICROSECONDS
WAIT_S = 0.01


def main(words: list[str] | None = None) -> int:
    """Decides the requests, writes the file, tells how long both took."""
    parser = argparse.ArgumentParser("loadtest.recorder", description="Record decisions on real baskets.")
    parser.add_argument("out", type=Path, help="the recording file; its bundle is written beside it, as .zip")
    parser.add_argument("--bundle", type=Path, default=STOREFRONT, help="the storefront (default: %(default)s)")
    parser.add_argument("--requests", type=int, default=100_000, help="page decisions (default: %(default)s)")
    options = parser.parse_args(words)
    started = time.monotonic()
    try:
        records = record(options.bundle, options.out, options.requests)
    except (EdgewiseError, OSError) as error:
        print(error, file=sys.stderr)
        return 4
    print(f"{records} page decisions, {options.out.stat().st_size / 1e6:.0f} MB, {time.monotonic() - started:.0f} s")
    return 0


def record(folder: Path, out: Path, requests: int) -> int:
    """Records this many page decisions, as far as there are visits. Returns how many."""
    bundle = build(folder).bundle
    out.with_suffix(".zip").write_bytes(write_file(bundle))
    visits = read_visits(folder / "data/visits.jsonl")
    with tempfile.TemporaryDirectory() as scratch, tqdm(total=requests, desc="decided", unit="page") as bar:
        shop = _Shop(bundle, folder, Path(scratch))
        try:
            return write_recording(out, _counted(shop.parts(visits, requests), bar))
        finally:
            shop.close()


def _counted(parts: Iterator[Recording], bar: "tqdm[None]") -> Iterator[Recording]:
    for part in parts:
        yield part
        bar.update(len(part.records))


@dataclass
class _Spooled:
    """How many records were made, how many taken out of the spool, and the number of the last one there."""

    made: int = 0
    taken: int = 0
    last_seq: int = 0


class _Shop:
    """Origin and node in one process: what the one publishes the other reads, and what it decides is handed on."""

    def __init__(self, bundle: Bundle, folder: Path, scratch: Path) -> None:
        secrets = read_secrets(ensure_secrets(scratch / "secrets.json"))
        config = Config(
            registry=scratch / "registry",
            state=scratch / "edge",
            secrets=secrets,
            node="recorder",
            budget_ms=BUDGET_MS,
            max_spool_bytes=SPOOL_BYTES,
        )
        self._loaded: LoadedBundle = load(bundle)
        self._node = Node(config, Clock())
        self._database = Database(
            scratch / "origin.sqlite", (*feed.TABLES, *log.TABLES, *folding.TABLES, *publication.TABLES)
        )
        self._database.writes.run_now(feed.begin_first_epoch)
        batch = BatchConfig(folder / "batch.py", folder / "data/history")
        self._plan = publication.plan_of(bundle, batch, secrets.pseudonym_key)
        self._runner = asyncio.Runner()
        self._spooled = _Spooled()

    def parts(self, visits: list[Visit], requests: int) -> Iterator[Recording]:
        """The feed and the records of these visits, in their order."""
        week: datetime | None = None
        for number, visit in enumerate(visits):
            if monday(visit.at) != week:
                week = monday(visit.at)
                yield from self._records(least=1)
                yield from self._published(week)
            self._visit(visit, requests, has_consent=number % 20 > 0)
            yield from self._records(least=PART_RECORDS)
            if self._spooled.made >= requests:
                break
        yield from self._records(least=1)

    def close(self) -> None:
        """Closes files and threads."""
        self._runner.close()
        self._node.close()
        self._database.close()

    def _published(self, week: datetime) -> Iterator[Recording]:
        """A week's features, on the node and, as far as they are the catalog's, in the recording."""
        publication.publish(self._database, self._plan, week)
        live = self._node.live or Live(self._loaded, self._loaded.snapshot)
        is_last = False
        while not is_last:
            query = feed.Query(self._node.feed.cursor)
            page = unpack(pack(self._database.reads.run_now(feed.page, query)), FeedPage)
            snapshot = self._node.feed.take(page, self._loaded, live.snapshot, self._node.clock.now_us())
            live = self._node.live = Live(self._loaded, snapshot)
            is_last = page.is_last
            catalog = tuple(delta for delta in page.deltas if delta.table != VISITOR)
            yield Recording(deltas=catalog, epoch=page.cursor.epoch)

    def _visit(self, visit: Visit, requests: int, *, has_consent: bool) -> None:
        now = round(visit.at.timestamp() * MICROSECONDS)
        caller = self._caller(visit, now, has_consent=has_consent)
        self._decide(caller)
        for item in visit.items:
            if self._spooled.made >= requests:
                return
            now += PACE_US
            caller = self._after(dataclasses.replace(caller, now=now), visit, item)
            self._decide(caller)

    def _caller(self, visit: Visit, now: int, *, has_consent: bool) -> Caller:
        purposes = self._loaded.schema.purposes if has_consent else ()
        consent = Consent(granted=purposes, is_chosen=True)
        name = f"{visit.household}-{now}"
        state = begun(visit.household, name, consent, now) if has_consent else VisitorState(consent=consent)
        return Caller(state=state, granted=purposes, units=units(self._node, state), now=now)

    def _after(self, caller: Caller, visit: Visit, item: str) -> Caller:
        """The caller once an item is in the cart."""
        at = datetime.fromtimestamp(caller.now / MICROSECONDS, visit.at.tzinfo)
        event = {"id": f"{visit.household}-{caller.now}-{item}", "type": "add_to_cart", "item": item, "at": at}
        taken = self._runner.run(take(self._node, self._node.in_use(), caller, (event,)))
        return with_state(self._node, caller, taken.state) if caller.granted else caller

    def _decide(self, caller: Caller) -> None:
        arrival = Arrival(self._node.clock.monotonic_s(), 0.0)
        decide_page(self._node, self._node.in_use(), caller, PageAsk(page="home"), arrival)
        self._spooled.made += 1

    def _records(self, least: int) -> Iterator[Recording]:
        """What the spool has to give, once it is enough for a part; all of it when `least` is one."""
        spooled = self._spooled
        while spooled.made - spooled.taken >= least:
            part: list[DecisionRecord] = []
            while len(part) < min(PART_RECORDS, spooled.made - spooled.taken):
                part += self._spooled_records(PART_RECORDS - len(part))
            spooled.taken += len(part)
            yield Recording(records=tuple(part))

    def _spooled_records(self, limit: int) -> Iterator[DecisionRecord]:
        """The next records on disk, as an origin would get them; waits a moment where there is none yet."""
        batch = self._node.spool.oldest(Kind.RECORD, limit, self._spooled.last_seq)
        if not batch.bodies:
            if self._node.spool.dropped:
                raise EdgewiseError("the node dropped records: its disk is too slow for this")
            time.sleep(WAIT_S)
            return
        self._spooled.last_seq = batch.last_seq
        self._node.spool.forget(batch)
        yield from (unpack(body, DecisionRecord) for body in batch.bodies)


if __name__ == "__main__":
    sys.exit(main())
