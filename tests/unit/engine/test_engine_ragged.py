from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.ragged import Ragged, with_rows

Row = dict[str, float]
Rows = list[Row]
maps = st.dictionaries(st.sampled_from("abcdef"), st.floats(-9, 9), max_size=4)


def column_of(rows: Rows) -> Ragged:
    dictionary = tuple(sorted({key for row in rows for key in row}))
    codes = [dictionary.index(key) for row in rows for key in row]
    offsets = np.cumsum([0, *(len(row) for row in rows)])
    numbers = np.array([value for row in rows for value in row.values()])
    return Ragged(np.array(codes, dtype="<i4"), offsets, numbers, dictionary)


def rows_of(column: Ragged) -> Rows:
    assert column.numbers is not None
    keys = [column.dictionary[code] for code in column.values]
    numbers = column.numbers.tolist()
    return [dict(zip(keys[start:end], numbers[start:end], strict=True)) for start, end in pairwise(column.offsets)]


@given(st.lists(st.tuples(maps, st.none() | maps), min_size=1, max_size=6))
def test_changed_rows_hold_what_was_given_and_others_what_they_had(
    rows: list[tuple[dict[str, float], Rows]],
) -> None:
    before = column_of([old for old, _ in rows])
    changes = {at: (tuple(new), tuple(new.values())) for at, (_, new) in enumerate(rows) if new is not None}
    after = with_rows(before, changes)
    assert rows_of(after) == [old if new is None else new for old, new in rows]
    assert rows_of(before) == [old for old, _ in rows]


def test_lists_have_no_numbers() -> None:
    before = Ragged(np.array([0, 1], dtype="<i4"), np.array([0, 1, 2]), None, ("a", "b"))
    after = with_rows(before, {0: (("c", "b"), ())})
    assert after.numbers is None
    assert [after.dictionary[code] for code in after.values] == ["c", "b", "b"]
    assert after.offsets.tolist() == [0, 2, 3]
