"""Macros over an item's own lists and maps, as columns: the same answers as row by row, errors and all."""

import numpy as np
import pytest

from compiler.cel.check import check_alone
from compiler.cel.lower import lower
from compiler.places import SourceText, Text
from compiler.reading.expressions import MATCH, Expression
from contracts.catalog import ColumnSpec, TableSpec
from contracts.errors import RuleError
from contracts.features import FeatureSchema, FeatureSpec, FeatureValue, Root, ValueType
from engine.column import Column
from engine.programs.columns import plan_columns
from engine.programs.plan import plan_request
from engine.programs.values import Batch, Scope
from engine.snapshot import Table

SPECS = (
    ColumnSpec(name="price", type=ValueType.INT),
    ColumnSpec(name="tags", type=ValueType.STRINGS),
    ColumnSpec(name="notes", type=ValueType.STRINGS),
    ColumnSpec(name="rates", type=ValueType.NUMBERS),
)
SCHEMA = FeatureSchema(
    purposes=(),
    features=(
        FeatureSpec(name="likes", root=Root.VISITOR, type=ValueType.STRINGS),
        FeatureSpec(name="taste", root=Root.VISITOR, type=ValueType.NUMBERS),
    ),
)
OFFSETS = np.array([0, 2, 2, 3, 6])
TAGS = Column(ValueType.STRINGS, np.array([0, 1, 1, 2, 0, 3]), dictionary=("a", "bb", "c", "1"), offsets=OFFSETS)
RATES = Column(
    ValueType.NUMBERS,
    np.array([0, 1, 1, 2, 0, 3]),
    dictionary=("a", "bb", "c", "1"),
    offsets=OFFSETS,
    numbers=np.array([0.0, 1.0, -1.0, 2.0, 0.5, np.nan]),
)
MISSING_NOTES = Column(
    ValueType.STRINGS, TAGS.values, np.array([0, 4, 0, 4], dtype=np.uint8), TAGS.dictionary, offsets=OFFSETS
)
TABLE = Table(
    "items",
    {
        "price": Column(ValueType.INT, np.array([1, 2, 3, 2])),
        "tags": TAGS,
        "notes": MISSING_NOTES,
        "rates": RATES,
    },
)
VISITOR = {
    "likes": FeatureValue(value=("a", "c"), as_of=0),
    "taste": FeatureValue(value={"a": 1.0, "bb": -1.0}, as_of=0),
}

RULES = [
    "item.tags.exists(t, t in visitor.likes)",
    "item.tags.all(t, size(t) < item.price)",
    "item.tags.exists_one(t, t == 'a')",
    "item.tags.exists(t, visitor.taste[t] > 0.0)",
    "item.tags.all(t, visitor.taste[t] > 0.0)",
    "item.tags.exists_one(t, visitor.taste[t] > 0.0)",
    "item.tags.all(place, t, place > 0 || t == 'a')",
    "item.rates.all(name, rate, rate < 1.0 && name != 'c')",
    "item.rates.exists(name, name.startsWith('b'))",
    "item.notes.exists(note, note == 'a')",
    "item.tags.exists(t, item.notes.exists(u, u == t))",
    "item.tags.exists(t, visitor.likes.exists(u, u == t))",
    "item.tags.exists(t, ['a', 'z'].map(x, x + t).exists(y, y == 'aa'))",
    "item.tags.all(t, int(t) == 1)",
    "item.tags.all(t, 1 / 0 == 1)",
    "item.tags.all(t, true)",
    "item.tags.all(t, dyn(true))",
    "item.tags.exists(t, dyn(t == 'a'))",
    "item.tags.exists(t, {'a': dyn(true)}[t])",
    "visitor.likes.exists(u, u in item.tags)",
    "item.tags.filter(t, t in visitor.likes).size() > 0",
]


def scope(row: int | None = None) -> Scope:
    asked = Scope(0, frozenset(), {}, {}, VISITOR)
    return asked if row is None else asked.at(TABLE, row)


@pytest.mark.parametrize("text", RULES)
def test_columns_agree_with_rows(text: str) -> None:
    written = Text(text, SourceText("r", text), range(len(text) + 1))
    rule = lower(check_alone(Expression("r", written, MATCH, ()), SCHEMA, SPECS))
    spec = TableSpec(name="items", rows=4, columns=SPECS)
    rows = np.arange(4)
    computed = plan_columns(rule, SCHEMA, spec)(Batch(scope(), TABLE, rows))
    run = plan_request(rule, SCHEMA, spec)
    for row in rows.tolist():
        try:
            wanted = run(scope(row))
        except RuleError:
            assert computed.errors is not None
            assert computed.errors[row]
        else:
            assert computed.errors is None or not computed.errors[row]
            assert bool(computed.values[row]) is wanted


def test_too_many_entries_are_an_error_of_that_candidate_alone() -> None:
    offsets = np.array([0, 301, 301, 302, 302])
    long = Column(ValueType.STRINGS, np.zeros(302, dtype=np.int32), dictionary=("a",), offsets=offsets)
    text = "item.tags.exists(t, t == 'a')"
    written = Text(text, SourceText("r", text), range(len(text) + 1))
    rule = lower(check_alone(Expression("r", written, MATCH, ()), SCHEMA, SPECS))
    program = plan_columns(rule, SCHEMA, TableSpec(name="items", rows=4, columns=SPECS))
    computed = program(Batch(scope(), Table("items", {**TABLE.columns, "tags": long}), np.arange(4)))
    assert computed.errors is not None
    assert computed.errors.tolist() == [True, False, False, False]
    assert computed.values[1:].tolist() == [False, True, False]
