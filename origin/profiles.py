"""Batch features: one Ibis expression over the history, run as of an instant. Nothing here knows the feed or a clock.

A bundle's `batch.py` holds `TABLES`: feed table -> function(connection, as_of) -> Ibis table with the text column
`entity` and one column per feature. Training reads the same rows that the origin publishes: there is no second
formula. NULL and NaN mean that a value is absent. That nothing after the instant is read is the expression's duty.
"""

import runpy
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import ibis
import pyarrow as pa
import pyarrow.compute as pc
from ibis.backends import BaseBackend
from ibis.common.exceptions import IbisError, TableNotFound
from ibis.expr.types import Table

from contracts.errors import ContractError
from contracts.features import Value

ENTITY = "entity"
_ROWS_PER_CHUNK = 2048


@dataclass(frozen=True, slots=True)
class Row:
    """The batch values of one entity, by column; absent ones are left out. Visitors are named as the history does."""

    table: str
    entity: str
    values: dict[str, Value]


def connect(history: Path) -> BaseBackend:
    """DuckDB in memory over a folder: each `<name>.parquet` is the table `<name>`. One thread, so sums reproduce."""
    files = sorted(history.glob("*.parquet"))
    if not files:
        raise ContractError(f"{history} holds no parquet file: name the folder of the prepared history")
    connection: BaseBackend = ibis.duckdb.connect(threads=1)
    connection.raw_sql("set enable_progress_bar = false")
    for file in files:
        connection.read_parquet(file, table_name=file.stem)
    return connection


def batch_rows(expression: Path, connection: BaseBackend, as_of: datetime) -> Iterator[Row]:
    """All rows of the tables that the expression declares, sorted by entity. Raises `ContractError` with the place."""
    if as_of.tzinfo is None:
        raise ContractError("an instant needs a time zone", "as_of")
    tables = runpy.run_path(str(expression)).get("TABLES")
    if not isinstance(tables, dict):
        raise ContractError(f"{expression} declares no TABLES: map each feed table to a function(connection, as_of)")
    for name, build in tables.items():
        try:
            yield from _table_rows(name, build(connection, as_of))
        except (IbisError, TableNotFound, duckdb.Error) as error:
            raise ContractError(f"{expression} fails: {error}", name) from None


def _table_rows(name: str, table: Table) -> Iterator[Row]:
    if ENTITY not in table.columns or not table[ENTITY].type().is_string():
        raise ContractError(f"needs the text column `{ENTITY}`", name)
    previous = None
    for chunk in table.order_by(ENTITY).to_pyarrow().to_batches(_ROWS_PER_CHUNK):
        for row in _chunk_rows(name, chunk):
            if row.entity == previous:
                raise ContractError("this entity has more than one row", f"{name}.{row.entity}")
            previous = row.entity
            yield row


def _chunk_rows(name: str, chunk: pa.RecordBatch) -> Iterator[Row]:
    fields = zip(chunk.schema.names, chunk.columns, strict=True)
    columns = {column: _values(array, f"{name}.{column}") for column, array in fields}
    for at, entity in enumerate(columns.pop(ENTITY)):
        if not isinstance(entity, str):
            raise ContractError("NULL names no entity", f"{name}.{ENTITY}")
        values = {column: value for column, listed in columns.items() if (value := listed[at]) is not None}
        yield Row(name, entity, values)


def _values(array: pa.Array, place: str) -> list[Value | None]:
    if pa.types.is_map(array.type):
        return _maps(array, place)
    if pa.types.is_list(array.type):
        return _lists(array, place)
    return _scalars(array, place)


def _scalars(array: pa.Array, place: str) -> list[Value | None]:
    kind = array.type
    if pa.types.is_floating(kind) or (pa.types.is_decimal(kind) and kind.scale > 0):
        numbers = array.cast(pa.float64())
        if pc.any(pc.is_inf(numbers)).as_py():
            raise ContractError("is infinite: guard the division in the expression", place)
        return list(pc.if_else(pc.is_nan(numbers), None, numbers).to_pylist())
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return list(array.cast(pa.int64()).to_pylist())
    if pa.types.is_timestamp(kind):
        return list(array.cast(pa.timestamp("us", kind.tz), safe=False).cast(pa.int64()).to_pylist())
    if pa.types.is_boolean(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return list(array.to_pylist())
    raise ContractError(f"{kind} is no type of a feature: cast it in the expression", place)


def _maps(array: pa.MapArray, place: str) -> list[Value | None]:
    kind = array.type.item_type
    if not (pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_integer(kind)):
        raise ContractError(f"holds {kind}, not numbers: cast it to map<string, float64>", place)
    keys = _texts(_own(array, array.keys), place)
    numbers = _scalars(_own(array, array.items).cast(pa.float64()), place)
    pairs = list(zip(keys, numbers, strict=True))
    return [
        None if span is None else {str(key): float(v) for key, v in pairs[span] if isinstance(v, float)}
        for span in _spans(array)
    ]


def _lists(array: pa.ListArray, place: str) -> list[Value | None]:
    texts = _texts(_own(array, array.values), place)
    return [None if span is None else tuple(text for text in texts[span] if text is not None) for span in _spans(array)]


def _texts(array: pa.Array, place: str) -> list[str | None]:
    """Equal texts share one string, which matters for maps by item: millions of entries, a few thousand items."""
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        raise ContractError(f"holds {array.type}, not text: cast it in the expression", place)
    encoded = array.dictionary_encode()
    dictionary = [*encoded.dictionary.to_pylist(), None]
    return [dictionary[code] for code in pc.fill_null(encoded.indices, -1).to_pylist()]


def _own(array: pa.Array, entries: pa.Array) -> pa.Array:
    """The entries of these rows alone: Arrow keeps those of the whole table with every chunk."""
    first, last = array.offsets[0].as_py(), array.offsets[-1].as_py()
    return entries.slice(first, last - first)


def _spans(array: pa.Array) -> list[slice | None]:
    starts = pc.subtract(array.offsets, array.offsets[0]).to_pylist()
    is_valid = array.is_valid().to_pylist()
    ends = zip(starts[:-1], starts[1:], is_valid, strict=True)
    return [slice(start, end) if valid else None for start, end, valid in ends]
