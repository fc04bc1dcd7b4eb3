"""What rules are tried on: a schema, and worlds drawn from edge values - one scope, a table of items, their scores.

A world is read in two ways: by our engine as `Scope` and `Table`, and by the reference library, which takes no times
inside maps, as flat variables (`item_price`, `has_item_price`), bound where there is a value. Chance is an argument.
EXPIRED features and times outside CEL's range exist for our engine alone.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TypeAlias

import numpy as np

from contracts.catalog import ColumnSpec, TableSpec
from contracts.features import FeatureSchema, FeatureSpec, FeatureValue, OnExpired, Root, Status, Value, ValueType
from engine.column import Column
from engine.programs.types import DOUBLE, TIMESTAMP, TYPE_OF_VALUES, CelType
from engine.programs.values import Batch, Scope
from engine.snapshot import Table

Seen: TypeAlias = dict[str, object]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOW = 1_511_758_800_000_000
ROWS = 12
TEXTS = ("", "a", "b", "ab", "A", "é😀", "e\u0301", "İß", "12", "-7", "1.5", "true", "UTC", "America/New_York", "a b,c")
INTS = (0, 1, -1, 2, 7, -3, 1000, 2**53 + 1, 2**62, 2**63 - 1, -(2**63))
DOUBLES = (0.0, -0.0, 1.0, -1.0, 0.1, 2.5, 5e-324, 1e300, -1e300, 9.3e18, math.inf, -math.inf, math.nan)
INSTANTS_US = (
    0,
    -1,
    NOW,
    NOW - 1,
    1_509_861_600_000_000,  # clocks go back in New York
    1_489_302_000_000_000,  # and forth
    -2_717_650_800_000_000,  # local mean time
    -62_104_060_800_000_000,  # the library takes no earlier year than 2 as a variable
    253_402_200_000_000_000,  # whole seconds: the library takes far times by way of a double
)
_ROOTS = "request|visitor_state|visitor|item|scores"
_TESTED = re.compile(rf"\bhas\(({_ROOTS})\.(\w+)\)")
_READ = re.compile(rf"\b({_ROOTS})\.(\w+)")
BEYOND_US = (2**62, -(2**62))
STATUSES = (Status.PRESENT, Status.PRESENT, Status.PRESENT, Status.DEFAULT, Status.WITHHELD, Status.MISSING)
DEFAULTS: dict[ValueType, Value] = {
    ValueType.BOOL: True,
    ValueType.INT: 7,
    ValueType.DOUBLE: 2.5,
    ValueType.STRING: "ab",
    ValueType.TIMESTAMP: NOW - 1,
    ValueType.STRINGS: ("a", "ab", "é😀"),
    ValueType.NUMBERS: {"a": 1.0, "é😀": -2.5, "": math.nan},
}


@dataclass(frozen=True)
class Field:
    """Something that an expression may read; `is_expiring` says that the library knows nothing like it."""

    root: Root
    name: str
    type: CelType
    is_expiring: bool = False

    @property
    def text(self) -> str:
        """How it is written."""
        return f"{self.root}.{self.name}" if self.name else str(self.root)

    @property
    def variable(self) -> str:
        """How the library calls it."""
        return f"{self.root}_{self.name}" if self.name else str(self.root)


_STATES: dict[str, dict[str, object]] = {
    "held": {},
    "expired": {"max_age_s": 5, "on_expired": OnExpired.BLOCK},
    "withheld": {"purpose": "measuring"},
}
FEATURES = tuple(
    FeatureSpec(
        name=f"{kind}_{state}",
        root=root,
        type=kind,
        default=DEFAULTS[kind] if state == "withheld" else None,
        **arguments,  # type: ignore[arg-type]
    )
    for root in (Root.REQUEST, Root.VISITOR_STATE, Root.VISITOR)
    for kind in ValueType
    for state, arguments in _STATES.items()
    if state != "expired" or root is Root.VISITOR
)
SCHEMA = FeatureSchema(purposes=("measuring",), features=FEATURES)
COLUMNS = tuple(ColumnSpec(name=f"{kind}_{n}", type=kind, is_nullable=True) for kind in ValueType for n in range(3))
TABLE = TableSpec(name="items", rows=ROWS, columns=COLUMNS)
MODELS = ("likes", "returns")
ROW_FIELDS = (
    *(Field(Root.ITEM, spec.name, TYPE_OF_VALUES[spec.type]) for spec in COLUMNS),
    Field(Root.SCORE, "", DOUBLE),
    *(Field(Root.SCORES, model, DOUBLE) for model in MODELS),
)
REQUEST_FIELDS = (
    *(Field(spec.root, spec.name, TYPE_OF_VALUES[spec.type], spec.name.endswith("expired")) for spec in FEATURES),
    Field(Root.NOW, "", TIMESTAMP),
)


@dataclass(frozen=True)
class World:
    """One scope and a table of items; `scores` is None where they are not known, `by_model` where no model scored."""

    scope: Scope
    table: Table
    scores: tuple[float, ...] | None
    by_model: Mapping[str, tuple[float, ...]] | None = None

    def row(self, row: int) -> Scope:
        """What a closure reads for one item."""
        scope = self.scope.at(self.table, row, None if self.scores is None else self.scores[row])
        scope.scores = None if self.by_model is None else {name: each[row] for name, each in self.by_model.items()}
        return scope

    def batch(self, rows: range = range(ROWS)) -> Batch:
        """What a column program reads of these rows."""
        scores = None if self.scores is None else np.array(self.scores)[rows]
        by_model = self.by_model and {name: np.array(each)[rows] for name, each in self.by_model.items()}
        return Batch(self.scope, self.table, np.array(rows), scores, scores=by_model)

    def seen(self, row: int) -> Seen:
        """The variables of the library."""
        values = {**self._features(), **self._item(row), "now": _instant(self.scope.now)}
        if self.scores is not None:
            values["score"] = self.scores[row]
        values |= {f"scores_{name}": each[row] for name, each in (self.by_model or {}).items()}
        tests = {f"has_{each.variable}": each.variable in values for each in (*ROW_FIELDS, *REQUEST_FIELDS)}
        return {**values, **tests}

    def _item(self, row: int) -> Seen:
        columns = self.table.columns
        return {
            f"item_{spec.name}": _plain(spec.type, columns[spec.name].value_at(row))
            for spec in COLUMNS
            if columns[spec.name].status_at(row, self.scope.now) <= Status.DEFAULT
        }

    def _features(self) -> Seen:
        held: dict[Root, Mapping[str, Value]] = {
            Root.REQUEST: self.scope.request,
            Root.VISITOR_STATE: self.scope.visitor_state,
            Root.VISITOR: {name: entry.value for name, entry in self.scope.visitor.items()},
        }
        values = {}
        for spec in FEATURES:
            value = DEFAULTS[spec.type] if spec.purpose else held[spec.root].get(spec.name)
            if value is not None:
                values[f"{spec.root}_{spec.name}"] = _plain(spec.type, value)
        return values


def for_library(text: str) -> str:
    """An expression with the library's variables in place of our fields."""
    return _READ.sub(r"\1_\2", _TESTED.sub(r"has_\1_\2", text))


def draw_world(
    random: Random,
    *,
    features: Sequence[FeatureSpec] = FEATURES,
    columns: Sequence[ColumnSpec] = COLUMNS,
    is_wild: bool = False,
) -> World:
    """A world; a wild one has times that CEL does not know, too."""
    instants = INSTANTS_US + BEYOND_US if is_wild else INSTANTS_US
    held = {
        root: {
            spec.name: _value(spec.type, random, instants)
            for spec in features
            if spec.root is root and random.random() < 0.95
        }
        for root in (Root.REQUEST, Root.VISITOR_STATE, Root.VISITOR)
    }
    visitor = {
        name: FeatureValue(value=value, as_of=NOW - (6_000_000 if name.endswith("expired") else 1))
        for name, value in held[Root.VISITOR].items()
    }
    scope = Scope(NOW, frozenset(), held[Root.REQUEST], held[Root.VISITOR_STATE], visitor)
    table = Table("items", {spec.name: _column(spec.type, random, instants) for spec in columns})
    scores = tuple(random.choices(DOUBLES, k=ROWS)) if random.random() < 0.7 else None
    by_model = {name: tuple(random.choices(DOUBLES, k=ROWS)) for name in MODELS} if random.random() < 0.7 else None
    return World(scope, table, scores, by_model)


def _value(kind: ValueType, random: Random, instants: tuple[int, ...]) -> Value:
    texts = random.sample(TEXTS, random.randrange(5))
    drawn: Mapping[ValueType, Value] = {
        ValueType.BOOL: random.random() < 0.5,
        ValueType.INT: random.choice(INTS),
        ValueType.DOUBLE: random.choice(DOUBLES),
        ValueType.STRING: random.choice(TEXTS),
        ValueType.TIMESTAMP: random.choice(instants),
        ValueType.STRINGS: tuple(texts),
        ValueType.NUMBERS: {text: random.choice(DOUBLES) for text in texts},
    }
    return drawn[kind]


def _column(kind: ValueType, random: Random, instants: tuple[int, ...]) -> Column:
    rows = [_value(kind, random, instants) for _ in range(ROWS)]
    extras: dict[str, object] = {}
    if random.random() < 0.5:
        extras["status"] = np.array(random.choices(STATUSES, k=ROWS), dtype=np.uint8)
    if random.random() < 0.4 and kind not in (ValueType.STRINGS, ValueType.NUMBERS):
        as_of = random.choices((0, NOW - 1, NOW, NOW + 1), k=ROWS)
        extras |= {"as_of": np.array(as_of), "newest": max(as_of)}
    if kind in (ValueType.STRING, ValueType.STRINGS, ValueType.NUMBERS):
        return _texts(kind, rows, random, extras)
    return Column(kind, np.array(rows), **extras)  # type: ignore[arg-type]


def _texts(kind: ValueType, rows: list[Value], random: Random, extras: dict[str, object]) -> Column:
    dictionary = (*random.sample(TEXTS, len(TEXTS)), *(f"unused {n}" for n in range(random.choice([0, 20]))))
    entries = [list(row) if isinstance(row, tuple | dict) else [str(row)] for row in rows]
    codes = np.array([dictionary.index(text) for row in entries for text in row], dtype=np.int32)
    extras = {**extras, "dictionary": dictionary}
    if kind is not ValueType.STRING:
        extras["offsets"] = np.cumsum([0, *map(len, entries)])
    if kind is ValueType.NUMBERS:
        numbers = [number for row in rows if isinstance(row, dict) for number in row.values()]
        extras["numbers"] = np.array(numbers, dtype=np.float64)
    return Column(kind, codes, **extras)  # type: ignore[arg-type]


def _plain(kind: ValueType, value: Value) -> object:
    if kind is ValueType.TIMESTAMP:
        return _instant(int(value))  # type: ignore[arg-type]
    return list(value) if isinstance(value, tuple) else value


def _instant(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)
