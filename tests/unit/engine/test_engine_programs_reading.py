"""What reading a feature or a column gives, by its status (DESIGN section 4)."""

import numpy as np
import pytest

from contracts.catalog import ColumnSpec
from contracts.errors import ExpiredError, MissingError, NotRunnableError, RuleError
from contracts.features import FeatureSpec, FeatureValue, OnExpired, Root, Status, Value, ValueType
from engine.column import Column
from engine.programs import gathering, reading
from engine.programs.values import Batch, Scope, Timestamp
from engine.snapshot import Table

NOW = 1_000_000_000
FRESH, STALE, FUTURE = NOW - 60_000_000, NOW - 60_000_001, NOW + 1


def spec(root: Root = Root.VISITOR, kind: ValueType = ValueType.INT, **more: object) -> FeatureSpec:
    return FeatureSpec(name="x", root=root, type=kind, **more)


def scope(value: Value | None, as_of: int = FRESH, granted: frozenset[str] = frozenset()) -> Scope:
    plain = {} if value is None else {"x": value}
    visitor = {} if value is None else {"x": FeatureValue(value=value, as_of=as_of)}
    return Scope(NOW, granted, plain, plain, visitor)


ROOTS = (Root.REQUEST, Root.VISITOR_STATE, Root.VISITOR)


@pytest.mark.parametrize("root", ROOTS)
def test_a_present_value_is_read(root: Root) -> None:
    read = reading.feature(spec(root))
    assert read(scope(7)) == 7
    assert reading.succeeds(read)(scope(7)) is True


@pytest.mark.parametrize("root", ROOTS)
def test_an_absent_value_reads_as_its_default_or_is_missing(root: Root) -> None:
    assert reading.feature(spec(root, default=3))(scope(None)) == 3
    read = reading.feature(spec(root))
    with pytest.raises(MissingError, match=f"{root}.x has no value"):
        read(scope(None))
    assert reading.succeeds(read)(scope(None)) is False


@pytest.mark.parametrize("root", ROOTS)
def test_a_withheld_value_reads_as_its_default_or_is_missing(root: Root) -> None:
    assert reading.feature(spec(root, purpose="ads", default=3))(scope(7)) == 3
    assert reading.feature(spec(root, purpose="ads", default=3))(scope(7, granted=frozenset({"ads"}))) == 7
    with pytest.raises(MissingError):
        reading.feature(spec(root, purpose="ads"))(scope(7))


def test_a_value_of_the_future_is_absent() -> None:
    assert reading.feature(spec(default=3))(scope(7, FUTURE)) == 3
    with pytest.raises(MissingError):
        reading.feature(spec())(scope(7, FUTURE))


def test_an_expired_value_does_what_is_declared() -> None:
    assert reading.feature(spec(max_age_s=60, default=3))(scope(7, FRESH)) == 7
    assert reading.feature(spec(max_age_s=60, default=3))(scope(7, STALE)) == 3
    with pytest.raises(MissingError):
        reading.feature(spec(max_age_s=60))(scope(7, STALE))
    for on_expired, is_blocking in ((OnExpired.FALLBACK, False), (OnExpired.BLOCK, True)):
        read = reading.feature(spec(max_age_s=60, on_expired=on_expired, default=3))
        with pytest.raises(ExpiredError) as caught:
            read(scope(7, STALE))
        assert caught.value.is_blocking is is_blocking
        assert reading.succeeds(read)(scope(7, STALE)) is False


def test_without_consent_the_age_does_not_matter() -> None:
    read = reading.feature(spec(max_age_s=60, on_expired=OnExpired.BLOCK, purpose="ads", default=3))
    assert read(scope(7, STALE)) == 3


@pytest.mark.parametrize(
    ("kind", "stored", "wanted"),
    [
        (ValueType.DOUBLE, 2, 2.0),
        (ValueType.TIMESTAMP, 5, Timestamp(5_000)),
        (ValueType.STRINGS, ("a",), ("a",)),
        (ValueType.NUMBERS, {"a": 1.0}, {"a": 1.0}),
    ],
)
def test_values_are_read_in_their_cel_type(kind: ValueType, stored: Value, wanted: object) -> None:
    for given in (
        reading.feature(spec(kind=kind))(scope(stored)),
        reading.feature(spec(kind=kind, default=stored))(scope(None)),
    ):
        assert (type(given), given) == (type(wanted), wanted)


def test_a_value_of_another_type_is_an_error_not_a_crash() -> None:
    with pytest.raises(RuleError, match=r"visitor\.x holds something else than numbers: expected numbers, got str"):
        reading.feature(spec(kind=ValueType.NUMBERS))(scope("a"))
    with pytest.raises(RuleError, match="expected int, got bool"):
        reading.feature(spec())(scope(True))


def test_a_default_of_another_type_is_refused_at_load() -> None:
    with pytest.raises(NotRunnableError, match=r"the default of visitor.x does not fit: expected int, got str"):
        reading.feature(spec(default="a"))


def _table(column: Column) -> Table:
    return Table("items", {"x": column})


STATUSES = np.array([Status.PRESENT, Status.DEFAULT, Status.EXPIRED, Status.WITHHELD, Status.MISSING], dtype=np.uint8)


def test_a_column_reads_by_its_status() -> None:
    table = _table(Column(ValueType.INT, np.arange(5), STATUSES))
    read = reading.item(ColumnSpec(name="x", type=ValueType.INT))
    has = reading.succeeds(read)
    at = [scope(None).at(table, row) for row in range(5)]
    assert [read(at[0]), read(at[1])] == [0, 1]
    assert [has(one) for one in at] == [True, True, False, False, False]
    with pytest.raises(MissingError, match=r"item\.x has no value"):
        read(at[4])
    batch = Batch(scope(None), table, np.arange(5))
    values, errors = gathering.item_column("x")(batch)
    assert errors.tolist() == [False, False, True, True, True]
    assert gathering.has_column(gathering.item_column("x"))(batch)[0].tolist() == [True, True, False, False, False]
    assert values[:2].tolist() == [0, 1]


def test_a_column_of_the_future_is_missing_there() -> None:
    as_of = np.array([0, NOW, FUTURE])
    table = _table(Column(ValueType.TIMESTAMP, np.arange(3), as_of=as_of, newest=FUTURE))
    has = reading.succeeds(reading.item(ColumnSpec(name="x", type=ValueType.TIMESTAMP)))
    assert [has(scope(None).at(table, row)) for row in range(3)] == [True, True, False]
    assert gathering.item_column("x")(Batch(scope(None), table, np.arange(3)))[1].tolist() == [False, False, True]
    assert gathering.item_column("x")(Batch(scope(None), table, np.arange(2)))[1] is None
    assert gathering.has_column(gathering.item_column("x"))(Batch(scope(None), table, np.arange(2)))[0].all()


def test_a_column_is_gathered_once_per_batch() -> None:
    batch = Batch(scope(None), _table(Column(ValueType.INT, np.arange(3))), np.array([0, 2]))
    read = gathering.item_column("x")
    assert read(batch) is read(batch)


def test_an_item_or_score_that_is_not_there_is_missing() -> None:
    with pytest.raises(MissingError, match=r"item\.x is read where there is no item"):
        reading.item(ColumnSpec(name="x", type=ValueType.INT))(scope(None))
    with pytest.raises(MissingError, match="score is not known here"):
        reading.score(scope(None))
    batch = Batch(scope(None), _table(Column(ValueType.INT, np.arange(1))), np.arange(1))
    with pytest.raises(MissingError, match="score is not known here"):
        gathering.score_column(batch)


def test_now_is_the_request_s_instant() -> None:
    assert reading.now(scope(None)) == Timestamp(NOW * 1_000)
