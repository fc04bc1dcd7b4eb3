"""What an expression is tried over: the values of a JSON file, their types guessed, or as a bundle declares them.

Guessed: 1 is an int, 1.0 a double, a list holds strings, an object maps strings to doubles. Declared: a whole number
may stand for a double, an instant is written as RFC 3339, and what the file leaves out is absent as it would be in a
request: a default, an empty fold, or no value.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from compiler.cells import encoded
from compiler.diagnostics.problem import listed, suggestion
from compiler.reading.tables import TableSource
from contracts.catalog import ColumnSpec, TableSpec
from contracts.codec import Contract
from contracts.errors import ContractError
from contracts.features import FeatureSchema, FeatureSpec, FeatureValue, Root, Status, Value, ValueType, conform
from engine import folds
from engine.column import Column, read_column
from engine.programs.values import Scope
from engine.snapshot import Table

_TYPES: dict[type, ValueType] = {
    bool: ValueType.BOOL,
    int: ValueType.INT,
    float: ValueType.DOUBLE,
    str: ValueType.STRING,
    tuple: ValueType.STRINGS,
    dict: ValueType.NUMBERS,
}
_ROOTS = (Root.REQUEST, Root.VISITOR_STATE, Root.VISITOR)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
_FIRST_US, _LAST_US = ((end.replace(tzinfo=UTC) - _EPOCH) // _US for end in (datetime.min, datetime.max))


class Surroundings(Contract, frozen=True):
    """The values that an expression may read. `granted` are purposes; None: all that the bundle has."""

    now: datetime | None = None
    granted: tuple[str, ...] | None = None
    request: dict[str, Value] = {}
    visitor_state: dict[str, Value] = {}
    visitor: dict[str, Value] = {}
    item: dict[str, Value] = {}

    def of(self, root: Root) -> Mapping[str, Value]:
        """The values of one root."""
        return {
            Root.REQUEST: self.request,
            Root.VISITOR_STATE: self.visitor_state,
            Root.VISITOR: self.visitor,
            Root.ITEM: self.item,
        }[root]


@dataclass(frozen=True)
class Ground:
    """What may be read, and the values to read."""

    schema: FeatureSchema
    table: TableSpec
    scope: Scope


def guessed(values: Surroundings) -> Ground:
    """Types follow the values. Raises `ContractError` with the path of one that has none."""
    if values.granted is not None:
        raise ContractError("purposes are a bundle's: name it with --bundle", "$.granted")
    features = [
        FeatureSpec(name=name, root=root, type=_guessed(value, f"$.{root}.{name}"))
        for root in _ROOTS
        for name, value in values.of(root).items()
    ]
    columns = [ColumnSpec(name=name, type=_guessed(value, f"$.item.{name}")) for name, value in values.item.items()]
    schema = FeatureSchema(purposes=(), features=tuple(features))
    return _ground(schema, "item", tuple(columns), values, {root: values.of(root) for root in (*_ROOTS, Root.ITEM)})


def declared(values: Surroundings, schema: FeatureSchema, table: TableSource) -> Ground:
    """Types are the bundle's. Raises `ContractError` with the path of a value that is not of its type."""
    for place, purpose in enumerate(values.granted or ()):
        if purpose not in schema.purposes:
            raise ContractError(f"no such purpose; {suggestion(purpose, schema.purposes)}", f"$.granted[{place}]")
    read = {root: _declared(values, root, {spec.name: spec for spec in schema.of(root)}) for root in _ROOTS}
    read[Root.ITEM] = _declared(values, Root.ITEM, {spec.name: spec for spec in table.columns})
    return _ground(schema, table.name, table.columns, values, read)


def fitting(tables: Mapping[str, TableSource], item: Mapping[str, Value]) -> list[TableSource]:
    """The tables that have all columns of an item. Raises `ContractError` when there is none."""
    names = {table: [column.name for column in source.columns] for table, source in tables.items()}
    found = [source for table, source in tables.items() if item.keys() <= set(names[table])]
    if found:
        return found
    nearest = max(names, key=lambda table: len(item.keys() & set(names[table])))
    alien = next(name for name in item if name not in names[nearest])
    raise ContractError(
        f"no table has it together with the others; {suggestion(alien, names[nearest])}", f"$.item.{alien}"
    )


def _ground(
    schema: FeatureSchema,
    name: str,
    columns: tuple[ColumnSpec, ...],
    values: Surroundings,
    read: Mapping[Root, Mapping[str, Value]],
) -> Ground:
    now = _microseconds(values.now, "$.now") if values.now else time.time_ns() // 1_000
    unfilled = [spec for spec in schema.of(Root.VISITOR_STATE) if spec.fold and spec.name not in values.visitor_state]
    scope = Scope(
        now=now,
        granted=frozenset(schema.purposes if values.granted is None else values.granted),
        request=read[Root.REQUEST],
        visitor_state={**folds.read(unfilled, {}, now), **read[Root.VISITOR_STATE]},
        visitor={name: FeatureValue(value=value, as_of=now) for name, value in read[Root.VISITOR].items()},
        table=Table(name, {spec.name: _column(spec, read[Root.ITEM].get(spec.name)) for spec in columns})
        if columns
        else None,
        row=0,
    )
    return Ground(schema, TableSpec(name=name, columns=columns, rows=1), scope)


def _guessed(value: Value, path: str) -> ValueType:
    name = path.rpartition(".")[2]
    if not name.isidentifier():
        raise ContractError(f"{name!r} cannot be written after a dot in CEL: use letters, digits and _", path)
    kind = _TYPES[type(value)]
    conform(value, kind, path)
    return kind


def _declared(
    values: Surroundings, root: Root, specs: Mapping[str, FeatureSpec] | Mapping[str, ColumnSpec]
) -> dict[str, Value]:
    read = {}
    for name, value in values.of(root).items():
        path = f"$.{root}.{name}"
        if name not in specs:
            raise ContractError(f"the bundle declares no such value; {suggestion(name, specs, 'it has none')}", path)
        read[name] = _of_type(value, specs[name], path)
    return read


def _of_type(value: Value, spec: FeatureSpec | ColumnSpec, path: str) -> Value:
    if spec.type is ValueType.TIMESTAMP and isinstance(value, str):
        return _instant(value, path)
    conformed = conform(value, spec.type, path)
    if isinstance(spec, FeatureSpec) and spec.values and conformed not in spec.values:
        raise ContractError(f"{value!r} is none of its values: {listed(spec.values)}", path)
    return conformed


def _instant(text: str, path: str) -> int:
    try:
        return _microseconds(datetime.fromisoformat(text), path)
    except ValueError:
        raise ContractError(f"{text!r} is no instant; write one such as 2017-11-27T05:00:00Z", path) from None


def _microseconds(instant: datetime, path: str) -> int:
    if instant.tzinfo is None:
        raise ContractError("lacks its zone: add Z or an offset", path)
    microseconds = (instant - _EPOCH) // _US
    if not _FIRST_US <= microseconds <= _LAST_US:
        raise ContractError("lies outside the years 1 to 9999 of UTC", path)
    return microseconds


def _column(spec: ColumnSpec, value: Value | None) -> Column:
    """A column of one row."""
    status = Status.PRESENT if value is not None else Status.MISSING if spec.default is None else Status.DEFAULT
    return read_column(encoded(spec.type, [spec.default if value is None else value], [status]), 1)
