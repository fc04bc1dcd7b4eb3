"""What is derived from a table's columns, kept until they change: filtered rows, guardrails and inputs of items alone.

A memo is of one table. What is made row by row is made for the rows that are asked for, and moves on to the table that
follows, where rows that changed are made again; whoever asks the older table makes it again. Anything else is made anew
once a column changed that it was made of. Values of the future (`newest`) begin to be read as time goes on: a whole is
kept until the next one does, and row by row nothing is kept before all have.

A table is asked while another thread makes its successor: what moves on must not be written to by the older one.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from threading import RLock
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.column import Column

_MOST_BYTES = 32 << 20
_FOREVER = np.iinfo(np.int64).max
T = TypeVar("T")
Rows: TypeAlias = NDArray[np.int64]
_Make: TypeAlias = Callable[[Rows], NDArray[Any]]
_Changed: TypeAlias = Mapping[Column, tuple[Column, Rows]]


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """Something made of columns that read the same from `since` on, until before `until` (microseconds)."""

    columns: tuple[Column, ...]
    since: int
    until: int
    made: Any


@dataclass(slots=True, eq=False)
class ByRow:
    """Something made of columns for each row of a table, as far as `is_made` says.

    A single value stands in `made` at its row. What is wider stands there at its row's `place` (-1: nowhere), for few
    of many rows are ever asked for; rather than that it takes more than 32 MiB, all is forgotten.
    """

    columns: tuple[Column, ...]
    newest: int
    made: NDArray[Any]
    is_made: NDArray[np.bool_]
    place: NDArray[np.int32] | None = None
    count: int = 0

    def of(self, rows: Rows, make: _Make) -> NDArray[Any]:
        """What was made for these rows, made now where it was not."""
        is_made = self.is_made.take(rows)
        if np.count_nonzero(is_made) < len(rows):
            new = rows[~is_made]
            if self.place is not None:
                most = _MOST_BYTES // max(1, self.made.itemsize * math.prod(self.made.shape[1:]))
                if len(rows) > most:
                    return make(rows)
                if self.count + np.count_nonzero(self.place[new] < 0) > most:
                    new = rows
                    self._forget(self.place)
                self._find_room(new, self.place, most)
            self.made[new if self.place is None else self.place[new]] = make(new)
            self.is_made[new] = True
        return self.made.take(rows if self.place is None else self.place.take(rows), axis=0)

    def _forget(self, place: NDArray[np.int32]) -> None:
        place.fill(-1)
        self.is_made.fill(False)
        self.count = 0

    def _find_room(self, rows: Rows, place: NDArray[np.int32], most: int) -> None:
        """A place for each of these rows."""
        fresh = np.unique(rows[place[rows] < 0])
        before, self.count = self.count, self.count + len(fresh)
        if self.count > len(self.made):
            room = np.empty((min(2 * self.count, len(place), most), *self.made.shape[1:]), self.made.dtype)
            room[:before] = self.made[:before]
            self.made = room
        place[fresh] = np.arange(before, self.count, dtype=np.int32)


@dataclass(frozen=True, slots=True)
class Memo:
    """What was made of one table, by key: as a whole, or row by row. A key stands for what is made, and of what."""

    wholes: dict[str, Whole] = field(default_factory=dict)
    by_row: dict[str, ByRow] = field(default_factory=dict)
    _lock: RLock = field(default_factory=RLock, repr=False)

    def whole(self, key: str, columns: Iterable[Column], now: int, make: Callable[[], T]) -> T:
        """What `make` gives from these columns, at `now` (microseconds)."""
        known = self.wholes.get(key)
        if known is not None and known.since <= now < known.until:
            made: T = known.made
            return made
        made, read = make(), tuple(columns)
        self.wholes[key] = Whole(read, *_spell(read, now), made)
        return made

    def rows(self, key: str, columns: Iterable[Column], count: int, now: int, rows: Rows, make: _Make) -> NDArray[Any]:
        """What `make` gives from these columns for some rows of all from 0 to `count`, at `now` (microseconds)."""
        with self._lock:
            known = self.by_row.get(key)
            if known is None:
                known = self.by_row[key] = _nothing(tuple(columns), count, make)
            return known.of(rows, make) if known.newest <= now else make(rows)

    def after(self, changed: _Changed) -> "Memo":
        """What is left once these columns gave way to others, from which they differ in these rows."""
        wholes = {
            key: kept for key, kept in self.wholes.copy().items() if not any(map(changed.__contains__, kept.columns))
        }
        with self._lock:
            moved = {key: _aged(kept, changed) for key, kept in self.by_row.items()}
            self.by_row.clear()
        return Memo(wholes, moved)


def _nothing(columns: tuple[Column, ...], count: int, make: _Make) -> ByRow:
    none, is_made = make(np.zeros(0, dtype=np.int64)), np.zeros(count, dtype=np.bool_)
    if none.ndim == 1:
        return ByRow(columns, _newest(columns), np.zeros(count, none.dtype), is_made)
    return ByRow(columns, _newest(columns), none, is_made, np.full(count, -1, dtype=np.int32))


def _aged(kept: ByRow, changed: _Changed) -> ByRow:
    for column in kept.columns:
        if column in changed:
            kept.is_made[changed[column][1]] = False
    columns = tuple([changed[column][0] if column in changed else column for column in kept.columns])
    return replace(kept, columns=columns, newest=_newest(columns))


def _spell(columns: Iterable[Column], now: int) -> tuple[int, int]:
    """From when, and until before when, these columns read as they do now."""
    instants = [np.zeros(1, np.int64), *(column.as_of for column in columns if column.as_of is not None)]
    since = max(int(each.max(where=each <= now, initial=0)) for each in instants)
    return since, min(int(each.min(where=each > now, initial=_FOREVER)) for each in instants)


def _newest(columns: Iterable[Column]) -> int:
    return max([column.newest for column in columns], default=0)
