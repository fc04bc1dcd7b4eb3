"""What is derived from a table's columns, kept until they change: filtered rows, guardrails and inputs of items alone.

A memo knows of what each thing was made by identity: columns are immutable. What is made row by row is made for the
rows that are asked for, and again for those that changed; anything else is made anew. What is kept by row moves on to
the table that follows: whoever asks the older one makes it again. The table says when values of the future forbid
keeping anything.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from operator import is_
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
Parts: TypeAlias = tuple[object, ...]
Rows: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """Something made of parts."""

    parts: Parts
    made: Any


@dataclass(frozen=True, slots=True, eq=False)
class ByRow:
    """Something made of parts for each row of a table, as far as `is_made` says."""

    parts: Parts
    made: NDArray[Any]
    is_made: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Memo:
    """What was made, by key: as a whole, or row by row."""

    wholes: dict[str, Whole] = field(default_factory=dict)
    by_row: dict[str, ByRow] = field(default_factory=dict)

    def whole(self, key: str, parts: Parts, make: Callable[[], T]) -> T:
        """What `make` gives from these parts."""
        known = self.wholes.get(key)
        if known is None or not _are_same(known.parts, parts):
            known = self.wholes[key] = Whole(parts, make())
        made: T = known.made
        return made

    def rows(
        self, key: str, parts: Parts, count: int, rows: Rows, make: Callable[[Rows], NDArray[Any]]
    ) -> NDArray[Any]:
        """What `make` gives from these parts for some of the rows from 0 to `count`."""
        known = self.by_row.get(key)
        if known is None or not _are_same(known.parts, parts):
            known = self.by_row[key] = _nothing(parts, count, make)
        is_made = known.is_made.take(rows)
        if np.count_nonzero(is_made) < len(rows):
            new = rows[~is_made]
            known.made[new] = make(new)
            known.is_made[new] = True
        return known.made.take(rows, axis=0)

    def after(self, changed: Mapping[object, tuple[object, Rows]]) -> "Memo":
        """What is left once these parts gave way to others, from which they differ in these rows."""
        wholes = {key: kept for key, kept in self.wholes.items() if not any(map(changed.__contains__, kept.parts))}
        moved = {key: _aged(kept, changed) for key, kept in self.by_row.items()}
        self.by_row.clear()
        return Memo(wholes, moved)


def _nothing(parts: Parts, count: int, make: Callable[[Rows], NDArray[Any]]) -> ByRow:
    """Room for what `make` gives; memory is only taken for rows that are made."""
    like = make(np.zeros(0, dtype=np.int64))
    return ByRow(parts, np.empty((count, *like.shape[1:]), like.dtype), np.zeros(count, dtype=np.bool_))


def _aged(kept: ByRow, changed: Mapping[object, tuple[object, Rows]]) -> ByRow:
    for part in kept.parts:
        if part in changed:
            kept.is_made[changed[part][1]] = False
    return replace(kept, parts=tuple([changed[part][0] if part in changed else part for part in kept.parts]))


def _are_same(one: Parts, other: Parts) -> bool:
    return len(one) == len(other) and all(map(is_, one, other))
