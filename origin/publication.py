"""One publication of the batch features: the expression's rows as of an instant, against what the feed said before.

Only what changed is appended, in one transaction; a value whose feature has a `max_age` is said again although equal,
because its age counts from the publication. What the expression no longer gives is withdrawn. An instant earlier than
the last is refused, except at the start of an origin: then a new epoch begins, folded and published as of it.
"""

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from contracts.bundle import Bundle
from contracts.catalog import CatalogSchema
from contracts.codec import Contract, decode, pack
from contracts.errors import ContractError
from contracts.features import FeatureSchema, Root, Value, ValueType, conform
from engine.hashing import content_digest, pseudonym
from engine.snapshot import VISITOR
from origin import feed, log
from origin.config import BatchConfig
from origin.database import Connection, Database
from origin.feed import Change, Source
from origin.folding import Folding, fold, forget
from origin.profiles import Row, batch_rows, connect

TABLES = ("CREATE TABLE IF NOT EXISTS publication (body BLOB NOT NULL)",)
Changed = dict[str, list[Change]]
_PROGRESS_ROWS = 10_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Publication(Contract, frozen=True):
    """What was published last: as of which instant (microseconds), from which expression, schema and history."""

    as_of: int
    source: str


@dataclass(frozen=True)
class Plan:
    """What a publication needs to know: the expression, and what the bundle declares of its columns.

    `columns` gives the type of each column by table; `confirmed` are the visitor features with a `max_age`.
    """

    batch: BatchConfig
    columns: Mapping[str, Mapping[str, ValueType]]
    confirmed: frozenset[str]
    pseudonym_key: bytes


def plan_of(bundle: Bundle, batch: BatchConfig, pseudonym_key: bytes) -> Plan:
    """Reads what a bundle declares: visitor features without a fold, and live columns."""
    if not batch.expression.is_file():
        raise ContractError(f"{batch.expression} is no file: name the bundle's batch.py", "--batch")
    features = [spec for spec in bundle.read("schema", FeatureSchema).of(Root.VISITOR) if spec.fold is None]
    catalog = bundle.read("catalog", CatalogSchema)
    columns = {table.name: {c.name: c.type for c in table.columns if c.is_live} for table in catalog.tables}
    columns[VISITOR] = {spec.name: spec.type for spec in features}
    confirmed = frozenset(spec.name for spec in features if spec.max_age_s is not None)
    return Plan(batch, columns, confirmed, pseudonym_key)


def publish(database: Database, plan: Plan, as_of: datetime) -> dict[str, int]:
    """Publishes as of an instant; blocks for as long as the expression runs. Returns the number of deltas by table."""
    this = Publication(as_of=_microseconds(as_of), source=_source(plan))
    _check_order(database.reads.run_now(last), this)
    known = {table: database.reads.run_now(feed.written, table, Source.BATCH) for table in plan.columns}
    connection = connect(plan.batch.history)
    try:
        rows = _reported(batch_rows(plan.batch.expression, connection, as_of), as_of)
        changed = _changed(plan, rows, known)
    finally:
        connection.disconnect()
    return database.writes.run_now(_append, this, changed)


def publish_at_start(database: Database, plan: Plan, folding: Folding, as_of: datetime) -> None:
    """Publishes as of an instant unless exactly that was done last; goes back in time if it has to."""
    this = Publication(as_of=_microseconds(as_of), source=_source(plan))
    before = database.reads.run_now(last)
    if before == this:
        return
    if before is not None and this.as_of < before.as_of:
        database.writes.run_now(_go_back, folding, this.as_of)
    publish(database, plan, as_of)


def last(connection: Connection) -> Publication | None:
    """The last publication, None before the first of an epoch."""
    row = connection.execute("SELECT body FROM publication").fetchone()
    return None if row is None else decode(row[0], Publication)


def _check_order(before: Publication | None, this: Publication) -> None:
    if before is not None and this.as_of < before.as_of:
        instant = datetime.fromtimestamp(before.as_of / 1_000_000, UTC).isoformat()
        raise ContractError(f"features are out as of {instant}: name that instant or a later one", "$.as_of")


def _changed(plan: Plan, rows: Iterable[Row], known: dict[str, dict[str, bytes]]) -> Changed:
    """What differs, by table and entity. Uses up `known`: what is left of it the expression no longer gives."""
    changed: Changed = {table: [] for table in known}
    for row in rows:
        values = _checked(plan, row)
        entity = pseudonym(plan.pseudonym_key, row.entity) if row.table == VISITOR else row.entity
        before = known[row.table].pop(entity, None)
        confirmed = plan.confirmed if row.table == VISITOR else frozenset()
        changed[row.table].append(feed.change_of(entity, before, values, confirmed))
    for table, gone in known.items():
        nothing = dict.fromkeys(plan.columns[table])
        changed[table] += [feed.change_of(entity, before, nothing) for entity, before in gone.items()]
    return changed


def _checked(plan: Plan, row: Row) -> dict[str, Value | None]:
    """Every declared column of a row, None where it is absent. Raises `ContractError` at one that does not fit."""
    declared = plan.columns.get(row.table)
    if declared is None:
        raise ContractError(f"the bundle has no table of this name, only {', '.join(sorted(plan.columns))}", row.table)
    values: dict[str, Value | None] = dict.fromkeys(declared)
    for name, value in row.values.items():
        if name not in declared:
            raise ContractError("the bundle declares no batch feature or live column of it", f"{row.table}.{name}")
        values[name] = conform(value, declared[name], f"{row.table}.{name}")
    return values


def _append(connection: Connection, this: Publication, changed: Changed) -> dict[str, int]:
    connection.execute("DELETE FROM publication")
    connection.execute("INSERT INTO publication (body) VALUES (?)", (pack(this),))
    return {table: feed.append(connection, table, Source.BATCH, this.as_of, found) for table, found in changed.items()}


def _go_back(connection: Connection, folding: Folding, instant: int) -> None:
    connection.execute("DELETE FROM publication")
    feed.begin_epoch(connection)
    forget(connection)
    fold(connection, folding, log.events_until(connection, instant))


def _source(plan: Plan) -> str:
    """What a publication is made from: the expression's text, the declared columns, size and time of the history."""
    files = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in plan.batch.history.glob("*.parquet")]
    declared = sorted((table, name) for table, columns in plan.columns.items() for name in columns)
    return content_digest(pack((plan.batch.expression.read_bytes(), declared, sorted(files))))


def _reported(rows: Iterable[Row], as_of: datetime) -> Iterator[Row]:
    """The same rows, with progress on stderr."""
    started = time.monotonic()
    number = 0
    for number, row in enumerate(rows, 1):
        if number % _PROGRESS_ROWS == 0:
            print(f"origin: features as of {as_of.isoformat()}: {number:,} rows", file=sys.stderr, flush=True)
        yield row
    print(f"origin: {number:,} rows in {time.monotonic() - started:.1f} s", file=sys.stderr, flush=True)


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)
