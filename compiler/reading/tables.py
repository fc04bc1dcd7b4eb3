"""`[tables.<name>]` -> candidate tables: columns with their types and marks. Rows are read by the catalog stage."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from compiler.diagnostics import Where
from compiler.diagnostics import declaration_messages as misfit
from compiler.places import Value
from compiler.reading import fields, names
from compiler.reading.fields import Fields, Log
from compiler.reading.values import places_of, value_of
from contracts.catalog import ID, ColumnSpec
from contracts.features import ValueType

_ID_COLUMN = ColumnSpec(name=ID, type=ValueType.STRING)


@dataclass(frozen=True)
class TableSource:
    """A candidate table: its declared columns, `id` first, and the CSV file (absolute path) its rows come from.

    `places` maps a key's path (`tables.products.columns.price`) to where its value stands.
    """

    name: str
    columns: tuple[ColumnSpec, ...]
    csv: Path
    where: Where
    places: Mapping[str, Where]


def read_tables(value: Value, folder: Path, log: Log) -> dict[str, TableSource]:
    """All declared tables."""
    tables = fields.table_of(value, log)
    return {name: _read_table(name, table, folder, log) for name, table in tables.items()}


def _read_table(name: str, value: Value, folder: Path, log: Log) -> TableSource:
    names.check_name(value, name, "table", log)
    table = Fields(value, "a table", log)
    source = table.need("source", fields.text, "")
    columns: tuple[ColumnSpec, ...] = table.need("columns", _read_columns, (_ID_COLUMN,))
    table.close()
    return TableSource(name, columns, folder / source, value.key, places_of(value))


def _read_columns(value: Value, log: Log) -> tuple[ColumnSpec, ...]:
    entries = names.readable(fields.table_of(value, log), "column", log)
    columns = {name: _read_column(name, entry, log) for name, entry in entries.items()}
    key = columns.pop(ID, _ID_COLUMN)
    if key.type is not ValueType.STRING or key.is_nullable or key.is_live or key.default is not None:
        log.append(misfit.bad_id_column(entries[ID].key))
    return (key, *columns.values())


def _read_column(name: str, value: Value, log: Log) -> ColumnSpec:
    column = Fields(value, "a column", log)
    kind = column.need("type", fields.member(ValueType, "type"), ValueType.STRING)
    spec = ColumnSpec(
        name=name,
        type=kind,
        is_nullable=column.take("nullable", fields.flag, False),
        is_live=column.take("live", fields.flag, False),
        is_synthetic=column.take("synthetic", fields.flag, False),
        default=column.take("default", value_of(kind), None),
        description=column.take("description", fields.text, ""),
    )
    column.close()
    return spec
