"""One typed column of a table: its layout, how it reads at a row, and what it is once values have changed.

The layout is `contracts.catalog.ColumnData`'s. Columns are immutable: a change makes another. Nothing here knows tables
or rules.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from mmap import ACCESS_COPY, mmap
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from contracts.catalog import ColumnData
from contracts.errors import NotRunnableError
from contracts.features import Status, Value, ValueType, conform
from engine.ragged import Entries, Ragged, with_rows

Array: TypeAlias = NDArray[Any]
Changes: TypeAlias = list[tuple[int, Value | None, int]]
_WIDTHS: dict[ValueType, str] = {
    ValueType.BOOL: "<u1",
    ValueType.INT: "<i8",
    ValueType.TIMESTAMP: "<i8",
    ValueType.DOUBLE: "<f8",
    ValueType.STRING: "<i4",
    ValueType.STRINGS: "<i4",
    ValueType.NUMBERS: "<i4",
}
_LARGE = 128 * 1024
_UNFIT = "a column's bytes do not fit its table"
_UNREADABLE: dict[ValueType, int] = {kind: 0 for kind in ValueType}


@dataclass(frozen=True, eq=False)
class Column:
    """One typed column, laid out as `contracts.catalog.ColumnData` says. `status` None means that all are PRESENT.

    `as_of` (microseconds per row, None when nothing came by feed) and its maximum `newest` tell values of the future.
    Only what `is_live` changes by feed.
    """

    type: ValueType
    values: Array
    status: NDArray[np.uint8] | None = None
    dictionary: tuple[str, ...] = ()
    offsets: NDArray[np.int64] | None = None
    numbers: NDArray[np.float64] | None = None
    as_of: NDArray[np.int64] | None = None
    newest: int = 0
    is_live: bool = False

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return len(self.values) if self.offsets is None else len(self.offsets) - 1

    @cached_property
    def code_of(self) -> Mapping[str, int]:
        """The code of each string in the dictionary."""
        return {text: code for code, text in enumerate(self.dictionary)}

    def status_at(self, row: int, now: int) -> Status:
        """How row `row` reads at `now` (microseconds)."""
        if self.newest > now and self.as_of is not None and self.as_of[row] > now:
            return Status.MISSING
        return Status.PRESENT if self.status is None else Status(self.status.item(row))

    @cached_property
    def value_at(self) -> Callable[[int], Value]:
        """Gives the stored value of a row, whatever its status. It holds the arrays, not the column: no cycle."""
        values, words = self.values, self.dictionary
        if self.type is ValueType.STRING:
            return lambda row: words[values.item(row)]
        if self.type not in (ValueType.STRINGS, ValueType.NUMBERS):
            return values.item
        offsets, numbers = self.offsets, self.numbers
        if offsets is not None and self.type is ValueType.STRINGS:
            return lambda row: tuple([words[code] for code in values[_span(offsets, row)].tolist()])
        if offsets is None or numbers is None:
            raise NotRunnableError("a column of lists or maps lacks its offsets or numbers")
        return lambda row: _map(words, values, numbers, _span(offsets, row))


def read_column(data: ColumnData, rows: int, *, is_live: bool = False) -> Column:
    """A column over the section's bytes, without copying. Raises `NotRunnableError` when they do not fit."""
    try:
        values = np.frombuffer(data.values, dtype=_WIDTHS[data.type])
        status = np.frombuffer(data.status, dtype=np.uint8) if data.status else None
        offsets = np.frombuffer(data.offsets, dtype="<i8") if data.offsets else None
        numbers = np.frombuffer(data.numbers, dtype="<f8") if data.numbers else None
    except ValueError:
        raise NotRunnableError(_UNFIT) from None
    if data.type is ValueType.BOOL:
        values = values.astype(np.bool_)
    if data.type is ValueType.NUMBERS and numbers is None:
        numbers = np.zeros(0)
    column = Column(data.type, values, status, data.dictionary, offsets, numbers, is_live=is_live)
    _check_layout(column, rows)
    return column


def _span(offsets: NDArray[np.int64], row: int) -> slice:
    return slice(offsets.item(row), offsets.item(row + 1))


def _map(words: Sequence[str], codes: Array, numbers: NDArray[np.float64], span: slice) -> dict[str, float]:
    pairs = zip(codes[span].tolist(), numbers[span].tolist(), strict=True)
    return {words[code]: number for code, number in pairs}


def _check_layout(column: Column, rows: int) -> None:
    is_ragged = column.type in (ValueType.STRINGS, ValueType.NUMBERS)
    is_coded = is_ragged or column.type is ValueType.STRING
    fits = column.status is None or (len(column.status) == rows and int(column.status.max(initial=0)) <= Status.MISSING)
    if is_ragged:
        offsets = column.offsets
        fits = fits and offsets is not None and len(offsets) == rows + 1 and bool((np.diff(offsets) >= 0).all())
        fits = fits and offsets is not None and offsets[0] == 0 and offsets[-1] == len(column.values)
        fits = fits and (column.numbers is None or len(column.numbers) == len(column.values))
    else:
        fits = fits and len(column.values) == rows
    if fits and is_coded and len(column.values):
        fits = int(column.values.min()) >= 0 and int(column.values.max()) < len(column.dictionary)
        fits = fits and len(set(column.dictionary)) == len(column.dictionary)
    if fits and column.type is ValueType.NUMBERS:
        fits = _names_each_once(column)
    if not fits:
        raise NotRunnableError(_UNFIT)


def _names_each_once(column: Column) -> bool:
    """Whether no map of a row has a key twice."""
    row_of = np.repeat(np.arange(column.rows), np.diff(column.offsets)) if column.offsets is not None else 0
    entries = row_of * len(column.dictionary) + column.values
    return bool((np.diff(entries) > 0).all()) or len(np.unique(entries)) == len(entries)


def with_changes(column: Column, changes: Changes) -> Column:
    """The column with other values: row, value (None: none) and as of when, the last one of a row holding."""
    rows = np.array([row for row, _, _ in changes], dtype=np.int64)
    is_absent = np.array([value is None for _, value, _ in changes])
    offsets = column.offsets
    column = _single_with(column, rows, changes) if offsets is None else _ragged_with(column, offsets, changes)
    status = np.zeros(column.rows, dtype=np.uint8) if column.status is None else column.status.copy()
    status[rows] = np.where(is_absent, Status.MISSING, Status.PRESENT)
    as_of = _copied(np.broadcast_to(np.int64(0), column.rows) if column.as_of is None else column.as_of)
    as_of[rows] = [instant for _, _, instant in changes]
    newest = max(column.newest, *(instant for _, _, instant in changes))
    kept_status = status if status.any() else None
    return replace(column, status=kept_status, as_of=_once(as_of), newest=newest)


def _copied(array: Array) -> Array:
    """A copy to be changed. A large one has pages of its own: the heap would keep the hole once it gives way."""
    if array.nbytes < _LARGE:
        return array.copy()
    copy = np.frombuffer(mmap(-1, array.nbytes, access=ACCESS_COPY), dtype=array.dtype)
    copy[:] = array
    return copy


def _once(instants: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same instants; one that holds for all rows stands once in memory, as it does after a publication."""
    first = instants[:1].copy()
    return np.broadcast_to(first, instants.shape) if (instants == first).all() else instants


def _single_with(column: Column, rows: Array, changes: Changes) -> Column:
    dictionary, stored = _stored(column, [value for _, value, _ in changes])
    values = _copied(column.values)
    values[rows] = stored
    return replace(column, values=values, dictionary=dictionary)


def _ragged_with(column: Column, offsets: NDArray[np.int64], changes: Changes) -> Column:
    entries = {row: _entries(column, value) for row, value, _ in changes}
    changed = with_rows(Ragged(column.values, offsets, column.numbers, column.dictionary), entries)
    return replace(
        column,
        values=_copied(changed.values),
        offsets=_copied(changed.offsets),
        numbers=None if changed.numbers is None else _copied(changed.numbers),
        dictionary=changed.dictionary,
    )


def _entries(column: Column, value: Value | None) -> Entries:
    if value is None:
        return (), ()
    checked = conform(value, column.type, "values")
    if isinstance(checked, dict):
        return tuple(checked), tuple(float(number) for number in checked.values())
    return (checked if isinstance(checked, tuple) else ()), ()


def _stored(column: Column, values: list[Value | None]) -> tuple[tuple[str, ...], list[Any]]:
    checked = [None if value is None else conform(value, column.type, "values") for value in values]
    if column.type is not ValueType.STRING:
        return column.dictionary, [_UNREADABLE[column.type] if value is None else value for value in checked]
    code_of = dict(column.code_of)
    codes = [0 if value is None else code_of.setdefault(str(value), len(code_of)) for value in checked]
    return tuple(code_of), codes
