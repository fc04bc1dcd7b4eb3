import gc
import weakref

import numpy as np
import pytest
from builders import column

from contracts.catalog import ColumnData
from contracts.errors import NotRunnableError
from contracts.features import Status, Value, ValueType
from engine.column import Column, read_column, with_changes


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (ValueType.BOOL, [True, False]),
        (ValueType.INT, [-(2**63), 2**63 - 1]),
        (ValueType.TIMESTAMP, [0, 1]),
        (ValueType.DOUBLE, [0.1, -0.0]),
        (ValueType.STRING, ["", "ä"]),
        (ValueType.STRINGS, [(), ("x", "y", "x")]),
        (ValueType.NUMBERS, [{"x": 1.5, "y": 2.0}, {}]),
    ],
)
def test_a_column_reads_back_what_was_written(kind: ValueType, values: list[Value]) -> None:
    read = read_column(column(kind, values), 2)
    assert [read.value_at(row) for row in (0, 1)] == values
    assert [type(read.value_at(row)) for row in (0, 1)] == [type(value) for value in values]
    assert read.status_at(0, now=0) is Status.PRESENT


def test_an_empty_map_column_needs_no_numbers() -> None:
    assert read_column(column(ValueType.NUMBERS, [{}, {}]), 2).value_at(1) == {}


@pytest.mark.parametrize(
    "data",
    [
        ColumnData(type=ValueType.INT, values=b"1234567"),
        ColumnData(type=ValueType.INT, values=bytes(8)),
        ColumnData(type=ValueType.INT, values=bytes(16), status=b"\0"),
        ColumnData(type=ValueType.INT, values=bytes(16), status=b"\0\x05"),
        ColumnData(type=ValueType.STRING, values=bytes(8), dictionary=()),
        ColumnData(type=ValueType.STRING, values=b"\xff" * 8, dictionary=("a",)),
        ColumnData(type=ValueType.STRINGS, values=bytes(4), dictionary=("a",)),
        ColumnData(type=ValueType.STRINGS, values=b"", offsets=bytes(16)),
        ColumnData(type=ValueType.STRINGS, values=b"", offsets=np.array([0, 1, 0], dtype="<i8").tobytes()),
        ColumnData(type=ValueType.STRINGS, values=b"", offsets=np.array([0, 0, 1], dtype="<i8").tobytes()),
        ColumnData(type=ValueType.STRINGS, values=b"", offsets=np.array([1, 1, 1], dtype="<i8").tobytes()),
        ColumnData(
            type=ValueType.NUMBERS,
            values=bytes(4),
            dictionary=("a",),
            offsets=np.array([0, 1, 1], dtype="<i8").tobytes(),
        ),
        ColumnData(type=ValueType.STRING, values=bytes(8), dictionary=("a", "a")),
        ColumnData(
            type=ValueType.NUMBERS,
            values=np.array([1, 1, 0, 1], dtype="<i4").tobytes(),
            numbers=bytes(32),
            dictionary=("a", "b"),
            offsets=np.array([0, 1, 4], dtype="<i8").tobytes(),
        ),
    ],
)
def test_bytes_that_do_not_fit_are_refused(data: ColumnData) -> None:
    with pytest.raises(NotRunnableError, match="do not fit"):
        read_column(data, 2)


def test_a_list_column_without_offsets_cannot_be_read() -> None:
    with pytest.raises(NotRunnableError, match="offsets"):
        Column(ValueType.STRINGS, np.zeros(1, dtype=np.int32), dictionary=("a",)).value_at(0)
    with pytest.raises(NotRunnableError, match="numbers"):
        Column(ValueType.NUMBERS, np.zeros(1, dtype=np.int32), dictionary=("a",)).value_at(0)


@pytest.mark.parametrize("kind", list(ValueType))
def test_a_column_that_was_replaced_is_gone_at_once(kind: ValueType) -> None:
    sample: dict[ValueType, Value] = {ValueType.STRING: "a", ValueType.STRINGS: ("a",), ValueType.NUMBERS: {"a": 1.0}}
    read = read_column(column(kind, [sample.get(kind, 1)]), 1)
    assert read.value_at(0) is not None
    gone = weakref.ref(read)
    gc.disable()
    try:
        del read
        assert gone() is None
    finally:
        gc.enable()


def test_one_instant_for_all_rows_stands_once_and_may_change_again() -> None:
    before = read_column(column(ValueType.INT, [1, 2]), 2, is_live=True)
    some = with_changes(before, [(0, 5, 10)])
    every = with_changes(some, [(1, 6, 10)])
    later = with_changes(every, [(0, 7, 11)])
    stamps = [each.as_of for each in (some, every, later)]
    assert [[*stamp] for stamp in stamps if stamp is not None] == [[10, 0], [10, 10], [11, 10]]
    assert [stamp.strides for stamp in stamps if stamp is not None] == [(8,), (0,), (8,)]
    assert [later.status_at(row, now=10) for row in (0, 1)] == [Status.MISSING, Status.PRESENT]
    assert [every.value_at(row) for row in (0, 1)] == [5, 6]
