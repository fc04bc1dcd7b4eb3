"""CSV files -> catalog: rows sorted by id, each column typed. An empty cell is the default, MISSING, or a problem.

All problems of a file are collected and the first twenty shown, each with its line and the place of its cell.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from compiler.cells import CELL_ERRORS, READERS, encoded
from compiler.cooccurrence import neighbours
from compiler.diagnostics import (
    Problem,
    Where,
    catalog_messages,
    declaration_messages,
    proof_messages,
    source_messages,
)
from compiler.reading.slots import SlotSource
from compiler.reading.tables import TableSource
from contracts.catalog import ID, CatalogSchema, ColumnData, ColumnSpec, TableSpec
from contracts.experiments import Experiment
from contracts.features import Status, Value
from contracts.slots import PolicySpec, Pool, SlotSpec

MAX_SHOWN = 20


@dataclass(frozen=True)
class Catalog:
    """All tables, the data of each column by (table, column), and the ids of each table, sorted."""

    schema: CatalogSchema
    columns: Mapping[tuple[str, str], ColumnData]
    ids: Mapping[str, tuple[str, ...]]


def read_catalog(tables: Mapping[str, TableSource], folder: Path) -> tuple[Catalog, list[Problem]]:
    """The rows of all tables as far as they can be used, and what is wrong with the files."""
    problems: list[Problem] = []
    specs: list[TableSpec] = []
    ids: dict[str, tuple[str, ...]] = {}
    columns: dict[tuple[str, str], ColumnData] = {}
    for table in tables.values():
        reading = _Reading(table, folder)
        rows = reading.rows()
        for spec in table.columns:
            columns[table.name, spec.name] = reading.column(spec, rows)
        specs.append(TableSpec(name=table.name, columns=table.columns, rows=len(rows)))
        ids[table.name] = tuple(row.cells[0] for row in rows)
        problems += reading.shown()
        for name, source in table.cooccurrences.items():
            where = table.places.get(f"tables.{table.name}.columns.{name}.cooccurrence.source", table.where)
            columns[table.name, name], found = neighbours(source, ids[table.name], _relative(source.csv, folder), where)
            problems += found
    return Catalog(CatalogSchema(tables=tuple(specs)), columns, ids), problems


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def check_items(slots: Mapping[str, SlotSource], catalog: Catalog) -> list[Problem]:
    """The pools, pins and caps that name items which their tables lack, and floors for which a pool has too many."""
    known = {table: frozenset(ids) for table, ids in catalog.ids.items()}
    unknown = [
        proof_messages.unknown_item(slot.places.get(path, slot.where), slot.spec.table, item, known[slot.spec.table])
        for slot in slots.values()
        for path, item in _named_items(slot.spec)
        if item not in known[slot.spec.table]
    ]
    return [*unknown, *(problem for slot in slots.values() for problem in _low_ceilings(slot, catalog))]


def check_arms(
    experiments: Sequence[Experiment], places: Mapping[str, Where], slots: Mapping[str, SlotSource], catalog: Catalog
) -> list[Problem]:
    """The floors of experiments' arms for which the pool of a slot has too many; `places` are those of the config."""
    return [
        problem
        for at, experiment in enumerate(experiments)
        for number, arm in enumerate(experiment.arms)
        for name in experiment.slots
        if name in slots
        for problem in _too_high(
            arm.policy,
            _pool_size(slots[name].spec, catalog),
            places.get(f"experiments[{at}].arms[{number}].policy.floor", slots[name].where),
        )
    ]


def _named_items(spec: SlotSpec) -> Iterator[tuple[str, str]]:
    """Each item that a slot names, and the path of the key that names it."""
    for index, generator in enumerate(spec.retrieve):
        if isinstance(generator, Pool):
            yield from ((f"retrieve[{index}].ids[{at}]", item) for at, item in enumerate(generator.ids))
    yield from ((f"pins[{at}].item", pin.item) for at, pin in enumerate(spec.pins))
    for index, cap in enumerate(spec.caps):
        yield from ((f"caps[{index}].spares[{at}]", item) for at, item in enumerate(cap.spares))


def _low_ceilings(slot: SlotSource, catalog: Catalog) -> Iterator[Problem]:
    """Floors of the slot's policies that its candidates, if they are a fixed pool, cannot all have."""
    count = _pool_size(slot.spec, catalog)
    for key, policy in (("policy", slot.spec.policy), ("shadow", slot.spec.shadow)):
        yield from _too_high(policy, count, slot.places.get(f"{key}.floor", slot.where))


def _pool_size(spec: SlotSpec, catalog: Catalog) -> int:
    """How many candidates a slot always has; 0 where that is not known."""
    pools = [each.ids or catalog.ids[spec.table] for each in spec.retrieve if isinstance(each, Pool)]
    if len(pools) < len(spec.retrieve):
        return 0
    return min(spec.cap_candidates, len({item for ids in pools for item in ids}))


def _too_high(policy: PolicySpec | None, count: int, where: Where) -> Iterator[Problem]:
    floor = 0.0 if policy is None else policy.params.get("floor", 0.0)
    if count * floor > 1.0:
        yield declaration_messages.floor_beyond_pool(where, floor, count)


@dataclass(frozen=True)
class _Row:
    line: int
    cells: Sequence[str]


class _Reading:
    """One CSV file while it is read."""

    def __init__(self, table: TableSource, folder: Path) -> None:
        self._table = table
        self._file = _relative(table.csv, folder)
        self._problems: list[Problem] = []
        self._lines: list[str] = []
        self._header: Sequence[str] = ()

    def rows(self) -> list[_Row]:
        """The usable rows, sorted by id: code points sort as UTF-8 bytes do."""
        self._lines = list(io.StringIO(self._text(), newline=""))
        found = self._parsed()
        if self._problems or not self._read_header(found):
            return []
        fitting = sorted((row for row in found[1:] if self._fits(row)), key=lambda row: (row.cells[0], row.line))
        for one, other in pairwise(fitting):
            if one.cells[0] == other.cells[0]:
                self._problems.append(catalog_messages.id_twice(self._where(other, 0), other.cells[0], one.line))
        return fitting

    def column(self, spec: ColumnSpec, rows: Sequence[_Row]) -> ColumnData:
        """One column, encoded; what is wrong with its cells is noted."""
        if spec.name not in self._header:
            count = len(rows) if _comes_by_feed(spec) else 0
            empty = Status.MISSING if spec.default is None else Status.DEFAULT
            return encoded(spec.type, [spec.default] * count, [empty] * count)
        at = self._header.index(spec.name)
        cells = [row.cells[at] for row in rows]
        read, default = READERS[spec.type], spec.default
        try:
            values = [read(cell) if cell else default for cell in cells]
        except CELL_ERRORS:
            values = [self._value(spec, row, at) for row in rows]
        if "" not in cells:
            return encoded(spec.type, values, [])
        empty = Status.MISSING if default is None else Status.DEFAULT
        if empty is Status.MISSING and not spec.is_nullable:
            self._note_missing(spec, [row for row in rows if not row.cells[at]], at)
        return encoded(spec.type, values, [Status.PRESENT if cell else empty for cell in cells])

    def shown(self) -> list[Problem]:
        """The first problems in the order of the file, and how many more there are."""
        found = sorted(set(self._problems))
        more = found[MAX_SHOWN:]
        if not more:
            return found
        return [*found[:MAX_SHOWN], catalog_messages.more(Where(self._file, more[0].line, more[0].column), len(more))]

    def _text(self) -> str:
        try:
            return self._table.csv.read_bytes().decode("utf-8-sig")
        except (FileNotFoundError, IsADirectoryError):
            where = self._table.places.get(f"tables.{self._table.name}.source", self._table.where)
            self._problems.append(catalog_messages.no_file(where, self._file))
        except UnicodeDecodeError as error:
            line = self._table.csv.read_bytes().count(b"\n", 0, error.start) + 1
            self._problems.append(source_messages.not_utf8(Where(self._file, line, 1)))
        return ""

    def _parsed(self) -> list[_Row]:
        reader = csv.reader(self._lines, strict=True)
        rows = []
        line = 1
        try:
            for cells in reader:
                if cells:
                    rows.append(_Row(line, cells))
                line = reader.line_num + 1
        except csv.Error as error:
            self._problems.append(catalog_messages.not_csv(Where(self._file, line, 1, self._line(line)), str(error)))
        return rows

    def _read_header(self, rows: Sequence[_Row]) -> bool:
        """Notes what is wrong with the names of the columns; is `id` the first of them?"""
        start = Where(self._file, 1, 1, self._line(1))
        if not rows:
            self._problems.append(catalog_messages.no_header(start))
            return False
        header, table = rows[0].cells, self._table.name
        own = [spec for spec in self._table.columns if spec.name not in self._table.cooccurrences]
        declared = [spec.name for spec in own]
        missing = [spec.name for spec in own if spec.name not in header and not _comes_by_feed(spec)]
        unknown = [name for name in header if name not in declared]
        self._header = header
        self._problems += [catalog_messages.column_missing(start, table, name, unknown) for name in missing]
        for at, name in enumerate(header):
            if name in unknown:
                self._problems.append(catalog_messages.column_unknown(self._where(rows[0], at), table, name, missing))
            if name in header[:at]:
                self._problems.append(catalog_messages.column_twice(self._where(rows[0], at), name))
        if header[0] != ID and ID in header:
            self._problems.append(catalog_messages.id_not_first(start))
        return header[0] == ID

    def _fits(self, row: _Row) -> bool:
        if len(row.cells) != len(self._header):
            where = Where(self._file, row.line, 1, self._line(row.line))
            self._problems.append(catalog_messages.row_of_another_width(where, len(row.cells), len(self._header)))
            return False
        if not row.cells[0]:
            self._problems.append(catalog_messages.id_missing(self._where(row, 0)))
        return bool(row.cells[0])

    def _value(self, spec: ColumnSpec, row: _Row, at: int) -> Value | None:
        cell = row.cells[at]
        try:
            return READERS[spec.type](cell) if cell else spec.default
        except CELL_ERRORS:
            self._problems.append(catalog_messages.bad_cell(self._where(row, at), spec.name, spec.type, cell))
            return None

    def _note_missing(self, spec: ColumnSpec, rows: Sequence[_Row], at: int) -> None:
        self._problems += [
            catalog_messages.value_missing(self._where(row, at), spec.name, row.cells[0]) for row in rows
        ]

    def _where(self, row: _Row, at: int) -> Where:
        """Where a cell starts; of a row over several lines, its first line."""
        line = self._line(row.line)
        return Where(self._file, row.line, min(_start(line, at), len(line)) + 1, line)

    def _line(self, number: int) -> str:
        return self._lines[number - 1].rstrip("\r\n") if number <= len(self._lines) else ""


def _comes_by_feed(spec: ColumnSpec) -> bool:
    """Whether a column need not stand in the file: until the feed brings values, reading it says so."""
    return spec.is_live and (spec.is_nullable or spec.default is not None)


def _start(line: str, at: int) -> int:
    """The offset of a row's cell: after as many commas outside quotes."""
    is_quoted = False
    for offset, character in enumerate(line):
        if at == 0:
            return offset
        is_quoted ^= character == '"'
        at -= character == "," and not is_quoted
    return len(line)
