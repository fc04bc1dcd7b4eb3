"""What is derived from a table's columns, kept until they change: filtered rows, guardrails and inputs of items alone.

A memo knows of what each thing was made by identity: columns are immutable. What is made row by row is mended for the
rows that changed; anything else is made anew. The table says when values of the future forbid keeping anything.
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
_NO_ROWS: Rows = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """Something made of parts. `stale` are the rows of it that are out of date."""

    parts: Parts
    made: Any
    stale: Rows = field(default_factory=lambda: _NO_ROWS)


@dataclass(frozen=True, slots=True)
class Memo:
    """What was made, by key: as a whole, or row by row."""

    wholes: dict[str, Kept] = field(default_factory=dict)
    by_row: dict[str, Kept] = field(default_factory=dict)

    def whole(self, key: str, parts: Parts, make: Callable[[], T]) -> T:
        """What `make` gives from these parts."""
        known = self.wholes.get(key)
        if known is None or not _are_same(known.parts, parts):
            known = self.wholes[key] = Kept(parts, make())
        made: T = known.made
        return made

    def rows(self, key: str, parts: Parts, count: int, make: Callable[[Rows], NDArray[Any]]) -> NDArray[Any]:
        """What `make` gives from these parts for each of the rows from 0 to `count`."""
        known = self.by_row.get(key)
        if known is None or not _are_same(known.parts, parts):
            known = self.by_row[key] = Kept(parts, make(np.arange(count, dtype=np.int64)))
        elif len(known.stale):
            mended = known.made.copy()
            mended[known.stale] = make(known.stale)
            known = self.by_row[key] = Kept(parts, mended)
        made: NDArray[Any] = known.made
        return made

    def after(self, changed: Mapping[object, tuple[object, Rows]]) -> "Memo":
        """What is left once these parts gave way to others, from which they differ in these rows."""
        wholes = {key: kept for key, kept in self.wholes.items() if not any(map(changed.__contains__, kept.parts))}
        return Memo(wholes, {key: _aged(kept, changed) for key, kept in self.by_row.items()})


def _aged(kept: Kept, changed: Mapping[object, tuple[object, Rows]]) -> Kept:
    rows = [changed[part][1] for part in kept.parts if part in changed]
    if not rows:
        return kept
    parts = tuple([changed[part][0] if part in changed else part for part in kept.parts])
    return replace(kept, parts=parts, stale=np.unique(np.concatenate([kept.stale, *rows])))


def _are_same(one: Parts, other: Parts) -> bool:
    return len(one) == len(other) and all(map(is_, one, other))
