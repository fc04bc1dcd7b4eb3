"""`[tables.<name>]` -> candidate tables: columns with their types and marks. Rows are read by the catalog stage."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from compiler.diagnostics import Where
from compiler.diagnostics import declaration_messages as misfit
from compiler.places import Value
from compiler.reading import fields, names
from compiler.reading.fields import Fields, Log
from compiler.reading.values import anything, places_of, value_of
from contracts.catalog import ID, ColumnSpec
from contracts.features import ValueType

_MOST_NEIGHBOURS = 1000
_ID_COLUMN = ColumnSpec(name=ID, type=ValueType.STRING)


@dataclass(frozen=True)
class Cooccurrence:
    """A column of neighbours: the CSV file (absolute path) that says what goes together, and how many are kept."""

    csv: Path
    strongest: int


@dataclass(frozen=True)
class TableSource:
    """A candidate table: its declared columns, `id` first, and the CSV file (absolute path) its rows come from.

    `cooccurrences` are the columns that this file lacks, because they are computed; the types of `untyped` ones are
    stand-ins.
    `places` maps a key's path (`tables.products.columns.price`) to where its value stands.
    """

    name: str
    columns: tuple[ColumnSpec, ...]
    csv: Path
    where: Where
    places: Mapping[str, Where]
    cooccurrences: Mapping[str, Cooccurrence] = field(default_factory=dict)
    untyped: tuple[str, ...] = ()


def read_tables(value: Value, folder: Path, log: Log) -> dict[str, TableSource]:
    """All declared tables."""
    tables = fields.table_of(value, log)
    return {name: _read_table(name, table, folder, log) for name, table in tables.items()}


def _read_table(name: str, value: Value, folder: Path, log: Log) -> TableSource:
    names.check_name(value, name, "table", log)
    table = Fields(value, "a table", log)
    source = table.need("source", fields.text, "")
    reading = _Columns(folder)
    columns: tuple[ColumnSpec, ...] = table.need("columns", reading.read, (_ID_COLUMN,))
    table.close()
    csv, found = folder / source, reading.cooccurrences
    return TableSource(name, columns, csv, value.key, places_of(value), found, tuple(reading.untyped))


class _Columns:
    """The columns of one table while they are read."""

    def __init__(self, folder: Path) -> None:
        self.cooccurrences: dict[str, Cooccurrence] = {}
        self.untyped: list[str] = []
        self._folder = folder

    def read(self, value: Value, log: Log) -> tuple[ColumnSpec, ...]:
        """All columns, `id` first."""
        entries = names.readable(fields.table_of(value, log), "column", log)
        return _keyed({name: self._column(name, entry, log) for name, entry in entries.items()}, entries, log)

    def _column(self, name: str, value: Value, log: Log) -> ColumnSpec:
        column = Fields(value, "a column", log)
        kind: ValueType | None = column.need("type", fields.member(ValueType, "type"), None)
        if kind is None:
            self.untyped.append(name)
        spec = _read_column(name, kind, column)
        counted = column.take("cooccurrence", self._cooccurrence, None)
        column.close()
        if counted is not None:
            self.cooccurrences[name] = counted
            if spec.type is not ValueType.NUMBERS or spec.is_live or spec.is_nullable or spec.default is not None:
                log.append(misfit.computed_column(column.where("cooccurrence"), name))
        return spec

    def _cooccurrence(self, value: Value, log: Log) -> Cooccurrence:
        written = Fields(value, "a co-occurrence", log)
        source = written.need("source", fields.text, "")
        strongest = written.take("strongest", fields.whole(1, _MOST_NEIGHBOURS), 20)
        written.close()
        return Cooccurrence(self._folder / source, strongest)


def _keyed(columns: dict[str, ColumnSpec], entries: Mapping[str, Value], log: Log) -> tuple[ColumnSpec, ...]:
    key = columns.pop(ID, _ID_COLUMN)
    is_bent = key.type is not ValueType.STRING or key.is_nullable or key.is_live or key.default is not None
    if is_bent:
        log.append(misfit.bad_id_column(entries[ID].key))
    return (_ID_COLUMN if is_bent else key, *columns.values())


def _read_column(name: str, kind: ValueType | None, column: Fields) -> ColumnSpec:
    return ColumnSpec(
        name=name,
        type=kind or ValueType.STRING,
        is_nullable=column.take("nullable", fields.flag, False),
        is_live=column.take("live", fields.flag, False),
        is_synthetic=column.take("synthetic", fields.flag, False),
        default=column.take("default", value_of(kind) if kind else anything, None),
        description=column.take("description", fields.text, ""),
    )
